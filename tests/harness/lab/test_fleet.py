"""A fleet is refused where it makes no sense, in one sentence that names the option."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.lab.fleet import Fleet, LabError


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"tokens": 0}, "tokens must be 1 to 1000000000, not 0"),
        ({"years": -1.0}, "years must be 0.002738 to 100, not -1"),
        ({"years": math.nan}, "years must be a finite number, not nan"),
        ({"ppm_sigma": -4.0}, "ppm-sigma must be 0 to 10000, not -4"),
        ({"ppm_sigma": math.inf}, "ppm-sigma must be a finite number, not inf"),
        ({"every_days": 0.0}, "every-days must be 0.01042 to 36525, not 0"),
        ({"delay": -1.0}, "delay must be 0 to 3600, not -1"),
        ({"seed": -1}, "seed must be 0 to 9223372036854775807, not -1"),
        ({"profile": "fridge"}, "no profile 'fridge'; known are desk, pocket, car, drawer, or none"),
        ({"years": 0.5, "every_days": 300.0}, "in 0.5 years nobody signs in who does so every 300 days"),
    ],
)
def test_nonsense_is_refused_by_the_options_name(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LabError) as refusal:
        Fleet(**{"tokens": 10, "years": 1.0, **wrong})
    assert str(refusal.value) == complaint


@pytest.mark.parametrize(
    ("years", "every_days", "sign_ins"),
    [(1, 1, 365), (4, 1, 1461), (1, 0.5, 730), (1, 30, 12), (2, 365.25, 2)],
)
def test_a_token_signs_in_as_often_as_the_days_allow(years: float, every_days: float, sign_ins: int) -> None:
    fleet = Fleet(tokens=10, years=years, every_days=every_days)

    assert fleet.sign_ins == sign_ins
    assert fleet.token_years == pytest.approx(10 * sign_ins * every_days / 365.25)


def test_a_fleet_says_what_it_is() -> None:
    assert str(Fleet(tokens=10_000, years=1)) == "10,000 tokens for 1 year, at drawer temperature, ±4 ppm"
    still = Fleet(tokens=1, years=2.5, profile="none", ppm_sigma=0.5)
    assert str(still) == "1 tokens for 2.5 years, at one temperature, ±0.5 ppm"
