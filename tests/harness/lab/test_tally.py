"""Counts that add up, and what they say of idle tokens."""

from __future__ import annotations

import pytest

from harness.lab.tally import RuleTally, idle_days, together

ONE = RuleTally(refused=3, refused_squares=5, calls=2, calls_squares=2, resyncs=1, issued=1, idle=(10, 4))
TWO = RuleTally(refused=1, refused_squares=1, idle=(9, 0))


def test_tallies_add_up_in_any_order() -> None:
    total = RuleTally(
        refused=4, refused_squares=6, calls=2, calls_squares=2, resyncs=1, issued=1, idle=(19, 4)
    )

    assert together([{"a": ONE}, {"a": TWO}]) == together([{"a": TWO}, {"a": ONE}]) == {"a": total}


@pytest.mark.parametrize(
    ("share", "days"), [(0.1, 15.0), (0.5, 25.0), (0.05, 12.5), (0.8, 30.0), (0.81, None)]
)
def test_idle_days_are_read_between_the_checkpoints(share: float, days: float | None) -> None:
    tally = RuleTally(idle=(100, 80, 20))

    assert idle_days(tally, [10.0, 20.0, 30.0], 100, share) == (days and pytest.approx(days))


def test_a_token_refused_by_the_first_checkpoint_is_read_from_the_enrolment() -> None:
    assert idle_days(RuleTally(idle=(50,)), [10.0], 100, 0.25) == 5.0
