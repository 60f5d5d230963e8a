"""Who listens to a key, and what it awaits."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.fido.ctaphid import (
    CtapHidCommand,
    Request,
)
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus

CBOR, MSG, INIT = CtapHidCommand.CBOR, CtapHidCommand.MSG, CtapHidCommand.INIT
CANCEL = CtapHidCommand.CANCEL
NONCE = bytes(8)
NOT_TOUCHED = b"\x69\x85"
SIGNED = b"signed\x90\x00"


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
def test_observer_hears_of_a_request_its_wait_and_its_one_end(
    end: Any, answer: bytes | None, fake_authenticator: Any, platform_with: Any
) -> None:
    listener = Listener()
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch="by call", observer=listener)
    platform.send(CBOR, b"\x01")
    end(platform)
    assert listener.heard == [
        ("started", b"\x01", CBOR),
        ("waiting", b"\x01", Gesture.PRESENCE),
        ("answered", b"\x01", answer),
    ]


def test_awaited_gesture_is_told_while_it_is(fake_authenticator: Any, platform_with: Any) -> None:
    fake = fake_authenticator(Gesture.VERIFICATION, Gesture.PRESENCE)
    platform = platform_with(fake, touch="by call", uv="by call")
    told = [platform.key.awaited(0.0)]
    platform.send(CBOR, b"\x01")
    told.append(platform.key.awaited(0.0))
    platform.key.verify(0.0)
    told.append(platform.key.awaited(0.0))
    platform.key.touch(0.0)
    told.append(platform.key.awaited(0.0))
    assert told == [None, Gesture.VERIFICATION, Gesture.PRESENCE, None]


def test_observer_hears_when_the_waiting_ends(fake_authenticator: Any, platform_with: Any) -> None:
    listener = Listener()
    fake = fake_authenticator(Gesture.PRESENCE)
    platform = platform_with(fake, touch="by call", observer=listener)
    platform.send(CBOR, b"\x01")
    platform.key.touch(1.0)
    assert [event for event, *_ in listener.heard] == ["started", "waiting", "resumed", "answered"]
    assert listener.heard[-1][2] == b"\x00\x01"


def test_observer_hears_of_each_u2f_poll(fake_authenticator: Any, platform_with: Any) -> None:
    listener = Listener()
    platform = platform_with(fake_authenticator(), touch="by call", observer=listener)
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
