"""python-fido2's own device tests at a key under ``/dev/uhid``, which they find and open as any HID device.

They run as ``tests/peers`` has them run over UDP, where more profiles are judged.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from emulator.transports.control import ControlEndpoint

GUEST_TIMEOUT = 600
PREVIEW_SIGN = "tests/device/test_sign_extension_v4.py"
"""Skipped whole, for want of an extension that is no standard; over UDP that is counted."""


def _device_suite() -> ModuleType:
    """The module of that name among the peers, which is on no path."""
    path = Path(__file__).parent.parent / "peers" / "device_suite.py"
    spec = importlib.util.spec_from_file_location("device_suite", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


device_suite = _device_suite()


def before_boot(share: Path) -> None:
    """The guest has no network."""
    try:
        device_suite.fetch(share)
    except device_suite.SuiteError as error:
        (share / "not-fetched").write_text(str(error))


def test_device_tests_pass_or_are_skipped_for_what_the_profile_lacks(
    keys: Callable[..., list[Any]], share: Path, record_property: Callable[[str, object], None]
) -> None:
    if (why := share / "not-fetched").exists():
        pytest.fail(why.read_text())
    source = share / f"fido2-{device_suite.VERSION}"
    robots = keys("ctap21", touch="never")
    record_property("client", f"python-fido2's device tests {device_suite.VERSION}")
    with ControlEndpoint(robots) as endpoint:
        outcome = device_suite.run(
            source,
            endpoint.base_url,
            share / "suite.xml",
            plugins=["impatience"],
            options=[f"--ignore={PREVIEW_SIGN}"],
        )
    skipped = Counter({"previewSign not supported by authenticator": 272})
    assert outcome == Counter(device_suite.EXPECTED["ctap21"]) - skipped
