"""What the relying party makes of TOTP codes: sign-in, replay, enabling and resync with two codes.

Pure rules: ``(device state, codes, now) -> Outcome``. ``now`` is the service's time in seconds since the
epoch.

A step has three marks. *Now* is the step the service's clock stands in. ``learned_drift`` is how many steps
the token is believed to be ahead of that (negative: behind), so that codes are expected around ``now +
learned_drift``. ``last_step``, the watermark, is the highest step accepted so far; nothing at or below it is
ever accepted again (RFC 6238 §5.2).

That is the AWS-style rule. Other servers' rules, defects included, are other :class:`TotpLimits`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from harness.service.totp_limits import LatePair as LatePair
from harness.service.totp_limits import Order
from harness.service.totp_limits import TotpLimits as TotpLimits
from harness.service.totp_state import Algorithm as Algorithm
from harness.service.totp_state import TotpState as TotpState
from harness.service.totp_state import (
    above_watermark,
    codes_of,
    expected_step,
    matching,
    step_at,
    well_formed,
)


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

NEAR = 16
"""Steps either side that are looked at first."""


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
    if not well_formed(code, state):
        return Refused(reason=Reason.MALFORMED)
    expected, reach = expected_step(state, now), limits.sign_in_reach(state.period)
    codes = codes_of(state, range(expected + reach.start, expected + reach.stop))
    matches = sorted(matching(codes, code), key=_ORDER[limits.order](expected))
    if (step := _fresh(state, code, matches, expected, limits)) is None:
        return _diagnose(state, codes, code, now, limits)
    return Accepted(state=_after_sign_in(state, step, expected, now, limits), step=step)


def _fresh(state: TotpState, code: str, matches: list[int], expected: int, limits: TotpLimits) -> int | None:
    """The step that the code proves, found in the server's order and not held to be used already."""
    match limits.replay:
        case "pass-over":
            matches = [step for step in matches if above_watermark(state, step)]
        case "decide":
            matches = [step for step in matches[:1] if above_watermark(state, _mark(step, expected, limits))]
        case "codes":
            matches = [] if matching(codes_of(state, state.used_steps), code) else matches
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
    return replace(state, learned_drift=step - step_at(state, now), learned_shift=0.0)


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
    if not (well_formed(code_1, state) and well_formed(code_2, state)):
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
    reach = limits.resync_reach(state.period)
    outcome = _nearest_within(_near(reach), state, code_1, code_2, now, limits)
    if isinstance(outcome, Accepted) or outcome.reason is Reason.LATE:
        return outcome
    return _nearest_within(reach, state, code_1, code_2, now, limits)


def _near(reach: range) -> range:
    """Where most tokens stand: looked at first, for codes by the thousand take their time."""
    return range(max(reach.start, -NEAR), min(reach.stop, NEAR + 1))


def _nearest_within(
    reach: range, state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits
) -> Outcome:
    current = step_at(state, now)
    # One step further back, for the first code of a pair whose second is the furthest back.
    codes = codes_of(state, range(current + reach.start - 1, current + reach.stop))
    firsts, seconds = matching(codes, code_1), matching(codes, code_2)
    pairs = [step for step in seconds if step - 1 in firsts]
    if not pairs:
        return Refused(reason=Reason.NOT_CONSECUTIVE if firsts and seconds else Reason.WRONG)
    fresh = [step for step in pairs if above_watermark(state, step - 1)]
    if not fresh:
        return Refused(reason=Reason.REPLAYED)
    step = min(fresh, key=lambda step: abs(step - current))
    if limits.late_pair == "refuse" and current - step > limits.late_after:
        return Refused(reason=Reason.LATE, age_seconds=now - step * state.period)
    return _resynced(state, step, drift=step - current)


def _resync_outwards(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """The first pair outwards from the expected step, above the watermark; believed one step further on."""
    expected, reach = expected_step(state, now), limits.resync_reach(state.period)
    codes = codes_of(state, range(expected + reach.start, expected + reach.stop + 1))
    firsts, seconds = matching(codes, code_1), matching(codes, code_2)
    pairs = [step for step in firsts if step - expected in reach and step + 1 in seconds]
    if fresh := [step for step in pairs if above_watermark(state, step)]:
        second = min(fresh, key=_ORDER["nearest-ahead"](expected)) + 1
        return _resynced(state, second, drift=second + 1 - step_at(state, now))
    if pairs:
        return Refused(reason=Reason.REPLAYED)
    return Refused(reason=Reason.NOT_CONSECUTIVE if firsts and seconds else Reason.WRONG)


def _resync_oldest(state: TotpState, code_1: str, code_2: str, now: float, limits: TotpLimits) -> Outcome:
    """The oldest match of each code by itself; the pair stands if they are neighbours."""
    expected, reach = expected_step(state, now), limits.resync_reach(state.period)
    codes = codes_of(state, range(expected + reach.start - 1, expected + reach.stop))
    firsts = [step for step in matching(codes, code_1) if step + 1 - expected in reach]
    seconds = [step for step in matching(codes, code_2) if step - expected in reach]
    if not (firsts and seconds):
        return Refused(reason=Reason.WRONG)
    first, second, reuses = min(firsts), min(seconds), limits.resync_watermark == "next"
    if not above_watermark(state, first + reuses):
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
    expected, reach = expected_step(state, now), limits.resync_reach(state.period)

    def found(within: range) -> list[int]:
        beyond = [
            step for step in range(expected + within.start, expected + within.stop) if step not in tried
        ]
        return matching({**tried, **codes_of(state, beyond)}, code)

    near = _near(reach)
    matches = [step for step in found(near) if step - expected in near] or found(reach)
    if not matches:
        return Refused(reason=Reason.WRONG)
    step = min(matches, key=lambda step: abs(step - expected))
    used = step == state.last_step or step in tried
    return Refused(
        reason=Reason.REPLAYED if used else Reason.OUT_OF_WINDOW,
        age_seconds=now + state.learned_shift + (state.learned_drift - step) * state.period,
    )
