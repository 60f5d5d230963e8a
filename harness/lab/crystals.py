"""The crystals of one block of tokens: the terms of :mod:`emulator.drift`, lane by lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.devices.emulated_clock import DAY, PARABOLIC_PPM, PLACES, TURNOVER_C, Ageing
from harness.lab.fleet import Fleet

Floats = NDArray[np.float32]

BLOCK = 8192
"""Tokens a block: few enough to stay in a core's cache, enough to keep NumPy busy."""

# The crystals of one make differ: k by ±0.006 ppm/°C² and T0 by ±5 °C, taken as two deviations.
_PARABOLIC_SIGMA, _TURNOVER_SIGMA = 0.003, 2.5


@dataclass(slots=True)
class Crystals:
    """One block's crystals: what each term of the rate is multiplied with, lane by lane."""

    rate_ppm: Floats
    warmth: Floats
    warmth_squared: Floats
    temperature_rate: Floats
    ageing: Floats

    @classmethod
    def drawn(cls, fleet: Fleet, random: np.random.Generator, tokens: int) -> Crystals:
        rate, parabolic, turnover, ageing = (
            random.standard_normal(BLOCK, np.float32)[:tokens] for _ in range(4)
        )
        k = PARABOLIC_PPM + _PARABOLIC_SIGMA * parabolic
        above = _TURNOVER_SIGMA * turnover  # T0 less the usual one, which the place is reckoned about
        return cls(
            rate_ppm=fleet.ppm_sigma * rate,
            warmth=-2 * k * above,
            warmth_squared=k,
            temperature_rate=k * above**2,
            ageing=fleet.ageing_ppm * ageing,
        )

    def errors(self, fleet: Fleet, random: np.random.Generator) -> Iterator[Floats]:
        """Seconds by which each clock is ahead at each sign-in; the array is the same one each time.

        x grows by what each term of the rate integrates to from one sign-in to the next; for the random walk
        that is the trapezium between its ends.
        """
        span = fleet.every_days * DAY
        moments = [number * span for number in range(fleet.sign_ins + 1)]
        place = PLACES.get(fleet.profile)
        aged = Ageing(first_year_ppm=1)
        x = np.zeros_like(self.rate_ppm)
        walk, part = np.zeros_like(x), np.empty_like(x)
        steady = self.rate_ppm + (self.temperature_rate if place else np.float32(0))
        steady *= np.float32(span * 1e-6)
        jump = np.float32(fleet.random_walk_ppm * fleet.every_days**0.5 * span * 1e-6)
        for begin, end in pairwise(moments):
            x += steady
            terms: list[tuple[Floats, float]] = []
            if place:
                for term, integral in (
                    (self.warmth, place.integral),
                    (self.warmth_squared, place.square_integral),
                ):
                    grown = integral(end, about=TURNOVER_C) - integral(begin, about=TURNOVER_C)
                    terms.append((term, grown * 1e-6))
            if fleet.ageing_ppm:
                terms.append((self.ageing, aged.gained(end) - aged.gained(begin)))
            for term, factor in terms:
                np.multiply(term, np.float32(factor), out=part)
                x += part
            if fleet.random_walk_ppm:
                drawn = random.standard_normal(BLOCK, np.float32)[: len(x)]
                drawn *= jump
                x += walk
                walk += drawn
                drawn *= np.float32(0.5)
                x += drawn
            yield x
