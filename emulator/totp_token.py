"""Hardware OATH tokens: a serial number, a secret, and a clock (TOTP) or a counter (HOTP)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from emulator.clock import DriftingClock
from emulator.oath.otp import DIGEST_SIZE, Algorithm, hotp, step_at

YEAR = 365.25 * 86_400


class DisplayDarkError(Exception):
    """The token shows nothing: its battery is empty, and with it went the secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A battery that nobody can change: put in at ``since`` (true time), empty ``life`` seconds later."""

    since: float
    life: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.since) and math.isfinite(self.life) and self.life > 0):
            raise ValueError(f"a battery must last for more than 0 s, not {self.life}")

    def is_empty(self, now: float) -> bool:
        return now >= self.since + self.life


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TotpToken:
    """A TOTP token (RFC 6238) whose codes come from its own, possibly wrong, clock.

    ``secret`` is bytes, ``digits`` 6 or 8, ``period`` 30 or 60 s. A value a token cannot have is a
    ``ValueError`` that says which. Every ``now`` is the true time, in seconds since the epoch. With a
    ``battery``, every method that takes one is :class:`DisplayDarkError` once it is empty.
    """

    serial_number: str
    secret: bytes = field(repr=False)
    clock: DriftingClock
    digits: int = 6
    algorithm: Algorithm = "SHA1"
    period: int = 30
    battery: Battery | None = None

    def __post_init__(self) -> None:
        _check(self.serial_number, self.secret, self.digits, self.algorithm)
        if self.period not in (30, 60):
            raise ValueError(f"period must be 30 or 60 s, not {self.period}")

    @classmethod
    def with_random_secret(
        cls,
        random_bytes: Callable[[int], bytes],
        *,
        serial_number: str,
        clock: DriftingClock,
        digits: int = 6,
        algorithm: Algorithm = "SHA1",
        period: int = 30,
        battery: Battery | None = None,
    ) -> Self:
        """A token with a fresh secret as long as its hash's output, RFC 6238 §5.1."""
        return cls(
            serial_number=serial_number,
            secret=random_bytes(_secret_size(algorithm)),
            clock=clock,
            digits=digits,
            algorithm=algorithm,
            period=period,
            battery=battery,
        )

    def press(self, now: float) -> str:
        """The code on the display when the button is pressed at ``now``."""
        return hotp(self.secret, self.step(now), digits=self.digits, algorithm=self.algorithm)

    def step(self, now: float) -> int:
        """The step T that the token believes in at ``now``; a clock set before 1970 is a ``ValueError``."""
        if self.battery is not None and self.battery.is_empty(now):
            years = self.battery.life / YEAR
            raise DisplayDarkError(
                f"token {self.serial_number}'s display is dark: its battery lasted {years:.3g} years"
            )
        reading = self.clock.at(now)
        if reading < 0:
            raise ValueError(f"token {self.serial_number}'s clock stands {-reading:.0f} s before 1970")
        return step_at(reading, period=self.period)

    def time_remaining(self, now: float) -> float:
        """Seconds of true time until the display changes; at ``now`` plus this it has changed."""
        return self.clock.when((self.step(now) + 1) * self.period) - now

    def step_clock(self, seconds: float) -> None:
        """Set the token's clock on by ``seconds``, or back if negative: a battery dip, or a hand."""
        self.clock.step(seconds)


@dataclass(slots=True, kw_only=True, eq=False)
class HotpToken:
    """An HOTP token (RFC 4226): each press shows the code of ``counter`` and moves it on.

    ``secret`` is bytes, ``digits`` 6 or 8; a value a token cannot have is a ``ValueError``.
    """

    serial_number: str
    secret: bytes = field(repr=False)
    digits: int = 6
    algorithm: Algorithm = "SHA1"
    counter: int = 0

    def __post_init__(self) -> None:
        _check(self.serial_number, self.secret, self.digits, self.algorithm)

    def press(self) -> str:
        """The next code, RFC 4226 §5.1: the counter is incremented once it is made."""
        code = hotp(self.secret, self.counter, digits=self.digits, algorithm=self.algorithm)
        self.counter += 1
        return code


# IAM API Reference, EnableMFADevice, SerialNumber: pattern and length.
_SERIAL_NUMBER_SIZES = range(9, 257)
_NOT_IN_SERIAL_NUMBER = re.compile(r"[^\w+=/:,.@-]", re.ASCII)


def _check(serial_number: str, secret: bytes, digits: int, algorithm: Algorithm) -> None:
    if len(serial_number) not in _SERIAL_NUMBER_SIZES:
        raise ValueError(
            f"serial number {serial_number!r} has {len(serial_number)} characters; it must have 9 to 256"
        )
    if stray := _NOT_IN_SERIAL_NUMBER.search(serial_number):
        raise ValueError(
            f"serial number {serial_number!r} has {stray[0]!r} at position {stray.start() + 1}; "
            "use letters, digits and _ + = / : , . @ -"
        )
    if not secret:
        raise ValueError(f"token {serial_number} needs a secret of at least one byte")
    if digits not in (6, 8):
        raise ValueError(f"digits must be 6 or 8, not {digits}")
    _secret_size(algorithm)


def _secret_size(algorithm: Algorithm) -> int:
    if algorithm not in DIGEST_SIZE:
        raise ValueError(f"algorithm must be one of {', '.join(DIGEST_SIZE)}, not {algorithm!r}")
    return DIGEST_SIZE[algorithm]
