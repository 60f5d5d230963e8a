"""The user's presence and verification, across the commands that ask for them (CTAP 2.3 §6.1.2, §6.2.2)."""

from __future__ import annotations

import pytest

from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus

# A gesture that does not come in time


def test_no_touch_in_time_is_a_refusal_of_makecredential_and_getassertion(key) -> None:
    """§6.1.2 step 14, §6.2.2 step 9."""
    allow = [key.made().credential_data.credential_id]
    before, key.absent = key.snapshot(), True
    assert key.make()[0] == CtapStatus.OPERATION_DENIED
    assert key.get(allow=allow)[0] == CtapStatus.OPERATION_DENIED
    assert key.snapshot() == before


def test_no_touch_in_time_is_a_refusal_of_the_probe_for_a_pin(key) -> None:
    """§6.1.2 and §6.2.2, step 1."""
    key.absent = True
    assert key.make({0x08: b""})[0] == CtapStatus.OPERATION_DENIED
    assert key.get({0x06: b""})[0] == CtapStatus.OPERATION_DENIED
    assert key.asked == [Gesture.PRESENCE] * 2


def test_an_excluded_credential_is_told_of_even_without_a_touch(key) -> None:
    """§6.1.2 step 12."""
    exclude = [key.made().credential_data.credential_id]
    key.absent = True
    assert key.make(exclude=exclude)[0] == CtapStatus.CREDENTIAL_EXCLUDED


@pytest.mark.parametrize("command", [CtapCommand.RESET, CtapCommand.SELECTION])
def test_no_touch_in_time_is_told_as_such_by_reset_and_selection(key, command: CtapCommand) -> None:
    """§6.6, §6.9."""
    before, key.absent = key.snapshot(), True
    assert key.command(command)[0] == CtapStatus.USER_ACTION_TIMEOUT
    assert key.snapshot() == before


def test_no_finger_in_time_is_told_as_such_and_costs_no_retry(make_key) -> None:
    """§6.1.2 step 11.2, §6.2.2 step 6.2, §6.5.5.7.3 step 10."""
    key = make_key("passkey")
    before, key.absent = key.snapshot(), True
    assert key.make(uv=True)[0] == CtapStatus.USER_ACTION_TIMEOUT
    assert key.get(uv=True)[0] == CtapStatus.USER_ACTION_TIMEOUT
    agreement = key.command(CtapCommand.CLIENT_PIN, {1: 2, 2: 2})[1][1]
    request = {1: 2, 2: 6, 3: agreement, 9: 2, 10: "example.com"}
    assert key.command(CtapCommand.CLIENT_PIN, request)[0] == CtapStatus.USER_ACTION_TIMEOUT
    assert key.snapshot() == before
