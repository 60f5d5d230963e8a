"""A block's crystals, against the emulator's oscillator and against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emulator.drift import PLACES, Ageing, Crystal, Oscillator
from emulator.random_walk import DAY
from harness.lab.crystals import BLOCK, Crystals
from harness.lab.fleet import Fleet


def drawn(fleet: Fleet, lanes: int = BLOCK) -> tuple[Crystals, list[np.ndarray]]:
    random = np.random.Generator(np.random.Philox(key=[fleet.seed, 0]))
    crystals = Crystals.drawn(fleet, random, lanes)
    return crystals, [x.copy() for x in crystals.errors(fleet, random)]


@pytest.mark.parametrize("profile", PLACES)
def test_each_lane_is_the_emulators_oscillator(profile: str) -> None:
    fleet = Fleet(tokens=1, years=2, every_days=7.3, profile=profile, random_walk_ppm=0.0)
    crystals, errors = drawn(fleet, lanes=5)

    for lane in range(5):
        k = float(crystals.warmth_squared[lane])
        oscillator = Oscillator(
            rate_ppm=float(crystals.rate_ppm[lane]),
            ageing=Ageing(first_year_ppm=float(crystals.ageing[lane])),
            crystal=Crystal(
                place=PLACES[profile],
                parabolic_ppm=k,
                turnover_c=25 - float(crystals.warmth[lane]) / (2 * k),
            ),
        )
        for number, x in enumerate(errors, start=1):
            assert x[lane] == pytest.approx(oscillator.error(number * 7.3 * DAY), abs=0.01)


def test_crystals_differ_as_much_as_their_makers_say() -> None:
    crystals, _ = drawn(Fleet(tokens=1, years=0.1, ppm_sigma=4))

    k = crystals.warmth_squared
    turnover = 25 - crystals.warmth / (2 * k)
    assert np.std(crystals.rate_ppm) == pytest.approx(4, rel=0.03)
    assert np.mean(k) == pytest.approx(-0.034, rel=0.01)
    assert np.std(k) == pytest.approx(0.003, rel=0.03)
    assert np.mean(turnover) == pytest.approx(25, abs=0.1)
    assert np.std(turnover) == pytest.approx(2.5, rel=0.03)


def test_the_random_walk_has_the_variance_of_integrated_brownian_motion(bare: Callable[..., Fleet]) -> None:
    # σ² t³ / 3, with σ in s/day per √day; of 40 blocks, so that the deviation is known to 0.12 %.
    fleets = [
        bare(tokens=1, years=1, ppm_sigma=0, random_walk_ppm=0.5, every_days=2.5, seed=n) for n in range(40)
    ]
    ends = np.concatenate([drawn(fleet)[1][-1] for fleet in fleets])
    days = 365.0

    assert np.std(ends) == pytest.approx(0.5e-6 * DAY * (days**3 / 3) ** 0.5, rel=0.01)
