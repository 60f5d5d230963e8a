"""Clocks that are told the time, and one that tells it wrong."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.clock import DriftingClock, ManualClock, SystemClock

YEAR = 365.25 * 86_400
TODAY = 1_767_225_600.0


def test_the_system_clock_is_the_machines() -> None:
    before = time.time()
    assert before <= SystemClock()() <= time.time()


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(1000)

    assert (clock(), clock()) == (1000, 1000)
    clock.advance(90 * 86_400)
    assert clock() == 1000 + 90 * 86_400
    clock.set(5)
    assert clock() == 5


def test_a_manual_clock_does_not_advance_backwards() -> None:
    with pytest.raises(ValueError, match=r"use set\(\) to move it back"):
        ManualClock().advance(-1)


def test_one_part_per_million_is_half_a_minute_a_year() -> None:
    world = ManualClock()
    clock = DriftingClock(world, drift_ppm=1)

    world.advance(YEAR)

    assert clock.error == pytest.approx(31.6, abs=0.05)


def test_the_offset_is_there_at_once_and_the_drift_counts_from_since() -> None:
    world = ManualClock(2_000_000)

    assert DriftingClock(world, offset=-3).error == -3
    assert DriftingClock(world, drift_ppm=5, since=1_000_000).error == pytest.approx(5)


def test_a_new_rate_keeps_what_the_old_one_gained() -> None:
    world = ManualClock()
    clock = DriftingClock(world, drift_ppm=10)
    world.advance(1_000_000)

    clock.drift_ppm = -10

    assert clock.error == pytest.approx(10)
    world.advance(1_000_000)
    assert clock.error == pytest.approx(0, abs=1e-6)


def test_a_step_is_a_jump_and_the_rate_goes_on() -> None:
    world = ManualClock()
    clock = DriftingClock(world, drift_ppm=1)

    clock.step(-60)

    assert clock.error == -60
    assert clock.drift_ppm == 1


@given(
    offset=st.floats(-1e6, 1e6),
    drift_ppm=st.floats(-1000, 1000),
    reading=st.floats(TODAY - 1e8, TODAY + 1e8),
)
@example(offset=209520.36540955328, drift_ppm=752.7394184870136, reading=1602256906.9280174)  # falls short
def test_when_is_the_inverse_of_at_and_never_early(offset: float, drift_ppm: float, reading: float) -> None:
    clock = DriftingClock(ManualClock(TODAY), offset=offset, drift_ppm=drift_ppm)

    assert reading <= clock.at(clock.when(reading)) < reading + 1e-5


@pytest.mark.parametrize("drift_ppm", [-1e6, -2e6, math.nan, math.inf])
def test_a_rate_at_which_no_clock_runs_is_refused(drift_ppm: float) -> None:
    clock = DriftingClock(ManualClock())

    with pytest.raises(ValueError, match="drift_ppm"):
        DriftingClock(ManualClock(), drift_ppm=drift_ppm)
    with pytest.raises(ValueError, match="drift_ppm"):
        clock.drift_ppm = drift_ppm
    assert clock.drift_ppm == 0


def test_a_jump_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="offset must be a finite number of seconds, not nan"):
        DriftingClock(ManualClock(), offset=math.nan)
    with pytest.raises(ValueError, match="step must be a finite number of seconds, not inf"):
        DriftingClock(ManualClock()).step(math.inf)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_wanders_and_jumps_is_inverted_near_its_present_time(jump: float) -> None:
    world = ManualClock(TODAY)
    clock = DriftingClock(
        world, offset=2, drift_ppm=-40, wander=lambda t: 1e-5 * t + (jump if t >= 1000 else 0.0)
    )

    for elapsed in (0.0, 990.0, 999.0, 1000.0, 1100.0):
        world.set(TODAY + elapsed)
        shown = clock()
        for later in (0.0, 0.5, 5.0, 29.0):
            now = clock.when(shown + later)
            assert clock.at(now) >= shown + later
            assert now >= world()
            assert later == 0 or clock.at(now - 1e-6) < shown + later


def test_a_clock_that_wanders_tells_when_it_showed_what_is_past() -> None:
    world = ManualClock(TODAY)
    clock = DriftingClock(world, wander=lambda t: 2e-5 * t)
    world.advance(5000)

    assert clock.when(TODAY + 100) == pytest.approx(TODAY + 100 - 0.002, abs=1e-6)


def test_a_new_rate_leaves_the_wandering_as_it_was() -> None:
    world = ManualClock(TODAY)
    clock = DriftingClock(world, drift_ppm=10, wander=lambda t: 1e-3 * t)
    world.advance(1000)
    clock.drift_ppm = 0
    world.advance(1000)

    assert clock.error == pytest.approx(2.01, abs=1e-6)
