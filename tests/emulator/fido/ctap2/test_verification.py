"""The user's presence and verification, across the commands that ask for them (CTAP 2.3 §6.1.2, §6.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2, FPBioEnrollment
from fido2.webauthn import AuthenticatorData
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

PERMISSION = ClientPin.PERMISSION
EVERYTHING = replace(
    Profile.load("ctap23"), algorithms=("ES256",), built_in_uv=True, fingerprints=2, fingerprint_samples=2
)

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


# Any sequence of settings, PINs and fingers

DIGITS = "31415926535"


class VerifiedKey(RuleBasedStateMachine):
    """A key that has every way to verify its user and every setting, beside a model of them."""

    make_key: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.key = self.make_key(EVERYTHING)
        self.forget()

    def forget(self) -> None:
        self.pin: str | None = None
        self.least = 4
        self.must_change = self.always_uv = self.long_touch = False
        self.fingers: list[bytes] = []

    def client(self) -> ClientPin:
        return ClientPin(Ctap2(self.key))

    def config(self) -> Config:
        client = self.client()
        token = client.get_pin_token(self.pin, PERMISSION.AUTHENTICATOR_CFG) if self.pin else None
        return Config(client.ctap, client.protocol, token)

    def bio(self) -> FPBioEnrollment:
        client = self.client()
        return FPBioEnrollment(
            client.ctap, client.protocol, client.get_pin_token(self.pin, PERMISSION.BIO_ENROLL)
        )

    def status(self, act: Callable[[], object]) -> CtapStatus:
        try:
            act()
        except CtapError as refused:
            return CtapStatus(refused.code)
        return CtapStatus.SUCCESS

    @rule(length=st.integers(4, 11))
    def set_or_change_pin(self, length: int) -> None:
        new, client = DIGITS[:length], self.client()
        act = partial(client.change_pin, self.pin, new) if self.pin else partial(client.set_pin, new)
        refused = length < self.least or (self.must_change and new == self.pin)
        assert self.status(act) == (CtapStatus.PIN_POLICY_VIOLATION if refused else CtapStatus.SUCCESS)
        if not refused:
            self.pin, self.must_change = new, False

    @precondition(lambda self: not self.must_change)
    @rule(length=st.integers(4, 11), change=st.booleans())
    def set_min_pin_length(self, length: int, change: bool) -> None:
        if self.always_uv and not self.pin:
            expected = CtapStatus.PUAT_REQUIRED
        elif length < self.least:
            expected = CtapStatus.PIN_POLICY_VIOLATION
        elif change and not self.pin:
            expected = CtapStatus.PIN_NOT_SET
        else:
            expected = CtapStatus.SUCCESS
        act = partial(self.config().set_min_pin_length, length, force_change_pin=change)
        assert self.status(act) == expected
        if expected == CtapStatus.SUCCESS:
            self.least = length
            self.must_change = self.pin is not None and (change or len(self.pin) < length)

    @precondition(lambda self: not self.must_change)
    @rule()
    def toggle_always_uv(self) -> None:
        self.config().toggle_always_uv()
        self.always_uv = not self.always_uv

    @precondition(lambda self: self.pin and not self.must_change)
    @rule()
    def enable_long_touch(self) -> None:
        self.config()._call(4)
        self.long_touch = True

    @precondition(lambda self: self.pin and not self.must_change)
    @rule()
    def enrol(self) -> None:
        if len(self.fingers) == 2:
            assert self.status(self.bio().enroll_begin) == CtapStatus.FP_DATABASE_FULL
            return
        context = self.bio().enroll()
        assert context.capture() is None
        self.fingers.append(context.capture())

    @precondition(lambda self: self.fingers and not self.must_change)
    @rule()
    def remove(self) -> None:
        self.bio().remove_enrollment(self.fingers.pop())

    @rule()
    def power_cycle(self) -> None:
        self.key.power_cycle()

    @rule()
    def reset(self) -> None:
        self.key.power_cycle()
        self.key.asked.clear()
        Ctap2(self.key).reset()
        assert self.key.asked == [Gesture.LONG_TOUCH if self.long_touch else Gesture.PRESENCE]
        self.forget()

    @rule(uv=st.sampled_from([None, False, True]))
    def make(self, uv: bool | None) -> None:
        expected = CtapStatus.SUCCESS
        if uv and not self.fingers:
            expected = CtapStatus.INVALID_OPTION
        elif self.always_uv and not self.fingers:
            expected = CtapStatus.PUAT_REQUIRED
        status, response = self.key.make(**({} if uv is None else {"uv": uv}))
        assert status == expected
        if expected == CtapStatus.SUCCESS:
            assert AuthenticatorData(response[2]).is_user_verified() == bool(uv or self.always_uv)

    @precondition(lambda self: self.pin)
    @rule()
    def make_with_token(self) -> None:
        if self.must_change:
            token = partial(self.key.token, pin=self.pin)
            assert self.status(token) == CtapStatus.PIN_POLICY_VIOLATION
            return
        assert self.key.made(token=self.key.token(pin=self.pin)).is_user_verified()

    @invariant()
    def getinfo_agrees(self) -> None:
        info = Ctap2(self.key).get_info()
        known = {"clientPin": bool(self.pin), "uv": bool(self.fingers), "bioEnroll": bool(self.fingers)}
        known |= {"alwaysUv": self.always_uv, "makeCredUvNotRqd": not self.always_uv}
        assert {option: info.options[option] for option in known} == known
        assert (info.min_pin_length, info.force_pin_change) == (self.least, self.must_change)
        assert info.long_touch_for_reset == self.long_touch
        assert ("U2F_V2" in info.versions) == (not self.always_uv)


def test_settings_pins_and_fingers_in_any_order_do_what_the_specification_says(make_key) -> None:
    """§6.5.5, §6.6, §6.7, §6.11, §7.2."""
    machine = type("Machine", (VerifiedKey,), {"make_key": staticmethod(make_key)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=12, stateful_step_count=25, deadline=None)
    )


# A PIN that is for managing the key alone

MANAGED_BY_PIN = replace(EVERYTHING, no_mc_ga_with_client_pin=True)


def enrol(key: Any) -> None:
    client = ClientPin(Ctap2(key))
    token = client.get_pin_token("1234", PERMISSION.BIO_ENROLL)
    context = FPBioEnrollment(client.ctap, client.protocol, token).enroll()
    while context.capture() is None:
        pass


def test_a_pin_for_managing_makes_and_uses_no_credentials(make_key) -> None:
    """§6.4, noMcGaPermissionsWithClientPin; §6.5.5.7.1 step 14, §6.5.5.7.2 step 4."""
    key = make_key(MANAGED_BY_PIN)
    key.set_pin()
    assert Ctap2(key).info.options["noMcGaPermissionsWithClientPin"] is True
    for permission in (1, 2, 3, 5):
        with pytest.raises(CtapError, match="UNAUTHORIZED_PERMISSION"):
            key.token(permission)
    assert key.make(token=key.token(None))[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.make(rk=True)[0] == CtapStatus.OPERATION_DENIED  # step 7 of §6.1.2: no PIN would help
    key.token(4, None)
    enrol(key)
    client = ClientPin(Ctap2(key))
    token = client.get_uv_token(PERMISSION.MAKE_CREDENTIAL, "example.com")
    assert key.made(token=token, rk=True).is_user_verified()
    assert key.made(uv=True).is_user_verified()


def test_where_a_pin_is_for_managing_a_finger_refused_is_told_as_such(make_key) -> None:
    """§6.1.2 step 11.2.3, §6.2.2 step 6.2.3."""
    key = make_key(MANAGED_BY_PIN)
    key.set_pin()
    enrol(key)
    key.fingers.extend([False] * 3)
    assert key.make(uv=True)[0] == CtapStatus.OPERATION_DENIED
    key.fingers.extend([False] * 3)
    assert key.make(uv=True)[0] == CtapStatus.PIN_BLOCKED


def test_a_pin_that_is_blocked_blocks_the_fingers(make_key) -> None:
    """§6.5.3.1 step 3."""
    key = make_key(EVERYTHING)
    key.set_pin()
    enrol(key)
    assert key.made(uv=True)
    for _ in range(8):
        key.power_cycle()
        with pytest.raises(CtapError):
            key.token(pin="0000")
    key.asked.clear()
    assert key.make(uv=True)[0] == CtapStatus.PUAT_REQUIRED
    with pytest.raises(CtapError, match="UV_BLOCKED"):
        ClientPin(Ctap2(key)).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    assert key.asked == []
    assert key.snapshot().user_verification.uv_retries == 0
