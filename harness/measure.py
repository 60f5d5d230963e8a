"""How wrong a token's clock is, from codes that were read off it: its offset and its rate, with intervals.

A code says which step the token believed in, so that its error stood in an interval of one period at that
moment. A clock that runs evenly has the error ``offset + ppm * t``; each reading cuts the plane of the two
with two lines, and what all of them leave is a polygon. Every point of it explains the readings equally well
(a token's phase is as likely one as another), so that shares of its area are probabilities, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.service.totp_state import TotpState, codes_of, matching, well_formed

MILLION = 1e6
MOST_PPM = 1000.0
"""No token that is worth measuring is further off; 1 ppm is 31.6 s a year."""

_QUANTILES = (0.025, 0.5, 0.975)
_SMALLEST_AREA = 1e-12


class MeasureError(ValueError):
    """Readings that tell nothing, or that no clock explains; one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A code, and when it was read (seconds since the epoch); ``changed``: as the display changed to it.

    ``delay``: seconds that may have passed between the display and that moment, if they are known.
    """

    when: float
    code: str = field(repr=False)
    changed: bool = False
    delay: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A median and the 95 % around it."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Region:
    """A convex polygon of (offset in seconds, rate in ppm), every point of it as likely as another."""

    corners: tuple[tuple[float, float], ...]

    @property
    def area(self) -> float:
        total = 0.0
        for (x1, y1), (x2, y2) in zip(self.corners, self.corners[1:] + self.corners[:1], strict=True):
            total += x1 * y2 - x2 * y1
        return abs(total) / 2

    def cut(self, a: float, b: float, most: float) -> Region:
        """The part of it where ``a * offset + b * ppm <= most``."""
        kept: list[tuple[float, float]] = []
        for here, there in zip(self.corners, self.corners[1:] + self.corners[:1], strict=True):
            before, after = a * here[0] + b * here[1] - most, a * there[0] + b * there[1] - most
            if before <= 0:
                kept.append(here)
            if (before < 0 < after) or (after < 0 < before):
                part = before / (before - after)
                kept.append((here[0] + part * (there[0] - here[0]), here[1] + part * (there[1] - here[1])))
        return Region(tuple(kept))

    def share(self, a: float, b: float, most: float) -> float:
        """The probability that ``a * offset + b * ppm <= most``."""
        return self.cut(a, b, most).area / self.area

    def interval(self, a: float, b: float) -> Interval:
        """The median of ``a * offset + b * ppm``, and its 95 %."""
        values = [a * x + b * y for x, y in self.corners]
        found = []
        for share in _QUANTILES:
            low, high = min(values), max(values)
            while low < (middle := (low + high) / 2) < high and high - low > 1e-9 * (1 + abs(middle)):
                low, high = (middle, high) if self.share(a, b, middle) < share else (low, middle)
            found.append((low + high) / 2)
        return Interval(low=found[0], middle=found[1], high=found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A token's clock as its readings tell; ``others`` is how many clocks, further off, explain them too."""

    region: Region
    origin: float
    steps: tuple[int, ...]
    bounds: tuple[tuple[float, float], ...]
    others: int

    @property
    def ppm(self) -> Interval:
        """The rate: positive gains."""
        return self.region.interval(0.0, 1.0)

    @property
    def knows_rate(self) -> bool:
        """Whether the readings, and not what we think possible, bound the rate."""
        return max(abs(y) for _, y in self.region.corners) < MOST_PPM * 0.999

    def error(self, when: float) -> Interval:
        """Seconds that the clock is ahead at ``when``."""
        return self.region.interval(*self.at(when))

    def at(self, when: float) -> tuple[float, float]:
        """The weights of offset and ppm in the error at ``when``."""
        return 1.0, (when - self.origin) / MILLION


def measure(
    state: TotpState, readings: Sequence[Reading], *, delay: float = 5.0, within: float = 86_400.0
) -> Measured:
    """The clock that shows these codes at these times; of several, the one that is least wrong.

    ``delay``: seconds that may have passed between the display and the moment noted, where the reading does
    not say. ``within``: seconds that the clock is wrong at most.

    :raises MeasureError: when there is none, and for fewer than two steps.
    """
    if len(readings) < 2:
        raise MeasureError(f"a rate takes two readings or more, days apart; there {_are(len(readings))}")
    readings = sorted(readings, key=lambda reading: reading.when)
    origin = readings[-1].when
    reach = within + state.period + delay + MOST_PPM * (origin - readings[0].when) / MILLION
    box = Region(((-reach, -MOST_PPM), (reach, -MOST_PPM), (reach, MOST_PPM), (-reach, MOST_PPM)))
    clocks: list[tuple[Region, tuple[int, ...]]] = [(box, ())]
    for number, reading in enumerate(readings, start=1):
        found = _steps(state, reading, within, number)
        weight = (reading.when - origin) / MILLION
        joined = []
        for region, steps in clocks:
            for step in found:
                low, high = _bounds(state, reading, step, delay)
                rest = region.cut(1.0, weight, high).cut(-1.0, -weight, -low)
                if rest.area > _SMALLEST_AREA:
                    joined.append((rest, (*steps, step)))
        if not joined:
            raise MeasureError(
                f"reading {number} fits no even clock that also shows the codes before it: one was misread "
                "or noted at another time, the clock was set or stood still, or heat and cold moved "
                "it further than --delay allows for"
            )
        clocks = joined
    region, steps = min(clocks, key=lambda clock: abs(clock[0].interval(1.0, 0.0).middle))
    if len(set(steps)) < 2:
        raise MeasureError(
            "all readings are of one and the same step, which tells nothing of the rate; wait until the "
            "display changes, better for days, and read again"
        )
    bounds = tuple(
        _bounds(state, reading, step, delay) for reading, step in zip(readings, steps, strict=True)
    )
    return Measured(region=region, origin=origin, steps=steps, bounds=bounds, others=len(clocks) - 1)


def days_for(width: float, ppm: float) -> float:
    """Days between two readings, each to within ``width`` seconds, that tell the rate to ± ``ppm`` (95 %).

    Each error is uniform over its interval, so that their difference has a triangle for its density.
    """
    return (1 - math.sqrt(0.05)) * width / (ppm * 1e-6) / 86_400


def _steps(state: TotpState, reading: Reading, within: float, number: int) -> list[int]:
    """The steps that have this code, near enough to when it was read."""
    if not well_formed(reading.code, state):
        raise MeasureError(f"reading {number} is no code of {state.digits} digits")
    here, reach = int(reading.when // state.period), int(within // state.period) + 1
    steps = matching(codes_of(state, range(here - reach, here + reach + 1)), reading.code)
    if not steps:
        raise MeasureError(
            f"reading {number} is no code of this token within {within / 3600:g} h of when it was read: it "
            "was misread, is another token's, or the clock is further off (--within HOURS)"
        )
    return steps


def _bounds(state: TotpState, reading: Reading, step: int, delay: float) -> tuple[float, float]:
    """Between what the clock's error was at the noted time, if the code was this step's."""
    low = step * state.period - reading.when
    delay = delay if reading.delay is None else reading.delay
    return low, low + delay + (0 if reading.changed else state.period)


def _are(count: int) -> str:
    return "is one" if count == 1 else f"are {count}"
