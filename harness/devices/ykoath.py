"""TOTP accounts on a card with the YKOATH applet, by way of pyscard (Yubico, YKOATH protocol).

Such a card has no clock: it is told the time. So the token here is card and host together, and it is the
host's clock that is wrong where a scenario says so.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal

from emulator.clock import DriftingClock, ManualClock
from harness.devices.key import DeviceError
from harness.devices.pcsc import Card, find_reader

PASSWORD_VARIABLE = "KEYRIG_OATH_PASSWORD"  # noqa: S105  # its name, not itself
ISSUER = "keyrig test"
"""Of every account that is put on a card, and taken from it again."""

_SELECT = bytes.fromhex("00A4040007A0000005272101")
_PUT, _DELETE, _LIST, _CALCULATE, _VALIDATE, _SEND_REMAINING = 0x01, 0x02, 0xA1, 0xA2, 0xA3, 0xA5
_NAME, _NAME_LIST, _KEY, _CHALLENGE, _RESPONSE, _TRUNCATED = 0x71, 0x72, 0x73, 0x74, 0x75, 0x76
_SUCCESS, _NO_SPACE, _MORE = 0x9000, 0x6A84, 0x61
_TOTP_SHA1 = 0x21
_KIND, _TOTP = 0xF0, 0x20
_SECRET_LENGTH = 20


class YkOathCard:
    """The applet on the card in ``reader``; it is selected and unlocked for each request.

    For others may select another of the card's applets between two of ours.

    :raises DeviceError: in every method, when the card is not there or refuses.
    """

    def __init__(self, reader: str) -> None:
        self._card = Card(reader)
        try:
            self._select()
        except DeviceError:
            self._card.close()
            raise

    def put(self, name: str, secret: bytes, *, digits: int) -> None:
        """Keep an account, in place of one with its name."""
        key = bytes((_TOTP_SHA1, digits)) + secret
        self._ask(_PUT, _tlv(_NAME, name.encode()) + _tlv(_KEY, key), "is to keep an account")

    def delete(self, name: str) -> None:
        """Forget the account with this name."""
        self._ask(_DELETE, _tlv(_NAME, name.encode()), "is to forget an account")

    def totp_accounts(self) -> list[str]:
        """The names of its TOTP accounts, as ``PERIOD/ISSUER:ACCOUNT``; without a period it is 30 s."""
        entries = _tlvs(self._ask(_LIST, b"", "is asked for its accounts"))
        return [
            entry[1:].decode(errors="replace")
            for tag, entry in entries
            if tag == _NAME_LIST and entry and entry[0] & _KIND == _TOTP
        ]

    def code(self, name: str, step: int) -> str:
        """The code of the account with this name for a time step."""
        data = _tlv(_NAME, name.encode()) + _tlv(_CHALLENGE, step.to_bytes(8, "big"))
        answer = _parse(self._ask(_CALCULATE, data, "is asked for a code", truncated=True))
        digits, number = answer[_TRUNCATED][0], answer[_TRUNCATED][1:]
        return str((int.from_bytes(number, "big") & 0x7FFF_FFFF) % 10**digits).zfill(digits)

    def close(self) -> None:
        """Let go of the card."""
        self._card.close()

    def _select(self) -> None:
        self._unlock(_parse(self._checked(_SELECT, "is asked for YKOATH")))

    def _unlock(self, selected: dict[int, bytes]) -> None:
        """Prove that we know the password, and see that the card does."""
        if _CHALLENGE not in selected:
            return
        password = os.environ.get(PASSWORD_VARIABLE)
        if not password:
            raise DeviceError(
                f"the accounts in {self._card.reader} have a password; put it in the environment variable "
                f"{PASSWORD_VARIABLE}"
            )
        key = hashlib.pbkdf2_hmac("sha1", password.encode(), selected[_NAME], 1000, 16)
        challenge = os.urandom(8)
        proof = _tlv(_RESPONSE, hmac.digest(key, selected[_CHALLENGE], "sha1")) + _tlv(_CHALLENGE, challenge)
        apdu = bytes((0, _VALIDATE, 0, 0, len(proof))) + proof
        answer = _parse(self._checked(apdu, f"is unlocked with {PASSWORD_VARIABLE}"))
        if not hmac.compare_digest(answer.get(_RESPONSE, b""), hmac.digest(key, challenge, "sha1")):
            raise DeviceError(f"the card in {self._card.reader} does not know its own password")

    def _ask(self, instruction: int, data: bytes, what: str, *, truncated: bool = False) -> bytes:
        self._select()
        length = bytes((len(data),)) if data else b""
        return self._checked(bytes((0, instruction, 0, truncated)) + length + data, what)

    def _checked(self, apdu: bytes, what: str) -> bytes:
        """The answer, all of it; ``what`` is what a refusal is told with."""
        data, status_word = self._card.transmit(apdu)
        while status_word >> 8 == _MORE:
            more, status_word = self._card.transmit(bytes((0, _SEND_REMAINING, 0, 0, 0)))
            data += more
        if status_word != _SUCCESS:
            why = "it is full" if status_word == _NO_SPACE else f"status word {status_word:04X}"
            raise DeviceError(f"the card in {self._card.reader} {what}, and refuses: {why}")
        return data


class YkOathToken:
    """An account on ``card`` as a hardware TOTP token; ``clock`` is the host's."""

    algorithm: Literal["SHA1"] = "SHA1"
    can_set_clock = True

    def __init__(
        self,
        card: YkOathCard,
        serial_number: str,
        secret: bytes,
        *,
        world: ManualClock,
        clock: DriftingClock,
        digits: int,
        period: int,
    ) -> None:
        self._card = card
        self._world = world
        self.serial_number = serial_number
        self.secret = secret
        self.clock = clock
        self.digits = digits
        self.period = period
        self._name = f"{'' if period == 30 else f'{period}/'}{ISSUER}:{serial_number}"[:64]
        card.put(self._name, secret, digits=digits)

    def read(self) -> str:
        return self._card.code(self._name, self._step())

    def read_next(self) -> str:
        self._world.advance(max(0.0, self.clock.when((self._step() + 1) * self.period) - self._world()))
        return self.read()

    def read_two(self) -> tuple[str, str]:
        return self.read(), self.read_next()

    def step_clock(self, seconds: float) -> None:
        self.clock.step(seconds)

    def close(self) -> None:
        """Take the account from the card again."""
        with suppress(DeviceError):  # the card may be gone
            self._card.delete(self._name)
        self._card.close()

    def _step(self) -> int:
        return int(self.clock.at(self._world()) // self.period)


class YkOathSource:
    """Tokens on the card in the reader called ``reader``, as many as it holds.

    :raises DeviceError: when it does not answer.
    """

    def __init__(self, reader: str) -> None:
        self._reader = find_reader(reader)
        YkOathCard(self._reader).close()

    def __str__(self) -> str:
        return f"ykoath:{self._reader}"

    def issue(
        self,
        serial_number: str,
        *,
        clock: ManualClock,
        random_bytes: Callable[[int], bytes],
        offset: float,
        drift_ppm: float,
        digits: int,
        period: int,
    ) -> YkOathToken:
        """An account with a new secret, the host's clock ``offset`` seconds and ``drift_ppm`` wrong."""
        return YkOathToken(
            YkOathCard(self._reader),
            serial_number,
            random_bytes(_SECRET_LENGTH),
            world=clock,
            clock=DriftingClock(clock, offset=offset, drift_ppm=drift_ppm),
            digits=digits,
            period=period,
        )


def _tlv(tag: int, value: bytes) -> bytes:
    assert len(value) < 0x80
    return bytes((tag, len(value))) + value


def _parse(data: bytes) -> dict[int, bytes]:
    """Values by tag, of an answer that has each once."""
    return dict(_tlvs(data))


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and values; all that a card says here is short."""
    while data:
        size = data[1] if len(data) > 1 else len(data)
        if size > 0x7F or len(data) < 2 + size:
            raise DeviceError("the card's answer is not as YKOATH has it; is it another kind of card?")
        yield data[0], data[2 : 2 + size]
        data = data[2 + size :]
