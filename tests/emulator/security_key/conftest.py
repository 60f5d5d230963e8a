"""A key with an authenticator that asks for gestures and does nothing else, and an application at it."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.fido.ctaphid import (
    BROADCAST_CID,
    CtapHidCommand,
    InitializationPacket,
    encode_message,
    parse_packet,
)
from emulator.fido.gesture import Command, Gesture, Given, Within
from emulator.fido.status import CtapError
from emulator.security_key import SecurityKey

CBOR, INIT = CtapHidCommand.CBOR, CtapHidCommand.INIT
KEEPALIVE = CtapHidCommand.KEEPALIVE
NONCE = bytes(8)
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

    @staticmethod
    def answer_in(heard: list[tuple[float, int, bytes]]) -> tuple[float, int, bytes]:
        """The one message that is no keepalive."""
        ((time, command, data),) = [message for message in heard if message[1] != KEEPALIVE]
        return time, command, data


def _key_with(authenticator: FakeAuthenticator, **more: Any) -> SecurityKey:
    return SecurityKey("ctap21", authenticator=authenticator, **more)


def _platform_with(authenticator: FakeAuthenticator, **more: Any) -> Platform:
    return Platform(_key_with(authenticator, **more))


@pytest.fixture(scope="session")
def fake_authenticator() -> Any:
    """``fake_authenticator(*gestures)`` asks for them and does nothing else."""
    return FakeAuthenticator


@pytest.fixture(scope="session")
def broken_authenticator() -> Any:
    """The same, with a bug."""
    return BrokenAuthenticator


@pytest.fixture(scope="session")
def platform_at() -> Any:
    """``platform_at(key, now=0.0)``: an application with a channel of its own."""
    return Platform


@pytest.fixture(scope="session")
def key_with() -> Any:
    """``key_with(authenticator, touch=, uv= …)``: a key that has this one behind it."""
    return _key_with


@pytest.fixture(scope="session")
def platform_with() -> Any:
    """``platform_with(authenticator, touch=, uv= …)``: an application at such a key."""
    return _platform_with
