"""CTAPHID packets changed on their way (CTAP 2.3 §11.2.4)."""

from __future__ import annotations

from collections.abc import Callable

from emulator.faults.changes import Change, put
from emulator.faults.fault import Family, Layer
from emulator.faults.wiring import ChangedPackets
from emulator.fido.ctaphid import (
    INITIALIZATION_BIT,
    INITIALIZATION_DATA,
    RESERVED_CID,
    ContinuationPacket,
    CtapHidCommand,
    InitializationPacket,
    encode_message,
    parse_packet,
)
from emulator.fido.status import CtapStatus
from emulator.key_parts import Packets

PacketsWrap = Callable[[Packets], Packets]
"""Puts packets of its own in the place of a key's."""

CMD, LENGTH, DATA = 4, 6, 7
"""Where in an initialization packet its command stands, the low byte of its length, its data."""

UNUSABLE = "the client, which gets no answer that it could use"
OTHERS = "the key's other clients, which come to grief through no fault of theirs"

hid_fault = Family(prefix="hid-", caught_by=UNUSABLE, layer=Layer.PACKET).of_packets
"""Makes one of the faults of packets."""


# What leaves.


def outgoing(change: Callable[[list[bytes]], list[bytes]]) -> PacketsWrap:
    """All that leaves at once, changed."""
    return lambda packets: ChangedPackets(packets, outgoing=change)


def each(change: Change) -> PacketsWrap:
    """Every packet that leaves, changed."""
    return outgoing(lambda packets: [change(packet) for packet in packets])


def answers(command: CtapHidCommand, change: Change) -> PacketsWrap:
    """The initialization packets of ``command``, changed."""
    wanted = command | INITIALIZATION_BIT
    return each(lambda packet: change(packet) if packet[CMD] == wanted else packet)


def errors(change: Callable[[bytes, CtapStatus], bytes | None], status: CtapStatus) -> PacketsWrap:
    """Errors of ``status``, changed or swallowed."""
    error = bytes((CtapHidCommand.ERROR | INITIALIZATION_BIT, 0, 1, status))

    def told(packets: list[bytes]) -> list[bytes]:
        changed = [change(p, status) if p[CMD : DATA + 1] == error else p for p in packets]
        return [packet for packet in changed if packet is not None]

    return outgoing(told)


def resized(by: int) -> Change:
    """Another length declared than the data has; nothing is not made less."""
    return lambda packet: put(packet, LENGTH, bytes((max(packet[LENGTH] + by, 0),)))


def is_continuation(packet: bytes) -> bool:
    """Whether it is no packet that a message begins with."""
    return not packet[CMD] & INITIALIZATION_BIT


# What arrives.


def incoming(change: Callable[[bytes], bytes | None]) -> PacketsWrap:
    """Each packet that arrives changed, or with ``None`` kept from the key."""
    return lambda packets: ChangedPackets(packets, incoming=change)


def requests(
    command: CtapHidCommand, change: Callable[[InitializationPacket, bytes], bytes | None]
) -> PacketsWrap:
    """The first packets of requests of ``command``, changed or kept from the key."""

    def heard(packet: bytes) -> bytes | None:
        match parse_packet(packet):
            case InitializationPacket(command=found) as first if found == command:
                return change(first, packet)
        return packet

    return incoming(heard)


def answered(
    wanted: Callable[[InitializationPacket], bool], answer: Callable[[InitializationPacket], bytes]
) -> PacketsWrap:
    """Requests that are answered, with data, without the key ever seeing them."""

    def instead(packet: bytes) -> list[bytes] | None:
        match parse_packet(packet):
            case InitializationPacket() as first if wanted(first):
                return encode_message(first.cid, first.command, answer(first))
        return None

    return lambda packets: ChangedPackets(packets, instead=instead)


def error(cid: int, status: CtapStatus) -> list[bytes]:
    """The packets of an error."""
    return encode_message(cid, CtapHidCommand.ERROR, bytes((status,)))


class Assembly:
    """Follows the packets that arrive: whose message is half received, and which number comes next."""

    def __init__(self) -> None:
        self.cid, self.rest, self.sequence = RESERVED_CID, 0, 0

    def see(self, packet: bytes) -> bytes:
        """Note a packet that the key is about to get."""
        match parse_packet(packet):
            case InitializationPacket(cid=cid, length=length) if length > INITIALIZATION_DATA:
                self.cid, self.rest, self.sequence = cid, length - INITIALIZATION_DATA, 0
            case ContinuationPacket(cid=cid) if cid == self.cid:
                self.rest, self.sequence = self.rest - len(packet[5:]), self.sequence + 1
        return packet
