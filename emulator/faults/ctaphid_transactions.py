"""Faults of what is cancelled, kept alive, locked, or refused (CTAP 2.3 §11.2.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from emulator.faults.changes import put
from emulator.faults.fault import Family, Fault, Parts
from emulator.faults.packets import (
    CMD,
    DATA,
    OTHERS,
    answered,
    answers,
    errors,
    hid_fault,
    requests,
    resized,
)
from emulator.faults.wiring import ChangedCommands, ChangedPackets
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctaphid import (
    INITIALIZATION_BIT,
    CtapHidCommand,
    InitializationPacket,
    KeepaliveStatus,
    encode_message,
)
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands, Packets

_KEEPALIVE, _LOCK, _CBOR, _CANCEL = (
    CtapHidCommand.KEEPALIVE,
    CtapHidCommand.LOCK,
    CtapHidCommand.CBOR,
    CtapHidCommand.CANCEL,
)


def _cancel_by_anyone(packets: Packets) -> Packets:
    channel = b""

    def incoming(packet: bytes) -> bytes:
        nonlocal channel
        if packet[CMD] == _CBOR | INITIALIZATION_BIT:
            channel = packet[:4]
        if packet[CMD] == _CANCEL | INITIALIZATION_BIT and channel:
            return channel + packet[4:]
        return packet

    return ChangedPackets(packets, incoming=incoming)


def _stuck_after_cancel(packets: Packets) -> Packets:
    cancelled = False

    def incoming(packet: bytes) -> bytes | None:
        nonlocal cancelled
        if cancelled and packet[CMD] == _CBOR | INITIALIZATION_BIT:
            return None
        cancelled |= packet[CMD] == _CANCEL | INITIALIZATION_BIT
        return packet

    return ChangedPackets(packets, incoming=incoming)


def _late_keepalives(packets: Packets) -> Packets:
    count = 0

    def keepalive(status: KeepaliveStatus) -> KeepaliveStatus | None:
        nonlocal count
        count += 1
        return status if count % 5 == 1 else None

    return ChangedPackets(packets, keepalive=keepalive)


def _cancel_answered(packet: bytes) -> list[bytes]:
    if packet[CMD] != _CANCEL | INITIALIZATION_BIT:
        return []
    return encode_message(int.from_bytes(packet[:4], "big"), _CANCEL, b"")


def _cancel_says_denied(packet: bytes) -> bytes:
    cancelled = packet[DATA] == CtapStatus.KEEPALIVE_CANCEL
    return put(packet, DATA, bytes((CtapStatus.OPERATION_DENIED,))) if cancelled else packet


def _locks(seconds: int | None) -> Callable[[InitializationPacket], bool]:
    return lambda request: request.command == _LOCK and seconds in (None, request.data[0])


def _unknown_command_accepted(commands: Commands, _: Parts) -> Commands:
    known = {*CtapCommand}

    def answer(message: bytes, answer: bytes) -> bytes:
        return bytes((CtapStatus.SUCCESS,)) if message[0] not in known else answer

    return ChangedCommands(commands, answer=answer)


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
        yield hid_fault(f"silent-about-{name}", f"says nothing of {what}", errors(lambda _, __: None, status))
        yield hid_fault(
            f"wrong-about-{name}",
            f"says OTHER of {what}",
            errors(lambda packet, _: put(packet, DATA, bytes((CtapStatus.OTHER,))), status),
            caught_by="the client, which cannot tell what to do about it",
        )


FAULTS = (
    # §11.2.9.1.5
    hid_fault(
        "cancel-ignored",
        "goes on with what was cancelled",
        requests(_CANCEL, lambda _, __: None),
        caught_by="the client: the request that its user gave up is answered all the same",
    ),
    hid_fault(
        "cancel-says-denied",
        "says of a request that was cancelled that its user declined",
        answers(_CBOR, _cancel_says_denied),
    ),
    hid_fault(
        "cancel-answered",
        "answers CANCEL itself",
        lambda packets: ChangedPackets(packets, besides=_cancel_answered),
    ),
    hid_fault(
        "cancel-by-anyone", "lets any channel cancel another's request", _cancel_by_anyone, caught_by=OTHERS
    ),
    hid_fault("stuck-after-cancel", "answers no CTAP2 request any more after a cancel", _stuck_after_cancel),
    # §11.2.9.1.7
    hid_fault(
        "no-keepalive",
        "sends no keepalive while it waits",
        lambda packets: ChangedPackets(packets, keepalive=lambda _: None),
        caught_by="the client: it takes the key to be dead, or cannot ask for the touch",
    ),
    hid_fault("keepalive-late", "sends a keepalive twice a second", _late_keepalives),
    hid_fault(
        "keepalive-status",
        "says that it is processing while it waits for a touch",
        lambda packets: ChangedPackets(packets, keepalive=lambda _: KeepaliveStatus.PROCESSING),
        caught_by="the client, which does not ask its user for the touch",
    ),
    hid_fault("keepalive-two-bytes", "sends keepalives of two bytes", answers(_KEEPALIVE, resized(1))),
    # §11.2.9.2.2
    hid_fault(
        "lock-holds-nobody",
        "answers LOCK and lets others in",
        answered(_locks(None), lambda _: b""),
        caught_by=OTHERS,
    ),
    hid_fault(
        "lock-never-ends",
        "holds a lock for ten seconds whatever was asked",
        requests(
            _LOCK,
            lambda first, packet: put(packet, DATA, b"\x0a") if first.data[0] else packet,
        ),
        caught_by=OTHERS,
    ),
    hid_fault(
        "lock-not-released",
        "does not let go of a lock",
        answered(_locks(0), lambda _: b""),
        caught_by=OTHERS,
    ),
    hid_fault(
        "lock-too-long-taken",
        "takes a lock for longer than ten seconds",
        requests(_LOCK, lambda first, packet: put(packet, DATA, bytes((min(first.data[0], 10),)))),
        caught_by=OTHERS,
    ),
    # §11.2.9.2.1
    hid_fault("wink-with-data", "answers WINK with data", answers(CtapHidCommand.WINK, resized(1))),
    *_about_errors(),
    # §8.1
    Family(prefix="ctap2-", caught_by="the client, which takes the key to be able to do what it cannot")(
        "unknown-command-accepted",
        "says SUCCESS to commands that nobody has defined",
        _unknown_command_accepted,
    ),
)
