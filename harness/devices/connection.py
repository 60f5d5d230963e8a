"""One application's way to a key, among others: it hears what every other is told, and heeds its own."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from fido2.hid import CTAPHID, TYPE_INIT
from fido2.hid.base import CtapHidConnection, HidDescriptor

from harness.devices.key import DeviceError

SILENCE = 5.0
"""Seconds after which a key has nothing more to say: at work it sends a KEEPALIVE every 0.1 s."""

_PACKET_SIZE = 64
_ECHO_TIME = 0.02
"""Seconds after which no more answers come to what nobody waits for."""
_BROADCAST = b"\xff\xff\xff\xff"
_INIT = TYPE_INIT | CTAPHID.INIT


class Plug(Protocol):
    """Where a key is plugged in."""

    @property
    def name(self) -> str:
        """What it was found by, such as ``hid:/dev/hidraw3``."""

    @property
    def descriptor(self) -> HidDescriptor:
        """What it is."""

    @property
    def can_be_pulled(self) -> bool:
        """Whether a person could pull the key out and plug it in again."""

    def connect(self) -> Connection:
        """A new way to the key.

        :raises DeviceError: when it is not there, or not ours to use.
        """

    def replug(self, ask: Callable[[str], None], time_limit: float) -> None:
        """Have somebody pull the key out and plug it in again.

        :raises DeviceError: when that is not done within ``time_limit`` seconds, or cannot be.
        """


class Connection(CtapHidConnection):
    """Packets to and from a key; those on channels and INIT requests of others are passed over."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._channels: set[bytes] = set()
        self._nonce = b""
        self.until = math.inf
        """When, by the monotonic clock, an answer that is still not whole is waited for no longer."""

    @abstractmethod
    def send(self, packet: bytes) -> None:
        """Send a packet."""

    @abstractmethod
    def next_packet(self, timeout: float) -> bytes | None:
        """The next packet of the key, whosever it is; ``None`` after ``timeout`` seconds."""

    def write_packet(self, data: bytes) -> None:
        self._channels.add(data[:4])
        if data[:4] == _BROADCAST and data[4] == _INIT:
            self._nonce = data[7:15]
        self.send(data)

    def read_packet(self) -> bytes:
        packet = self.receive(SILENCE)
        if packet is None:
            raise DeviceError(f"{self._name} has said nothing for {SILENCE:.0f} s; is it a key, and running?")
        if time.monotonic() > self.until:
            raise DeviceError(f"{self._name} says again and again that it is at work, and does not end")
        return packet

    def settle(self) -> None:
        """Leave no request and no lock behind on the channels that were used."""
        with suppress(DeviceError):
            for channel in self._channels - {_BROADCAST}:
                for command, data in ((CTAPHID.CANCEL, b""), (CTAPHID.INIT, bytes(8)), (CTAPHID.LOCK, b"\0")):
                    head = channel + bytes((TYPE_INIT | command,)) + len(data).to_bytes(2, "big")
                    self.send((head + data).ljust(_PACKET_SIZE, b"\0"))
            while self.receive(_ECHO_TIME) is not None:
                pass

    def receive(self, timeout: float) -> bytes | None:
        """The next packet on a channel that was written to; ``None`` after ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            packet = self.next_packet(left)
            if packet is not None and self._is_ours(packet):
                return packet
        return None

    def _is_ours(self, packet: bytes) -> bool:
        if packet[:4] == _BROADCAST and packet[4] == _INIT:
            return packet[7:15] == self._nonce
        return packet[:4] in self._channels
