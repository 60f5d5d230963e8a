"""What readings tell of a clock, judged by emulated tokens whose clocks are known."""

from __future__ import annotations

import random
from itertools import pairwise

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure import MeasureError, Reading, Region, days_for, measure
from harness.service.totp_state import TotpState

SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = 1_767_225_600.0
DAY = 86_400.0


def state(period: int = 30) -> TotpState:
    return TotpState(secret=SECRET, period=period)


def read(
    when: float,
    *,
    offset: float,
    ppm: float = 0.0,
    period: int = 30,
    changed: bool = False,
    delay: float = 0.0,
) -> Reading:
    """What somebody notes at ``when`` plus ``delay`` of a token so wrong since ``NOW``."""
    shown = when + offset + ppm * 1e-6 * (when - NOW)
    if changed:  # wait for the display to change
        wait = period - shown % period + 1e-3
        when, shown = when + wait, shown + wait
    code = pyotp.TOTP(BASE32, interval=period).generate_otp(int(shown // period))
    return Reading(when=when + delay, code=code, changed=changed)


SQUARE = Region(((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)))


def test_a_region_s_shares_are_areas() -> None:
    assert SQUARE.area == 4
    assert SQUARE.share(1, 0, 0.5) == 0.25
    assert SQUARE.share(1, 1, 2) == 0.5
    assert SQUARE.share(1, 0, -1) == 0
    assert SQUARE.share(1, 0, 5) == 1


def test_the_sum_of_two_uniform_errors_has_a_triangle_s_quantiles() -> None:
    interval = SQUARE.interval(1, 1)

    assert interval.middle == pytest.approx(2)
    assert interval.high - 2 == pytest.approx(2 * (1 - 0.05**0.5), abs=1e-6)
    assert 2 - interval.low == pytest.approx(interval.high - 2, abs=1e-6)


@settings(max_examples=50)
@given(
    offset=st.floats(-3600, 3600),
    ppm=st.floats(-60, 60),
    period=st.sampled_from([30, 60]),
    days=st.lists(st.floats(1, 400), min_size=1, max_size=5, unique=True),
    delay=st.floats(0, 5),
)
def test_the_true_clock_is_always_among_those_that_are_left(
    offset: float, ppm: float, period: int, days: list[float], delay: float
) -> None:
    readings = [
        read(NOW + day * DAY, offset=offset, ppm=ppm, period=period, delay=delay) for day in (0.0, *days)
    ]

    measured = measure(state(period), readings, within=6000.0)

    x, y = offset + ppm * 1e-6 * (measured.origin - delay - NOW), ppm
    corners = measured.region.corners
    sides = [
        (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) for a, b in pairwise((*corners, corners[0]))
    ]
    assert min(sides) > -1e-3 or max(sides) < 1e-3


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    dice = random.Random(6)  # noqa: S311  # not for secrets
    held = {"offset": 0, "ppm": 0}
    rounds = 300
    for _ in range(rounds):
        offset, ppm = dice.uniform(-100, 100), dice.uniform(-20, 20)
        days = [0.0, *sorted(dice.uniform(20, 200) for _ in range(3))]
        measured = measure(
            state(), [read(NOW + day * DAY, offset=offset, ppm=ppm) for day in days], delay=0.0, within=600.0
        )
        last = NOW + days[-1] * DAY
        truth = offset + ppm * 1e-6 * (last - NOW)
        error, rate = measured.error(last), measured.ppm
        held["offset"] += error.low <= truth <= error.high
        held["ppm"] += rate.low <= ppm <= rate.high

    assert all(0.91 < count / rounds < 0.985 for count in held.values()), held


def test_a_year_tells_the_rate_and_a_minute_does_not() -> None:
    year = measure(state(), [read(NOW + day * DAY, offset=-40, ppm=8) for day in (0, 365)])
    minute = measure(state(), [read(NOW + seconds, offset=-40, ppm=8) for seconds in (0, 60)])

    assert year.knows_rate
    assert year.ppm.low < 8 < year.ppm.high
    assert year.ppm.high - year.ppm.low < 2.2
    assert not minute.knows_rate


def test_readings_at_the_change_of_the_display_tell_more() -> None:
    def width(changed: bool) -> float:
        readings = [read(NOW + day * DAY, offset=-40, ppm=8, changed=changed) for day in (0, 90)]
        rate = measure(state(), readings, delay=1.0).ppm
        assert rate.low < 8 < rate.high
        return rate.high - rate.low

    assert width(changed=True) < width(changed=False) / 20


def test_days_for_a_rate_are_those_that_it_takes() -> None:
    days = days_for(35, 5)
    readings = [read(NOW + day * DAY, offset=-15) for day in (0, days)]

    rate = measure(state(), readings).ppm
    assert (rate.high - rate.low) / 2 == pytest.approx(5, rel=0.5)


def test_of_several_clocks_the_one_least_wrong_is_taken() -> None:
    codes = pyotp.TOTP(BASE32)
    here = int(NOW // 30)
    seen: dict[str, int] = {}
    far, near = next(
        (seen[code], step)
        for step in range(here - 2880, here + 2880)
        if (code := codes.generate_otp(step)) in seen or seen.setdefault(code, step) != step
    )
    moment = 30.0 * near + 10
    next_code = codes.generate_otp(near + 1)

    measured = measure(
        state(),
        [Reading(when=moment, code=codes.generate_otp(near)), Reading(when=moment + 30, code=next_code)],
    )

    assert far != near
    assert measured.steps == (near, near + 1)


@pytest.mark.parametrize(
    ("readings", "sentence"),
    [
        ([], "two readings or more, days apart; there are 0"),
        ([read(NOW, offset=0)], "there is one"),
        ([read(NOW, offset=0), read(NOW + 5, offset=0)], "one and the same step"),
        ([read(NOW, offset=0), Reading(when=NOW + 60, code="12345")], "reading 2 is no code of 6 digits"),
        ([read(NOW, offset=0), Reading(when=NOW + 60, code="12345x")], "reading 2 is no code of 6 digits"),
        (
            [read(NOW, offset=0), read(NOW + DAY, offset=2 * DAY)],
            "reading 2 is no code of this token within 24 h",
        ),
        (
            [read(NOW, offset=0), read(NOW + DAY, offset=600)],
            "reading 2 fits no even clock .* was set or stood still",
        ),
        ([read(NOW, offset=0), read(NOW, offset=0), read(NOW + DAY, offset=-900)], "reading 3 fits no even"),
    ],
)
def test_readings_that_tell_nothing_are_a_sentence(readings: list[Reading], sentence: str) -> None:
    with pytest.raises(MeasureError, match=sentence):
        measure(state(), readings)
