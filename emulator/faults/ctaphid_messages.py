"""Faults of messages made of packets (CTAP 2.3 §11.2.4)."""

from __future__ import annotations

from emulator.faults.changes import flipped, put
from emulator.faults.packets import (
    CMD,
    DATA,
    LENGTH,
    OTHERS,
    Assembly,
    answered,
    answers,
    each,
    error,
    hid_fault,
    incoming,
    is_continuation,
    outgoing,
    resized,
)
from emulator.faults.wiring import ChangedPackets
from emulator.fido.ctaphid import (
    CtapHidCommand,
    InitializationPacket,
    parse_packet,
)
from emulator.fido.status import CtapStatus
from emulator.key_parts import Packets

_PING = CtapHidCommand.PING


def _sequence_unchecked(packets: Packets) -> Packets:
    assembly = Assembly()

    def incoming(packet: bytes) -> bytes:
        expected = bytes((assembly.sequence,))
        return assembly.see(put(packet, CMD, expected) if is_continuation(packet) else packet)

    return ChangedPackets(packets, incoming=incoming)


def _stray_packets_answered(packets: Packets) -> Packets:
    assembly = Assembly()

    def besides(packet: bytes) -> list[bytes]:
        stray = is_continuation(packet) and assembly.rest <= 0
        assembly.see(packet)
        return error(int.from_bytes(packet[:4], "big"), CtapStatus.INVALID_SEQ) if stray else []

    return ChangedPackets(packets, besides=besides)


def _other_channels_break_in(packets: Packets) -> Packets:
    assembly = Assembly()

    def incoming(packet: bytes) -> bytes:
        if is_continuation(packet) and assembly.rest > 0:
            packet = assembly.cid.to_bytes(4, "big") + packet[4:]
        return assembly.see(packet)

    return ChangedPackets(packets, incoming=incoming)


def _needs_zero_padding(packet: bytes) -> bytes | None:
    match parse_packet(packet):
        case InitializationPacket(length=length, data=data) if any(data[length:]):
            return None
    return packet


FAULTS = (
    # §11.2.4
    hid_fault(
        "wrong-length",
        "declares one byte less than its answer has",
        answers(_PING, resized(-1)),
    ),
    # §11.2.9.1.4
    hid_fault(
        "ping-changed",
        "answers PING with other bytes than it was sent",
        answers(_PING, flipped(DATA)),
    ),
    hid_fault(
        "ping-never-empty",
        "answers an empty PING with a byte",
        answers(_PING, lambda packet: packet if packet[LENGTH] else resized(1)(packet)),
    ),
    # §11.2.4
    hid_fault(
        "packets-dropped",
        "loses the second packet of every answer",
        outgoing(lambda packets: packets[:1] + packets[2:]),
    ),
    hid_fault(
        "packets-swapped",
        "sends the second and the third packet of an answer in the wrong order",
        outgoing(lambda packets: packets[:1] + packets[2:3] + packets[1:2] + packets[3:]),
    ),
    hid_fault(
        "packets-twice",
        "sends the second packet of an answer twice",
        outgoing(lambda packets: packets[:2] + packets[1:]),
    ),
    hid_fault(
        "sequence-from-one",
        "numbers continuation packets from one on",
        each(
            lambda packet: put(packet, CMD, bytes((packet[CMD] + 1,))) if is_continuation(packet) else packet
        ),
    ),
    # §11.2.5.4
    hid_fault("sequence-unchecked", "takes packets in whatever order they come", _sequence_unchecked),
    hid_fault(
        "stray-packets-answered", "complains of packets that belong to nothing", _stray_packets_answered
    ),
    hid_fault(
        "other-channels-break-in",
        "takes another channel's packet for a part of the message it receives",
        _other_channels_break_in,
        caught_by=OTHERS,
    ),
    # §11.2.5.2
    hid_fault(
        "assembly-never-ends",
        "waits for ever for the rest of a message, and is busy meanwhile",
        lambda packets: ChangedPackets(packets, timers=False),
        caught_by=OTHERS,
    ),
    # §11.2.4
    hid_fault(
        "needs-zero-padding",
        "is deaf to packets that are not filled up with zeros",
        incoming(_needs_zero_padding),
    ),
    # §11.2.9.1.6
    hid_fault("error-two-bytes", "sends errors of two bytes", answers(CtapHidCommand.ERROR, resized(1))),
    # §11.2.9.1.2
    hid_fault(
        "cbor-empty-answered",
        "answers a CBOR request in which there is nothing",
        answered(
            lambda request: request.command == CtapHidCommand.CBOR and not request.length, lambda _: b"\x00"
        ),
    ),
)
