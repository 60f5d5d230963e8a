"""Gestures: who makes them when, and how long a command waits for each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from emulator.fido.ctaphid import (
    CtapHidCommand,
)
from emulator.fido.gesture import Gesture, Given, SampleStatus, Within
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.security_key import SecurityKey

CBOR = CtapHidCommand.CBOR
KEEPALIVE, PING = CtapHidCommand.KEEPALIVE, CtapHidCommand.PING
UPNEEDED, PROCESSING = b"\x02", b"\x01"


def test_touch_policy_always_answers_at_once(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake)
    platform.send(CBOR, b"\x01", now=5.0)
    assert platform.answers() == [(CBOR, b"\x00\x01")]
    assert fake.given == [Given(now=5.0)]
    assert platform.key.next_timer() is None


def test_keepalives_come_every_tenth_of_a_second_until_the_touch(
    fake_authenticator: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch=0.25)
    platform.send(CBOR, b"\x01", now=1.0)
    assert platform.answers() == []
    assert platform.run(until=99.0) == [
        (1.1, KEEPALIVE, UPNEEDED),
        (1.2, KEEPALIVE, UPNEEDED),
        (1.25, CBOR, b"\x00\x01"),
    ]


def test_keepalive_tells_a_verification_from_a_touch(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = platform_with(fake, uv=0.15, touch=0.1)
    platform.send(CBOR, b"\x01")
    assert platform.run(until=99.0) == [
        (0.1, KEEPALIVE, PROCESSING),
        (0.2, KEEPALIVE, UPNEEDED),
        (0.25, CBOR, b"\x00\x01"),
    ]
    assert fake.given == [Given(now=0.15), Given(now=0.25)]


@pytest.mark.parametrize("policy", ["never", "by call", 30.0, 31.0])
def test_touch_times_out_exactly(policy: Any, fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch=policy)
    platform.send(CBOR, b"\x01", now=1000.0)
    platform.key.handle_timer(math.nextafter(1030.0, 0.0))
    assert {command for command, _ in platform.answers()} == {KEEPALIVE}
    assert platform.run(until=2000.0) == [(1030.0, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))]
    assert fake.abandoned == 1


def test_each_gesture_has_the_whole_time(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = platform_with(fake, uv=20.0, touch="never")
    platform.send(CBOR, b"\x01")
    assert platform.answer_in(platform.run(until=99.0)) == (
        50.0,
        CBOR,
        bytes((CtapStatus.USER_ACTION_TIMEOUT,)),
    )


def test_a_wait_may_have_a_time_of_its_own(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Within(Gesture.SAMPLE, 2.0), Gesture.PRESENCE)
    platform = platform_with(fake, uv=1.5, touch="never")
    platform.send(CBOR, b"\x01")
    assert platform.answer_in(platform.run(until=99.0)) == (
        31.5,
        CBOR,
        bytes((CtapStatus.USER_ACTION_TIMEOUT,)),
    )
    platform.key.uv_policy = 2.0
    platform.send(CBOR, b"\x01", now=100.0)
    assert platform.answer_in(platform.run(until=199.0)) == (
        102.0,
        CBOR,
        bytes((CtapStatus.USER_ACTION_TIMEOUT,)),
    )


def test_long_touch_by_policy_lasts_five_seconds(
    fake_authenticator: Any, key_with: Any, platform_with: Any
) -> None:
    fake = fake_authenticator(Gesture.LONG_TOUCH)
    platform = platform_with(fake, touch=1.0)
    platform.send(CBOR, b"\x01")
    heard = platform.run(until=99.0)
    assert {data for _, command, data in heard if command == KEEPALIVE} == {UPNEEDED}
    assert platform.answer_in(heard) == (6.0, CBOR, b"\x00\x01")
    assert key_with(fake_authenticator(Gesture.LONG_TOUCH), touch=24.9).cbor(b"\x01", 0.0) == b"\x00\x01"
    timed_out = bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert key_with(fake_authenticator(Gesture.LONG_TOUCH), touch=25.0).cbor(b"\x01", 0.0) == timed_out


def test_long_touch_by_call_counts_from_when_it_was_asked_for(
    fake_authenticator: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.LONG_TOUCH), touch="by call")
    platform.send(CBOR, b"\x01", now=1.0)
    for at, held in [(2.0, 0.0), (5.9, 100.0), (9.0, 4.9)]:
        platform.key.touch(at, held)
        assert platform.key.awaited(at) is Gesture.LONG_TOUCH
    platform.key.touch(9.5, 5.0)
    assert platform.answers()[-1] == (CBOR, b"\x00\x01")


def test_samples_of_a_finger_are_what_the_caller_says(
    fake_authenticator: Any, platform_at: Any, key_with: Any
) -> None:
    fake = fake_authenticator(*[Gesture.SAMPLE] * 4)
    key = key_with(fake, uv="by call")
    platform = platform_at(key)
    key.sample(0.0)
    platform.send(CBOR, b"\x01")
    key.touch(0.01)
    key.sample(0.01, SampleStatus.TOO_FAST)
    key.verify(0.02, accepted=False)
    key.verify(0.03)
    key.sample(0.04)
    assert [given.sample for given in fake.given] == [
        SampleStatus.TOO_FAST, SampleStatus.POOR_QUALITY, SampleStatus.GOOD, SampleStatus.GOOD,
    ]  # fmt: skip
    assert platform.answers() == [(CBOR, b"\x00\x01")]


def test_late_timer_call_still_does_things_in_their_order(
    fake_authenticator: Any, platform_with: Any
) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch=3.0)
    platform.send(CBOR, b"\x01")
    platform.key.handle_timer(1000.0)
    assert platform.answers()[-1] == (CBOR, b"\x00\x01")
    assert fake.given == [Given(now=3.0)]


def test_touch_by_call_answers_the_command_that_waits(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch="by call")
    platform.send(CBOR, b"\x01")
    platform.key.touch(0.05)
    assert platform.answers() == [(CBOR, b"\x00\x01")]
    assert fake.given == [Given(now=0.05)]


def test_touch_in_advance_does_not_answer_a_ctap2_command(
    fake_authenticator: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch="by call")
    platform.key.touch(0.0)
    platform.send(CBOR, b"\x01", now=0.01)
    assert platform.answers() == []


def test_touch_after_the_time_out_is_too_late(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch="by call")
    platform.send(CBOR, b"\x01")
    platform.key.touch(30.0)
    assert platform.answers()[-1] == (CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))


def test_packet_after_the_time_out_finds_the_command_over(
    fake_authenticator: Any, platform_with: Any
) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch="never")
    platform.send(CBOR, b"\x01")
    platform.send(PING, b"next", now=30.0)
    timed_out = bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert platform.answers()[-2:] == [(CBOR, timed_out), (PING, b"next")]


def test_time_out_is_the_profiles(fake_authenticator: Any, platform_at: Any) -> None:
    profile = replace(Profile.load("ctap21"), touch_timeout=5.0)
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_at(SecurityKey(profile, authenticator=fake, touch="never"))
    platform.send(CBOR, b"\x01")
    assert platform.answer_in(platform.run(until=99.0)) == (
        5.0,
        CBOR,
        bytes((CtapStatus.USER_ACTION_TIMEOUT,)),
    )


def test_nobody_is_there_under_never(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = platform_with(fake, touch="never", uv="never")
    platform.send(CBOR, b"\x01")
    platform.key.verify(0.0)
    platform.key.uv_policy = "by call"
    platform.key.verify(0.0)
    platform.key.touch(0.0)
    assert (len(fake.given), platform.answers()) == (1, [])


def test_touch_is_not_a_verification_nor_the_reverse(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = platform_with(fake, uv="by call", touch="by call")
    platform.send(CBOR, b"\x01")
    platform.key.touch(0.01)
    assert fake.given == []
    platform.key.verify(0.02, accepted=False)
    platform.key.verify(0.03)
    assert fake.given == [Given(now=0.02, accepted=False)]
    platform.key.touch(0.04)
    assert platform.answers() == [(CBOR, b"\x00\x01")]


def test_changed_policy_holds_from_the_next_look(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(Gesture.PRESENCE), touch="never")
    platform.send(CBOR, b"\x01")
    platform.key.touch_policy = 1.0
    assert platform.answer_in(platform.run(until=99.0)) == (1.0, CBOR, b"\x00\x01")


@pytest.mark.parametrize("policy", ["sometimes", -1.0, math.nan, None])
def test_unknown_policy_is_refused_with_the_known_ones(
    policy: Any, fake_authenticator: Any, key_with: Any
) -> None:
    for name in ("touch", "uv"):
        with pytest.raises(ValueError, match=f"{name} must be 'always', 'never', 'by call' or a number"):
            key_with(fake_authenticator(), **{name: policy})
