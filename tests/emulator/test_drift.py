"""The oscillator: each term against the published table, plain quadrature or its own closed form."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from emulator.clock import DriftingClock, ManualClock
from emulator.drift import (
    PLACES,
    YEAR,
    Ageing,
    Crystal,
    Jump,
    Oscillator,
    Setting,
    Temperature,
    battery_dip,
    time_traveller,
)
from emulator.oath.otp import hotp
from emulator.random_walk import DAY, RandomWalk
from emulator.totp_token import TotpToken

EVERYTHING = Oscillator(
    offset=2,
    rate_ppm=3.5,
    crystal=Crystal(place=PLACES["car"]),
    ageing=Ageing(first_year_ppm=-2),
    random_walk=RandomWalk(seed=b"one token"),
    steps=(Jump(at=YEAR, seconds=-7), Setting(at=2 * YEAR, error=1)),
)


@pytest.mark.parametrize(
    ("celsius", "published_ppm"), [(25, 0), (15, -3), (35, -3), (0, -21), (50, -21), (-10, -42), (60, -42)]
)
def test_temperature_costs_what_the_published_table_says(celsius: float, published_ppm: float) -> None:
    at_rest = Oscillator(crystal=Crystal(place=Temperature(mean=celsius)))

    assert at_rest.frequency_ppm(DAY) == pytest.approx(published_ppm, abs=1)
    assert at_rest.error(DAY) / DAY * 1e6 == pytest.approx(published_ppm, abs=1)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_integrated_exactly(place: str) -> None:
    crystal, end, count = Crystal(place=PLACES[place]), 0.37 * YEAR, 40_000
    rates = [crystal.rate_ppm((i + 0.5) * end / count) for i in range(count)]
    warmth = [PLACES[place].at((i + 0.5) * end / count) - 25 for i in range(count)]

    assert crystal.gained(end) == pytest.approx(math.fsum(rates) * 1e-6 * end / count, rel=1e-6)
    assert PLACES[place].integral(end, about=25) == pytest.approx(math.fsum(warmth) * end / count, rel=1e-6)
    assert crystal.gained(end) < 0


def test_a_place_is_coldest_when_time_begins_and_hottest_at_noon_in_half_a_year() -> None:
    car = PLACES["car"]

    assert car.at(0) == car.mean - car.daily - car.annual
    assert max(car.at(i * DAY / 24) for i in range(24 * 366)) == pytest.approx(car.at(182.5 * DAY))


def test_a_crystal_ages_by_what_it_says_in_its_first_year_and_ever_less_after() -> None:
    ageing = Ageing(first_year_ppm=3)

    assert ageing.rate_ppm(0) == 0
    assert ageing.rate_ppm(YEAR) == pytest.approx(3)
    assert ageing.rate_ppm(2 * YEAR) - 3 < 1
    rates = [ageing.rate_ppm((i + 0.5) * YEAR / 20_000) for i in range(20_000)]
    assert ageing.gained(YEAR) == pytest.approx(math.fsum(rates) * 1e-6 * YEAR / 20_000, rel=1e-6)


def test_one_part_per_million_is_half_a_minute_a_year() -> None:
    assert Oscillator(rate_ppm=1, offset=5).error(YEAR) == pytest.approx(5 + 31.6, abs=0.05)


@pytest.mark.parametrize("term", ["offset", "rate_ppm", "crystal", "ageing", "random_walk", "steps"])
def test_every_term_can_be_switched_off(term: str) -> None:
    default = getattr(Oscillator(), term)
    alone = Oscillator(**{term: getattr(EVERYTHING, term)})
    without = replace(replace(EVERYTHING, steps=()), **{term: default})

    assert Oscillator().error(3 * YEAR) == 0
    assert alone.error(3 * YEAR) != 0
    if term != "steps":
        together = without.error(3 * YEAR) + alone.error(3 * YEAR)
        assert together == pytest.approx(replace(EVERYTHING, steps=()).error(3 * YEAR))


def test_the_rate_is_how_the_error_changes() -> None:
    still = replace(EVERYTHING, steps=())
    for t in (10 * DAY, 0.7 * YEAR, 4 * YEAR):
        slope = (still.error(t + 1800) - still.error(t - 1800)) / 3600
        assert still.frequency_ppm(t) == pytest.approx(slope * 1e6, rel=0.01, abs=0.02)


def test_a_battery_dip_loses_time_for_good() -> None:
    dipped = Oscillator(rate_ppm=10, steps=battery_dip(at=DAY, lost=40))

    assert dipped.error(DAY - 1) == pytest.approx(0.864, abs=1e-4)
    assert dipped.error(DAY) == pytest.approx(0.864 - 40)
    assert dipped.error(2 * DAY) == pytest.approx(1.728 - 40)


def test_a_time_traveller_is_ahead_only_while_he_travels() -> None:
    traveller = Oscillator(steps=time_traveller(at=100, until=160, ahead=3600))

    assert [traveller.error(t) for t in (99, 100, 159, 160)] == [0, 3600, 3600, 0]


def test_a_clock_that_is_set_drifts_on_from_what_it_was_set_to() -> None:
    steps = (Jump(at=300, seconds=5), Setting(at=200, error=1), Jump(at=100, seconds=50))
    set_once = Oscillator(offset=90, rate_ppm=1000, steps=steps)

    assert set_once.error(199) == pytest.approx(90 + 0.199 + 50)
    assert [set_once.error(t) for t in (200, 299, 300)] == pytest.approx([1, 1.099, 6.1])


def test_a_token_shows_the_codes_of_its_oscillators_time() -> None:
    world = ManualClock()
    start = world()
    clock = DriftingClock(world, wander=EVERYTHING.error)
    token = TotpToken(serial_number="GAHT12345678", secret=bytes(20), clock=clock)

    for days in (0, 1, 364, 366, 1000):
        world.set(start + days * DAY + 17)
        wrong = EVERYTHING.error(days * DAY + 17)
        assert clock.error == pytest.approx(wrong, abs=1e-6)
        assert token.press(world()) == hotp(bytes(20), int((world() + wrong) // 30))
        remaining = token.time_remaining(world())
        assert 0 < remaining <= 30.01
        assert token.step(world() + remaining) == token.step(world()) + 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Oscillator(rate_ppm=math.nan), "Oscillator's rate_ppm must be a finite number, not nan"),
        (lambda: Temperature(mean=math.inf), "Temperature's mean must be a finite number, not inf"),
        (lambda: Ageing(first_year_ppm=1, tau=0), "tau must be above 0 s, not 0"),
        (lambda: Jump(at=math.nan, seconds=1), "Jump's at must be a finite number"),
    ],
)
def test_nonsense_is_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
