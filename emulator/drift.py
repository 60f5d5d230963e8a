"""The oscillator of a token: how far its clock is wrong after any time, term by term.

    x(t) = x0 + ∫ [y0 + k (T - T0)² + A ln(1 + t/τ) + w(t)] dt + Σ steps

Positive is fast. Every term has a closed form, or a tree that is drawn on demand (the random walk), so that
five years hence is as quick to ask about as tomorrow. A term that is left out is off. A ``DriftingClock``
takes :meth:`Oscillator.error` as its ``wander``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from emulator.random_walk import DAY, RandomWalk

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

YEAR = 365.25 * DAY

# A tuning-fork crystal: k = -0.034 ± 0.006 ppm/°C² around T0 = 25 ± 5 °C.
PARABOLIC_PPM = -0.034
TURNOVER_C = 25.0


def _all_finite(record: DataclassInstance) -> None:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise ValueError(f"{type(record).__name__}'s {field.name} must be a finite number, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """A place's temperature in °C: a mean, and the swings of the day and of the year either side of it.

    Time 0 is midnight on the coldest day. A constant temperature has no swings.
    """

    mean: float
    daily: float = 0.0
    annual: float = 0.0

    def __post_init__(self) -> None:
        _all_finite(self)

    def at(self, elapsed: float) -> float:
        """°C at ``elapsed`` seconds."""
        day, year = math.tau * elapsed / DAY, math.tau * elapsed / YEAR
        return self.mean - self.daily * math.cos(day) - self.annual * math.cos(year)

    def integral(self, elapsed: float, *, about: float) -> float:
        """The integral of T - ``about`` from 0 to ``elapsed``, in °C s."""
        day, year = math.tau / DAY, math.tau / YEAR
        swings = self.daily * math.sin(day * elapsed) / day + self.annual * math.sin(year * elapsed) / year
        return (self.mean - about) * elapsed - swings

    def square_integral(self, elapsed: float, *, about: float) -> float:
        """The integral of (T - ``about``)² from 0 to ``elapsed``, in °C² s."""
        day, year, mean = math.tau / DAY, math.tau / YEAR, self.mean - about

        def cosine(rate: float) -> float:  # the integral of cos(rate t)
            return math.sin(rate * elapsed) / rate

        return (
            mean**2 * elapsed
            + self.daily**2 / 2 * (elapsed + cosine(2 * day))
            + self.annual**2 / 2 * (elapsed + cosine(2 * year))
            - 2 * mean * (self.daily * cosine(day) + self.annual * cosine(year))
            + self.daily * self.annual * (cosine(day - year) + cosine(day + year))
        )


# Where tokens live. The figures are ours, for a temperate climate: rooms are heated, pockets are warmed by
# their wearer by day, cars follow the weather and the sun.
PLACES: dict[str, Temperature] = {
    "desk": Temperature(mean=22, daily=1.5, annual=1.5),
    "pocket": Temperature(mean=26, daily=5, annual=2),
    "car": Temperature(mean=16, daily=10, annual=12),
    "drawer": Temperature(mean=20, daily=0.5, annual=2.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crystal:
    """What temperature does to the rate: ``parabolic_ppm`` times (T - ``turnover_c``)², at a ``place``."""

    place: Temperature
    parabolic_ppm: float = PARABOLIC_PPM
    turnover_c: float = TURNOVER_C

    def __post_init__(self) -> None:
        _all_finite(self)

    def rate_ppm(self, elapsed: float) -> float:
        return self.parabolic_ppm * (self.place.at(elapsed) - self.turnover_c) ** 2

    def gained(self, elapsed: float) -> float:
        """Seconds gained by ``elapsed`` seconds; negative, for temperature only ever slows such a crystal."""
        return self.parabolic_ppm * 1e-6 * self.place.square_integral(elapsed, about=self.turnover_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """The rate's slow change A ln(1 + t/τ): fast at first, never done; none before time 0.

    ``first_year_ppm`` is what the first year changes (within ±3 for a good crystal), ``tau`` is in seconds.
    """

    first_year_ppm: float
    tau: float = 30 * DAY

    def __post_init__(self) -> None:
        _all_finite(self)
        if self.tau <= 0:
            raise ValueError(f"tau must be above 0 s, not {self.tau}")

    def rate_ppm(self, elapsed: float) -> float:
        return self._scale_ppm * math.log1p(max(elapsed, 0.0) / self.tau)

    def gained(self, elapsed: float) -> float:
        """Seconds gained by ``elapsed`` seconds: A ((t + τ) ln(1 + t/τ) - t)."""
        t = max(elapsed, 0.0)
        return self._scale_ppm * 1e-6 * ((t + self.tau) * math.log1p(t / self.tau) - t)

    @property
    def _scale_ppm(self) -> float:
        return self.first_year_ppm / math.log1p(YEAR / self.tau)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """From ``at`` seconds on, the clock is ``seconds`` further ahead (behind, if negative)."""

    at: float
    seconds: float

    def __post_init__(self) -> None:
        _all_finite(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """At ``at`` seconds a hand sets the clock to be ``error`` seconds wrong; it drifts on from there."""

    at: float
    error: float = 0.0

    def __post_init__(self) -> None:
        _all_finite(self)


Step = Jump | Setting


def battery_dip(*, at: float, lost: float) -> tuple[Step, ...]:
    """The oscillator stands still for ``lost`` seconds."""
    return (Jump(at=at, seconds=-lost),)


def time_traveller(*, at: float, until: float, ahead: float) -> tuple[Step, ...]:
    """Somebody sets the clock ``ahead`` seconds on, harvests codes of the future, and sets it back."""
    return Jump(at=at, seconds=ahead), Jump(at=until, seconds=-ahead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oscillator:
    """A crystal and what befalls it; a term left at its default is off.

    ``offset`` in seconds is x0, ``rate_ppm`` is y0; ``steps`` may stand in any order. Times are elapsed
    seconds, from when the clock was started. A value that is not finite is a ``ValueError``.
    """

    offset: float = 0.0
    rate_ppm: float = 0.0
    crystal: Crystal | None = None
    ageing: Ageing | None = None
    random_walk: RandomWalk | None = None
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        _all_finite(self)

    def error(self, elapsed: float) -> float:
        """Seconds by which the clock is ahead after ``elapsed`` seconds."""
        done = sorted((step for step in self.steps if step.at <= elapsed), key=lambda step: step.at)
        error, since = self.offset, 0.0
        for step in done:
            match step:
                case Jump(seconds=seconds):
                    error += seconds
                case Setting(at=since, error=error):
                    pass
        return error + self._gained(elapsed) - self._gained(since)

    def frequency_ppm(self, elapsed: float) -> float:
        """The rate error at that moment, steps apart."""
        terms = (self.crystal, self.ageing, self.random_walk)
        return self.rate_ppm + sum(term.rate_ppm(elapsed) for term in terms if term is not None)

    def _gained(self, elapsed: float) -> float:
        """What the rate has gained by ``elapsed``: the integral, without offset and steps."""
        gained = self.rate_ppm * 1e-6 * elapsed
        gained += self.crystal.gained(elapsed) if self.crystal else 0.0
        gained += self.ageing.gained(elapsed) if self.ageing else 0.0
        return gained + (self.random_walk.phase(elapsed) if self.random_walk else 0.0)
