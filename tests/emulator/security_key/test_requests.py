"""A request's end: cancelled, aborted, failed, run at two doors or without packets."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from emulator.fido.ctaphid import (
    CtapHidCommand,
    Request,
)
from emulator.fido.gesture import Gesture, Given
from emulator.fido.status import CtapStatus
from emulator.security_key import NobodyAtTheKey, SecurityKey

CBOR, MSG, INIT = CtapHidCommand.CBOR, CtapHidCommand.MSG, CtapHidCommand.INIT
CANCEL, PING = CtapHidCommand.CANCEL, CtapHidCommand.PING
NONCE = bytes(8)
NOT_TOUCHED = b"\x69\x85"


def test_cancel_ends_the_command_at_once(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch="never")
    platform.send(CBOR, b"\x01")
    platform.send(CANCEL, now=0.05)
    assert platform.answers() == [(CBOR, bytes((CtapStatus.KEEPALIVE_CANCEL,)))]
    assert (fake.abandoned, platform.key.next_timer()) == (1, None)


def test_cancel_on_another_channel_or_without_a_command_does_nothing(
    fake_authenticator: Any, platform_at: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch=0.05)
    other = platform_at(platform.key)
    platform.send(CANCEL)
    platform.send(CBOR, b"\x01")
    other.send(CANCEL)
    assert platform.run(until=99.0) == [(0.05, CBOR, b"\x00\x01")]


def test_init_on_the_busy_channel_aborts_its_command(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch="never")
    platform.send(CBOR, b"\x01")
    platform.send(INIT, NONCE, now=0.05)
    assert [command for command, _ in platform.answers()] == [INIT]
    assert (fake.abandoned, platform.key.next_timer()) == (1, None)
    platform.key.touch_policy = "always"
    platform.send(CBOR, b"\x02")
    assert platform.answers() == [(CBOR, b"\x00\x02")]


def test_power_cycle_drops_everything(fake_authenticator: Any, platform_at: Any, key_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    key = key_with(fake, touch="by call")
    platform = platform_at(key)
    platform.send(MSG, b"\x00")
    key.touch(0.0)
    platform.send(PING, b"unread")
    platform.send(CBOR, b"\x01")
    key.power_cycle(7.0)
    assert (key.packets_to_send(), key.next_timer()) == ([], None)
    assert (fake.abandoned, fake.power_cycles) == (1, [7.0])
    platform.send(PING, b"x", now=7.0)
    assert platform.answers() == [(CtapHidCommand.ERROR, bytes((CtapStatus.INVALID_CHANNEL,)))]
    fresh = platform_at(key, now=7.0)
    fresh.send(MSG, b"\x00", now=7.0)
    assert fresh.answers() == [(MSG, NOT_TOUCHED)]  # the touch is forgotten too


def test_failing_authenticator_ends_its_command_and_not_the_key(
    broken_authenticator: Any, platform_with: Any
) -> None:
    heard: list[Exception] = []
    platform = platform_with(broken_authenticator(), on_error=heard.append)
    platform.send(CBOR, b"\x01")
    platform.send(MSG, b"\x00")
    platform.send(PING, b"alive")
    other = bytes((CtapStatus.OTHER,))
    assert platform.answers() == [(CBOR, other), (MSG, b"\x6f\x00"), (PING, b"alive")]
    assert [type(error) for error in heard] == [ZeroDivisionError, ZeroDivisionError]


def test_failure_after_a_gesture_ends_the_command_too(broken_authenticator: Any, platform_with: Any) -> None:
    broken = broken_authenticator(Gesture.PRESENCE)
    platform = platform_with(broken, touch=1.0, on_error=lambda error: None)
    platform.send(CBOR, b"\x01")
    assert platform.answer_in(platform.run(until=99.0)) == (1.0, CBOR, bytes((CtapStatus.OTHER,)))


def test_failure_is_logged_unless_someone_hears_it(
    caplog: pytest.LogCaptureFixture, broken_authenticator: Any, key_with: Any
) -> None:
    with caplog.at_level(logging.ERROR):
        assert key_with(broken_authenticator()).cbor(b"\x01", 0.0) == bytes((CtapStatus.OTHER,))
    assert "its command is abandoned" in caplog.text


def test_direct_command_takes_its_gestures_by_policy(fake_authenticator: Any, key_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    assert key_with(fake, uv=2.0, touch=3.0).cbor(b"\x01", 10.0) == b"\x00\x01"
    assert fake.given == [Given(now=12.0), Given(now=15.0)]


@pytest.mark.parametrize("policy", ["never", 30.0])
def test_direct_command_times_out_without_a_gesture(
    policy: Any, fake_authenticator: Any, key_with: Any
) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    assert key_with(fake, touch=policy).cbor(b"\x01", 0.0) == bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert fake.abandoned == 1


def test_direct_command_that_would_wait_for_a_call_says_so(fake_authenticator: Any, key_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    with pytest.raises(NobodyAtTheKey, match="user presence, given by call"):
        key_with(fake, touch="by call").cbor(b"\x01", 0.0)
    assert fake.abandoned == 1


def test_direct_command_beside_a_running_one_is_our_misuse(
    fake_authenticator: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch="never")
    platform.send(CBOR, b"\x01")
    with pytest.raises(RuntimeError, match="running"):
        platform.key.cbor(b"\x01", 0.0)


@pytest.mark.parametrize("goes_first", ["packets", "APDU"])
def test_a_command_at_one_door_ends_the_one_that_waits_at_the_other(
    goes_first: str, platform_at: Any
) -> None:
    """One command runs at a time, and each platform gets an answer (CTAP 2.3 §11.2.9.1.5)."""
    platform = platform_at(SecurityKey("ctap21", seed=1, touch="by call"))
    answers: list[bytes] = []
    in_an_apdu = Request(command=CtapHidCommand.CBOR, data=b"\x0b")

    def at_both_doors() -> None:
        if goes_first == "packets":
            platform.send(CBOR, b"\x0b")
        platform.key.begin(in_an_apdu, answers.append, 0.0)
        if goes_first == "APDU":
            platform.send(CBOR, b"\x0b")

    at_both_doors()
    cancelled = bytes((CtapStatus.KEEPALIVE_CANCEL,))
    if goes_first == "packets":
        assert (platform.answers(), answers) == ([(CBOR, cancelled)], [])
    else:
        assert (platform.answers(), answers) == ([], [cancelled])
    platform.key.touch(1.0)
    assert (b"\x00" in answers) == (goes_first == "packets")


def test_abandoning_what_waits_frees_the_channel_it_came_on(platform_at: Any) -> None:
    platform = platform_at(SecurityKey("ctap21", seed=1, touch="by call"))
    platform.send(CBOR, b"\x0b")
    platform.key.abandon()
    assert platform.answers() == [(CBOR, bytes((CtapStatus.KEEPALIVE_CANCEL,)))]
    platform.send(CBOR, b"\x04")
    ((_, info),) = platform.answers()
    assert info[0] == 0
