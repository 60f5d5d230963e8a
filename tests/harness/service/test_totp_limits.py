"""Limits: which steps each shape of window holds, and which limits contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.totp_limits import Shape, TotpLimits, Unit


@pytest.mark.parametrize(
    ("window", "unit", "shape", "period", "steps"),
    [
        (2, "steps", "symmetric", 30, (-2, 2)),
        (2, "steps", "end-exclusive", 30, (-2, 1)),
        (2, "steps", "strictly-inside", 30, (-1, 1)),
        (2, "steps", "back", 30, (-2, 0)),
        (0, "steps", "symmetric", 30, (0, 0)),
        (180, "seconds", "end-exclusive", 30, (-6, 5)),
        (180, "seconds", "end-exclusive", 60, (-3, 2)),
        (300, "seconds", "strictly-inside", 30, (-9, 9)),
        (301, "seconds", "strictly-inside", 30, (-10, 10)),
        (300, "seconds", "strictly-inside", 60, (-4, 4)),
        (89, "seconds", "symmetric", 30, (-2, 2)),
    ],
)
def test_a_window_holds_the_steps_of_its_shape(
    window: int, unit: Unit, shape: Shape, period: int, steps: tuple[int, int]
) -> None:
    limits = TotpLimits(window=window, window_unit=unit, shape=shape, look_ahead=1000, learns=False)

    reach = limits.sign_in_reach(period)

    assert (reach[0], reach[-1]) == steps


def test_a_resync_looks_back_and_ahead_even_where_sign_in_only_looks_back() -> None:
    limits = TotpLimits(window=1, shape="back", look_ahead=40, learns=False)

    assert limits.resync_reach(30) == range(-40, 41)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"shape": "round"}, "shape must be"),
        ({"order": "random"}, 'order must be "latest" or "oldest" or'),
        ({"replay": True}, "replay must be"),
        ({"window": 1.5}, "window must be a whole number, not 1.5"),
        ({"look_ahead": "far"}, "look_ahead must be a whole number, not 'far'"),
        ({"loses_sign": 1}, "loses_sign must be true or false, not 1"),
        ({"window": 1001}, r"window must be 0 to look_ahead \(1000\) steps, not 1001"),
        (
            {"window": 0, "shape": "end-exclusive"},
            "a window that is end-exclusive and that narrow holds no code",
        ),
        (
            {"window": 0, "shape": "strictly-inside", "window_unit": "seconds"},
            "holds no code",
        ),
        ({"window_unit": "seconds", "window": -1}, "window must be 0 to look_ahead"),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TotpLimits(**{"window": 1, "look_ahead": 1000, "learns": False, **wrong})
