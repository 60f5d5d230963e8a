"""Whole blocks, against closed forms where there are any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import pytest

from harness.lab.block import blocks_of, checkpoints, simulate
from harness.lab.crystals import BLOCK
from harness.lab.fleet import Fleet
from harness.lab.tally import idle_days
from harness.service.totp_servers import find_servers, packaged_servers

NORMAL = NormalDist()


def above(limit: float, sigma: float) -> float:
    """E[max(X - limit, 0)] of a normal X with mean 0."""
    z = limit / sigma
    return sigma * NORMAL.pdf(z) - limit * (1 - NORMAL.cdf(z))


def refused_share(first: int, last: int, sigma: float) -> float:
    """How likely a code is out of a window whose server stands anywhere in its step, for a normal error.

    An error of x seconds past the window's edge is refused in x / 30 of the cases, from 30 s on in all.
    """
    late, early = -30.0 * first, 30.0 * last
    return sum(above(edge, sigma) - above(edge + 30, sigma) for edge in (late, early)) / 30


@pytest.mark.parametrize(
    ("name", "window"), [("keycloak", (-1, 1)), ("freeradius", (-1, 0)), ("aws", (-1, 1))]
)
def test_the_first_sign_ins_after_a_hundred_days_are_refused_as_the_closed_form_says(
    name: str, window: tuple[int, int], bare: Callable[..., Fleet]
) -> None:
    fleet = bare(tokens=50 * BLOCK, years=100 / 365.25, every_days=100)

    tally = simulate(fleet, find_servers(name), range(50))[name]

    assert tally.refused / fleet.tokens == pytest.approx(refused_share(*window, 4 * 8.64), rel=0.01)
    assert tally.refused_squares == tally.refused


def test_codes_that_arrive_late_are_refused_as_the_closed_form_says(bare: Callable[..., Fleet]) -> None:
    # P(delay > phase + 30 s) for a mean delay of 15 s: out of a window of one step behind.
    fleet = bare(tokens=6 * BLOCK, years=1, every_days=10, ppm_sigma=0, delay=15)

    tally = simulate(fleet, find_servers("keycloak"), range(6))["keycloak"]

    share = 15 / 30 * (1 - math.exp(-2)) * math.exp(-2)
    assert tally.refused / fleet.tokens / fleet.sign_ins == pytest.approx(share, rel=0.01)


def test_idle_tokens_are_refused_when_the_closed_form_says(bare: Callable[..., Fleet]) -> None:
    fleet = bare(tokens=30 * BLOCK, years=1, every_days=2)

    tally = simulate(fleet, find_servers("aws"), range(30))["aws"]

    days = [(number + 1) * 2.0 for number in checkpoints(fleet)]
    for share in (0.5, 0.1, 0.01):
        gained_daily = NORMAL.inv_cdf(1 - share / 2) * 4 * 0.0864
        # Refused from 45 s on: a step and a half.
        assert idle_days(tally, days, fleet.tokens, share) == pytest.approx(45 / gained_daily, rel=0.01)


def test_two_steps_with_memory_fail_far_less_than_one() -> None:
    fleet = Fleet(tokens=4 * BLOCK, years=1)
    (trap,) = find_servers("django-otp")
    wider = replace(trap, name="wider", limits=replace(trap.limits, window=2))

    tally = simulate(fleet, [trap, wider], range(4))

    assert tally["django-otp"].refused > 100 * tally["wider"].refused


def test_a_rule_fares_the_same_in_any_company() -> None:
    fleet = Fleet(tokens=10_000, years=0.3, ppm_sigma=20)
    together = simulate(fleet, packaged_servers(), range(blocks_of(fleet)))

    for server in packaged_servers():
        assert simulate(fleet, [server], range(blocks_of(fleet))) == {server.name: together[server.name]}


def test_another_seed_is_another_fleet() -> None:
    aws = find_servers("aws")
    one, two = (simulate(Fleet(tokens=2000, years=0.5, seed=n), aws, range(1)) for n in (1, 2))

    assert one != two


@pytest.mark.parametrize(("sign_ins", "count"), [(1, 1), (100, 100), (365, 122), (1826, 122)])
def test_idle_tokens_are_looked_at_often_enough_and_at_the_end(sign_ins: int, count: int) -> None:
    fleet = Fleet(tokens=1, years=sign_ins / 365.25)

    assert len(checkpoints(fleet)) == count
    assert checkpoints(fleet)[-1] == sign_ins - 1
