"""A token in somebody's hand: they read its display and type what it shows.

Its time is the real one, which cannot be hurried: where a scenario lets time pass, the world waits for the
token as long as :data:`PATIENCE`; what takes longer, and what takes another token, is ``NotCapable``.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import os
import time
from collections.abc import Callable
from typing import Literal, cast

from emulator.clock import DriftingClock, ManualClock
from harness.devices.attendant import TERMINAL
from harness.devices.key import DeviceError, NotCapable

SECRET_VARIABLE = "KEYRIG_TOKEN_SECRET"  # noqa: S105  # its name, not itself
SERIAL_VARIABLE = "KEYRIG_TOKEN_SERIAL"
DIGITS_VARIABLE = "KEYRIG_TOKEN_DIGITS"
PERIOD_VARIABLE = "KEYRIG_TOKEN_PERIOD"
ALGORITHM_VARIABLE = "KEYRIG_TOKEN_ALGORITHM"

PATIENCE = 120.0
"""Seconds that the world waits for the real time."""

TOO_LATE = 5.0
"""Seconds before the display changes within which nobody is asked to read it."""

ATTEMPTS = 3

Algorithm = Literal["SHA1", "SHA256", "SHA512"]


class PromptToken:
    """The token of ``source``; ``clock`` is the world's, which follows the real one while this is read."""

    can_set_clock = False

    def __init__(self, source: PromptSource, serial_number: str, clock: ManualClock) -> None:
        self._source = source
        self._world = clock
        self.serial_number = serial_number
        self.secret = source.secret
        self.digits = source.digits
        self.period = source.period
        self.algorithm: Algorithm = source.algorithm
        self._last = ""
        clock.set(max(clock(), source.now()))

    def read(self) -> str:
        self._catch_up()
        if (left := self._time_left()) < TOO_LATE:
            self._source.sleep(left)
        return self._typed()

    def read_next(self) -> str:
        self._source.sleep(self._time_left())
        return self._typed(other_than=self._last)

    def read_two(self) -> tuple[str, str]:
        return self.read(), self.read_next()

    @property
    def clock(self) -> DriftingClock:
        raise NotCapable(f"{self._source} has a clock of its own, which only its codes tell of")

    def step_clock(self, seconds: float) -> None:
        raise NotCapable(f"{self._source} has a clock of its own, which cannot be set")

    def close(self) -> None:
        """It stays in its owner's hand."""

    def _typed(self, other_than: str = "") -> str:
        """What the person reads now, asked again for what it cannot be."""
        complaint = ""
        for _ in range(ATTEMPTS):
            question = f"{complaint}code of {self._source.title} ({self._time_left():.0f} s left): "
            code = self._source.ask(question).replace(" ", "")
            self._world.set(max(self._world(), self._source.now()))
            if not (code.isascii() and code.isdigit() and len(code) == self.digits):
                complaint = f"that is not {self.digits} digits; "
            elif code == other_than:
                complaint = "that is the code from before; wait until the display changes; "
            else:
                self._last = code
                return code
        raise DeviceError(f"no code of {self._source.title} was typed in {ATTEMPTS} attempts")

    def _catch_up(self) -> None:
        """Let the real time come to where the world's is."""
        ahead = self._world() - self._source.now()
        if ahead > PATIENCE:
            raise NotCapable(f"{self._source} cannot be hurried by {ahead:.0f} s")
        if ahead > 0:
            self._source.sleep(ahead)
        self._world.set(max(self._world(), self._source.now()))

    def _time_left(self) -> float:
        return self.period - self._source.now() % self.period


class PromptSource:
    """The one token that a person has, told about in environment variables; its secret may be asked for.

    ``ask`` and ``ask_secretly`` put a question to the person; ``now`` and ``sleep`` are the real time's.

    :raises DeviceError: for what is missing or makes no sense.
    """

    def __init__(
        self,
        *,
        ask: Callable[[str], str] | None = None,
        ask_secretly: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ask = ask or _ask_at_terminal
        self.now, self.sleep = now, sleep
        self.title = f"token {os.environ.get(SERIAL_VARIABLE, '')}".strip()
        self.digits = int(_choice(DIGITS_VARIABLE, "6", "8"))
        self.period = int(_choice(PERIOD_VARIABLE, "30", "60"))
        self.algorithm = cast(Algorithm, _choice(ALGORITHM_VARIABLE, "SHA1", "SHA256", "SHA512"))
        self.secret = _secret(self.title, ask_secretly)
        self._world: ManualClock | None = None

    def __str__(self) -> str:
        return "prompt"

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
    ) -> PromptToken:
        """The token, called ``serial_number`` in this world; :class:`NotCapable` if it is not as asked."""
        if clock is self._world:
            raise NotCapable(f"{self} is one token, and the scenario takes another")
        if offset or drift_ppm:
            raise NotCapable(f"{self} has a clock of its own, which cannot be put wrong")
        if (digits, period) != (self.digits, self.period):
            raise NotCapable(f"{self} has {self.digits} digits each {self.period} s")
        self._world = clock
        return PromptToken(self, serial_number, clock)


def _choice(variable: str, *choices: str) -> str:
    """What the environment says, or the first of ``choices``."""
    chosen = os.environ.get(variable) or choices[0]
    if chosen not in choices:
        raise DeviceError(f"{variable} must be {' or '.join(choices)}, not {chosen!r}")
    return chosen


def _secret(title: str, ask_secretly: Callable[[str], str] | None) -> bytes:
    """What the vendor told of the token, base32 (RFC 4648 §6); spaces and lower case are forgiven."""
    text = os.environ.get(SECRET_VARIABLE)
    if text is None:
        try:
            text = (ask_secretly or getpass.getpass)(f"secret of {title}, base32: ")
        except (EOFError, OSError):
            text = ""
    letters = "".join(text.split()).rstrip("=").upper()
    try:
        secret = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error:
        raise DeviceError(f"the secret of {title} is not base32: letters and 2 to 7") from None
    if not secret:
        raise DeviceError(f"the secret of {title} is not known; put it in the variable {SECRET_VARIABLE}")
    return secret


def _ask_at_terminal(question: str) -> str:
    """Whoever sits at this process's terminal; what they type is no secret."""
    try:
        with open(TERMINAL, "r+b", buffering=0) as terminal:
            terminal.write(f"\r\x1b[2K▶ {question}".encode())
            return terminal.readline().decode(errors="replace").strip()
    except OSError:
        raise DeviceError("nobody is there to read the token: this process has no terminal") from None
