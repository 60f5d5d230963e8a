"""CTAP2 requests and answers changed on their way (CTAP 2.3 §8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulator.faults.changes import Members, assumed, without
from emulator.faults.fault import Parts, Wrap
from emulator.faults.wiring import ChangedCommands, untouched
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

_SUB_COMMAND = {CtapCommand.CLIENT_PIN: 2, CtapCommand.BIO_ENROLLMENT: 2}
"""Which member says it, where it is not the first."""


def members_of(message: bytes) -> Members:
    """The members of a request (command byte first) or an answer (status byte first); none if unreadable."""
    try:
        members = cbor.decode(message[1:], max_depth=8) if len(message) > 1 else {}
    except Exception:  # a peer's nonsense is for the authenticator to judge
        return {}
    return members if isinstance(members, dict) else {}


def asks(message: bytes, command: CtapCommand | None, *subcommands: int) -> bool:
    """Whether this is a request of ``command``, ``None`` for any, and of one of its subcommands if named."""
    if command is None:
        return True
    if message[:1] != bytes((command,)):
        return False
    return not subcommands or members_of(message).get(_SUB_COMMAND.get(command, 1)) in subcommands


def on_request(command: CtapCommand, change: Callable[[Members], Members | None], *subcommands: int) -> Wrap:
    """Requests of ``command`` with their members changed; ``None`` leaves them as they are."""

    def request(message: bytes) -> bytes:
        if not asks(message, command, *subcommands) or (changed := change(members_of(message))) is None:
            return message
        return message[:1] + cbor.encode(changed)

    return lambda commands, _: ChangedCommands(commands, request=request)


def unheeded(command: CtapCommand, *members: int) -> Wrap:
    """Members of requests that are not looked at."""
    return on_request(command, without(*members))


def taken_for_granted(command: CtapCommand, usual: Mapping[int, object]) -> Wrap:
    """What requests leave out filled in."""
    return on_request(command, assumed(usual))


def on_answer(command: CtapCommand, change: Callable[[Members], Members | bytes], *subcommands: int) -> Wrap:
    """Successful answers to ``command`` changed: other members, or all that follows the status as bytes."""

    def answer(message: bytes, answer: bytes) -> bytes:
        if not asks(message, command, *subcommands) or answer[0] != CtapStatus.SUCCESS:
            return answer
        changed = change(members_of(answer))
        return answer[:1] + (changed if isinstance(changed, bytes) else cbor.encode(changed))

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def on_status(
    command: CtapCommand | None, statuses: Mapping[CtapStatus, CtapStatus], *subcommands: int
) -> Wrap:
    """Refusals of ``command``, or with ``None`` of every one, told as others."""
    told = {bytes((found,)): bytes((other,)) for found, other in statuses.items()}

    def answer(message: bytes, answer: bytes) -> bytes:
        return told.get(answer, answer) if asks(message, command, *subcommands) else answer

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def refusals_unnamed(command: CtapCommand) -> Wrap:
    """Every refusal said to be OTHER."""
    return on_status(command, {status: CtapStatus.OTHER for status in CtapStatus if status})


def refusing(
    command: CtapCommand, status: CtapStatus, wanted: Callable[[Members], bool] = lambda _: True
) -> Wrap:
    """Requests of a kind answered with ``status``, whatever becomes of them."""

    def answer(message: bytes, answer: bytes) -> bytes:
        return bytes((status,)) if asks(message, command) and wanted(members_of(message)) else answer

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def ungestured(command: CtapCommand) -> Wrap:
    """A command that takes every gesture for made."""
    return lambda commands, _: ChangedCommands(
        commands, run=untouched(lambda message: asks(message, command))
    )


def timeless(is_next: Callable[[bytes], bool]) -> Wrap:
    """Commands that go on with another, for which no time has passed since that."""

    def wrap(commands: Commands, _: Parts) -> Commands:
        begun = 0.0

        def time(message: bytes, now: float) -> float:
            nonlocal begun
            begun = begun if is_next(message) else now
            return begun

        return ChangedCommands(commands, time=time)

    return wrap


def first_again(begin: Callable[[bytes], bool], is_next: Callable[[bytes], bool], total: int) -> Wrap:
    """The first answer of several, but for its member ``total``, given for each that follows."""

    def wrap(commands: Commands, _: Parts) -> Commands:
        first = b""

        def answer(message: bytes, answer: bytes) -> bytes:
            nonlocal first
            if answer[0] != CtapStatus.SUCCESS:
                return answer
            if begin(message):
                first = answer[:1] + cbor.encode(without(total)(members_of(answer)))
            return first if is_next(message) else answer

        return ChangedCommands(commands, answer=answer)

    return wrap
