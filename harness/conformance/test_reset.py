"""authenticatorReset: when it may be, what it takes, and what it erases (CTAP 2.3 §6.6)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from fido2 import cbor
from fido2.hid import CTAPHID

from harness.conformance.ceremony import Ceremony
from harness.conformance.management import METADATA, Management
from harness.conformance.owner import Owner
from harness.conformance.pin import CM, LBW, PCMR
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [
    pytest.mark.needs("ctap2", "power-cycle"),
    pytest.mark.destructive("resets the key: all that is on it is lost"),
    pytest.mark.touches(1),
]

SET_MIN_PIN_LENGTH, ENABLE_LONG_TOUCH = 3, 4
LONG_TOUCH_FOR_RESET, MIN_PIN_LENGTH = 0x18, 0x0D
TIME_LIMIT = 10
"""Seconds after power-up within which a reset must come."""


def _reset(probe: Probe) -> None:
    """Pull the key out, plug it in, reset it."""
    probe.power_cycle()
    probe.cbor(CMD.RESET).succeeded()
    probe.info_now()


# When, and how.


@pytest.mark.spec("RESET-01", "CTAP 2.3 §6.6")
@pytest.mark.catches("reset-refused")
def test_reset(probe: Probe) -> None:
    """A key that was just plugged in is reset by a touch."""
    _reset(probe)


@pytest.mark.spec("RESET-02", "CTAP 2.3 §6.6")
@pytest.mark.slow(TIME_LIMIT + 1)
@pytest.mark.touches(0)
@pytest.mark.catches("reset-at-any-time")
def test_reset_too_late(probe: Probe) -> None:
    """Ten seconds after it was plugged in a key is not reset: NOT_ALLOWED.

    Otherwise a program needs no more than one touch, which it can ask for at any time.
    """
    probe.power_cycle()
    probe.wait(TIME_LIMIT + 1)
    probe.cbor(CMD.RESET).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("RESET-03", "CTAP 2.3 §6.6")
@pytest.mark.slow(30)
@pytest.mark.touches(2)
@pytest.mark.catches("reset-without-touch")
def test_nobody_touches(probe: Probe, ceremony: Ceremony) -> None:
    """Without a touch a key is not reset, and has all that it had."""
    registration = ceremony.register()
    probe.power_cycle()
    probe.leave_alone()
    answer = probe.cbor(CMD.RESET)
    probe.leave_alone(False)
    answer.refused(ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED)
    ceremony.sign_in(registration).verify(registration)


@pytest.mark.spec("RESET-04", "CTAP 2.3 §6.6")
@pytest.mark.slow(TIME_LIMIT + 1)
@pytest.mark.catches("reset-at-any-time")
def test_reset_after_a_reset(probe: Probe) -> None:
    """A reset does not give the time for another: it is counted from when the key was plugged in."""
    _reset(probe)
    probe.wait(TIME_LIMIT + 1)
    probe.cbor(CMD.RESET).refused(ERR.NOT_ALLOWED)


# What it erases.


@pytest.mark.spec("RESET-ERASES-01", "CTAP 2.3 §6.6")
@pytest.mark.needs("rk")
@pytest.mark.touches(3)
@pytest.mark.catches("reset-keeps-credentials")
def test_discoverable_credentials_are_gone(probe: Probe, ceremony: Ceremony) -> None:
    """A reset erases the discoverable credentials."""
    registration = ceremony.register(rk=True)
    _reset(probe)
    members = ceremony.request(allow=[registration])
    ceremony.get(members, bare=_unprotected(probe)).refused(ERR.NO_CREDENTIALS)
    ceremony.get(ceremony.request(), bare=_unprotected(probe)).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("RESET-ERASES-02", "CTAP 2.3 §6.6")
@pytest.mark.touches(3)
@pytest.mark.catches("reset-keeps-master-secret")
def test_other_credentials_are_gone(probe: Probe, ceremony: Ceremony) -> None:
    """A reset makes the credentials that are kept nowhere useless too: their IDs are nobody's.

    Else a key that was given away signs in for its old owner still.
    """
    registration = ceremony.register()
    _reset(probe)
    members = ceremony.request(allow=[registration])
    ceremony.get(members, bare=_unprotected(probe)).refused(ERR.NO_CREDENTIALS, ERR.INVALID_CREDENTIAL)


@pytest.mark.spec("RESET-ERASES-03", "CTAP 2.3 §6.6")
@pytest.mark.needs("clientPin")
@pytest.mark.catches("reset-keeps-pin")
def test_pin_is_gone(probe: Probe, owner: Owner) -> None:
    """A reset erases the PIN, and whoever sets the next one has all tries."""
    tries = owner.auth.retries()
    _reset(probe)
    assert probe.option("clientPin") is False
    assert owner.pin is not None
    owner.auth.set_pin(owner.pin).succeeded()
    assert owner.auth.retries() == tries


@pytest.mark.spec("RESET-ERASES-04", "CTAP 2.3 §6.6")
@pytest.mark.needs("largeBlobs")
@pytest.mark.catches("reset-keeps-blobs")
def test_large_blobs_are_gone(probe: Probe, owner: Owner) -> None:
    """A reset leaves the large-blob array as it left the factory: empty."""
    array = _with_checksum(cbor.encode([{1: b"x" * 32, 2: bytes(12), 3: 16}]))
    signed = b"\xff" * 32 + b"\x0c\x00" + bytes(4) + sha256(array).digest()
    param = owner.auth.authenticate(owner.token(LBW), signed)
    members = {2: array, 3: 0, 4: len(array), 5: param, 6: owner.auth.version}
    probe.cbor(CMD.LARGE_BLOBS, members).succeeded()
    _reset(probe)
    assert probe.cbor(CMD.LARGE_BLOBS, {1: 64, 3: 0}).succeeded()[1] == _with_checksum(cbor.encode([]))


@pytest.mark.spec("RESET-ERASES-05", "CTAP 2.3 §6.6, §6.11.4")
@pytest.mark.needs("setMinPINLength", "info-0x0D")
@pytest.mark.catches("reset-keeps-settings")
def test_settings_are_gone(probe: Probe, owner: Owner) -> None:
    """A reset takes the shortest PIN that is allowed back to what it was from the factory."""
    _reset(probe)
    before: int = probe.info[MIN_PIN_LENGTH]
    _set_first_pin(probe, owner)
    owner.configure(SET_MIN_PIN_LENGTH, {1: before + 1}).succeeded()
    assert probe.info_now()[MIN_PIN_LENGTH] == before + 1
    _reset(probe)
    assert probe.info[MIN_PIN_LENGTH] == before


@pytest.mark.spec("RESET-ERASES-06", "CTAP 2.3 §6.6, §6.5.2.1")
@pytest.mark.needs("credMgmt", "pinUvAuthToken")
@pytest.mark.catches("reset-keeps-session")
def test_tokens_are_gone(probe: Probe, management: Management) -> None:
    """A reset ends the pinUvAuthToken that was given before."""
    probe.power_cycle()
    token = management.owner.token(CM)
    probe.cbor(CMD.RESET).succeeded()
    management.ask(METADATA, token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("RESET-ERASES-07", "CTAP 2.3 §6.6, §6.5.2.2")
@pytest.mark.needs("perCredMgmtRO", "clientPin")
@pytest.mark.catches("reset-keeps-persistent-token")
def test_persistent_token_is_gone(probe: Probe, management: Management) -> None:
    """A reset ends the persistent token: the old owner's computer does not read what the new one keeps."""
    token = management.owner.token(PCMR)
    _reset(probe)
    management.ask(METADATA, token=token).refused(ERR.PIN_AUTH_INVALID)


# The long touch.


@pytest.fixture
def long_touch_wanted(probe: Probe, owner: Owner) -> Probe:
    """A key that was told to want a long touch for a reset."""
    owner.configure(ENABLE_LONG_TOUCH).succeeded()
    return probe


@pytest.mark.spec("RESET-LONG-01", "CTAP 2.3 §6.6, §7.7")
@pytest.mark.needs("config-4", "ctaphid")  # whose keepalives say when the touch is waited for
@pytest.mark.slow(30)
@pytest.mark.catches("reset-short-touch")
def test_short_touch_is_not_enough(long_touch_wanted: Probe) -> None:
    """A key that was told to want a long touch is not reset by a short one.

    A touch that a program asks for under some pretext is short.
    """
    probe = long_touch_wanted
    probe.power_cycle()
    touched: list[Any] = []

    def touch_once(status: Any) -> None:
        if not touched:
            touched.append(status)
            probe.key.leave_alone(False)
            probe.trace.did("it is touched, shortly")
            probe.key.touch()
            probe.key.leave_alone()

    probe.leave_alone()
    probe.trace.sent("CTAP2", bytes((CMD.RESET,)))
    answer = probe.key.call(CTAPHID.CBOR, bytes((CMD.RESET,)), on_keepalive=touch_once)
    probe.trace.received("CTAP2", answer)
    probe.leave_alone(False)
    assert answer[0] in (ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED), "a short touch has reset the key"
    assert probe.info_now()[LONG_TOUCH_FOR_RESET] is True


@pytest.mark.spec("RESET-LONG-02", "CTAP 2.3 §6.6, §7.7")
@pytest.mark.needs("config-4")
@pytest.mark.slow(5)
@pytest.mark.catches("reset-keeps-settings", "reset-refused")
def test_long_touch_resets(long_touch_wanted: Probe) -> None:
    """A long touch resets such a key, which wants a short one from then on."""
    _reset(long_touch_wanted)
    assert long_touch_wanted.info[LONG_TOUCH_FOR_RESET] is False


def _with_checksum(encoded: bytes) -> bytes:
    return encoded + sha256(encoded).digest()[:16]


def _unprotected(probe: Probe) -> bool:
    """Whether the key asks for no verification now: one that has lost its PIN has none to ask for."""
    if probe.option("alwaysUv") and not probe.option("uv"):
        pytest.skip("needs a key that signs without a PIN")
    return not probe.option("uv")


def _set_first_pin(probe: Probe, owner: Owner) -> None:
    if owner.pin is not None:
        owner.auth.set_pin(owner.pin).succeeded()
        probe.info_now()
