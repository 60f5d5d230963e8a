"""Faults of the packets (CTAP 2.3 §11.2)."""

from __future__ import annotations

from collections.abc import Callable

from emulator.faults.fault import Fault, Layer
from emulator.faults.wiring import ChangedPackets
from emulator.fido.ctaphid import (
    BROADCAST_CID,
    INITIALIZATION_BIT,
    CtapHidCommand,
    InitializationPacket,
    KeepaliveStatus,
    parse_packet,
)
from emulator.security_key import Packets

CLIENT = "the client: what it asked is never answered, or by bytes that are not a CTAPHID message"


def _outgoing(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Packets], Packets]:
    return lambda packets: ChangedPackets(packets, outgoing=change)


def _each(change: Callable[[bytes], bytes]) -> Callable[[Packets], Packets]:
    return _outgoing(lambda packets: [change(packet) for packet in packets])


def _answers(command: CtapHidCommand, change: Callable[[bytes], bytes]) -> Callable[[Packets], Packets]:
    """The initialization packets of answers to ``command``, changed."""
    wanted = command | INITIALIZATION_BIT
    return _each(lambda packet: change(packet) if packet[4] == wanted else packet)


def _ignores(command: CtapHidCommand) -> Callable[[Packets], Packets]:
    """Requests of ``command`` never arrive."""

    def incoming(packet: bytes) -> bytes | None:
        match parse_packet(packet):
            case InitializationPacket(command=found) if found == command:
                return None
        return packet

    return lambda packets: ChangedPackets(packets, incoming=incoming)


def _xor(packet: bytes, place: int, bits: int = 0xFF) -> bytes:
    return packet[:place] + bytes((packet[place] ^ bits,)) + packet[place + 1 :]


FAULTS = (
    Fault(
        name="hid-nonce-changed",
        layer=Layer.PACKET,
        sentence="answers INIT with another nonce than it was sent",
        caught_by="the client, which would otherwise use a channel that was given to another",
        packets=_answers(CtapHidCommand.INIT, lambda packet: _xor(packet, 7)),
    ),
    Fault(
        name="hid-init-on-new-channel",
        layer=Layer.PACKET,
        sentence="answers INIT on the channel it gives out, and not where it was asked",
        caught_by=CLIENT,
        packets=_answers(CtapHidCommand.INIT, lambda packet: packet[15:19] + packet[4:]),
    ),
    Fault(
        name="hid-wrong-channel",
        layer=Layer.PACKET,
        sentence="answers on a channel that nobody was given",
        caught_by=CLIENT,
        packets=_each(lambda packet: packet if _is_broadcast(packet) else _xor(packet, 3)),
    ),
    Fault(
        name="hid-wrong-length",
        layer=Layer.PACKET,
        sentence="declares one byte less than its answer has",
        caught_by="the client: the CBOR or the echo that arrives is cut short",
        packets=_answers(CtapHidCommand.PING, lambda packet: _shortened(packet)),
    ),
    Fault(
        name="hid-packets-dropped",
        layer=Layer.PACKET,
        sentence="loses the second packet of every answer",
        caught_by=CLIENT,
        packets=_outgoing(lambda packets: packets[:1] + packets[2:]),
    ),
    Fault(
        name="hid-packets-swapped",
        layer=Layer.PACKET,
        sentence="sends the second and the third packet of an answer in the wrong order",
        caught_by="the client, by the sequence numbers",
        packets=_outgoing(lambda packets: packets[:1] + packets[2:3] + packets[1:2] + packets[3:]),
    ),
    Fault(
        name="hid-packets-twice",
        layer=Layer.PACKET,
        sentence="sends the second packet of an answer twice",
        caught_by="the client, by the sequence numbers",
        packets=_outgoing(lambda packets: packets[:2] + packets[1:]),
    ),
    Fault(
        name="hid-cancel-ignored",
        layer=Layer.PACKET,
        sentence="goes on with what was cancelled",
        caught_by="the client: the request that its user gave up is answered all the same",
        packets=_ignores(CtapHidCommand.CANCEL),
    ),
    Fault(
        name="hid-no-keepalive",
        layer=Layer.PACKET,
        sentence="sends no keepalive while it waits",
        caught_by="the client: it takes the key to be dead, or cannot ask for the touch",
        packets=lambda packets: ChangedPackets(packets, keepalive=lambda _: None),
    ),
    Fault(
        name="hid-keepalive-status",
        layer=Layer.PACKET,
        sentence="says that it is processing while it waits for a touch",
        caught_by="the client, which does not ask its user for the touch",
        packets=lambda packets: ChangedPackets(packets, keepalive=lambda _: KeepaliveStatus.PROCESSING),
    ),
    Fault(
        name="hid-assembly-never-ends",
        layer=Layer.PACKET,
        sentence="waits for ever for the rest of a message, and is busy meanwhile",
        caught_by="the other clients of the key, which it refuses until it is replugged",
        packets=lambda packets: ChangedPackets(packets, timers=False),
    ),
)


def _is_broadcast(packet: bytes) -> bool:
    return packet[:4] == BROADCAST_CID.to_bytes(4, "big")


def _shortened(packet: bytes) -> bytes:
    length = int.from_bytes(packet[5:7], "big")
    return packet[:5] + (length - 1).to_bytes(2, "big") + packet[7:] if length else packet
