"""What a security key is put together of, and who may listen to it."""

from __future__ import annotations

from typing import Protocol

from emulator.fido.ctaphid import Event, KeepaliveStatus, Request
from emulator.fido.gesture import Command, Gesture


class Commands(Protocol):
    """What stands behind the transport; ours is :class:`~emulator.fido.authenticator.Authenticator`."""

    def cbor(self, message: bytes, now: float) -> Command: ...

    def msg(self, apdu: bytes, now: float) -> Command: ...

    def power_cycle(self, now: float) -> None: ...


class Packets(Protocol):
    """What stands between the key and its wire; ours is :class:`~emulator.fido.ctaphid.CtapHid`."""

    def power_cycle(self) -> None: ...

    def receive(self, packet: bytes, now: float) -> Event | None: ...

    def packets_to_send(self) -> list[bytes]: ...

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...

    def respond(self, data: bytes) -> None: ...

    def keepalive(self, status: KeepaliveStatus) -> None: ...


class Observer(Protocol):
    """Hears of every request that came in packets or as an APDU; it must not call the key it hears of."""

    def started(self, request: Request) -> None:
        """The request is whole and begins to run."""

    def waiting(self, request: Request, gesture: Gesture) -> None:
        """It waits for a gesture; one of U2F is answered at once all the same, and asked again."""

    def resumed(self, request: Request) -> None:
        """The gesture that it waited for was made."""

    def answered(self, request: Request, answer: bytes | None) -> None:
        """It is over; ``None`` when it was abandoned: INIT on its channel, or a power cycle."""


class NobodyListens:
    """An observer of whom nothing comes."""

    def started(self, request: Request) -> None: ...

    def waiting(self, request: Request, gesture: Gesture) -> None: ...

    def resumed(self, request: Request) -> None: ...

    def answered(self, request: Request, answer: bytes | None) -> None: ...
