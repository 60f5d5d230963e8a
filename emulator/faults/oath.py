"""Faults of the YKOATH applet (Yubico, YKOATH protocol; RFC 4226, RFC 6238)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

from emulator.card import Apdus
from emulator.faults.applet import (
    OK,
    OathCommands,
    TlvMembers,
    on_answer,
    on_put,
    on_status,
    read,
    selects,
    served,
    unheard,
    written,
)
from emulator.faults.fault import Family, Layer
from emulator.fido.apdu import CommandApdu, response_apdu
from emulator.fido.status import StatusWord
from emulator.oath import tlv
from emulator.oath.tlv import Tag
from emulator.oath.ykoath import CHALLENGE_LENGTH, SALT_LENGTH, SEND_REMAINING, Instruction

SERVER = "the server, which does not accept its codes"
OWNER = "the token's owner, once others get hold of it"
USER = "the user"

_SHA1_CHALLENGE = bytes((0x21,))
_TYPE_AND_ALGORITHM, _DIGITS = 0, 1


_fault = Family(prefix="oath-", caught_by="the client, when it reads the answer").of_card


def _name_and_key(data: bytes) -> tuple[bytes, bytes, bytes]:
    """PUT's name, its key, and what follows them."""
    key = 2 + data[1]
    rest = key + 2 + data[key + 1]
    return data[:key], data[key + 2 : rest], data[rest:]


def _key_changed(place: int, change: Callable[[int], int]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        name, key, rest = _name_and_key(data)
        key = key[:place] + bytes((change(key[place]),)) + key[place + 1 :]
        return name + tlv.encode(Tag.KEY, key) + rest

    return changed


def _property_dropped(data: bytes) -> bytes:
    name, key, rest = _name_and_key(data)
    return name + tlv.encode(Tag.KEY, key) + (rest[2:] if rest[:1] == bytes((Tag.PROPERTY,)) else rest)


def _counter_dropped(data: bytes) -> bytes:
    name, key, _ = _name_and_key(data)
    return name + tlv.encode(Tag.KEY, key)


def _codes_stuck(card: Apdus) -> Apdus:
    """The first code of an account given again and again."""
    first: dict[bytes, bytes] = {}

    def answer(command: CommandApdu, data: bytes) -> bytes:
        return first.setdefault(command.data, data) if command.ins == Instruction.CALCULATE else data

    return OathCommands(answer=answer)(card)


def _sign_bit_kept(members: TlvMembers) -> TlvMembers:
    return [
        (tag, value[:1] + bytes((value[1] | 0x80,)) + value[2:] if tag == Tag.TRUNCATED_RESPONSE else value)
        for tag, value in members
    ]


def _digits(count: int) -> Callable[[TlvMembers], TlvMembers]:
    return lambda members: [(tag, bytes((count,)) + value[1:]) for tag, value in members]


def _codes_for_all(members: TlvMembers) -> TlvMembers:
    """A code for every account, also those that would cost something."""
    costly = (Tag.HOTP, Tag.TOUCH)
    return [
        (Tag.TRUNCATED_RESPONSE, value + bytes(4)) if tag in costly else (tag, value)
        for tag, value in members
    ]


class _Password:
    """What a card learns of its password in passing."""

    def __init__(self) -> None:
        self.key = self.challenge = b""

    def hear(self, command: CommandApdu) -> None:
        if command.ins == Instruction.SET_CODE and command.data:
            self.key = dict(read(command.data)).get(Tag.KEY, b"")[1:]

    def selected(self, data: bytes) -> None:
        self.challenge = dict(read(data)).get(Tag.CHALLENGE, b"")


def _password_for_show(card: Apdus) -> Apdus:
    """It asks for the password, and does not wait for it."""
    password = _Password()

    def instead(command: CommandApdu) -> bytes | None:
        password.hear(command)
        return OK if command.ins == Instruction.SET_CODE else None

    def answer(command: CommandApdu, data: bytes) -> bytes:
        if not (selects(command) and password.key):
            return data
        return data + written([(Tag.CHALLENGE, bytes(CHALLENGE_LENGTH)), (Tag.ALGORITHM, _SHA1_CHALLENGE)])

    return OathCommands(instead=instead, answer=answer)(card)


def _any_password(card: Apdus) -> Apdus:
    """Whatever proves to know the password does."""
    password = _Password()

    def request(command: CommandApdu) -> CommandApdu:
        password.hear(command)
        if command.ins != Instruction.VALIDATE:
            return command
        proof = hmac.digest(password.key, password.challenge, "sha1")
        return replace(command, data=written([(Tag.RESPONSE, proof), *read(command.data)[1:]]))

    def answer(command: CommandApdu, data: bytes) -> bytes:
        if selects(command):
            password.selected(data)
        return data

    return OathCommands(request=request, answer=answer)(card)


def _open_for_ever(card: Apdus) -> Apdus:
    """Once the password was said, it need not be said again."""
    opened, greeting = False, b""

    def instead(command: CommandApdu) -> bytes | None:
        return greeting + OK if opened and selects(command) else None

    def answer(command: CommandApdu, data: bytes) -> bytes:
        nonlocal opened, greeting
        opened |= command.ins == Instruction.VALIDATE
        greeting = data if selects(command) else greeting
        return data

    return OathCommands(instead=instead, answer=answer)(card)


def _reset_unguarded(command: CommandApdu) -> CommandApdu:
    return replace(command, p1=0xDE, p2=0xAD) if command.ins == Instruction.RESET else command


def _salt_kept(members: TlvMembers) -> TlvMembers:
    return [(tag, bytes(SALT_LENGTH) if tag == Tag.NAME else value) for tag, value in members]


def _proof_wrong(members: TlvMembers) -> TlvMembers:
    return [(tag, value[:-1] + bytes((value[-1] ^ 1,))) for tag, value in members]


FAULTS = (
    # YKOATH, SELECT
    _fault(
        "version-unsaid",
        "does not say which version of the applet it has",
        on_answer(None, lambda members: [member for member in members if member[0] != Tag.VERSION]),
    ),
    # YKOATH, PUT
    _fault(
        "touch-dropped",
        "gives codes untouched that should take a touch",
        on_put(_property_dropped),
        caught_by=OWNER,
    ),
    # RFC 6238 §1.2
    _fault(
        "algorithm-ignored",
        "makes every code with SHA-1",
        on_put(_key_changed(_TYPE_AND_ALGORITHM, lambda kind: kind & 0xF0 | 0x01)),
        caught_by=SERVER,
        layer=Layer.CRYPTOGRAPHY,
    ),
    # YKOATH, PUT
    _fault(
        "digits-any",
        "takes accounts whose codes have more digits than it can make",
        on_put(_key_changed(_DIGITS, lambda digits: min(max(digits, 6), 8))),
        caught_by=SERVER,
    ),
    _fault("counter-ignored", "begins to count at zero", on_put(_counter_dropped), caught_by=SERVER),
    # RFC 4226 appendix D, RFC 4226 §7.2
    _fault("codes-stuck", "gives the same code again and again", _codes_stuck, caught_by=SERVER),
    # RFC 6238 appendix B, RFC 4226 appendix D
    _fault(
        "sign-bit-kept",
        "does not clear the highest bit of a code",
        on_answer(Instruction.CALCULATE, _sign_bit_kept),
        caught_by=SERVER,
        layer=Layer.CRYPTOGRAPHY,
    ),
    # RFC 6238 appendix B
    _fault(
        "digits-six",
        "says that every code has six digits",
        on_answer(Instruction.CALCULATE, _digits(6)),
        caught_by=SERVER,
    ),
    # YKOATH, CALCULATE ALL
    _fault(
        "codes-for-all",
        "gives codes of all accounts at once, also those that take a touch or are used up",
        on_answer(Instruction.CALCULATE_ALL, _codes_for_all),
        caught_by=OWNER,
    ),
    # YKOATH, LIST
    _fault(
        "lists-twice",
        "lists its accounts twice",
        on_answer(Instruction.LIST, lambda members: members + members),
        caught_by=USER,
    ),
    # YKOATH, DELETE
    _fault(
        "delete-unheard", "keeps an account that was deleted", unheard(Instruction.DELETE), caught_by=USER
    ),
    _fault(
        "deletes-nobody",
        "says that it deleted what it does not have",
        served(Instruction.DELETE, StatusWord.NO_SUCH_OBJECT),
    ),
    # YKOATH, RENAME
    _fault(
        "rename-unheard",
        "says that it gave an account another name, and does not",
        unheard(Instruction.RENAME),
        caught_by=USER,
    ),
    _fault(
        "rename-over",
        "says that it gave an account a name that another has",
        served(Instruction.RENAME, StatusWord.WRONG_DATA),
        caught_by=USER,
    ),
    # YKOATH, SET CODE
    _fault(
        "password-for-show",
        "asks for its password, and does not wait for it",
        _password_for_show,
        caught_by=OWNER,
    ),
    # YKOATH, VALIDATE
    _fault("any-password", "lets in whoever says any password", _any_password, caught_by=OWNER),
    _fault("open-for-ever", "stays open once its password was said", _open_for_ever, caught_by=OWNER),
    _fault(
        "proof-wrong",
        "does not prove that it knows the password itself",
        on_answer(Instruction.VALIDATE, _proof_wrong),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # YKOATH, RESET
    _fault(
        "reset-unguarded",
        "forgets everything at a command that was not meant so",
        lambda card: OathCommands(request=_reset_unguarded)(card),
        caught_by=USER,
    ),
    _fault(
        "reset-unheard",
        "says that it forgot everything, and does not",
        unheard(Instruction.RESET),
        caught_by=OWNER,
    ),
    _fault(
        "salt-kept",
        "derives keys from passwords with the same salt after a reset",
        on_answer(None, _salt_kept),
        caught_by=OWNER,
        layer=Layer.CRYPTOGRAPHY,
    ),
    # YKOATH, SEND REMAINING
    _fault(
        "rest-lost",
        "does not give the rest of a long answer",
        lambda card: OathCommands(
            instead=lambda command: (
                response_apdu(b"", StatusWord.INS_NOT_SUPPORTED) if command.ins == SEND_REMAINING else None
            )
        )(card),
    ),
    # YKOATH, PUT
    _fault(
        "data-unnamed",
        "does not say that what it was sent makes no sense",
        on_status(StatusWord.WRONG_DATA, StatusWord.UNKNOWN_ERROR),
    ),
    # YKOATH, status words
    _fault(
        "instruction-unnamed",
        "does not say that it does not know an instruction",
        on_status(StatusWord.INS_NOT_SUPPORTED, StatusWord.UNKNOWN_ERROR),
    ),
)
