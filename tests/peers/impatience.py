"""A plugin for python-fido2's device tests that leaves out their waits for hands and plugs.

They lift the finger for 0.1 s, and give a key a second to settle and half a second to appear. Where a
control endpoint is the hand, both are done when it has answered.
"""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

LOOK_AGAIN = 0.01


def pytest_configure() -> None:
    sys.modules["tests.device"].time = SimpleNamespace(sleep=lambda seconds: None)
    sys.modules["tests.device.conftest"].Event = _Impatient


class _Impatient(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(LOOK_AGAIN)
