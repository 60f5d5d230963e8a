"""What is kept of a TOTP device, in a store and out of it."""

from __future__ import annotations

import cbor2

from emulator.oath.otp import hotp
from harness.service import record_codec
from harness.service.totp_state import TotpState, codes_of, expected_step, matching


def test_what_other_servers_remember_comes_back_from_a_store() -> None:
    state = TotpState(secret=bytes(20), learned_shift=-191.5, used_steps=(58_907_520, 58_907_519))

    assert record_codec.decode(TotpState, record_codec.encode(state)) == state


def test_a_state_that_was_stored_before_there_were_other_servers_is_still_read() -> None:
    older = {"secret": bytes(20), "digits": 8, "period": 60, "learned_drift": -2, "last_step": 7}

    state = record_codec.decode(TotpState, cbor2.dumps(older))

    assert (state.digits, state.learned_drift, state.last_step) == (8, -2, 7)
    assert (state.learned_shift, state.used_steps) == (0.0, ())


def test_the_codes_are_those_of_the_steps_since_1970() -> None:
    codes = codes_of(TotpState(secret=bytes(20)), range(-2, 3))

    assert codes == {step: hotp(bytes(20), step) for step in range(3)}
    assert matching(codes, hotp(bytes(20), 2)) == [2]


def test_a_step_is_expected_by_what_was_learned_in_steps_and_in_seconds() -> None:
    state = TotpState(secret=bytes(20), learned_drift=-3, learned_shift=25.0)

    assert [expected_step(state, now) for now in (304.0, 305.0)] == [7, 8]


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(TotpState(secret=b"12345678901234567890"))
