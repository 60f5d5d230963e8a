"""The YKOATH applet's commands and answers changed on their way (Yubico, YKOATH protocol)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator.card import BY_NAME, SELECT, Apdus
from emulator.faults.wiring import ChangedApdus, parsed
from emulator.fido.apdu import CommandApdu, response_apdu
from emulator.fido.status import StatusWord
from emulator.oath import tlv
from emulator.oath.ykoath import AID, Instruction

OK = response_apdu(b"", StatusWord.NO_ERROR)

TlvMembers = list[tuple[int, bytes]]
"""A TLV's tags and values, in order."""
CardWrap = Callable[[Apdus], Apdus]
"""Puts a card of its own in the place of a key's."""


def _parsed(apdu: bytes) -> CommandApdu:
    return parsed(apdu) or CommandApdu(cla=0xFF, ins=0xFF)  # no command of ours


def selects(command: CommandApdu) -> bool:
    """Whether it selects the applet."""
    return (command.ins, command.p1, command.data) == (SELECT, BY_NAME, AID)


def read(data: bytes) -> TlvMembers:
    """The tags and values in ``data``."""
    members: TlvMembers = []
    while data:
        end = 2 + data[1]
        members.append((data[0], data[2:end]))
        data = data[end:]
    return members


def written(members: TlvMembers) -> bytes:
    """The other way round."""
    return b"".join(tlv.encode(tag, value) for tag, value in members)


class OathCommands:
    """A card of which the YKOATH applet passes through other hands, while it is the one selected.

    ``request`` changes a command, ``instead`` answers it, ``answer`` changes the data of a success,
    ``status`` what a refusal says.
    """

    def __init__(
        self,
        *,
        request: Callable[[CommandApdu], CommandApdu] = lambda command: command,
        instead: Callable[[CommandApdu], bytes | None] = lambda _: None,
        answer: Callable[[CommandApdu, bytes], bytes] = lambda _, data: data,
        status: Callable[[CommandApdu, int], int] = lambda _, status_word: status_word,
    ) -> None:
        self._change, self._instead, self._data, self._status = request, instead, answer, status
        self._selected = False

    def __call__(self, card: Apdus) -> Apdus:
        return ChangedApdus(card, instead=self._hears, request=self._asks, answer=self._answers)

    def _hears(self, apdu: bytes) -> bytes | None:
        command = _parsed(apdu)
        if (command.ins, command.p1) == (SELECT, BY_NAME):
            self._selected = selects(command)
        return self._instead(command) if self._selected else None

    def _asks(self, apdu: bytes) -> bytes:
        return self._change(_parsed(apdu)).encode() if self._selected else apdu

    def _answers(self, apdu: bytes, answer: bytes) -> bytes:
        if not self._selected:
            return answer
        command, status_word = _parsed(apdu), int.from_bytes(answer[-2:], "big")
        if status_word == StatusWord.NO_ERROR:
            return self._data(command, answer[:-2]) + OK
        return answer[:-2] + self._status(command, status_word).to_bytes(2, "big")


def on_answer(instruction: Instruction | None, change: Callable[[TlvMembers], TlvMembers]) -> CardWrap:
    """The answers to ``instruction``, or with ``None`` to SELECT, member by member."""

    def answer(command: CommandApdu, data: bytes) -> bytes:
        asked = command.ins == instruction and not selects(command) if instruction else selects(command)
        return written(change(read(data))) if asked else data

    return lambda card: OathCommands(answer=answer)(card)


def on_put(change: Callable[[bytes], bytes]) -> CardWrap:
    """What PUT keeps: its data changed."""

    def request(command: CommandApdu) -> CommandApdu:
        return replace(command, data=change(command.data)) if command.ins == Instruction.PUT else command

    return lambda card: OathCommands(request=request)(card)


def served(instruction: Instruction, refusal: StatusWord) -> CardWrap:
    """A refusal of ``instruction`` that is none."""

    def status(command: CommandApdu, found: int) -> int:
        refused = (command.ins, found) == (instruction, refusal)
        return StatusWord.NO_ERROR if refused else found

    return lambda card: OathCommands(status=status)(card)


def unheard(instruction: Instruction) -> CardWrap:
    """``instruction`` answered with success, and not run."""
    return lambda card: OathCommands(instead=lambda command: OK if command.ins == instruction else None)(card)


def on_status(found: StatusWord, told: StatusWord) -> CardWrap:
    """A refusal told as another."""
    return lambda card: OathCommands(status=lambda _, word: told if word == found else word)(card)
