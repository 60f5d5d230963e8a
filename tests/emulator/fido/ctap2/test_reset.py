"""authenticatorReset (CTAP 2.3 §6.6)."""

from __future__ import annotations

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2

from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture


def test_reset_within_ten_seconds_of_power_up_takes_a_touch_and_a_new_master_secret(
    key, ctap2: Ctap2
) -> None:
    before = key.snapshot()
    key.now += 10.0
    ctap2.reset()
    after = key.snapshot()
    assert key.asked == [Gesture.PRESENCE]
    assert after.master_secret != before.master_secret
    assert after.credentials == ()


def test_a_later_reset_is_not_allowed_and_changes_nothing(key, ctap2: Ctap2) -> None:
    key.now += 10.1
    before = key.snapshot()
    with pytest.raises(CtapError, match="NOT_ALLOWED"):
        ctap2.reset()
    assert (key.snapshot(), key.asked) == (before, [])
    key.power_cycle()
    ctap2.reset()
    assert key.snapshot() != before


def test_reset_does_not_begin_its_own_time_anew(key, ctap2: Ctap2) -> None:
    key.now += 8
    ctap2.reset()
    key.now += 8
    with pytest.raises(CtapError, match="NOT_ALLOWED"):
        ctap2.reset()


def test_a_reset_abandoned_while_it_waits_changes_nothing(key) -> None:
    before = key.snapshot()
    key.waiting(CtapCommand.RESET).close()
    assert key.asked == [Gesture.PRESENCE]
    assert key.snapshot() == before


def test_reset_forgets_pin_credentials_counter_and_what_the_session_knew(key, ctap2: Ctap2) -> None:
    allow = [key.made(rk=True).credential_data.credential_id, key.made().credential_data.credential_id]
    key.got(allow=allow)
    key.set_pin()
    pin = ClientPin(ctap2)
    for _ in range(3):
        with pytest.raises(CtapError):
            pin.get_pin_token("0000")
    key_agreement = key.command(CtapCommand.CLIENT_PIN, {1: 2, 2: 2})
    ctap2.reset()
    assert key.command(CtapCommand.CLIENT_PIN, {1: 2, 2: 2}) != key_agreement
    assert key.snapshot().sign_count == 0
    assert key.get(allow=allow)[0] == CtapError.ERR.NO_CREDENTIALS
    assert key.get()[0] == CtapError.ERR.NO_CREDENTIALS
    assert ctap2.get_info().options["clientPin"] is False
    pin.set_pin("5678")
    assert pin.get_pin_retries() == (8, False)
    assert pin.get_pin_token("5678")
