"""Results as a story: each scenario's title, its steps with their simulated times, and where it broke.

A pytest plugin that puts :class:`StoryReporter` in the terminal reporter's place; ``keyrig run`` loads it
with ``-p harness.report``, and nothing else does. Stories travel on the reports as plain data, so that they
also come through from parallel workers.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pytest
from _pytest.terminal import TerminalReporter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from harness.plugin import WORLD

MAX_WIDTH = 100
"""Columns; wider lines are harder to read than folded ones."""

MAX_CRASH_LINES = 8
"""Lines of assertion text shown at the step where a story broke; the section at the end has them all."""

MARKS = {
    "failed": ("✘", "red"),
    "error": ("✘", "red"),
    "skipped": ("–", "yellow"),
    "xfailed": ("–", "yellow"),
    "xpassed": ("✔", "yellow"),
    "passed": ("✔", "green"),
}
"""How a scenario ended (pytest's categories, the gravest first): its mark and its colour."""


STORY = "keyrig_story"
"""The attribute of a report that holds its :class:`StoryData`."""


class StepData(TypedDict):
    """One step of a story; ``accepted`` is None where nobody judged."""

    when: str
    text: str
    outcome: str
    accepted: bool | None


class StoryData(TypedDict):
    """What a report carries of a scenario: plain data. ``simulated`` is the seconds its world lived."""

    group: str
    title: str
    source: str
    steps: list[StepData]
    simulated: float


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    standard = config.pluginmanager.get_plugin("terminalreporter")
    if standard is not None:  # a parallel worker has none
        config.pluginmanager.unregister(standard)
        config.pluginmanager.register(StoryReporter(config), "terminalreporter")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    setattr(report, STORY, story_of(item))
    return report


def story_of(item: pytest.Item) -> StoryData:
    """The story of ``item`` as far as it has been told: the docstring's first line is its title."""
    doc = getattr(getattr(item, "obj", None), "__doc__", None)
    title = (doc or item.name.removeprefix("test_").replace("_", " ")).strip().splitlines()[0].rstrip(".")
    callspec = getattr(item, "callspec", None)
    story = item.stash[WORLD].story if WORLD in item.stash else None
    return StoryData(
        group=item.path.stem.removeprefix("test_").replace("_", " "),
        title=f"{title} [{callspec.id}]" if callspec and doc else title,
        source=", ".join(str(name) for mark in item.iter_markers("source") for name in mark.args),
        steps=[
            StepData(when=step.when, text=step.text, outcome=step.outcome, accepted=step.accepted)
            for step in (story.steps if story else ())
        ],
        simulated=story.elapsed if story else 0.0,
    )


class StoryReporter(TerminalReporter):  # type: ignore[misc]  # final to pytest, yet there to be replaced
    """pytest's terminal reporter, told as stories; what it collects, counts and sums up is pytest's."""

    showheader = False

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config, sys.stdout)
        coloured = self._tw.hasmarkup  # pytest has weighed --color, NO_COLOR, FORCE_COLOR and the terminal
        self._console = Console(
            file=sys.stdout,
            force_terminal=True if coloured else None,
            color_system="standard" if coloured else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._console.width = min(self._console.width, MAX_WIDTH)
        self._progress = self._progress_display()
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._categories: dict[str, list[str]] = {}
        self._titles: dict[str, str] = {}
        self._started = time.perf_counter()
        self._simulated = 0.0
        self._told = False
        self._counting = False

    def _progress_display(self) -> Progress | None:
        """A live line at the foot of a terminal; none in a pipe or CI, nor where scenarios write freely."""
        live = sys.stdout.isatty() and self._console.is_terminal and not self._console.is_dumb_terminal
        quiet = self.config.option.verbose < 0 or self.config.option.collectonly
        if not live or quiet or os.environ.get("CI") or self.config.option.capture == "no":
            return None
        return Progress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self._console,
            auto_refresh=False,  # a refreshing thread would write into what pytest captures
            transient=True,
        )

    def _print(self, *lines: Text) -> None:
        self._console.print(Text("\n").join(lines), soft_wrap=True)

    # Collection.

    def pytest_collection(self) -> None:
        """Say nothing; it takes no time worth a line."""

    def report_collect(self, final: bool = False) -> None:
        """Say nothing; the summary counts."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._titles = {item.nodeid: story_of(item)["title"] for item in session.items}
        super().pytest_collection_finish(session)
        if self._progress is not None and session.items:
            self._progress.add_task("", total=len(session.items))
            self._progress.start()

    def _printcollecteditems(self, items: Sequence[pytest.Item]) -> None:
        group = None
        for item in items:
            story = story_of(item)
            if story["group"] != group:
                group = story["group"]
                self._print(Text(group, style="bold"))
            self._print(*_titled(Text("  "), story["title"], story, self._console.width))
            if self.verbosity > 0:
                self._print(Text(f"    {item.nodeid}", style="dim"))

    # Running: reports of one scenario are kept until it is over, then told together.

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> Generator[None, tuple[str, Any, Any], tuple[str, str, str]]:
        category, letter, word = yield
        if not self._counting:
            return category, letter, word
        self._categories.setdefault(report.nodeid, []).append(category)
        return category, "", ""  # counted, but no letter and no word: the story says it

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        if self._progress is not None:
            for task in self._progress.task_ids:
                self._progress.update(task, description=self._titles.get(nodeid, nodeid))
            self._progress.refresh()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.setdefault(report.nodeid, []).append(report)
        self._counting = True
        super().pytest_runtest_logreport(report)
        self._counting = False

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        reports = self._reports.pop(nodeid, [])
        categories = self._categories.pop(nodeid, [])
        if not reports:
            return
        story: StoryData = getattr(reports[-1], STORY)
        self._simulated += story["simulated"]
        category = next((name for name in MARKS if name in categories), "passed")
        if self.verbosity >= 0 or category in ("failed", "error"):
            if self._told:
                self._print(Text())
            self._told = True
            self._print(*told(story, category, reports, self._console.width))
            if self.verbosity > 0:
                seconds = sum(report.duration for report in reports)
                self._print(Text(f"    {nodeid}  {seconds:.2f} s", style="dim"))
        if self._progress is not None:
            for task in self._progress.task_ids:
                self._progress.advance(task)
            self._progress.refresh()

    # A debugger needs the terminal to itself.

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self) -> None:
        if self.config.option.usepdb:
            self._stop_progress()

    def pytest_enter_pdb(self) -> None:
        self._stop_progress()

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    # The end.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self._stop_progress()

    def short_test_summary(self) -> None:
        """pytest's one-line list, for those who ask for it with -r; the stories have said it already."""
        if self.config.option.reportchars != "fE":
            super().short_test_summary()

    def summary_stats(self) -> None:
        counts = [f"{self._count('passed')} passed", f"{self._count('failed')} failed"]
        for category, word in [
            ("error", "broken in setup or teardown"),
            ("skipped", "skipped"),
            ("xfailed", "expected to fail"),
            ("xpassed", "passed unexpectedly"),
            ("deselected", "deselected"),
        ]:
            if self._count(category):
                counts.append(f"{self._count(category)} {word}")
        if self.config.option.collectonly:
            counts = [f"{len(self._titles)} scenarios"]
        elif not self.stats.keys() - {"deselected", "warnings"}:
            counts = ["no scenario was run"]
        else:
            seconds = time.perf_counter() - self._started
            counts.append(f"simulated {span(self._simulated)} in {seconds:.1f} s")
        self._print(*_hanging(Text(), Text(", ".join(counts), style="bold"), self._console.width))

    def _count(self, category: str) -> int:
        return len(self.stats.get(category, []))


def told(story: StoryData, category: str, reports: Sequence[pytest.TestReport], width: int) -> Iterator[Text]:
    """The lines of one scenario: title and source, its steps, where and why it broke or was left out."""
    mark, colour = MARKS[category]
    broken = [report for report in reports if report.failed]
    yield from _titled(
        Text.assemble((mark, colour), " "), f"{story['group']} · {story['title']}", story, width
    )
    for number, step in enumerate(story["steps"], start=1):
        here = broken and number == len(story["steps"])
        prefix = Text.assemble(("  ✘ " if here else "    ", "red"), (step["when"], "cyan"), "  ")
        yield from _hanging(prefix, _step(step), width)
    for report in broken:
        yield from _hanging(Text(" " * 6), _crash(report), width)
    if category in ("skipped", "xfailed"):
        reason = next((_reason(report) for report in reports if report.skipped), "")
        yield from _hanging(Text(" " * 4), Text(reason, style=colour), width)


def _titled(prefix: Text, title: str, story: StoryData, width: int) -> Iterator[Text]:
    """The title with its source at the right margin."""
    source = f"({story['source']})" if story["source"] else ""
    first, *rest = _hanging(prefix, Text(title, style="bold"), width - len(source) - 2)
    if source:
        first.append(" " * (width - len(source) - first.cell_len)).append(source, style="dim")
    yield first
    yield from rest


def _hanging(prefix: Text, body: Text, width: int) -> Iterator[Text]:
    """``body`` folded to ``width`` columns, its later lines indented as far as ``prefix`` reaches."""
    for line in body.wrap(Console(width=width), max(width - prefix.cell_len, 20)):
        line.rstrip()
        yield Text.assemble(prefix, line)
        prefix = Text(" " * prefix.cell_len)


def _step(step: StepData) -> Text:
    line = Text(step["text"])
    if step["outcome"]:
        colour = {True: "green", False: "yellow", None: ""}[step["accepted"]]
        line.append(" → ").append(step["outcome"], style=colour)
    return line


def _crash(report: pytest.TestReport) -> Text:
    """pytest's assertion text, in its colours if it has any, and the line it stands in."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return Text(report.longreprtext)
    lines = str(crash.message).splitlines()
    lines[MAX_CRASH_LINES:] = ["…"] * (len(lines) > MAX_CRASH_LINES)
    text = Text("\n").join(Text.from_ansi(line, style="red") for line in lines if line.strip())
    phase = "" if report.when == "call" else f" (in {report.when})"
    return text.append(f"\nat {_near(crash.path)}:{crash.lineno}{phase}", style="dim")


def _near(path: str) -> str:
    """``path`` as one would type it here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _reason(report: pytest.TestReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ")
        case _:
            return str(getattr(report, "wasxfail", ""))


def span(seconds: float) -> str:
    """A length of simulated time in the largest unit that fits: ``412 days``, ``3 hours``, ``90 s``."""
    for unit, length in (("day", 86_400), ("hour", 3_600)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:.0f} s"
