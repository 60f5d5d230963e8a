"""The random walk of frequency: one walk whatever the order, with the noise it claims."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from emulator.random_walk import DAY, RandomWalk

YEAR = 365.25 * DAY


def walk(number: int = 0, ppm: float = 0.01) -> RandomWalk:
    return RandomWalk(ppm_per_sqrt_day=ppm, seed=number.to_bytes(4, "big"))


def test_the_walk_is_the_same_in_whatever_order_it_is_asked_about() -> None:
    moments = [i * 5 * YEAR / 200 for i in range(200)]
    forwards = [walk().phase(t) for t in moments]
    shuffled = [i * 77 % 200 for i in range(200)]

    again = walk()

    assert {i: again.phase(moments[i]) for i in shuffled} == dict(enumerate(forwards))
    assert walk(1).phase(YEAR) != walk(2).phase(YEAR)


def test_it_starts_from_nothing_and_there_is_none_before() -> None:
    assert [walk().phase(t) for t in (-DAY, 0)] == [walk().rate_ppm(t) for t in (-DAY, 0)] == [0, 0]
    assert RandomWalk(ppm_per_sqrt_day=0).phase(YEAR) == 0


def test_the_phase_is_the_integral_of_the_rate() -> None:
    noise, end, count = walk(), 64 * 1024.0, 64 * 50
    rates = [noise.rate_ppm((i + 0.5) * end / count) for i in range(count)]

    assert noise.phase(end) == pytest.approx(math.fsum(rates) * 1e-6 * end / count, rel=1e-3)


def test_it_is_continuous_where_intervals_meet() -> None:
    noise = walk()
    for edge in (1024.0, 2048.0, 3072.0, 1024.0 * 2**12, 1024.0 * (2**12 + 2**9)):
        assert noise.phase(edge + 1e-6) == pytest.approx(noise.phase(edge), abs=1e-9)
        assert noise.rate_ppm(edge + 1e-6) == pytest.approx(noise.rate_ppm(edge), abs=1e-6)


def test_the_allan_deviation_is_that_of_random_walk_fm() -> None:
    # Each τ by second differences of the phase (IEEE 1139), 60 walks of 64 intervals: 3,780 differences that
    # are nearly independent, so that a variance is known to some 3 %.
    for tau in (3_000.0, DAY, 20 * DAY):
        squares = []
        for number in range(60):
            noise = walk(number)
            steps = [b - a for a, b in pairwise(noise.phase(i * tau) for i in range(65))]
            squares += [(b - a) ** 2 for a, b in pairwise(steps)]
        allan_ppm = 1e6 * math.sqrt(math.fsum(squares) / len(squares) / 2) / tau
        assert allan_ppm == pytest.approx(noise.allan_deviation_ppm(tau), rel=0.06)


def test_after_a_time_t_the_phase_has_the_deviation_of_integrated_brownian_motion() -> None:
    # σ² t³ / 3 and σ² t at uneven moments, of 3,000 walks: each deviation is known to 1.3 %.
    for t in (9_000.0, 3.3 * DAY, YEAR):
        phases = [walk(number).phase(t) for number in range(3_000)]
        rates = [walk(number).rate_ppm(t) for number in range(3_000)]
        days = t / DAY
        assert _deviation(phases) == pytest.approx(0.01e-6 * DAY * days**1.5 / math.sqrt(3), rel=0.05)
        assert _deviation(rates) == pytest.approx(0.01 * math.sqrt(days), rel=0.05)


@pytest.mark.parametrize("ppm", [-0.1, math.nan, math.inf])
def test_a_walk_needs_a_finite_strength(ppm: float) -> None:
    with pytest.raises(ValueError, match="ppm_per_sqrt_day must be finite and 0 or more"):
        RandomWalk(ppm_per_sqrt_day=ppm)


def test_the_seed_is_not_shown() -> None:
    assert "seed" not in repr(walk(7))


def _deviation(values: list[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))
