"""Faults of U2F, also called CTAP1 (U2F Raw Message Formats v1.2)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from emulator.faults.changes import Change, flipped, put
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.wiring import ChangedCommands, ChangedPackets, parsed, untouched
from emulator.fido.ctaphid import CtapHidCommand
from emulator.fido.status import StatusWord
from emulator.fido.u2f import Control, Instruction
from emulator.key_parts import Commands

PLATFORM = "the client, when it reads the answer"

_MSG = CtapHidCommand.MSG | 0x80
_OK = StatusWord.NO_ERROR.to_bytes(2, "big")


_fault = Family(prefix="u2f-", caught_by="the relying party, when it verifies the message")


def _is(apdu: bytes, instruction: Instruction, control: Control | None = None) -> bool:
    command = parsed(apdu)
    if command is None or command.ins != instruction:
        return False
    return control is None or command.p1 == control


def _answers(instruction: Instruction, change: Change) -> Wrap:
    """Successful answers' data, changed."""

    def answer(apdu: bytes, answer: bytes) -> bytes:
        return change(answer[:-2]) + _OK if _is(apdu, instruction) and answer[-2:] == _OK else answer

    return lambda commands, _: ChangedCommands(commands, apdu_answer=answer)


def _status(wanted: Callable[[bytes], bool], found: StatusWord | None, told: StatusWord) -> Wrap:
    """A refusal, or with ``None`` any, told as another."""

    def answer(apdu: bytes, answer: bytes) -> bytes:
        refused = answer[-2:] != _OK if found is None else answer[-2:] == found.to_bytes(2, "big")
        return told.to_bytes(2, "big") if refused and wanted(apdu) else answer

    return lambda commands, _: ChangedCommands(commands, apdu_answer=answer)


def _touch_unnamed(packets: list[bytes]) -> list[bytes]:
    """A command that waits is ended, not answered: what says so to the platform is only in its packet."""
    said, told = (b"\x00\x02" + word.to_bytes(2, "big") for word in (_UNSATISFIED, _OTHER))
    return [
        packet.replace(said, told, 1) if packet[4] == _MSG and packet[5:9] == said else packet
        for packet in packets
    ]


def _untouched(instruction: Instruction) -> Wrap:
    """``instruction`` run though nobody touched the key."""
    return lambda commands, _: ChangedCommands(
        commands, run_apdu=untouched(lambda apdu: _is(apdu, instruction))
    )


def _other_application(commands: Commands, _: Parts) -> Commands:
    """A key handle is good for every application: it is read as the one it was made for."""
    made_for = b""

    def apdu(apdu: bytes) -> bytes:
        nonlocal made_for
        command = parsed(apdu)
        if command is not None and command.ins == Instruction.REGISTER:
            made_for = command.data[32:64]
        if command is not None and command.ins == Instruction.AUTHENTICATE and made_for:
            return apdu.replace(command.data[32:64], made_for, 1)
        return apdu

    return ChangedCommands(commands, apdu=apdu)


def _handle_half_read(commands: Commands, _: Parts) -> Commands:
    handles: list[bytes] = []

    def answer(apdu: bytes, answer: bytes) -> bytes:
        if _is(apdu, Instruction.REGISTER) and answer[-2:] == _OK:
            handles.append(answer[67 : 67 + answer[66]])
        return answer

    def apdu(apdu: bytes) -> bytes:
        command = parsed(apdu)
        if command is None or command.ins != Instruction.AUTHENTICATE:
            return apdu
        given = command.data[65:]
        whole = next((one for one in handles if one[:8] == given[:8] and len(one) == len(given)), given)
        return apdu.replace(given, whole, 1)

    return ChangedCommands(commands, apdu=apdu, apdu_answer=answer)


def _repeats(commands: Commands, _: Parts) -> Commands:
    first: dict[bytes, bytes] = {}

    def answer(apdu: bytes, answer: bytes) -> bytes:
        if not _is(apdu, Instruction.REGISTER) or answer[-2:] != _OK:
            return answer
        return first.setdefault(sha256(apdu[:4]).digest(), answer)

    return ChangedCommands(commands, apdu_answer=answer)


def _count_stuck(data: bytes) -> bytes:
    return put(data, 1, bytes(4))


def _any(_: bytes) -> bool:
    return True


def _register(apdu: bytes) -> bool:
    return _is(apdu, Instruction.REGISTER)


def _check(apdu: bytes) -> bool:
    return _is(apdu, Instruction.AUTHENTICATE, Control.CHECK_ONLY)


def _authenticate(apdu: bytes) -> bool:
    return _is(apdu, Instruction.AUTHENTICATE)


def _unknown(apdu: bytes) -> bool:
    command = parsed(apdu)
    return command is not None and command.ins not in {*Instruction}


def _other_class(apdu: bytes) -> bool:
    return bool(apdu[:1] != b"\x00")


_UNSATISFIED = StatusWord.CONDITIONS_NOT_SATISFIED
_OTHER = StatusWord.UNKNOWN_ERROR

FAULTS = (
    # U2F Raw Message Formats §6
    _fault(
        "version-wrong",
        "names a version that does not exist",
        _answers(Instruction.VERSION, lambda _: b"U2F_V3"),
        caught_by=PLATFORM,
    ),
    _fault(
        "version-with-more",
        "says more than its version",
        _answers(Instruction.VERSION, lambda data: data + b"\x00"),
        caught_by=PLATFORM,
    ),
    # U2F Raw Message Formats §4.3
    _fault(
        "reserved-byte",
        "begins a registration with another byte than 5",
        _answers(Instruction.REGISTER, flipped(0)),
    ),
    _fault(
        "point-compressed",
        "gives a public key that is no uncompressed point",
        _answers(Instruction.REGISTER, flipped(1)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "registration-bad",
        "attests with a signature that does not hold",
        _answers(Instruction.REGISTER, flipped(-1)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "certificate-bad",
        "sends a certificate that cannot be read",
        _answers(Instruction.REGISTER, lambda data: put(data, 67 + data[66], b"\x31")),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "handle-empty",
        "gives key handles of no bytes",
        _answers(Instruction.REGISTER, lambda data: put(data, 66, b"\x00")),
    ),
    _fault("repeats-itself", "gives the same key handle again and again", _repeats),
    # U2F Raw Message Formats §4.2
    _fault(
        "registers-untouched",
        "registers though nobody touched it",
        _untouched(Instruction.REGISTER),
        caught_by="the user, whose key is used behind their back",
    ),
    # U2F Raw Message Formats §5.2
    _fault(
        "signs-untouched",
        "signs though nobody touched it",
        _untouched(Instruction.AUTHENTICATE),
        caught_by="the user, whose key is used behind their back",
    ),
    # U2F Raw Message Formats §5.4
    _fault(
        "presence-not-told",
        "signs without saying that it was touched",
        _answers(Instruction.AUTHENTICATE, flipped(0, 0x01)),
    ),
    _fault(
        "signature-bad",
        "signs what does not verify",
        _answers(Instruction.AUTHENTICATE, flipped(-1)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "count-stuck",
        "counts no signature",
        _answers(Instruction.AUTHENTICATE, _count_stuck),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # U2F Raw Message Formats §5.1
    _fault("any-application", "uses a key handle for any application", _other_application),
    _fault("handle-half-read", "tells key handles apart by their beginnings alone", _handle_half_read),
    _fault(
        "check-says-wrong-data",
        "says of its own key handle that it is nobody's",
        _status(_check, _UNSATISFIED, StatusWord.WRONG_DATA),
        caught_by="the user, whose key is not asked",
    ),
    _fault(
        "check-says-yes",
        "says of anybody's key handle that it is its own",
        _status(_check, StatusWord.WRONG_DATA, _UNSATISFIED),
        caught_by=PLATFORM,
    ),
    _fault(
        "strangers-unnamed",
        "does not say that a key handle is nobody's",
        _status(_authenticate, StatusWord.WRONG_DATA, _OTHER),
        caught_by=PLATFORM,
    ),
    # U2F Raw Message Formats §4.2, U2F Raw Message Formats §5.1
    _fault(
        "touch-unnamed",
        "does not say that it waits for a touch",
        caught_by=PLATFORM,
        packets=lambda packets: ChangedPackets(packets, outgoing=_touch_unnamed),
    ),
    # U2F Raw Message Formats §6, U2F Raw Message Formats §4.1, U2F Raw Message Formats §5.1
    _fault(
        "length-unnamed",
        "does not say that a request has a wrong length",
        _status(_any, StatusWord.WRONG_LENGTH, _OTHER),
        caught_by=PLATFORM,
    ),
    # U2F Raw Message Formats §3.3
    _fault(
        "instruction-unnamed",
        "does not say that it does not know an instruction",
        _status(_unknown, None, _OTHER),
        caught_by=PLATFORM,
    ),
    _fault(
        "class-unnamed",
        "does not say that it does not know a class",
        _status(_other_class, None, _OTHER),
        caught_by=PLATFORM,
    ),
    # U2F Raw Message Formats §4.3
    _fault(
        "waits-for-registration",
        "refuses to register whoever touches it",
        _status(_register, StatusWord.NO_ERROR, _OTHER),
        caught_by=PLATFORM,
    ),
)
