"""A plugin for python-fido2's device tests that leaves out the 0.1 s for which they lift the finger.

Their seconds after a card is pulled out or put in stay: pcscd looks at its readers now and then, and a test
that connects before it has looked keeps the reader from itself for good.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

FINGER = 0.1


def pytest_configure() -> None:
    def sleep(seconds: float) -> None:
        if seconds > FINGER:
            time.sleep(seconds)

    sys.modules["tests.device"].time = SimpleNamespace(sleep=sleep)
