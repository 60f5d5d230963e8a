from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.ctaphid import (
    BROADCAST_CID,
    PACKET_SIZE,
    Capability,
    CtapHidCommand,
    InitializationPacket,
    Request,
    encode_message,
    parse_packet,
)
from emulator.fido.gesture import Command, Gesture, Given, SampleStatus, Within
from emulator.fido.presence import U2F_TOUCH_WINDOW
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile import Profile
from emulator.security_key import NobodyAtTheKey, SecurityKey

CBOR, MSG, INIT = CtapHidCommand.CBOR, CtapHidCommand.MSG, CtapHidCommand.INIT
KEEPALIVE, CANCEL, PING = CtapHidCommand.KEEPALIVE, CtapHidCommand.CANCEL, CtapHidCommand.PING
UPNEEDED, PROCESSING = b"\x02", b"\x01"
NONCE = bytes(8)
NOT_TOUCHED = b"\x69\x85"
SIGNED = b"signed\x90\x00"


class FakeAuthenticator:
    """Each CBOR command asks for ``gestures`` in turn, then answers SUCCESS; each APDU asks for a touch."""

    def __init__(self, *gestures: Gesture | Within) -> None:
        self.gestures = gestures
        self.given: list[Given] = []
        self.abandoned = 0
        self.power_cycles: list[float] = []

    def cbor(self, message: bytes, now: float) -> Command:
        try:
            for gesture in self.gestures:
                self.given.append((yield gesture))
        except GeneratorExit:
            self.abandoned += 1
            raise
        except CtapError as timed_out:
            self.abandoned += 1
            return bytes((timed_out.status,))
        return b"\x00" + message

    def msg(self, apdu: bytes, now: float) -> Command:
        self.given.append((yield Gesture.PRESENCE))
        return SIGNED

    def power_cycle(self, now: float) -> None:
        self.power_cycles.append(now)


class BrokenAuthenticator(FakeAuthenticator):
    def cbor(self, message: bytes, now: float) -> Command:
        yield from super().cbor(message, now)
        raise ZeroDivisionError("a bug")

    def msg(self, apdu: bytes, now: float) -> Command:
        raise ZeroDivisionError("a bug")


class Platform:
    """One application at the key: whole messages in, single packets out as (command, data)."""

    def __init__(self, key: SecurityKey, now: float = 0.0) -> None:
        self.key = key
        self.cid = BROADCAST_CID
        self.send(INIT, NONCE, now)
        ((_, response),) = self.answers()
        self.cid = int.from_bytes(response[8:12], "big")

    def send(self, command: int, data: bytes = b"", now: float = 0.0) -> None:
        for packet in encode_message(self.cid, command, data):
            self.key.receive(packet, now)

    def answers(self) -> list[tuple[int, bytes]]:
        packets = [parse_packet(packet) for packet in self.key.packets_to_send()]
        return [(p.command, p.data[: p.length]) for p in packets if isinstance(p, InitializationPacket)]

    def run(self, until: float) -> list[tuple[float, int, bytes]]:
        """Fire every timer up to ``until`` at its own time; what comes back, with its time."""
        heard: list[tuple[float, int, bytes]] = []
        while (due := self.key.next_timer()) is not None and due <= until:
            self.key.handle_timer(due)
            heard += [(due, *answer) for answer in self.answers()]
        return heard


def key_with(authenticator: FakeAuthenticator, **more: Any) -> SecurityKey:
    return SecurityKey("ctap21", authenticator=authenticator, **more)


def answer_at(heard: list[tuple[float, int, bytes]]) -> tuple[float, int, bytes]:
    """The one message that is no keepalive."""
    ((time, command, data),) = [message for message in heard if message[1] != KEEPALIVE]
    return time, command, data


def test_touch_policy_always_answers_at_once() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake))
    platform.send(CBOR, b"\x01", now=5.0)
    assert platform.answers() == [(CBOR, b"\x00\x01")]
    assert fake.given == [Given(now=5.0)]
    assert platform.key.next_timer() is None


def test_keepalives_come_every_tenth_of_a_second_until_the_touch() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch=0.25))
    platform.send(CBOR, b"\x01", now=1.0)
    assert platform.answers() == []
    assert platform.run(until=99.0) == [
        (1.1, KEEPALIVE, UPNEEDED),
        (1.2, KEEPALIVE, UPNEEDED),
        (1.25, CBOR, b"\x00\x01"),
    ]


def test_keepalive_tells_a_verification_from_a_touch() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = Platform(key_with(fake, uv=0.15, touch=0.1))
    platform.send(CBOR, b"\x01")
    assert platform.run(until=99.0) == [
        (0.1, KEEPALIVE, PROCESSING),
        (0.2, KEEPALIVE, UPNEEDED),
        (0.25, CBOR, b"\x00\x01"),
    ]
    assert fake.given == [Given(now=0.15), Given(now=0.25)]


@pytest.mark.parametrize("policy", ["never", "by call", 30.0, 31.0])
def test_touch_times_out_exactly(policy: Any) -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch=policy))
    platform.send(CBOR, b"\x01", now=1000.0)
    platform.key.handle_timer(math.nextafter(1030.0, 0.0))
    assert {command for command, _ in platform.answers()} == {KEEPALIVE}
    assert platform.run(until=2000.0) == [(1030.0, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))]
    assert fake.abandoned == 1


def test_each_gesture_has_the_whole_time() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = Platform(key_with(fake, uv=20.0, touch="never"))
    platform.send(CBOR, b"\x01")
    assert answer_at(platform.run(until=99.0)) == (50.0, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))


def test_a_wait_may_have_a_time_of_its_own() -> None:
    fake = FakeAuthenticator(Within(Gesture.SAMPLE, 2.0), Gesture.PRESENCE)
    platform = Platform(key_with(fake, uv=1.5, touch="never"))
    platform.send(CBOR, b"\x01")
    assert answer_at(platform.run(until=99.0)) == (31.5, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))
    platform.key.uv_policy = 2.0
    platform.send(CBOR, b"\x01", now=100.0)
    assert answer_at(platform.run(until=199.0)) == (102.0, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))


def test_long_touch_by_policy_lasts_five_seconds() -> None:
    fake = FakeAuthenticator(Gesture.LONG_TOUCH)
    platform = Platform(key_with(fake, touch=1.0))
    platform.send(CBOR, b"\x01")
    heard = platform.run(until=99.0)
    assert {data for _, command, data in heard if command == KEEPALIVE} == {UPNEEDED}
    assert answer_at(heard) == (6.0, CBOR, b"\x00\x01")
    assert key_with(FakeAuthenticator(Gesture.LONG_TOUCH), touch=24.9).cbor(b"\x01", 0.0) == b"\x00\x01"
    timed_out = bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert key_with(FakeAuthenticator(Gesture.LONG_TOUCH), touch=25.0).cbor(b"\x01", 0.0) == timed_out


def test_long_touch_by_call_counts_from_when_it_was_asked_for() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.LONG_TOUCH), touch="by call"))
    platform.send(CBOR, b"\x01", now=1.0)
    for at, held in [(2.0, 0.0), (5.9, 100.0), (9.0, 4.9)]:
        platform.key.touch(at, held)
        assert platform.key.awaited(at) is Gesture.LONG_TOUCH
    platform.key.touch(9.5, 5.0)
    assert platform.answers()[-1] == (CBOR, b"\x00\x01")


def test_samples_of_a_finger_are_what_the_caller_says() -> None:
    fake = FakeAuthenticator(*[Gesture.SAMPLE] * 4)
    key = key_with(fake, uv="by call")
    platform = Platform(key)
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


def test_late_timer_call_still_does_things_in_their_order() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch=3.0))
    platform.send(CBOR, b"\x01")
    platform.key.handle_timer(1000.0)
    assert platform.answers()[-1] == (CBOR, b"\x00\x01")
    assert fake.given == [Given(now=3.0)]


def test_touch_by_call_answers_the_command_that_waits() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="by call"))
    platform.send(CBOR, b"\x01")
    platform.key.touch(0.05)
    assert platform.answers() == [(CBOR, b"\x00\x01")]
    assert fake.given == [Given(now=0.05)]


def test_touch_in_advance_does_not_answer_a_ctap2_command() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch="by call"))
    platform.key.touch(0.0)
    platform.send(CBOR, b"\x01", now=0.01)
    assert platform.answers() == []


def test_touch_after_the_time_out_is_too_late() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch="by call"))
    platform.send(CBOR, b"\x01")
    platform.key.touch(30.0)
    assert platform.answers()[-1] == (CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))


def test_packet_after_the_time_out_finds_the_command_over() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch="never"))
    platform.send(CBOR, b"\x01")
    platform.send(PING, b"next", now=30.0)
    timed_out = bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert platform.answers()[-2:] == [(CBOR, timed_out), (PING, b"next")]


def test_time_out_is_the_profiles() -> None:
    profile = replace(Profile.load("ctap21"), touch_timeout=5.0)
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(SecurityKey(profile, authenticator=fake, touch="never"))
    platform.send(CBOR, b"\x01")
    assert answer_at(platform.run(until=99.0)) == (5.0, CBOR, bytes((CtapStatus.USER_ACTION_TIMEOUT,)))


def test_nobody_is_there_under_never() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="never", uv="never"))
    platform.send(CBOR, b"\x01")
    platform.key.verify(0.0)
    platform.key.uv_policy = "by call"
    platform.key.verify(0.0)
    platform.key.touch(0.0)
    assert (len(fake.given), platform.answers()) == (1, [])


def test_touch_is_not_a_verification_nor_the_reverse() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = Platform(key_with(fake, uv="by call", touch="by call"))
    platform.send(CBOR, b"\x01")
    platform.key.touch(0.01)
    assert fake.given == []
    platform.key.verify(0.02, accepted=False)
    platform.key.verify(0.03)
    assert fake.given == [Given(now=0.02, accepted=False)]
    platform.key.touch(0.04)
    assert platform.answers() == [(CBOR, b"\x00\x01")]


def test_changed_policy_holds_from_the_next_look() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch="never"))
    platform.send(CBOR, b"\x01")
    platform.key.touch_policy = 1.0
    assert answer_at(platform.run(until=99.0)) == (1.0, CBOR, b"\x00\x01")


def test_cancel_ends_the_command_at_once() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="never"))
    platform.send(CBOR, b"\x01")
    platform.send(CANCEL, now=0.05)
    assert platform.answers() == [(CBOR, bytes((CtapStatus.KEEPALIVE_CANCEL,)))]
    assert (fake.abandoned, platform.key.next_timer()) == (1, None)


def test_cancel_on_another_channel_or_without_a_command_does_nothing() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch=0.05))
    other = Platform(platform.key)
    platform.send(CANCEL)
    platform.send(CBOR, b"\x01")
    other.send(CANCEL)
    assert platform.run(until=99.0) == [(0.05, CBOR, b"\x00\x01")]


def test_init_on_the_busy_channel_aborts_its_command() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="never"))
    platform.send(CBOR, b"\x01")
    platform.send(INIT, NONCE, now=0.05)
    assert [command for command, _ in platform.answers()] == [INIT]
    assert (fake.abandoned, platform.key.next_timer()) == (1, None)
    platform.key.touch_policy = "always"
    platform.send(CBOR, b"\x02")
    assert platform.answers() == [(CBOR, b"\x00\x02")]


def test_power_cycle_drops_everything() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    key = key_with(fake, touch="by call")
    platform = Platform(key)
    platform.send(MSG, b"\x00")
    key.touch(0.0)
    platform.send(PING, b"unread")
    platform.send(CBOR, b"\x01")
    key.power_cycle(7.0)
    assert (key.packets_to_send(), key.next_timer()) == ([], None)
    assert (fake.abandoned, fake.power_cycles) == (1, [7.0])
    platform.send(PING, b"x", now=7.0)
    assert platform.answers() == [(CtapHidCommand.ERROR, bytes((CtapStatus.INVALID_CHANNEL,)))]
    fresh = Platform(key, now=7.0)
    fresh.send(MSG, b"\x00", now=7.0)
    assert fresh.answers() == [(MSG, NOT_TOUCHED)]  # the touch is forgotten too


def test_u2f_request_without_a_touch_is_refused_at_once() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch="by call"))
    platform.send(MSG, b"\x00")
    assert platform.answers() == [(MSG, NOT_TOUCHED)]
    assert platform.key.next_timer() is None
    assert platform.key.is_polled(0.0)


def test_touch_is_good_for_one_u2f_request_soon_after() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch="by call"))
    platform.key.touch(0.0)
    just_in_time = math.nextafter(U2F_TOUCH_WINDOW, 0.0)
    platform.send(MSG, b"\x00", now=just_in_time)
    platform.send(MSG, b"\x00", now=just_in_time)
    assert platform.answers() == [(MSG, SIGNED), (MSG, NOT_TOUCHED)]


def test_touch_is_forgotten_when_its_time_has_passed() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch="by call"))
    platform.key.touch(0.0)
    platform.send(MSG, b"\x00", now=U2F_TOUCH_WINDOW)
    assert platform.answers() == [(MSG, NOT_TOUCHED)]


def test_touch_after_seconds_counts_from_the_first_poll() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch=1.0))
    for now in (5.0, 5.5, 5.9, 6.0, 6.1):
        platform.send(MSG, b"\x00", now=now)
    answers = [data for _, data in platform.answers()]
    assert answers == [NOT_TOUCHED, NOT_TOUCHED, NOT_TOUCHED, SIGNED, NOT_TOUCHED]


def test_abandoned_polling_does_not_count_for_the_next() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch=1.0))
    platform.send(MSG, b"\x00", now=0.0)
    platform.send(MSG, b"\x00", now=U2F_TOUCH_WINDOW)
    assert platform.answers() == [(MSG, NOT_TOUCHED), (MSG, NOT_TOUCHED)]


@pytest.mark.parametrize(("policy", "answer"), [("always", SIGNED), ("never", NOT_TOUCHED)])
def test_apdu_transport_answers_u2f(policy: Any, answer: bytes) -> None:
    key = key_with(FakeAuthenticator(), touch=policy)
    key.touch(0.0)
    assert key.transmit(b"\x00", 0.0) == answer


def test_failing_authenticator_ends_its_command_and_not_the_key() -> None:
    heard: list[Exception] = []
    platform = Platform(key_with(BrokenAuthenticator(), on_error=heard.append))
    platform.send(CBOR, b"\x01")
    platform.send(MSG, b"\x00")
    platform.send(PING, b"alive")
    other = bytes((CtapStatus.OTHER,))
    assert platform.answers() == [(CBOR, other), (MSG, b"\x6f\x00"), (PING, b"alive")]
    assert [type(error) for error in heard] == [ZeroDivisionError, ZeroDivisionError]


def test_failure_after_a_gesture_ends_the_command_too() -> None:
    broken = BrokenAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(broken, touch=1.0, on_error=lambda error: None))
    platform.send(CBOR, b"\x01")
    assert answer_at(platform.run(until=99.0)) == (1.0, CBOR, bytes((CtapStatus.OTHER,)))


def test_failure_is_logged_unless_someone_hears_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert key_with(BrokenAuthenticator()).cbor(b"\x01", 0.0) == bytes((CtapStatus.OTHER,))
    assert "its command is abandoned" in caplog.text


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes, object]] = []

    def started(self, request: Request) -> None:
        self.heard.append(("started", request.data, request.command))

    def waiting(self, request: Request, gesture: Gesture) -> None:
        self.heard.append(("waiting", request.data, gesture))

    def resumed(self, request: Request) -> None:
        self.heard.append(("resumed", request.data, None))

    def answered(self, request: Request, answer: bytes | None) -> None:
        self.heard.append(("answered", request.data, answer))


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (lambda platform: platform.send(CANCEL), bytes((CtapStatus.KEEPALIVE_CANCEL,))),
        (lambda platform: platform.run(until=99.0), bytes((CtapStatus.USER_ACTION_TIMEOUT,))),
        (lambda platform: platform.send(INIT, NONCE), None),
        (lambda platform: platform.key.power_cycle(1.0), None),
    ],
)
def test_observer_hears_of_a_request_its_wait_and_its_one_end(end: Any, answer: bytes | None) -> None:
    listener = Listener()
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="by call", observer=listener))
    platform.send(CBOR, b"\x01")
    end(platform)
    assert listener.heard == [
        ("started", b"\x01", CBOR),
        ("waiting", b"\x01", Gesture.PRESENCE),
        ("answered", b"\x01", answer),
    ]


def test_awaited_gesture_is_told_while_it_is() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="by call", uv="by call"))
    told = [platform.key.awaited(0.0)]
    platform.send(CBOR, b"\x01")
    told.append(platform.key.awaited(0.0))
    platform.key.verify(0.0)
    told.append(platform.key.awaited(0.0))
    platform.key.touch(0.0)
    told.append(platform.key.awaited(0.0))
    assert told == [None, Gesture.VERIFICATION, Gesture.PRESENCE, None]


def test_touch_is_awaited_while_u2f_polls_for_it() -> None:
    platform = Platform(key_with(FakeAuthenticator(), touch="by call"))
    platform.send(MSG, b"apdu", now=1.0)
    assert platform.key.awaited(1.5) is Gesture.PRESENCE
    assert platform.key.awaited(1.0 + U2F_TOUCH_WINDOW) is None


def test_observer_hears_when_the_waiting_ends() -> None:
    listener = Listener()
    fake = FakeAuthenticator(Gesture.PRESENCE)
    platform = Platform(key_with(fake, touch="by call", observer=listener))
    platform.send(CBOR, b"\x01")
    platform.key.touch(1.0)
    assert [event for event, *_ in listener.heard] == ["started", "waiting", "resumed", "answered"]
    assert listener.heard[-1][2] == b"\x00\x01"


def test_observer_hears_of_each_u2f_poll() -> None:
    listener = Listener()
    platform = Platform(key_with(FakeAuthenticator(), touch="by call", observer=listener))
    platform.send(MSG, b"apdu")
    platform.key.touch(1.0)
    platform.key.transmit(b"apdu", 1.5)
    assert listener.heard == [
        ("started", b"apdu", MSG),
        ("waiting", b"apdu", Gesture.PRESENCE),
        ("answered", b"apdu", NOT_TOUCHED),
        ("started", b"apdu", MSG),
        ("answered", b"apdu", SIGNED),
    ]


def test_direct_command_takes_its_gestures_by_policy() -> None:
    fake = FakeAuthenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    assert key_with(fake, uv=2.0, touch=3.0).cbor(b"\x01", 10.0) == b"\x00\x01"
    assert fake.given == [Given(now=12.0), Given(now=15.0)]


@pytest.mark.parametrize("policy", ["never", 30.0])
def test_direct_command_times_out_without_a_gesture(policy: Any) -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    assert key_with(fake, touch=policy).cbor(b"\x01", 0.0) == bytes((CtapStatus.USER_ACTION_TIMEOUT,))
    assert fake.abandoned == 1


def test_direct_command_that_would_wait_for_a_call_says_so() -> None:
    fake = FakeAuthenticator(Gesture.PRESENCE)
    with pytest.raises(NobodyAtTheKey, match="user presence, given by call"):
        key_with(fake, touch="by call").cbor(b"\x01", 0.0)
    assert fake.abandoned == 1


def test_direct_command_beside_a_running_one_is_our_misuse() -> None:
    platform = Platform(key_with(FakeAuthenticator(Gesture.PRESENCE), touch="never"))
    platform.send(CBOR, b"\x01")
    with pytest.raises(RuntimeError, match="running"):
        platform.key.cbor(b"\x01", 0.0)


@pytest.mark.parametrize("policy", ["sometimes", -1.0, math.nan, None])
def test_unknown_policy_is_refused_with_the_known_ones(policy: Any) -> None:
    for name in ("touch", "uv"):
        with pytest.raises(ValueError, match=f"{name} must be 'always', 'never', 'by call' or a number"):
            key_with(FakeAuthenticator(), **{name: policy})


@pytest.mark.parametrize("randomness", [{}, {"seed": 1, "random_bytes": bytes}])
def test_key_takes_a_seed_or_randomness(randomness: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either a seed"):
        SecurityKey("ctap21", **randomness)


@pytest.mark.parametrize(
    ("profile", "capabilities"),
    [
        (Profile.load("u2f-only"), Capability.WINK),
        (Profile.load("ctap21"), Capability.WINK | Capability.CBOR),
        (Profile.load("passkey"), Capability.WINK | Capability.CBOR | Capability.NMSG),
        (replace(Profile.load("ctap21"), wink=False), Capability.CBOR),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_capabilities_follow_from_the_profile(profile: Profile, capabilities: Capability) -> None:
    key = SecurityKey(profile, authenticator=FakeAuthenticator())
    for packet in encode_message(BROADCAST_CID, INIT, NONCE):
        key.receive(packet, 0.0)
    (response,) = key.packets_to_send()
    assert response[7 + 16] == capabilities


def reraise(error: Exception) -> None:
    raise error


cbor_messages = st.builds(
    lambda command, data: bytes((command,)) + data,
    st.sampled_from([0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x0B]) | st.integers(0, 255),
    st.sampled_from([b"", b"\xa0", b"\xa1\x01\x02", b"\xa2\x01\x02\x02\x07"]) | st.binary(max_size=200),
)
apdus = st.binary(max_size=100) | st.builds(
    lambda ins, p1, data: bytes((0, ins, p1, 0, 0)) + len(data).to_bytes(2, "big") + data,
    st.integers(0, 4),
    st.sampled_from([0, 3, 7, 8]),
    st.sampled_from([64, 65, 129]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
)
messages = st.one_of(
    st.tuples(st.just(CBOR), cbor_messages),
    st.tuples(st.just(MSG), apdus),
    st.tuples(st.integers(0, 0x7F), st.binary(max_size=100)),
)
actions = st.one_of(
    st.tuples(st.just("packet"), st.binary(max_size=70)),
    st.tuples(st.just("message"), messages),
    st.tuples(st.just("half a message"), messages),
    st.tuples(st.sampled_from(["touch", "verify", "power cycle", "nothing"]), st.none()),
)


@given(
    profile=st.sampled_from(["ctap21", "ctap20", "passkey", "security-key", "u2f-only"]),
    policy=st.sampled_from(["always", "by call", 0.2]),
    steps=st.lists(st.tuples(actions, st.sampled_from([0.0, 0.1, 1.0, 31.0])), max_size=20),
)
def test_whatever_happens_the_key_still_answers(profile: str, policy: Any, steps: list[Any]) -> None:
    key = SecurityKey(profile, seed=0, touch=policy, uv=policy, on_error=reraise)
    now, platform = 0.0, Platform(key)
    for (action, data), pause in steps:
        now += pause
        match action:
            case "packet":
                key.receive(data, now)
            case "message":
                platform.send(*data, now=now)
            case "half a message":
                key.receive(encode_message(platform.cid, *data)[0], now)
            case "touch":
                key.touch(now)
            case "verify":
                key.verify(now, accepted=bool(len(steps) % 2))
            case "power cycle":
                key.power_cycle(now)
                platform = Platform(key, now)
        assert all(len(packet) == PACKET_SIZE for packet in key.packets_to_send())
    now += 60.0  # any lock, half-received message and wait for a touch is over
    key.handle_timer(now)
    key.packets_to_send()
    platform = Platform(key, now)
    platform.send(PING, b"alive", now)
    assert platform.answers() == [(PING, b"alive")]


# Two doors at once


@pytest.mark.parametrize("goes_first", ["packets", "APDU"])
def test_a_command_at_one_door_ends_the_one_that_waits_at_the_other(goes_first: str) -> None:
    """One command runs at a time, and each platform gets an answer (CTAP 2.3 §11.2.9.1.5)."""
    platform = Platform(SecurityKey("ctap21", seed=1, touch="by call"))
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


def test_abandoning_what_waits_frees_the_channel_it_came_on() -> None:
    platform = Platform(SecurityKey("ctap21", seed=1, touch="by call"))
    platform.send(CBOR, b"\x0b")
    platform.key.abandon()
    assert platform.answers() == [(CBOR, bytes((CtapStatus.KEEPALIVE_CANCEL,)))]
    platform.send(CBOR, b"\x04")
    ((_, info),) = platform.answers()
    assert info[0] == 0
