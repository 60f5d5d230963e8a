"""What a run announces that it will ask of whoever attends the key."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.course import Plan

ONE = {"tests": 40, "touches": 0, "resets": 0, "waits": 0.0, "each": 0.05, "tireless": False}


@pytest.mark.parametrize(
    ("what", "announced"),
    [
        ({}, "40 tests, no touch is asked for; about 2 s"),
        ({"touches": 1}, "40 tests, 1 touch, announced one by one; about 5 s"),
        ({"touches": 20, "tireless": True}, "40 tests, 20 touches, by your robot; about 2 s"),
        (
            {"touches": 30, "resets": 10},
            "40 tests, 30 touches, announced one by one, 10 resets at most, each of a key plugged in anew; "
            "about 2 min 22 s",
        ),
        ({"each": 2.0, "waits": 61.0}, "40 tests, no touch is asked for; about 2 min 21 s"),
    ],
)
def test_touches_replugs_and_time_are_announced(what: dict[str, Any], announced: str) -> None:
    assert str(Plan(**{**ONE, **what})) == announced
