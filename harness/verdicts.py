"""Results as a Markdown table: each scenario that was run, and what became of it in its own words.

A pytest plugin in place of the stories; ``keyrig run --markdown`` loads it.
"""

from __future__ import annotations

import sys

import pytest

from harness.report import STORY, StepData, StoryData, pytest_runtest_makereport

__all__ = ["Verdicts", "pytest_configure", "pytest_runtest_makereport"]

LONGEST = 100
"""Characters of what happened; an error page is longer than a table bears."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    standard = config.pluginmanager.get_plugin("terminalreporter")
    if standard is not None:
        config.pluginmanager.unregister(standard)
    config.pluginmanager.register(Verdicts(), "keyrig-verdicts")


class Verdicts:
    """Keeps the reports, and prints the table at the end."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._skipped = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        story: StoryData = getattr(report, STORY)
        if report.skipped:
            self._skipped += 1
        elif report.failed or report.when == "call":
            self._rows.append(_row(story, report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            print(report.longreprtext, file=sys.stderr)

    def pytest_sessionfinish(self) -> None:
        print("| scenario | | what happened |\n| --- | :-: | --- |")
        for row in self._rows:
            print(row)
        if self._skipped:
            print(f"\n{self._skipped} more scenarios ask for what is not there, and were skipped.")


def _row(story: StoryData, report: pytest.TestReport) -> str:
    title = f"{story['group']}: {story['title']}"
    if report.passed:
        return f"| {title} | ✔ | |"
    return f"| {title} | ✘ | {_cell(_last(story['steps'])) or _cell(_why(report))} |"


def _last(steps: list[StepData]) -> str:
    """The step that something came of last: what should have gone otherwise."""
    told = [step for step in steps if step["outcome"]]
    return f"{told[-1]['text']} → {told[-1]['outcome']}" if told else ""


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash is not None else "broke off"


def _cell(text: str) -> str:
    text = " ".join(text.replace("|", "\\|").split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
