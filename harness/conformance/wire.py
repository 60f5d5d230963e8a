"""Raw CTAPHID packets to and from the key under test (CTAP 2.3 §11.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fido2.hid import CTAPHID, TYPE_INIT

from harness.conformance.trace import Trace
from harness.devices.key import Key

PACKET_SIZE = 64
FIRST_DATA, NEXT_DATA = PACKET_SIZE - 7, PACKET_SIZE - 5
BROADCAST = b"\xff\xff\xff\xff"
NONCE = bytes(range(8))
PATIENCE = 3.0
"""Seconds of the key's time to wait for a packet; at work it sends a keepalive every 0.1 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A whole message: where it was sent, its command, its data."""

    channel: bytes
    command: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """INIT's answer (§11.2.9.1.3)."""

    nonce: bytes
    channel: bytes
    protocol_version: int
    device_version: tuple[int, int, int]
    capabilities: int


class Wire:
    """The packets' side of the key under test."""

    def __init__(self, key: Key, trace: Trace) -> None:
        self._key = key
        self._trace = trace

    def send_packet(self, packet: bytes) -> None:
        """Send one packet as it is."""
        self._trace.sent("packet", packet)
        self._key.send_packet(packet)

    def receive_packet(self, timeout: float = PATIENCE) -> bytes | None:
        """The next packet; ``None`` if none comes within ``timeout`` seconds."""
        packet = self._key.receive_packet(timeout)
        if packet is not None:
            self._trace.received("packet", packet)
            assert len(packet) == PACKET_SIZE, f"a packet of {len(packet)} bytes came, not of {PACKET_SIZE}"
        return packet

    def send(self, channel: bytes, command: int, data: bytes = b"") -> None:
        """Send a whole message in its packets."""
        for packet in packets(channel, command, data):
            self.send_packet(packet)

    def receive(self, timeout: float = PATIENCE) -> Message:
        """The next whole message, keepalives included; fails for packets that make none, or none at all."""
        first = self.receive_packet(timeout)
        assert first is not None, f"nothing came from the key within {timeout:g} s"
        assert first[4] & TYPE_INIT, f"a message begins with a continuation packet: {first.hex()}"
        channel, length = first[:4], int.from_bytes(first[5:7], "big")
        data, sequence = first[7:], 0
        while len(data) < length:
            packet = self.receive_packet(timeout)
            assert packet is not None, f"the message ends after {len(data)} of {length} bytes"
            assert packet[:4] == channel, "a packet of another channel came within a message"
            assert packet[4] == sequence, f"continuation packet {packet[4]} came where {sequence} was due"
            data, sequence = data + packet[5:], sequence + 1
        return Message(channel=channel, command=first[4] & ~TYPE_INIT, data=data[:length])

    def silent(self, timeout: float = 1.0) -> None:
        """Fails if anything comes within ``timeout`` seconds."""
        packet = self.receive_packet(timeout)
        assert packet is None, f"the key sent {packet.hex() if packet else ''} where nothing was due"

    def answer(self, channel: bytes, command: int, data: bytes = b"") -> Message:
        """Send a message and receive what answers it, keepalives passed over."""
        self.send(channel, command, data)
        return self.after_keepalives()

    def after_keepalives(self, timeout: float = PATIENCE) -> Message:
        """The next message that is no keepalive."""
        while (message := self.receive(timeout)).command == CTAPHID.KEEPALIVE:
            pass
        return message

    def init(self, channel: bytes = BROADCAST, nonce: bytes = NONCE) -> Channel:
        """Ask for a channel, or end what runs on ``channel``; fails unless answered as §11.2.9.1.3 says."""
        message = self.answer(channel, CTAPHID.INIT, nonce)
        assert message.channel == channel, f"INIT was answered on channel {message.channel.hex()}"
        assert message.command == CTAPHID.INIT, f"INIT was answered by command 0x{message.command:02X}"
        data = message.data
        assert len(data) >= 17, f"INIT's answer has {len(data)} bytes where 17 are due"
        return Channel(
            nonce=data[:8],
            channel=data[8:12],
            protocol_version=data[12],
            device_version=(data[13], data[14], data[15]),
            capabilities=data[16],
        )

    def error(self, message: Message) -> int:
        """The code of an ERROR message; fails if it is another."""
        assert message.command == CTAPHID.ERROR, f"command 0x{message.command:02X} came where ERROR was due"
        assert len(message.data) == 1, f"ERROR has {len(message.data)} bytes where one is due"
        return message.data[0]


def packets(channel: bytes, command: int, data: bytes = b"") -> Iterator[bytes]:
    """A message's packets (§11.2.4)."""
    head = channel + bytes((command | TYPE_INIT,)) + len(data).to_bytes(2, "big")
    yield (head + data[:FIRST_DATA]).ljust(PACKET_SIZE, b"\x00")
    for sequence, start in enumerate(range(FIRST_DATA, len(data), NEXT_DATA)):
        yield (channel + bytes((sequence,)) + data[start : start + NEXT_DATA]).ljust(PACKET_SIZE, b"\x00")
