"""python-fido2's own device tests over a real pcscd, at ``keyrig emulate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fido2.cose import CoseKey

PROFILE = "ctap23"


def test_device_tests_pass_or_are_skipped_for_what_the_profile_lacks(
    device_suite: ModuleType,
    pcscd: Any,
    smart_cards: ModuleType,
    require: Callable[[object, str], None],
    tmp_path: Path,
) -> None:
    """As over UDP, but for the one test that asks for a device of USB."""
    require(-48 in CoseKey.supported_algorithms(), "ML-DSA: pip install --upgrade cryptography")
    try:
        source = device_suite.fetch(tmp_path)
    except device_suite.SuiteError as error:
        require(False, str(error))
    said = tmp_path / "said"
    options = ["--profile", PROFILE, "--touch", "never", "--control", "0"]
    with pcscd.card(*options, output=said) as card:
        outcome = device_suite.run(
            source,
            card.controller,
            tmp_path / "report.xml",
            plugins=["quick_fingers"],
            options=["--reader", smart_cards.READER],
        )
    expected = dict(device_suite.EXPECTED[PROFILE])
    expected[device_suite.PASSED] -= 1
    assert outcome == expected | {"Device is not a CtapHidDevice": 1}
