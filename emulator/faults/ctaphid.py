"""Faults of the packets (CTAP 2.3 §11.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from emulator.faults.changes import Change, flipped, put
from emulator.faults.fault import Family, Fault, Layer, Parts
from emulator.faults.wiring import ChangedCommands, ChangedPackets
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctaphid import (
    BROADCAST_CID,
    INITIALIZATION_BIT,
    INITIALIZATION_DATA,
    NONCE_LENGTH,
    RESERVED_CID,
    ContinuationPacket,
    CtapHidCommand,
    InitializationPacket,
    KeepaliveStatus,
    encode_message,
    parse_packet,
)
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands, Packets

Wrap = Callable[[Packets], Packets]

_CMD, _LENGTH, _DATA = 4, 6, 7
"""Where in an initialization packet its command stands, the low byte of its length, its data."""

UNUSABLE = "the client, which gets no answer that it could use"
OTHERS = "the key's other clients, which come to grief through no fault of theirs"


_family = Family(prefix="hid-", caught_by=UNUSABLE, layer=Layer.PACKET)


def _fault(name: str, sentence: str, packets: Wrap, *, caught_by: str | None = None) -> Fault:
    return _family(name, sentence, packets=packets, caught_by=caught_by)


# What leaves.


def _outgoing(change: Callable[[list[bytes]], list[bytes]]) -> Wrap:
    return lambda packets: ChangedPackets(packets, outgoing=change)


def _each(change: Change) -> Wrap:
    return _outgoing(lambda packets: [change(packet) for packet in packets])


def _answers(command: CtapHidCommand, change: Change) -> Wrap:
    """The initialization packets of ``command``, changed."""
    wanted = command | INITIALIZATION_BIT
    return _each(lambda packet: change(packet) if packet[_CMD] == wanted else packet)


def _errors(change: Callable[[bytes, CtapStatus], bytes | None], status: CtapStatus) -> Wrap:
    """Errors of ``status``, changed or swallowed."""
    error = bytes((CtapHidCommand.ERROR | INITIALIZATION_BIT, 0, 1, status))

    def outgoing(packets: list[bytes]) -> list[bytes]:
        changed = [change(p, status) if p[_CMD : _DATA + 1] == error else p for p in packets]
        return [packet for packet in changed if packet is not None]

    return _outgoing(outgoing)


def _resized(by: int) -> Change:
    """Another length declared than the data has; nothing is not made less."""
    return lambda packet: put(packet, _LENGTH, bytes((max(packet[_LENGTH] + by, 0),)))


def _is_continuation(packet: bytes) -> bool:
    return not packet[_CMD] & INITIALIZATION_BIT


# What arrives.


def _incoming(change: Callable[[bytes], bytes | None]) -> Wrap:
    return lambda packets: ChangedPackets(packets, incoming=change)


def _requests(command: CtapHidCommand, change: Callable[[InitializationPacket, bytes], bytes | None]) -> Wrap:
    """The first packets of requests of ``command``, changed or kept from the key."""

    def incoming(packet: bytes) -> bytes | None:
        match parse_packet(packet):
            case InitializationPacket(command=found) as first if found == command:
                return change(first, packet)
        return packet

    return _incoming(incoming)


def _answered(
    wanted: Callable[[InitializationPacket], bool], answer: Callable[[InitializationPacket], bytes]
) -> Wrap:
    """Requests that are answered, with data, without the key ever seeing them."""

    def instead(packet: bytes) -> list[bytes] | None:
        match parse_packet(packet):
            case InitializationPacket() as first if wanted(first):
                return encode_message(first.cid, first.command, answer(first))
        return None

    return lambda packets: ChangedPackets(packets, instead=instead)


def _echo(request: InitializationPacket) -> bytes:
    return request.data[: min(request.length, INITIALIZATION_DATA)]


def _error(cid: int, status: CtapStatus) -> list[bytes]:
    return encode_message(cid, CtapHidCommand.ERROR, bytes((status,)))


class _Assembly:
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


def _sequence_unchecked(packets: Packets) -> Packets:
    assembly = _Assembly()

    def incoming(packet: bytes) -> bytes:
        expected = bytes((assembly.sequence,))
        return assembly.see(put(packet, _CMD, expected) if _is_continuation(packet) else packet)

    return ChangedPackets(packets, incoming=incoming)


def _stray_packets_answered(packets: Packets) -> Packets:
    assembly = _Assembly()

    def besides(packet: bytes) -> list[bytes]:
        stray = _is_continuation(packet) and assembly.rest <= 0
        assembly.see(packet)
        return _error(int.from_bytes(packet[:4], "big"), CtapStatus.INVALID_SEQ) if stray else []

    return ChangedPackets(packets, besides=besides)


def _other_channels_break_in(packets: Packets) -> Packets:
    assembly = _Assembly()

    def incoming(packet: bytes) -> bytes:
        if _is_continuation(packet) and assembly.rest > 0:
            packet = assembly.cid.to_bytes(4, "big") + packet[4:]
        return assembly.see(packet)

    return ChangedPackets(packets, incoming=incoming)


def _init_refused_when_busy(packets: Packets) -> Packets:
    assembly = _Assembly()

    def instead(packet: bytes) -> list[bytes] | None:
        if assembly.rest > 0 and packet[_CMD] == CtapHidCommand.INIT | INITIALIZATION_BIT:
            return _error(BROADCAST_CID, CtapStatus.CHANNEL_BUSY)
        assembly.see(packet)
        return None

    return ChangedPackets(packets, instead=instead)


def _cancel_by_anyone(packets: Packets) -> Packets:
    channel = b""

    def incoming(packet: bytes) -> bytes:
        nonlocal channel
        if packet[_CMD] == CtapHidCommand.CBOR | INITIALIZATION_BIT:
            channel = packet[:4]
        if packet[_CMD] == CtapHidCommand.CANCEL | INITIALIZATION_BIT and channel:
            return channel + packet[4:]
        return packet

    return ChangedPackets(packets, incoming=incoming)


def _stuck_after_cancel(packets: Packets) -> Packets:
    cancelled = False

    def incoming(packet: bytes) -> bytes | None:
        nonlocal cancelled
        if cancelled and packet[_CMD] == CtapHidCommand.CBOR | INITIALIZATION_BIT:
            return None
        cancelled |= packet[_CMD] == CtapHidCommand.CANCEL | INITIALIZATION_BIT
        return packet

    return ChangedPackets(packets, incoming=incoming)


def _few_channels(packets: Packets) -> Packets:
    given: list[bytes] = []

    def outgoing(out: list[bytes]) -> list[bytes]:
        broadcast = BROADCAST_CID.to_bytes(4, "big")
        given.extend(p[15:19] for p in out if p[:4] == broadcast and p[_LENGTH] > NONCE_LENGTH)
        return out

    def instead(packet: bytes) -> list[bytes] | None:
        if packet[:4] in given[:-2]:
            return _error(int.from_bytes(packet[:4], "big"), CtapStatus.INVALID_CHANNEL)
        return None

    return ChangedPackets(packets, instead=instead, outgoing=outgoing)


def _late_keepalives(packets: Packets) -> Packets:
    count = 0

    def keepalive(status: KeepaliveStatus) -> KeepaliveStatus | None:
        nonlocal count
        count += 1
        return status if count % 5 == 1 else None

    return ChangedPackets(packets, keepalive=keepalive)


def _needs_zero_padding(packet: bytes) -> bytes | None:
    match parse_packet(packet):
        case InitializationPacket(length=length, data=data) if any(data[length:]):
            return None
    return packet


def _cancel_answered(packet: bytes) -> list[bytes]:
    if packet[_CMD] != CtapHidCommand.CANCEL | INITIALIZATION_BIT:
        return []
    return encode_message(int.from_bytes(packet[:4], "big"), CtapHidCommand.CANCEL, b"")


def _cancel_says_denied(packet: bytes) -> bytes:
    cancelled = packet[_DATA] == CtapStatus.KEEPALIVE_CANCEL
    return put(packet, _DATA, bytes((CtapStatus.OPERATION_DENIED,))) if cancelled else packet


def _other_channel(packet: bytes) -> bytes:
    return packet if packet[:4] == BROADCAST_CID.to_bytes(4, "big") else flipped(3)(packet)


def _synchronises(request: InitializationPacket) -> bool:
    return request.command == CtapHidCommand.INIT and request.cid != BROADCAST_CID


def _init_answer(request: InitializationPacket) -> bytes:
    return request.data[:NONCE_LENGTH] + request.cid.to_bytes(4, "big") + b"\x02\x00\x00\x00\x04"


def _locks(seconds: int | None) -> Callable[[InitializationPacket], bool]:
    return lambda request: request.command == CtapHidCommand.LOCK and seconds in (None, request.data[0])


def _unknown_command_accepted(commands: Commands, _: Parts) -> Commands:
    known = {*CtapCommand}

    def answer(message: bytes, answer: bytes) -> bytes:
        return bytes((CtapStatus.SUCCESS,)) if message[0] not in known else answer

    return ChangedCommands(commands, answer=answer)


def _init_says(name: str, sentence: str, place: int, said: bytes) -> Fault:
    """INIT's answer with other bytes at ``place`` in its data."""
    return _fault(
        name, sentence, _answers(CtapHidCommand.INIT, lambda packet: put(packet, _DATA + place, said))
    )


ERRORS = {
    CtapStatus.INVALID_COMMAND: "a command that it does not know",
    CtapStatus.INVALID_LENGTH: "a message of an impossible length",
    CtapStatus.INVALID_SEQ: "a message whose packets are out of order",
    CtapStatus.TIMEOUT: "a message that was never finished",
    CtapStatus.CHANNEL_BUSY: "a request that came while another ran",
    CtapStatus.INVALID_CHANNEL: "a channel that it never gave out",
}


def _about_errors() -> Iterator[Fault]:
    for status, what in ERRORS.items():
        name = status.name.lower().replace("_", "-")
        yield _fault(f"silent-about-{name}", f"says nothing of {what}", _errors(lambda _, __: None, status))
        yield _fault(
            f"wrong-about-{name}",
            f"says OTHER of {what}",
            _errors(lambda packet, _: put(packet, _DATA, bytes((CtapStatus.OTHER,))), status),
            caught_by="the client, which cannot tell what to do about it",
        )


_INIT, _PING, _KEEPALIVE = CtapHidCommand.INIT, CtapHidCommand.PING, CtapHidCommand.KEEPALIVE

FAULTS = (
    # §11.2.9.1.3
    _fault(
        "nonce-changed",
        "answers INIT with another nonce than it was sent",
        _answers(_INIT, flipped(_DATA)),
        caught_by="the client, which would otherwise use a channel that was given to another",
    ),
    _fault(
        "init-on-new-channel",
        "answers INIT on the channel it gives out, and not where it was asked",
        _answers(_INIT, lambda packet: packet[15:19] + packet[4:]),
    ),
    # §11.2.3
    _init_says("init-gives-broadcast", "gives out the broadcast channel", 8, b"\xff\xff\xff\xff"),
    _init_says("init-gives-zero", "gives out channel 0, which is reserved", 8, bytes(4)),
    _init_says("channel-given-twice", "gives the same channel to everybody", 8, bytes((0, 0, 0, 7))),
    # §11.2.9.1.3
    _init_says("protocol-version", "says that it speaks version 3 of CTAPHID", 12, b"\x03"),
    _init_says("capabilities-reserved", "says that it can do what nobody has defined", 16, b"\xf5"),
    _fault("init-truncated", "leaves its capabilities out of INIT's answer", _answers(_INIT, _resized(-1))),
    _fault("init-too-long", "says more in INIT's answer than there is to say", _answers(_INIT, _resized(1))),
    _fault(
        "capability-cbor",
        "says of CTAP2 the contrary of what is so",
        _answers(_INIT, flipped(_DATA + 16, 0x04)),
    ),
    _fault(
        "capability-nmsg",
        "says of U2F the contrary of what is so",
        _answers(_INIT, flipped(_DATA + 16, 0x08)),
    ),
    _fault(
        "init-reallocates",
        "gives a channel that is synchronised another number",
        _answers(_INIT, lambda packet: packet if packet[0] == 0xFF else flipped(_DATA + 11)(packet)),
    ),
    # §11.2.5.3
    _fault(
        "resync-ignored",
        "answers INIT on a channel and goes on with what the channel did",
        _answered(_synchronises, _init_answer),
    ),
    # §11.2.9.1.3
    _fault(
        "init-refused-when-busy",
        "gives no channel while it is busy",
        _init_refused_when_busy,
        caught_by=OTHERS,
    ),
    # §11.2.3
    _fault(
        "channels-survive",
        "knows its channels still after a power cycle",
        lambda packets: ChangedPackets(packets, forgets=False),
        caught_by=OTHERS,
    ),
    _fault("few-channels", "remembers two channels and no more", _few_channels, caught_by=OTHERS),
    # §11.2.4
    _fault("wrong-channel", "answers on a channel that nobody was given", _each(_other_channel)),
    # §11.2.3
    _fault(
        "broadcast-served",
        "serves requests on the broadcast channel",
        _answered(lambda request: request.cid == BROADCAST_CID and request.command != _INIT, _echo),
    ),
    _fault(
        "channel-zero-served",
        "serves requests on channel 0",
        _answered(lambda request: request.cid == RESERVED_CID, _echo),
    ),
    # §11.2.4
    _fault("wrong-length", "declares one byte less than its answer has", _answers(_PING, _resized(-1))),
    # §11.2.9.1.4
    _fault(
        "ping-changed",
        "answers PING with other bytes than it was sent",
        _answers(_PING, flipped(_DATA)),
    ),
    _fault(
        "ping-never-empty",
        "answers an empty PING with a byte",
        _answers(_PING, lambda packet: packet if packet[_LENGTH] else _resized(1)(packet)),
    ),
    # §11.2.4
    _fault(
        "packets-dropped",
        "loses the second packet of every answer",
        _outgoing(lambda packets: packets[:1] + packets[2:]),
    ),
    _fault(
        "packets-swapped",
        "sends the second and the third packet of an answer in the wrong order",
        _outgoing(lambda packets: packets[:1] + packets[2:3] + packets[1:2] + packets[3:]),
    ),
    _fault(
        "packets-twice",
        "sends the second packet of an answer twice",
        _outgoing(lambda packets: packets[:2] + packets[1:]),
    ),
    _fault(
        "sequence-from-one",
        "numbers continuation packets from one on",
        _each(
            lambda packet: (
                put(packet, _CMD, bytes((packet[_CMD] + 1,))) if _is_continuation(packet) else packet
            )
        ),
    ),
    # §11.2.5.4
    _fault("sequence-unchecked", "takes packets in whatever order they come", _sequence_unchecked),
    _fault("stray-packets-answered", "complains of packets that belong to nothing", _stray_packets_answered),
    _fault(
        "other-channels-break-in",
        "takes another channel's packet for a part of the message it receives",
        _other_channels_break_in,
        caught_by=OTHERS,
    ),
    # §11.2.5.2
    _fault(
        "assembly-never-ends",
        "waits for ever for the rest of a message, and is busy meanwhile",
        lambda packets: ChangedPackets(packets, timers=False),
        caught_by=OTHERS,
    ),
    # §11.2.4
    _fault(
        "needs-zero-padding",
        "is deaf to packets that are not filled up with zeros",
        _incoming(_needs_zero_padding),
    ),
    # §11.2.9.1.6
    _fault("error-two-bytes", "sends errors of two bytes", _answers(CtapHidCommand.ERROR, _resized(1))),
    # §11.2.9.1.2
    _fault(
        "cbor-empty-answered",
        "answers a CBOR request in which there is nothing",
        _answered(
            lambda request: request.command == CtapHidCommand.CBOR and not request.length, lambda _: b"\x00"
        ),
    ),
    # §11.2.9.1.5
    _fault(
        "cancel-ignored",
        "goes on with what was cancelled",
        _requests(CtapHidCommand.CANCEL, lambda _, __: None),
        caught_by="the client: the request that its user gave up is answered all the same",
    ),
    _fault(
        "cancel-says-denied",
        "says of a request that was cancelled that its user declined",
        _answers(CtapHidCommand.CBOR, _cancel_says_denied),
    ),
    _fault(
        "cancel-answered",
        "answers CANCEL itself",
        lambda packets: ChangedPackets(packets, besides=_cancel_answered),
    ),
    _fault(
        "cancel-by-anyone", "lets any channel cancel another's request", _cancel_by_anyone, caught_by=OTHERS
    ),
    _fault("stuck-after-cancel", "answers no CTAP2 request any more after a cancel", _stuck_after_cancel),
    # §11.2.9.1.7
    _fault(
        "no-keepalive",
        "sends no keepalive while it waits",
        lambda packets: ChangedPackets(packets, keepalive=lambda _: None),
        caught_by="the client: it takes the key to be dead, or cannot ask for the touch",
    ),
    _fault("keepalive-late", "sends a keepalive twice a second", _late_keepalives),
    _fault(
        "keepalive-status",
        "says that it is processing while it waits for a touch",
        lambda packets: ChangedPackets(packets, keepalive=lambda _: KeepaliveStatus.PROCESSING),
        caught_by="the client, which does not ask its user for the touch",
    ),
    _fault("keepalive-two-bytes", "sends keepalives of two bytes", _answers(_KEEPALIVE, _resized(1))),
    # §11.2.9.2.2
    _fault(
        "lock-holds-nobody",
        "answers LOCK and lets others in",
        _answered(_locks(None), lambda _: b""),
        caught_by=OTHERS,
    ),
    _fault(
        "lock-never-ends",
        "holds a lock for ten seconds whatever was asked",
        _requests(
            CtapHidCommand.LOCK,
            lambda first, packet: put(packet, _DATA, b"\x0a") if first.data[0] else packet,
        ),
        caught_by=OTHERS,
    ),
    _fault(
        "lock-not-released",
        "does not let go of a lock",
        _answered(_locks(0), lambda _: b""),
        caught_by=OTHERS,
    ),
    _fault(
        "lock-too-long-taken",
        "takes a lock for longer than ten seconds",
        _requests(
            CtapHidCommand.LOCK, lambda first, packet: put(packet, _DATA, bytes((min(first.data[0], 10),)))
        ),
        caught_by=OTHERS,
    ),
    # §11.2.9.2.1
    _fault("wink-with-data", "answers WINK with data", _answers(CtapHidCommand.WINK, _resized(1))),
    *_about_errors(),
    # §8.1
    Family(prefix="ctap2-", caught_by="the client, which takes the key to be able to do what it cannot")(
        "unknown-command-accepted",
        "says SUCCESS to commands that nobody has defined",
        _unknown_command_accepted,
    ),
)
