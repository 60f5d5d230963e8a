"""Fleets small enough for a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.lab.fleet import Fleet


@pytest.fixture
def bare() -> Callable[..., Fleet]:
    """A fleet of nothing but offsets and rates: one temperature, no ageing, no random walk, no delay."""

    def make(**values: float) -> Fleet:
        nothing = {"delay": 0.0, "ageing_ppm": 0.0, "random_walk_ppm": 0.0, "profile": "none"}
        return Fleet(**{**nothing, **values})  # type: ignore[arg-type]

    return make
