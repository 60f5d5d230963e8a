"""The record of a run: kept while it goes on, told at its end, taken up again by another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from harness.conformance.found import found
from harness.conformance.report import Report, ReportError, now, read, summary
from harness.conformance.results import Result, Results, only_tells
from harness.devices.find import HardwareSource
from harness.plugin import key_source
from harness.runner import version

UNREACHED = "the key is not to be reached"
"""How the reason begins of a test that failed because of that."""
LEFT: pytest.StashKey[str | None] = pytest.StashKey()
"""In a sentence, what a key at hand is like from now on, if it is not as it was before the run."""
EARLIER: pytest.StashKey[Report | None] = pytest.StashKey()


def reported(config: pytest.Config) -> Sequence[Result]:
    """What an earlier run has found, which this one takes up; nothing unless ``--resume`` names its file.

    Tests that have not reached the key are not among it, nor is the one during which it went.
    """
    results = earlier.results if (earlier := _earlier(config)) else ()
    gone = [result["reason"].startswith(UNREACHED) for result in results] + [False]
    return [result for number, result in enumerate(results) if not (gone[number] or gone[number + 1])]


def _earlier(config: pytest.Config) -> Report | None:
    if EARLIER not in config.stash:
        path = config.getoption("keyrig_resume")
        try:
            config.stash[EARLIER] = read(Path(path)) if path and Path(path).exists() else None
        except ReportError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[EARLIER]


class Record:
    """A pytest plugin that gathers the results and writes them where the options say.

    With a key at hand the JSON is written after every test: a run may be interrupted.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results = Results()
        self._selected = 0
        config.pluginmanager.register(self._results)
        earlier = _earlier(config)
        if earlier is not None and earlier.key != str(key_source(config)):
            raise pytest.UsageError(
                f"{config.getoption('keyrig_resume')} is about {earlier.key}, not {key_source(config)}"
            )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._selected = len(session.items)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        if isinstance(key_source(self._config), HardwareSource) and (path := self._json):
            with suppress(OSError):  # told at the end
                _replace(path, self._report().to_json())

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        results = list(self._results)
        if only_tells(config):
            return
        if not (results or reported(config)):
            if not (self._selected or terminalreporter.stats.get("error")):
                terminalreporter.write_line("no test is like that; --list has them all")
            return
        report = self._report()
        terminalreporter.ensure_newline()
        for line in summary(report):
            terminalreporter.write_line(line, red=line.startswith("✘"))
        if (not_run := self._selected - len(results)) > 0:
            terminalreporter.write_line(f"{not_run} tests were not run; --resume FILE of a --json goes on")
        if left := config.stash.get(LEFT, None):
            terminalreporter.write_line(f"▶ {left}")
        for path, content in (
            (self._json, report.to_json),
            (config.getoption("keyrig_html"), report.to_html),
        ):
            if path:
                try:
                    _replace(path, content())
                except OSError as error:
                    terminalreporter.write_line(f"could not write {path}: {error.strerror}", red=True)
                else:
                    terminalreporter.write_line(f"written: {path}")

    @property
    def _json(self) -> str | None:
        path: str | None = self._config.getoption("keyrig_json") or self._config.getoption("keyrig_resume")
        return path

    def _report(self) -> Report:
        known = found(self._config)
        return Report(
            key=str(key_source(self._config)),
            version=version(),
            features=sorted(known.features),
            info=known.info,
            results=[*reported(self._config), *self._results],
            date=now(),
        )


def _replace(path: str, content: str) -> None:
    """Put a file there at once and whole, or else leave what is there."""
    if not os.path.isfile(path) and os.path.exists(path):  # such as /dev/stdout
        Path(path).write_text(content, "utf-8")
        return
    beside = Path(f"{path}.new")
    beside.write_text(content, "utf-8")
    beside.replace(path)
