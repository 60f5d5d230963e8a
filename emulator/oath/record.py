"""What a seed file says of a token, whichever its format: PSKC, an otpauth URI, a vendor's CSV."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from emulator.oath.otp import DIGEST_SIZE, Algorithm

Kind = Literal["totp", "hotp"]


class SeedFileError(ValueError):
    """A seed file cannot be read or written; one sentence that says where and why, and never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """A token by its seed file; a value that no token has is a :class:`SeedFileError`.

    ``digits`` 6 to 8; ``period`` in seconds, 1 to 3600; ``counter`` is HOTP's next. ``time_drift`` is how
    many steps the clock was ahead (negative: behind) when the file was written, RFC 6030 §4.3.4.
    """

    serial_number: str
    secret: bytes = field(repr=False)
    kind: Kind = "totp"
    digits: int = 6
    period: int = 30
    algorithm: Algorithm = "SHA1"
    counter: int = 0
    issuer: str = ""
    account: str = ""
    time_drift: int = 0

    def __post_init__(self) -> None:
        if complaint := self._complaint():
            name = self.serial_number if self.serial_number.isprintable() else repr(self.serial_number)
            raise SeedFileError(f"token {name or 'without a serial number'}: {complaint}")

    def _complaint(self) -> str | None:
        if not self.serial_number or not self.serial_number.isprintable():
            return "it needs a serial number of characters that can be printed"
        if not (self.issuer + self.account).isprintable():
            return "its issuer and account must be of characters that can be printed"
        if not self.secret:
            return "it has no secret"
        if self.kind not in get_args(Kind):
            return f"it is of the kind {self.kind!r}; only totp and hotp are known"
        if self.digits not in range(6, 9):
            return f"digits must be 6 to 8, not {self.digits}"
        if self.period not in range(1, 3601):
            return f"the period must be 1 to 3600 s, not {self.period}"
        if self.algorithm not in DIGEST_SIZE:
            return f"the algorithm must be one of {', '.join(DIGEST_SIZE)}, not {self.algorithm!r}"
        if self.counter not in range(2**64):
            return "the counter must be 0 to 2**64 - 1"
        return None


def algorithm_named(text: str) -> Algorithm:
    """The hash that files spell SHA1, SHA-256, HmacSHA512 or the like; a record says no to any other."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    return cast(Algorithm, letters.removeprefix("HMAC") or "SHA1")


def number(text: str, what: str, where: str) -> int:
    """A whole number as it stands in a file."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise SeedFileError(f"{where}: {what} must be a whole number, not {digits[:20]!r}")
    return int(digits)
