"""The YKOATH applet, which ``ykman oath`` and Yubico Authenticator speak to (Yubico, YKOATH protocol).

The time is the host's: a TOTP challenge is its time step. The only clock here is the patience with which
a code that needs a touch waits for one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import IntEnum
from typing import Protocol

from emulator.fido.apdu import CommandApdu, response_apdu
from emulator.fido.gesture import Command, Gesture
from emulator.fido.status import ApduError, CtapError, StatusWord
from emulator.oath.accounts import ALGORITHMS, AccessKey, Account, Kind, OathState, checked_name
from emulator.oath.tlv import Tag, demand, encode, only, take

AID = bytes.fromhex("A0000005272101")
SEND_REMAINING = 0xA5

VERSION = (5, 4, 3)
"""The firmware that the applet behaves as: it renames, knows SHA-512 and accounts that need a touch."""

CAPACITY = 64
SALT_LENGTH = CHALLENGE_LENGTH = 8

_COUNTER_END = 1 << 64
_HASH_NAME = {number: name.lower() for number, name in ALGORITHMS.items()}


class Instruction(IntEnum):
    """The instruction byte."""

    PUT = 0x01
    DELETE = 0x02
    SET_CODE = 0x03
    RESET = 0x04
    RENAME = 0x05
    LIST = 0xA1
    CALCULATE = 0xA2
    VALIDATE = 0xA3
    CALCULATE_ALL = 0xA4


class OathStore(Protocol):
    """Where the applet keeps what it must not forget; a method that writes writes all of it or nothing."""

    @property
    def oath(self) -> bytes | None: ...

    def set_oath(self, state: bytes) -> None: ...


class YkOath:
    """The applet with what ``store`` keeps; ``random_bytes(n)`` makes salts and challenges.

    :meth:`select` begins a session, which ends with the next one and with the card's power.
    """

    def __init__(self, store: OathStore, random_bytes: Callable[[int], bytes]) -> None:
        self._store = store
        self._random_bytes = random_bytes
        self._kept: bytes | None = None
        self._challenge = b""
        self._locked = False

    def select(self) -> bytes:
        """The answer to SELECT; with an access key, a new challenge to prove that one knows it."""
        state = self._state()
        answer = encode(Tag.VERSION, bytes(VERSION)) + encode(Tag.NAME, state.salt)
        self._locked = state.access_key is not None
        if state.access_key is None:
            return answer
        self._challenge = self._random_bytes(CHALLENGE_LENGTH)
        algorithm = bytes((state.access_key.algorithm,))
        return answer + encode(Tag.CHALLENGE, self._challenge) + encode(Tag.ALGORITHM, algorithm)

    def run(self, command: CommandApdu) -> Command:
        """The answer to a command, data and status word; ``command.data`` may be any bytes at all."""
        try:
            data = yield from self._run(command)
        except ApduError as error:
            return response_apdu(b"", error.status_word)
        return response_apdu(data, StatusWord.NO_ERROR)

    def _run(self, command: CommandApdu) -> Command:
        if self._locked and command.ins not in (Instruction.VALIDATE, Instruction.RESET):
            raise ApduError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        match command.ins:
            case Instruction.PUT:
                return self._put(Account.parse(command.data))
            case Instruction.DELETE:
                return self._delete(command.data)
            case Instruction.SET_CODE:
                return self._set_code(command.data)
            case Instruction.RESET:
                return self._reset(command)
            case Instruction.RENAME:
                return self._rename(command.data)
            case Instruction.LIST:
                return b"".join(_listed(account) for account in self._state().accounts)
            case Instruction.CALCULATE:
                return (yield from self._calculate(command.data, truncated=_is_truncated(command)))
            case Instruction.VALIDATE:
                return self._validate(command.data)
            case Instruction.CALCULATE_ALL:
                return self._calculate_all(command.data, truncated=_is_truncated(command))
        raise ApduError(StatusWord.INS_NOT_SUPPORTED)

    # Accounts.

    def _put(self, account: Account) -> bytes:
        """A new account, or a new one in the place of that with its name."""
        if account.name not in self._accounts and len(self._accounts) >= CAPACITY:
            raise ApduError(StatusWord.NO_SPACE)
        self._keep_accounts({**self._accounts, account.name: account}.values())
        return b""

    def _delete(self, data: bytes) -> bytes:
        account = self._account(only(data, Tag.NAME))
        self._keep_accounts(kept for kept in self._accounts.values() if kept is not account)
        return b""

    def _rename(self, data: bytes) -> bytes:
        """The account keeps its place; a name that another has is refused."""
        name, rest = take(data, Tag.NAME)
        new = checked_name(only(rest, Tag.NAME))
        account = self._account(name)
        demand(new == name or new not in self._accounts)
        renamed = replace(account, name=new)
        self._keep_accounts(renamed if kept is account else kept for kept in self._accounts.values())
        return b""

    # Codes.

    def _calculate(self, data: bytes, *, truncated: bool) -> Command:
        name, rest = take(data, Tag.NAME)
        challenge = only(rest, Tag.CHALLENGE)
        account = self._account(name)
        if account.touch:
            yield from _touched()
        if account.kind is Kind.TOTP:
            return _response(account, challenge, truncated=truncated)
        following = replace(account, counter=(account.counter + 1) % _COUNTER_END)
        self._keep_accounts({**self._accounts, name: following}.values())  # before the code is out
        return _response(account, account.counter.to_bytes(8, "big"), truncated=truncated)

    def _calculate_all(self, data: bytes, *, truncated: bool) -> bytes:
        """Codes of every account, but for those that cost something: a touch or HOTP's next count."""
        challenge = only(data, Tag.CHALLENGE)
        answer = b""
        for account in self._state().accounts:
            answer += encode(Tag.NAME, account.name)
            if account.kind is Kind.HOTP:
                answer += encode(Tag.HOTP, bytes((account.digits,)))
            elif account.touch:
                answer += encode(Tag.TOUCH, bytes((account.digits,)))
            else:
                answer += _response(account, challenge, truncated=truncated)
        return answer

    # The access key, and all of it.

    def _set_code(self, data: bytes) -> bytes:
        """Set or, without a key, remove what unlocks the applet; its setter proves to know it."""
        key, rest = take(data, Tag.KEY) if data else (b"", b"")
        if not key:
            demand(not rest)
            self._keep(replace(self._state(), access_key=None))
            return b""
        challenge, rest = take(rest, Tag.CHALLENGE)
        response = only(rest, Tag.RESPONSE)
        access_key = AccessKey.parse(key)
        if not hmac.compare_digest(response, _mac(access_key, challenge)):
            raise ApduError(StatusWord.NO_SUCH_OBJECT)
        self._keep(replace(self._state(), access_key=access_key))
        self._challenge = b""
        return b""

    def _validate(self, data: bytes) -> bytes:
        """Both sides prove that they know the access key."""
        access_key = self._state().access_key
        response, rest = take(data, Tag.RESPONSE)
        challenge = only(rest, Tag.CHALLENGE)
        if access_key is None or not self._challenge:
            raise ApduError(StatusWord.NO_SUCH_OBJECT)
        demand(hmac.compare_digest(response, _mac(access_key, self._challenge)))
        self._locked = False
        return encode(Tag.RESPONSE, _mac(access_key, challenge))

    def _reset(self, command: CommandApdu) -> bytes:
        if (command.p1, command.p2) != (0xDE, 0xAD):
            raise ApduError(StatusWord.INCORRECT_P1_P2)
        self._keep(OathState(salt=self._random_bytes(SALT_LENGTH)))
        self._locked, self._challenge = False, b""
        return b""

    # Memory.

    def _state(self) -> OathState:
        """What the store keeps, read again when it has become another."""
        kept = self._store.oath
        if kept is None:
            self._keep(OathState(salt=self._random_bytes(SALT_LENGTH)))
        elif kept is not self._kept:
            self._adopt(OathState.decode(kept), kept)
        return self._read

    def _keep(self, state: OathState) -> None:
        encoded = state.encode()
        self._store.set_oath(encoded)
        self._adopt(state, encoded)

    def _keep_accounts(self, accounts: Iterable[Account]) -> None:
        self._keep(replace(self._state(), accounts=tuple(accounts)))

    def _adopt(self, state: OathState, encoded: bytes) -> None:
        self._read, self._kept = state, encoded
        self._by_name = {account.name: account for account in state.accounts}

    @property
    def _accounts(self) -> dict[bytes, Account]:
        self._state()
        return self._by_name

    def _account(self, name: bytes) -> Account:
        if name not in self._accounts:
            raise ApduError(StatusWord.NO_SUCH_OBJECT)
        return self._accounts[name]


def _touched() -> Command:
    """Wait for a touch; without one there is no code."""
    try:
        given = yield Gesture.PRESENCE
    except CtapError:  # nobody came in time
        raise ApduError(StatusWord.SECURITY_STATUS_NOT_SATISFIED) from None
    if not given.accepted:
        raise ApduError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    return b""


def _response(account: Account, challenge: bytes, *, truncated: bool) -> bytes:
    """Digits and HMAC or, truncated, digits and the 31 bits that the code is made of (RFC 4226 §5.3)."""
    mac = hmac.digest(account.secret, challenge, _HASH_NAME[account.algorithm])
    digits = bytes((account.digits,))
    if not truncated:
        return encode(Tag.RESPONSE, digits + mac)
    begin = mac[-1] & 0x0F
    code = int.from_bytes(mac[begin : begin + 4], "big") & 0x7FFF_FFFF
    return encode(Tag.TRUNCATED_RESPONSE, digits + code.to_bytes(4, "big"))


def _listed(account: Account) -> bytes:
    return encode(Tag.NAME_LIST, bytes((account.kind | account.algorithm,)) + account.name)


def _mac(access_key: AccessKey, challenge: bytes) -> bytes:
    return hmac.digest(access_key.key, challenge, _HASH_NAME[access_key.algorithm])


def _is_truncated(command: CommandApdu) -> bool:
    if command.p2 not in (0, 1):
        raise ApduError(StatusWord.INCORRECT_P1_P2)
    return command.p2 == 1
