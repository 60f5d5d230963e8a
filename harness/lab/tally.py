"""What is counted of a fleet: whole numbers, so that it does not matter in which order they are added."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTally:
    """Under one server's rule: refused sign-ins and calls to the help desk, and their squares by token.

    A call ends in a resync or a token issued anew. ``idle``: how many tokens would still be accepted, had
    they not been used since their enrolment, at each of the moments of :func:`harness.lab.block.checkpoints`.
    """

    refused: int = 0
    refused_squares: int = 0
    calls: int = 0
    calls_squares: int = 0
    resyncs: int = 0
    issued: int = 0
    idle: tuple[int, ...] = ()

    def __add__(self, other: Self) -> RuleTally:
        return RuleTally(
            refused=self.refused + other.refused,
            refused_squares=self.refused_squares + other.refused_squares,
            calls=self.calls + other.calls,
            calls_squares=self.calls_squares + other.calls_squares,
            resyncs=self.resyncs + other.resyncs,
            issued=self.issued + other.issued,
            idle=tuple(map(sum, zip(self.idle, other.idle, strict=True))),
        )


Tally = dict[str, RuleTally]
"""By the server's name."""


def together(tallies: list[Tally]) -> Tally:
    """All of them added up; there must be one at least."""
    total = dict(tallies[0])
    for tally in tallies[1:]:
        for name, part in tally.items():
            total[name] += part
    return total


def idle_days(tally: RuleTally, days: list[float], tokens: int, share: float) -> float | None:
    """After how many idle days that ``share`` of the tokens is refused; None if so many never were.

    Straight between the checkpoints, from the enrolment, when none is.
    """
    left = tokens - tokens * share
    curve = [(0.0, tokens), *zip(days, tally.idle, strict=True)]
    for (before, above), (after, below) in pairwise(curve):
        if below <= left:
            return before + (after - before) * (above - left) / (above - below) if above > below else after
    return None
