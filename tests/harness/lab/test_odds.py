"""The odds of guessing, against plain multiplication."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.lab.odds import false_resync_odds, guessing_odds


@pytest.mark.parametrize(("codes", "tries"), [(3, 1), (3, 10), (12, 100), (20, 10_000), (1, 0)])
def test_guessing_odds_are_one_less_every_guess_failing(codes: int, tries: int) -> None:
    exact = 1 - (1 - Fraction(codes, 10**6)) ** tries

    assert guessing_odds(codes, tries) == pytest.approx(float(exact), rel=1e-12)


def test_two_made_up_codes_seldom_fit_a_resync() -> None:
    assert false_resync_odds(1000) == pytest.approx(2001e-12, rel=1e-8)
    assert false_resync_odds(1000, consecutive=1) == pytest.approx(
        float(1 - (1 - Fraction(1, 10**6)) ** 2001)
    )
