"""The proof that tests can fail: each is run once for every fault that it says it catches, on such a key."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from harness.conformance.results import RESULT, result_of

FAULT: pytest.StashKey[str] = pytest.StashKey()
"""Of a test: the fault that its key has just now."""


def faults_of(item: pytest.Item) -> list[str]:
    """The faults that a test says it catches."""
    return [name for mark in item.iter_markers("catches") for name in mark.args]


class Proof:
    """A pytest plugin under which a test passes if it fails on every broken key that it names."""

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in _proof(item, nextitem):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def _proof(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """One report, or those of a test that was skipped."""
    faults = faults_of(item)
    caught: list[str] = []
    unnoticed = [] if faults else ["it names no fault that it catches"]
    reports: list[pytest.TestReport] = []
    for fault in faults:
        item.stash[FAULT] = fault
        item._initrequest()  # type: ignore[attr-defined]  # the fixtures of a further run
        # The parent stays set up; the item's fixtures do not, for a fixture kept would keep the fault before.
        following: Any = item.parent if fault != faults[-1] else nextitem
        reports = runtestprotocol(item, nextitem=following, log=False)
        outcomes = {report.when: report for report in reports}
        if any(report.skipped for report in reports):
            item.session._setupstate.teardown_exact(nextitem)
            return reports
        if "call" not in outcomes:
            unnoticed.append(
                f"with {fault} it does not get as far as its own claim: {_why(outcomes['setup'])}"
            )
        elif outcomes["call"].passed:
            unnoticed.append(f"it passes on a key with {fault}")
        else:
            caught.append(fault)
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict(item.keywords),
        outcome="failed" if unnoticed else "passed",
        longrepr="; ".join(unnoticed) or None,
        when="call",
        user_properties=[
            *(("fault", fault) for fault in caught),
            *(("missed", fault) for fault in faults if fault not in caught),
        ],
    )
    setattr(report, RESULT, result_of(item, report, None))
    return [report]


def _why(setup: pytest.TestReport) -> str:
    crash = getattr(setup.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else setup.longreprtext
