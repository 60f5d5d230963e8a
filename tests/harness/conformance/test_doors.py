"""The suite in full through the doors that need no kernel of their own: UDP, and a card under pcscd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REAL_TIME = ["--longest-wait", "2"]
"""Time is real there: what waits for longer is tested in simulated time, and said to be left out."""


def judged(run: Any) -> int:
    """How many tests passed; none failed."""
    assert (run.code, run.failures) == (0, []), run.out + run.err
    return sum(test["outcome"] == "passed" for test in run.tests)


@pytest.mark.parametrize(("profile", "least"), [("ctap23", 350), ("u2f-only", 60)])
def test_the_suite_passes_over_udp(
    plugged_in: Callable[..., Any], conform: Callable[..., Any], profile: str, least: int
) -> None:
    key = plugged_in("--profile", profile, "--touch", "never")
    run = conform(
        "--key", key.name, "--touch-url", key.control, "--destructive", *REAL_TIME,
        typed=f"{key.name.removesuffix(':0')}\n",
    )  # fmt: skip
    assert judged(run) >= least


@pytest.mark.parametrize(("profile", "least"), [("ctap23", 250), ("u2f-only", 20)])
def test_the_suite_passes_on_a_card_under_pcscd(
    pcscd: Any, tmp_path: Path, conform: Callable[..., Any], profile: str, least: int
) -> None:
    with pcscd.card("--profile", profile, "--control", "0", output=tmp_path / "said") as card:
        name = "pcsc:Virtual PCD 00 00"
        run = conform(
            "--key", name, "--touch-url", f"{card.controller}/keys/1", "--destructive", *REAL_TIME,
            typed=f"{name}\n",
        )  # fmt: skip
    assert judged(run) >= least
