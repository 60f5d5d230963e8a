"""What the relying party makes of TOTP codes: sign-in, replay, enabling and resync with two codes.

Pure rules: ``(device state, codes, now) -> Outcome``. ``now`` is the service's time in seconds since the
epoch. The codes are made by pyotp (RFC 6238, T0 = 0), so that a token of our own is judged by another's
arithmetic.

A step has three marks. *Now* is the step the service's clock stands in. ``learned_drift`` is how many steps
the token is believed to be ahead of that (negative: behind), so that codes are expected around ``now +
learned_drift``. ``last_step``, the watermark, is the highest step accepted so far; nothing at or below it is
ever accepted again (RFC 6238 §5.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

import pyotp

Algorithm = Literal["SHA1", "SHA256", "SHA512"]
LatePair = Literal["associate-out-of-sync", "refuse"]

_HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpState:
    """What the service keeps about one TOTP device; ``last_step`` is ``None`` until a code is accepted.

    ``secret`` is at least 14 bytes (112 bits, NIST SP 800-63B-4 §3.1.4.1), ``digits`` 6 to 8, ``period`` 1 to
    120 s; anything else is a ``ValueError``, so that no later rule can trip over it.
    """

    secret: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: Algorithm = "SHA1"
    learned_drift: int = 0
    last_step: int | None = None

    def __post_init__(self) -> None:
        if len(self.secret) < 14:
            raise ValueError(f"a TOTP secret must have at least 14 bytes, not {len(self.secret)}")
        if self.digits not in (6, 7, 8):
            raise ValueError(f"digits must be 6, 7 or 8, not {self.digits}")
        if not 1 <= self.period <= 120:
            raise ValueError(f"period must be 1 to 120 s, not {self.period}")
        if self.algorithm not in _HASHES:
            raise ValueError(f"algorithm must be one of {', '.join(_HASHES)}, not {self.algorithm!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpLimits:
    """How far the service looks; every value comes from its profile.

    ``window``: steps each side of the expected one that sign-in accepts. ``look_ahead``: steps each side of
    now that enabling and resync search, and as far as a refused code is traced for the log. ``learns``:
    whether each sign-in rewrites ``learned_drift``; with a ``window`` of 1 that is a trap, for a code read
    late moves the expected step and the next one, read promptly, can fall outside. ``late_pair``: what
    becomes of a pair whose second code is more than ``late_after`` steps behind now. The service cannot tell
    a slow clock from a slow person, so "refuse" also refuses a token truly that slow.
    """

    window: int
    look_ahead: int
    learns: bool
    late_pair: LatePair
    late_after: int

    def __post_init__(self) -> None:
        if not 0 <= self.window <= self.look_ahead:
            raise ValueError(
                f"window must be 0 to look_ahead ({self.look_ahead}) steps, not {self.window}; "
                "resync searches wider than sign-in"
            )
        if self.late_after < 0:
            raise ValueError(f"late_after must be 0 steps or more, not {self.late_after}")
        if self.late_pair not in ("associate-out-of-sync", "refuse"):
            raise ValueError(f'late_pair must be "associate-out-of-sync" or "refuse", not {self.late_pair!r}')


class Reason(Enum):
    """Why codes were refused: for the log, never for whoever sent them. The value is how a log puts it."""

    MALFORMED = "malformed code"
    WRONG = "wrong code"
    OUT_OF_WINDOW = "code out of the window"
    REPLAYED = "code already used"
    NOT_CONSECUTIVE = "codes not consecutive"
    LATE = "pair too late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Codes accepted; ``state`` is to be stored in place of the old one, ``step`` is what they proved."""

    state: TotpState
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Codes refused; the state stays as it was.

    ``age_seconds``, where the code was recognised: how long ago its step began; negative for a step yet to
    come. At sign-in that is by the clock expected of this token (the service's, moved by ``learned_drift``),
    for a late pair by the service's own. ``str()`` is the diagnosis, such as "code 61 s old".
    """

    reason: Reason
    age_seconds: float | None = None

    def __str__(self) -> str:
        match self.reason, self.age_seconds:
            case Reason.OUT_OF_WINDOW, int() | float() as age:
                return f"code {abs(age):.0f} s {'old' if age >= 0 else 'ahead'}"
            case Reason.LATE, int() | float() as age:
                return f"pair {age:.0f} s late"
        return self.reason.value


Outcome = Accepted | Refused


def verify(state: TotpState, code: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge one code at sign-in.

    Accepted within ``window`` steps of the expected step and above the watermark. Any string may be offered.
    """
    if not _well_formed(code, state):
        return Refused(reason=Reason.MALFORMED)
    current = _step_at(state, now)
    expected = current + state.learned_drift
    matches = _matching(_codes(state, _around(expected, limits.window)), code)
    if fresh := [step for step in matches if _above_watermark(state, step)]:
        # Two steps of one window can share a code; the later one leaves neither to be replayed.
        step = max(fresh)
        drift = step - current if limits.learns else state.learned_drift
        return Accepted(state=replace(state, learned_drift=drift, last_step=step), step=step)
    return _diagnose(state, code, now, expected, limits)


def enable(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge the two codes that enable a device: a first synchronisation, by the rule of :func:`resync`."""
    return resync(state, code_1, code_2, now, limits)


def resync(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge two consecutive codes and take the token's clock to be where they say.

    Of the pairs of steps n - 1 and n, n within ``look_ahead`` of now, that have these codes, the nearest to
    now sets ``learned_drift`` to n - now and the watermark to n. Nothing of the earlier belief enters the
    search, because the belief is what is being mended; the watermark does, so that a captured pair resyncs
    nothing. Nor does a token that was set back below its own watermark, until it has caught up.

    Only the codes say when they were made. A pair sent late therefore looks like a slow clock: it is
    accepted, a correct clock is from then on believed slow, and its next codes fall outside the window (the
    device is associated, but out of sync). A later prompt pair finds the true step and mends it. The previous
    and the current code sent at once are a prompt pair: n is now.
    """
    if not (_well_formed(code_1, state) and _well_formed(code_2, state)):
        return Refused(reason=Reason.MALFORMED)
    if code_1 == code_2:
        return Refused(reason=Reason.NOT_CONSECUTIVE)
    current = _step_at(state, now)
    # One step further back, for the first code of a pair whose second is the furthest back.
    codes = _codes(state, range(current - limits.look_ahead - 1, current + limits.look_ahead + 1))
    firsts, seconds = _matching(codes, code_1), _matching(codes, code_2)
    pairs = [step for step in seconds if step - 1 in firsts]
    if not pairs:
        return Refused(reason=Reason.NOT_CONSECUTIVE if firsts and seconds else Reason.WRONG)
    fresh = [step for step in pairs if _above_watermark(state, step - 1)]
    if not fresh:
        return Refused(reason=Reason.REPLAYED)
    step = min(fresh, key=lambda step: abs(step - current))
    if limits.late_pair == "refuse" and current - step > limits.late_after:
        return Refused(reason=Reason.LATE, age_seconds=now - step * state.period)
    return Accepted(state=replace(state, learned_drift=step - current, last_step=step), step=step)


def _diagnose(state: TotpState, code: str, now: float, expected: int, limits: TotpLimits) -> Refused:
    """Say why a refused code was refused, having looked as far as resync would; accepts nothing."""
    matches = _matching(_codes(state, _around(expected, limits.look_ahead)), code)
    if not matches:
        return Refused(reason=Reason.WRONG)
    step = min(matches, key=lambda step: abs(step - expected))
    used = step == state.last_step or abs(step - expected) <= limits.window
    return Refused(
        reason=Reason.REPLAYED if used else Reason.OUT_OF_WINDOW,
        age_seconds=now + (state.learned_drift - step) * state.period,
    )


def _codes(state: TotpState, steps: range) -> dict[int, str]:
    """The code of each step since 1970."""
    generator = _Generator(state)
    return {step: generator.at(step) for step in steps if step >= 0}


class _Generator(pyotp.HOTP):
    """pyotp's codes, its secret decoded once and not for each of the thousands that a resync tries."""

    def __init__(self, state: TotpState) -> None:
        self._decoded = state.secret  # first, for pyotp's own check of its length
        encoded = base64.b32encode(state.secret).decode("ascii")
        super().__init__(encoded, digits=state.digits, digest=_HASHES[state.algorithm])

    def byte_secret(self) -> bytes:
        return self._decoded


def _matching(codes: Mapping[int, str], code: str) -> list[int]:
    """The steps whose code is ``code``; compares with every one of them, whichever matches first."""
    return [step for step, candidate in codes.items() if hmac.compare_digest(candidate, code)]


def _around(step: int, distance: int) -> range:
    return range(step - distance, step + distance + 1)


def _step_at(state: TotpState, now: float) -> int:
    return int(now // state.period)


def _above_watermark(state: TotpState, step: int) -> bool:
    return state.last_step is None or step > state.last_step


def _well_formed(code: str, state: TotpState) -> bool:
    return len(code) == state.digits and code.isascii() and code.isdigit()
