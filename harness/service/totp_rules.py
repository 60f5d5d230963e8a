"""What the relying party makes of TOTP codes: sign-in, replay, enabling and resync with two codes.

Pure rules: ``(device state, codes, now) -> Outcome``. ``now`` is the service's time in seconds since the
epoch. The codes are made by pyotp (RFC 6238, T0 = 0), so that a token of our own is judged by another's
arithmetic.

A step has three marks. *Now* is the step the service's clock stands in. ``learned_drift`` is how many steps
the token is believed to be ahead of that (negative: behind), so that codes are expected around ``now +
learned_drift``. ``last_step``, the watermark, is the highest step accepted so far; nothing at or below it is
ever accepted again (RFC 6238 §5.2).

That is the AWS-style rule. Other servers' rules, defects included, are other :class:`TotpLimits`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

import pyotp

from harness.service.totp_limits import LatePair as LatePair
from harness.service.totp_limits import Order
from harness.service.totp_limits import TotpLimits as TotpLimits

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

_HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpState:
    """What the service keeps about one TOTP device; ``last_step`` is ``None`` until a code is accepted.

    ``learned_shift`` is the memory of servers that keep seconds, on top of ``learned_drift`` in steps;
    ``used_steps`` that of servers that remember used codes and no watermark.
    ``secret`` is at least 14 bytes (112 bits, NIST SP 800-63B-4 §3.1.4.1), ``digits`` 6 to 8, ``period`` 1 to
    120 s; anything else is a ``ValueError``, so that no later rule can trip over it.
    """

    secret: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: Algorithm = "SHA1"
    learned_drift: int = 0
    last_step: int | None = None
    learned_shift: float = 0.0
    used_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.secret) < 14:
            raise ValueError(f"a TOTP secret must have at least 14 bytes, not {len(self.secret)}")
        if self.digits not in (6, 7, 8):
            raise ValueError(f"digits must be 6, 7 or 8, not {self.digits}")
        if not 1 <= self.period <= 120:
            raise ValueError(f"period must be 1 to 120 s, not {self.period}")
        if self.algorithm not in _HASHES:
            raise ValueError(f"algorithm must be one of {', '.join(_HASHES)}, not {self.algorithm!r}")


class Reason(Enum):
    """Why codes were refused: for the log, never for whoever sent them. The value is how a log puts it."""

    MALFORMED = "malformed code"
    WRONG = "wrong code"
    OUT_OF_WINDOW = "code out of the window"
    REPLAYED = "code already used"
    NOT_CONSECUTIVE = "codes not consecutive"
    LATE = "pair too late"
    NO_RESYNC = "this server has no resync"


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


# The sort key by which each order of search tries steps around the expected one.
_ORDER: Mapping[Order, Callable[[int], Callable[[int], tuple[int, ...]]]] = {
    "latest": lambda _: lambda step: (-step,),
    "oldest": lambda _: lambda step: (step,),
    "nearest-ahead": lambda expected: lambda step: (abs(step - expected), -step),
    "nearest-behind": lambda expected: lambda step: (abs(step - expected), step),
}


def verify(state: TotpState, code: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge one code at sign-in.

    Accepted within the window around the expected step and, but for servers that differ, above the
    watermark. Any string may be offered.
    """
    if not _well_formed(code, state):
        return Refused(reason=Reason.MALFORMED)
    expected, reach = _expected(state, now), limits.sign_in_reach(state.period)
    codes = _codes(state, range(expected + reach.start, expected + reach.stop))
    matches = sorted(_matching(codes, code), key=_ORDER[limits.order](expected))
    if (step := _fresh(state, code, matches, expected, limits)) is None:
        return _diagnose(state, codes, code, now, limits)
    return Accepted(state=_after_sign_in(state, step, expected, now, limits), step=step)


def _fresh(state: TotpState, code: str, matches: list[int], expected: int, limits: TotpLimits) -> int | None:
    """The step that the code proves, found in the server's order and not held to be used already."""
    match limits.replay:
        case "pass-over":
            matches = [step for step in matches if _above_watermark(state, step)]
        case "decide":
            matches = [step for step in matches[:1] if _above_watermark(state, _mark(step, expected, limits))]
        case "codes":
            matches = [] if _matching(_codes(state, state.used_steps), code) else matches
        case "none":
            pass
    return matches[0] if matches else None


def _after_sign_in(state: TotpState, step: int, expected: int, now: float, limits: TotpLimits) -> TotpState:
    """What is remembered of an accepted code: the watermark, and the drift if the server learns."""
    match limits.replay:
        case "none":
            pass
        case "codes":
            near = limits.resync_reach(state.period)
            kept = tuple(used for used in state.used_steps if used - expected in near)
            state = replace(state, used_steps=(*kept, step))
        case _:
            # Two steps of one window can share a code; the later one leaves neither to be replayed.
            state = replace(state, last_step=_mark(step, expected, limits))
    if not limits.learns:
        return state
    if limits.memory == "seconds":
        return replace(state, learned_drift=0, learned_shift=float(step * state.period - int(now)))
    return replace(state, learned_drift=step - _step_at(state, now), learned_shift=0.0)


def _mark(step: int, expected: int, limits: TotpLimits) -> int:
    """Where the watermark goes for a step; a server that loses the sign puts it ahead whatever the side."""
    return expected + abs(step - expected) if limits.loses_sign else step


def enable(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge the two codes that enable a device: a first synchronisation, by the rule of :func:`resync`.

    Where there is no resync, sign-in must take either code; the second is the one remembered.
    """
    if limits.resync != "none":
        return resync(state, code_1, code_2, now, limits)
    first = verify(state, code_1, now, limits)
    return verify(state, code_2, now, limits) if isinstance(first, Accepted) else first


def resync(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """Judge two consecutive codes and take the token's clock to be where they say, as the server searches."""
    if limits.resync == "none":
        return Refused(reason=Reason.NO_RESYNC)
    if not (_well_formed(code_1, state) and _well_formed(code_2, state)):
        return Refused(reason=Reason.MALFORMED)
    match limits.resync:
        case "nearest-pair":
            return _resync_nearest(state, code_1, code_2, now, limits)
        case "outwards":
            return _resync_outwards(state, code_1, code_2, now, limits)
        case "oldest-of-each":
            return _resync_oldest(state, code_1, code_2, now, limits)


def _resync_nearest(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """The AWS-style search.

    Of the pairs of steps n - 1 and n, n within ``look_ahead`` of now, that have these codes, the nearest to
    now sets ``learned_drift`` to n - now and the watermark to n. Nothing of the earlier belief enters the
    search, because the belief is what is being mended; the watermark does, so that a captured pair resyncs
    nothing. Nor does a token that was set back below its own watermark, until it has caught up.

    Only the codes say when they were made. A pair sent late therefore looks like a slow clock: it is
    accepted, a correct clock is from then on believed slow, and its next codes fall outside the window (the
    device is associated, but out of sync). A later prompt pair finds the true step and mends it. The previous
    and the current code sent at once are a prompt pair: n is now.
    """
    if code_1 == code_2:
        return Refused(reason=Reason.NOT_CONSECUTIVE)
    current = _step_at(state, now)
    reach = limits.resync_reach(state.period)
    # One step further back, for the first code of a pair whose second is the furthest back.
    codes = _codes(state, range(current + reach.start - 1, current + reach.stop))
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
    return _resynced(state, step, drift=step - current)


def _resync_outwards(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """The first pair outwards from the expected step, above the watermark; believed one step further on."""
    expected, reach = _expected(state, now), limits.resync_reach(state.period)
    codes = _codes(state, range(expected + reach.start, expected + reach.stop + 1))
    firsts, seconds = _matching(codes, code_1), _matching(codes, code_2)
    pairs = [step for step in firsts if step - expected in reach and step + 1 in seconds]
    if fresh := [step for step in pairs if _above_watermark(state, step)]:
        second = min(fresh, key=_ORDER["nearest-ahead"](expected)) + 1
        return _resynced(state, second, drift=second + 1 - _step_at(state, now))
    if pairs:
        return Refused(reason=Reason.REPLAYED)
    return Refused(reason=Reason.NOT_CONSECUTIVE if firsts and seconds else Reason.WRONG)


def _resync_oldest(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """The oldest match of each code by itself; the pair stands if they are neighbours."""
    expected, reach = _expected(state, now), limits.resync_reach(state.period)
    codes = _codes(state, range(expected + reach.start - 1, expected + reach.stop))
    firsts = [step for step in _matching(codes, code_1) if step + 1 - expected in reach]
    seconds = [step for step in _matching(codes, code_2) if step - expected in reach]
    if not (firsts and seconds):
        return Refused(reason=Reason.WRONG)
    first, second, reuses = min(firsts), min(seconds), limits.resync_watermark == "next"
    if not _above_watermark(state, first + reuses):
        return Refused(reason=Reason.REPLAYED)
    if first + 1 != second:
        return Refused(reason=Reason.NOT_CONSECUTIVE)
    shift = (second + 0.5) * state.period - now
    return _resynced(state, second, drift=0, shift=shift, mark=second + reuses)


def _resynced(
    state: TotpState, step: int, *, drift: int, shift: float = 0.0, mark: int | None = None
) -> Accepted:
    mark = step if mark is None else mark
    return Accepted(state=replace(state, learned_drift=drift, learned_shift=shift, last_step=mark), step=step)


def _diagnose(
    state: TotpState, tried: Mapping[int, str], code: str, now: float, limits: TotpLimits
) -> Refused:
    """Say why a code was refused, having looked beyond those tried as far as resync; accepts nothing."""
    expected, reach = _expected(state, now), limits.resync_reach(state.period)
    beyond = range(expected + reach.start, expected + reach.stop)
    codes = {**tried, **_codes(state, [step for step in beyond if step not in tried])}
    matches = _matching(codes, code)
    if not matches:
        return Refused(reason=Reason.WRONG)
    step = min(matches, key=lambda step: abs(step - expected))
    used = step == state.last_step or step in tried
    return Refused(
        reason=Reason.REPLAYED if used else Reason.OUT_OF_WINDOW,
        age_seconds=now + state.learned_shift + (state.learned_drift - step) * state.period,
    )


def _codes(state: TotpState, steps: Iterable[int]) -> dict[int, str]:
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


def _step_at(state: TotpState, now: float) -> int:
    return int(now // state.period)


def _expected(state: TotpState, now: float) -> int:
    """The step that the token is believed to stand in."""
    return int((now + state.learned_shift) // state.period) + state.learned_drift


def _above_watermark(state: TotpState, step: int) -> bool:
    return state.last_step is None or step > state.last_step


def _well_formed(code: str, state: TotpState) -> bool:
    return len(code) == state.digits and code.isascii() and code.isdigit()
