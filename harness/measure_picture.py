"""The line that a token's readings tell, drawn: its error over time, and what servers accept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from harness.measure import Measured, Reading
from harness.refusal import Refusal

_POINTS = 80


def draw(
    measured: Measured,
    readings: Sequence[Reading],
    refusals: Sequence[Refusal],
    now: float,
    path: Path,
    *,
    title: str,
) -> None:
    """Write the picture as the path's ending says, SVG or PNG; times are UTC."""
    readings = sorted(readings, key=lambda reading: reading.when)
    begin = readings[0].when
    dates = [each.median for each in refusals if each.median is not None and not each.server.limits.learns]
    span = max(now - begin, 86_400.0)
    end = max(now + 0.3 * span, min(max(dates, default=now) + 0.1 * span, now + 6 * span))
    times = [begin + (end - begin) * n / _POINTS for n in range(_POINTS + 1)]
    errors = [measured.error(time) for time in times]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    days = [_date(time) for time in times]
    low, high = [error.low for error in errors], [error.high for error in errors]
    axes.fill_between(days, low, high, alpha=0.2, label="95 % of the clocks that show these codes")  # type: ignore[arg-type]
    axes.plot(days, [error.middle for error in errors], label="the median of them")  # type: ignore[arg-type]
    for number, (reading, (least, most)) in enumerate(zip(readings, measured.bounds, strict=True)):
        label = "readings" if number == 0 else None
        axes.vlines(_date(reading.when), least, most, colors="black", linewidth=2.5, label=label)  # type: ignore[arg-type]
    _limits(axes, refusals, min(low), max(high))
    axes.axvline(_date(now), color="grey", linewidth=0.8, linestyle=":")  # type: ignore[arg-type]
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # of matplotlib's few
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0f} s" if value else "right")
    axes.set_ylabel("the token's clock is ahead by")
    axes.set_title(title, fontsize="medium")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    with matplotlib.rc_context({"svg.hashsalt": "keyrig", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def _limits(axes: Axes, refusals: Sequence[Refusal], low: float, high: float) -> None:
    """Where servers that do not learn begin to refuse, as far as the line goes that way."""
    names: dict[float, list[str]] = {}
    for each in refusals:
        if not each.server.limits.learns:
            for bound in (each.behind, each.ahead):
                names.setdefault(bound, []).append(each.server.name)
    room = max(60.0, 0.2 * (high - low))
    for number, (bound, servers) in enumerate(sorted(names.items())):
        if low - room < bound < high + room:
            axes.axhline(bound, color=f"C{number + 1}", linestyle="--", linewidth=1)
            axes.text(
                1.01,
                bound,
                ", ".join(servers),
                transform=axes.get_yaxis_transform(),
                verticalalignment="center",
                fontsize="small",
                color=f"C{number + 1}",
            )


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
