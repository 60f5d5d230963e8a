"""Rows with rates and intervals, and the JSON of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from harness.lab.answer import answer
from harness.lab.block import blocks_of, simulate
from harness.lab.fleet import Fleet
from harness.lab.tally import RuleTally
from harness.service.totp_servers import find_servers

AWS = find_servers("aws")


def test_a_rate_is_per_thousand_tokens_a_year_with_an_interval_from_how_tokens_differ() -> None:
    # 100 tokens for a year of 365 days: 20 of them refused five times each.
    fleet = Fleet(tokens=100, years=1)
    tally = RuleTally(refused=100, refused_squares=500, calls=0, idle=tuple([100] * 122))

    (row,) = answer(fleet, AWS, {"aws": tally}, tries=10).servers

    year = 365.25 / 365
    assert row.refused.per_1000 == pytest.approx(1000 * year)
    deviation = math.sqrt((0.2 * 25 - 1) * 100 / 99)  # of one token
    assert row.refused.high - row.refused.per_1000 == pytest.approx(1.96 * deviation * 100 * year, rel=1e-3)
    assert row.refused.low == pytest.approx(2 * row.refused.per_1000 - row.refused.high)
    assert row.codes == 3
    assert row.odds == pytest.approx(3e-5, rel=1e-4)
    assert row.idle_days == (None, None, None)


def test_of_what_was_never_seen_the_interval_still_has_an_end() -> None:
    tally = RuleTally(idle=tuple([1000] * 122))

    (row,) = answer(Fleet(tokens=1000, years=1), AWS, {"aws": tally}, tries=1).servers

    assert (row.calls.per_1000, row.calls.low) == (0, 0)
    assert row.calls.high == pytest.approx(3.69 * 365.25 / 365, rel=1e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say(bare: Callable[..., Fleet]) -> None:
    # 100 fleets of 500 tokens, each signing in once, with a closed form for the share that is refused.
    inside = 0
    truth = 0.206665 * 1000 * 365.25 / 100
    for seed in range(100):
        fleet = bare(tokens=500, years=100 / 365.25, every_days=100, seed=seed)
        (row,) = answer(fleet, AWS, simulate(fleet, AWS, range(1)), tries=1).servers
        inside += row.refused.low <= truth <= row.refused.high
    assert 88 <= inside <= 100


def test_the_json_says_all_that_was_asked_and_answered() -> None:
    fleet = Fleet(tokens=3000, years=0.5, ppm_sigma=20)
    servers = find_servers("aws,privacyidea")

    result = answer(fleet, servers, simulate(fleet, servers, range(blocks_of(fleet))), tries=10)

    document = json.loads(result.to_json())
    assert document["fleet"]["tokens"] == 3000
    assert [server["name"] for server in document["servers"]] == ["aws", "privacyidea"]
    aws = document["servers"][0]
    assert aws["calls"]["low"] < aws["calls"]["per_1000"] < aws["calls"]["high"]
    assert aws["resyncs_per_1000"] == pytest.approx(aws["calls"]["per_1000"])
    assert aws["idle_days"][0] < aws["idle_days"][1] < aws["idle_days"][2]
