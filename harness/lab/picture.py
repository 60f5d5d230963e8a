"""The picture: what each server's rule costs its help desk against what it gives an attacker."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from harness.lab.answer import Answer, ServerAnswer


def draw(answer: Answer, path: Path) -> None:
    """Write the picture as the path's ending says, SVG or PNG: one point a rule, 95 % intervals."""
    fleet = answer.fleet
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    for number, server in enumerate(answer.servers):
        calls, percent = server.calls, 100 * server.odds
        margins = [[calls.per_1000 - calls.low], [calls.high - calls.per_1000]]
        colour = f"C{number % 10}"
        axes.errorbar(percent, calls.per_1000, yerr=margins, fmt="o", color=colour, capsize=3)
        leftwards = _something_right_of(server, answer)
        axes.annotate(
            server.title,
            (percent, calls.per_1000),
            xytext=(-7 if leftwards else 7, 4),
            textcoords="offset points",
            horizontalalignment="right" if leftwards else "left",
            color=colour,
        )
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(-0.2, 3 * max(1.0, *(server.calls.high for server in answer.servers)))
    axes.margins(x=0.25)
    axes.set_xticks(_ticks(answer), minor=False)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g} %")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel(f"an attacker's odds with {answer.tries:,} guesses")
    axes.set_ylabel("calls to the help desk, per 1,000 tokens a year")
    axes.set_title(
        f"{fleet}, a sign-in {'a day' if fleet.every_days == 1 else f'every {fleet.every_days:g} days'}",
        fontsize="medium",
    )
    axes.grid(visible=True, which="major", alpha=0.3)
    with matplotlib.rc_context({"svg.hashsalt": "keyrig", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def _ticks(answer: Answer) -> list[float]:
    """The odds that there are, in per cent, less those whose numbers would stand on their neighbour's."""
    ticks: list[float] = []
    for percent in sorted({100 * server.odds for server in answer.servers}):
        if not ticks or percent > ticks[-1] * 1.2:
            ticks.append(percent)
    return ticks


def _something_right_of(server: ServerAnswer, answer: Answer) -> bool:
    """Whether another point stands where this one's name would be written."""

    def height(of: ServerAnswer) -> float:
        return math.log10(1 + of.calls.per_1000)

    return any(
        1 < other.odds / server.odds < 2 and abs(height(other) - height(server)) < 0.15
        for other in answer.servers
    )
