"""U2F, which answers at once and is asked again."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.fido.ctaphid import (
    CtapHidCommand,
)
from emulator.fido.gesture import Gesture
from emulator.fido.presence import U2F_TOUCH_WINDOW

MSG = CtapHidCommand.MSG
NOT_TOUCHED = b"\x69\x85"
SIGNED = b"signed\x90\x00"


def test_u2f_request_without_a_touch_is_refused_at_once(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch="by call")
    platform.send(MSG, b"\x00")
    assert platform.answers() == [(MSG, NOT_TOUCHED)]
    assert platform.key.next_timer() is None
    assert platform.key.is_polled(0.0)


def test_touch_is_good_for_one_u2f_request_soon_after(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch="by call")
    platform.key.touch(0.0)
    just_in_time = math.nextafter(U2F_TOUCH_WINDOW, 0.0)
    platform.send(MSG, b"\x00", now=just_in_time)
    platform.send(MSG, b"\x00", now=just_in_time)
    assert platform.answers() == [(MSG, SIGNED), (MSG, NOT_TOUCHED)]


def test_touch_is_forgotten_when_its_time_has_passed(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch="by call")
    platform.key.touch(0.0)
    platform.send(MSG, b"\x00", now=U2F_TOUCH_WINDOW)
    assert platform.answers() == [(MSG, NOT_TOUCHED)]


def test_touch_after_seconds_counts_from_the_first_poll(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch=1.0)
    for now in (5.0, 5.5, 5.9, 6.0, 6.1):
        platform.send(MSG, b"\x00", now=now)
    answers = [data for _, data in platform.answers()]
    assert answers == [NOT_TOUCHED, NOT_TOUCHED, NOT_TOUCHED, SIGNED, NOT_TOUCHED]


def test_abandoned_polling_does_not_count_for_the_next(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch=1.0)
    platform.send(MSG, b"\x00", now=0.0)
    platform.send(MSG, b"\x00", now=U2F_TOUCH_WINDOW)
    assert platform.answers() == [(MSG, NOT_TOUCHED), (MSG, NOT_TOUCHED)]


@pytest.mark.parametrize(("policy", "answer"), [("always", SIGNED), ("never", NOT_TOUCHED)])
def test_apdu_transport_answers_u2f(
    policy: Any, answer: bytes, fake_authenticator: Any, key_with: Any
) -> None:
    key = key_with(fake_authenticator(), touch=policy)
    key.touch(0.0)
    assert key.transmit(b"\x00", 0.0) == answer


def test_touch_is_awaited_while_u2f_polls_for_it(fake_authenticator: Any, platform_with: Any) -> None:
    platform = platform_with(fake_authenticator(), touch="by call")
    platform.send(MSG, b"apdu", now=1.0)
    assert platform.key.awaited(1.5) is Gesture.PRESENCE
    assert platform.key.awaited(1.0 + U2F_TOUCH_WINDOW) is None
