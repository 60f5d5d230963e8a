"""Faults of INIT and of channels (CTAP 2.3 §11.2.3, §11.2.5.3, §11.2.9.1.3)."""

from __future__ import annotations

from emulator.faults.changes import flipped, put
from emulator.faults.fault import Fault
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
    resized,
)
from emulator.faults.wiring import ChangedPackets
from emulator.fido.ctaphid import (
    BROADCAST_CID,
    INITIALIZATION_BIT,
    INITIALIZATION_DATA,
    NONCE_LENGTH,
    RESERVED_CID,
    CtapHidCommand,
    InitializationPacket,
)
from emulator.fido.status import CtapStatus
from emulator.key_parts import Packets

_INIT = CtapHidCommand.INIT


def _echo(request: InitializationPacket) -> bytes:
    return request.data[: min(request.length, INITIALIZATION_DATA)]


def _init_refused_when_busy(packets: Packets) -> Packets:
    assembly = Assembly()

    def instead(packet: bytes) -> list[bytes] | None:
        if assembly.rest > 0 and packet[CMD] == _INIT | INITIALIZATION_BIT:
            return error(BROADCAST_CID, CtapStatus.CHANNEL_BUSY)
        assembly.see(packet)
        return None

    return ChangedPackets(packets, instead=instead)


def _few_channels(packets: Packets) -> Packets:
    given: list[bytes] = []

    def outgoing(out: list[bytes]) -> list[bytes]:
        broadcast = BROADCAST_CID.to_bytes(4, "big")
        given.extend(p[15:19] for p in out if p[:4] == broadcast and p[LENGTH] > NONCE_LENGTH)
        return out

    def instead(packet: bytes) -> list[bytes] | None:
        if packet[:4] in given[:-2]:
            return error(int.from_bytes(packet[:4], "big"), CtapStatus.INVALID_CHANNEL)
        return None

    return ChangedPackets(packets, instead=instead, outgoing=outgoing)


def _other_channel(packet: bytes) -> bytes:
    return packet if packet[:4] == BROADCAST_CID.to_bytes(4, "big") else flipped(3)(packet)


def _synchronises(request: InitializationPacket) -> bool:
    return request.command == _INIT and request.cid != BROADCAST_CID


def _init_answer(request: InitializationPacket) -> bytes:
    return request.data[:NONCE_LENGTH] + request.cid.to_bytes(4, "big") + b"\x02\x00\x00\x00\x04"


def _init_says(name: str, sentence: str, place: int, said: bytes) -> Fault:
    """INIT's answer with other bytes at ``place`` in its data."""
    return hid_fault(name, sentence, answers(_INIT, lambda packet: put(packet, DATA + place, said)))


FAULTS = (
    # §11.2.9.1.3
    hid_fault(
        "nonce-changed",
        "answers INIT with another nonce than it was sent",
        answers(_INIT, flipped(DATA)),
        caught_by="the client, which would otherwise use a channel that was given to another",
    ),
    hid_fault(
        "init-on-new-channel",
        "answers INIT on the channel it gives out, and not where it was asked",
        answers(_INIT, lambda packet: packet[15:19] + packet[4:]),
    ),
    # §11.2.3
    _init_says("init-gives-broadcast", "gives out the broadcast channel", 8, b"\xff\xff\xff\xff"),
    _init_says("init-gives-zero", "gives out channel 0, which is reserved", 8, bytes(4)),
    _init_says("channel-given-twice", "gives the same channel to everybody", 8, bytes((0, 0, 0, 7))),
    # §11.2.9.1.3
    _init_says("protocol-version", "says that it speaks version 3 of CTAPHID", 12, b"\x03"),
    _init_says("capabilities-reserved", "says that it can do what nobody has defined", 16, b"\xf5"),
    hid_fault(
        "init-truncated",
        "leaves its capabilities out of INIT's answer",
        answers(_INIT, resized(-1)),
    ),
    hid_fault(
        "init-too-long",
        "says more in INIT's answer than there is to say",
        answers(_INIT, resized(1)),
    ),
    hid_fault(
        "capability-cbor",
        "says of CTAP2 the contrary of what is so",
        answers(_INIT, flipped(DATA + 16, 0x04)),
    ),
    hid_fault(
        "capability-nmsg",
        "says of U2F the contrary of what is so",
        answers(_INIT, flipped(DATA + 16, 0x08)),
    ),
    hid_fault(
        "init-reallocates",
        "gives a channel that is synchronised another number",
        answers(_INIT, lambda packet: packet if packet[0] == 0xFF else flipped(DATA + 11)(packet)),
    ),
    # §11.2.5.3
    hid_fault(
        "resync-ignored",
        "answers INIT on a channel and goes on with what the channel did",
        answered(_synchronises, _init_answer),
    ),
    # §11.2.9.1.3
    hid_fault(
        "init-refused-when-busy",
        "gives no channel while it is busy",
        _init_refused_when_busy,
        caught_by=OTHERS,
    ),
    # §11.2.3
    hid_fault(
        "channels-survive",
        "knows its channels still after a power cycle",
        lambda packets: ChangedPackets(packets, forgets=False),
        caught_by=OTHERS,
    ),
    hid_fault("few-channels", "remembers two channels and no more", _few_channels, caught_by=OTHERS),
    # §11.2.4
    hid_fault("wrong-channel", "answers on a channel that nobody was given", each(_other_channel)),
    # §11.2.3
    hid_fault(
        "broadcast-served",
        "serves requests on the broadcast channel",
        answered(lambda request: request.cid == BROADCAST_CID and request.command != _INIT, _echo),
    ),
    hid_fault(
        "channel-zero-served",
        "serves requests on channel 0",
        answered(lambda request: request.cid == RESERVED_CID, _echo),
    ),
)
