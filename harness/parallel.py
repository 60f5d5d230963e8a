"""Scenarios in several processes, told in their order as if by one.

A pytest plugin. The processes are forked once everything is imported and collected, so that none of it is
done twice; each runs one scenario after the other and sends its reports back as plain data. Whatever tells,
counts or writes reports does so in the first process, in the order of collection.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol

from harness.plugin import several_at_once

MOST = 8
"""Processes unless told otherwise; each holds a service, a browser and a key or two."""


def cores() -> int:
    """How many processes this machine has cores for, up to :data:`MOST`; one where none can be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(len(usable), MOST)


class Told(NamedTuple):
    """What a process has to say of a scenario; ``stop`` is why no other should be run, if so."""

    reports: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    stop: str | None = None


class Parallel:
    """Runs what was collected in ``jobs`` processes, or leaves it to pytest where one has to do.

    One has to with a device in somebody's hand, a debugger, output that nobody captures, or with another
    plugin's workers.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        jobs, options = min(self._jobs, len(session.items)), session.config.option
        alone = options.collectonly or options.usepdb or options.capture == "no" or session.testsfailed
        if alone or jobs < 2 or getattr(options, "numprocesses", None) or not several_at_once(session.config):
            return None
        with _Crew(session, jobs) as crew:
            for index, item in enumerate(session.items):
                item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
                _tell(item, crew.result(index))
                item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
        return True


def _tell(item: pytest.Item, told: Told) -> None:
    """Report in this process what happened in another."""
    config = item.config
    for warning in told.warnings:
        config.hook.pytest_warning_recorded.call_historic(kwargs=warning)
    for data in told.reports:
        report = config.hook.pytest_report_from_serializable(config=config, data=data)
        item.ihook.pytest_runtest_logreport(report=report)
    if told.stop is not None:
        item.session.shouldstop = told.stop


@dataclass(slots=True)
class _Hand:
    """One process, and the scenarios it was handed and has not told of; ``more``: there may be others."""

    process: BaseProcess
    assigned: list[int] = field(default_factory=list)
    more: bool = True


class _Crew:
    """The processes. Each is handed the scenario after the one it runs, which decides what it tears down."""

    def __init__(self, session: pytest.Session, jobs: int) -> None:
        self._session = session
        self._jobs = jobs
        self._hands: dict[Connection, _Hand] = {}
        self._unassigned: Iterator[int] = iter(range(len(session.items)))
        self._done: dict[int, Told] = {}

    def __enter__(self) -> _Crew:
        for _ in range(self._jobs):
            self._take_on()
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self._hands.values():
            hand.process.terminate()
            hand.process.join()

    def result(self, index: int) -> Told:
        """What came of a scenario, once it is over."""
        while index not in self._done:
            for ready in wait(list(self._hands)):
                assert isinstance(ready, Connection)
                self._hear(ready)
        return self._done.pop(index)

    def _take_on(self) -> None:
        """One more process, and what it does first."""
        ours, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        process = fork.Process(target=_work, args=(self._session, theirs, [ours, *self._hands]))
        process.start()
        theirs.close()
        self._hands[ours] = _Hand(process)
        self._assign(ours)
        self._assign(ours)

    def _assign(self, pipe: Connection) -> None:
        hand = self._hands[pipe]
        if hand.more:
            index = next(self._unassigned, None)
            if index is not None:
                hand.assigned.append(index)
            hand.more = index is not None
            with suppress(BrokenPipeError):  # it has ended, which is heard next
                pipe.send(index)

    def _hear(self, pipe: Connection) -> None:
        try:
            told = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._bury(pipe)
        else:
            self._done[self._hands[pipe].assigned.pop(0)] = told
            self._assign(pipe)

    def _bury(self, pipe: Connection) -> None:
        """A process has ended; in the middle of a scenario, that one has failed, and another goes on."""
        hand = self._hands.pop(pipe)
        pipe.close()
        hand.process.join()
        if hand.assigned:
            broken, *rest = hand.assigned
            self._done[broken] = _ended(self._session.items[broken], hand.process.exitcode)
            self._unassigned = iter([*rest, *self._unassigned])
            self._take_on()


def _ended(item: pytest.Item, code: int | None) -> Told:
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
    call = pytest.CallInfo.from_call(
        lambda: pytest.fail(f"the process that ran it {how}", pytrace=False), when="call"
    )
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return Told([_plain(item.config, report)], [])


# In a process of its own.


class _Witness:
    """Keeps what pytest says of a scenario, and lets nobody report it here."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []
        self.warnings: list[dict[str, Any]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        self.reports = runtestprotocol(item, log=False, nextitem=nextitem)
        return True

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        said = {"warning_message": _portable(warning_message), "when": when, "nodeid": nodeid}
        self.warnings.append({**said, "location": location})


def _work(session: pytest.Session, pipe: Connection, others: Sequence[Connection]) -> None:
    """Run what is handed over until there is no more."""
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer
    config, witness = session.config, _Witness()
    config.pluginmanager.register(witness)
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:  # the files it captures into would be everybody's
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture()
    with suppress(EOFError, BrokenPipeError):  # the first process is no more
        index = pipe.recv()
        while index is not None:
            following = pipe.recv()
            nextitem = None if following is None else session.items[following]
            pipe.send(_run(session.items[index], nextitem, witness))
            index = following


def _run(item: pytest.Item, nextitem: pytest.Item | None, witness: _Witness) -> Told:
    witness.warnings.clear()
    try:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
    except pytest.exit.Exception as error:
        return Told([], witness.warnings, str(error))
    stop = item.session.shouldstop or item.session.shouldfail
    reports = [_plain(item.config, report) for report in witness.reports]
    return Told(reports, witness.warnings, str(stop) if stop else None)


def _plain(config: pytest.Config, report: pytest.TestReport) -> dict[str, Any]:
    data: dict[str, Any] = config.hook.pytest_report_to_serializable(config=config, report=report)
    return data


def _portable(warning: warnings.WarningMessage) -> warnings.WarningMessage:
    """The warning without what cannot be sent: the object it is about, a category known here alone."""
    message, category = warning.message, warning.category
    try:
        pickle.dumps((message, category))
    except Exception:  # whatever the pickling of a stranger's class raises
        message, category = UserWarning(str(message)), UserWarning
    return warnings.WarningMessage(message, category, warning.filename, warning.lineno, line=warning.line)
