"""What became of each conformance test, as plain data: gathered in one process or from several workers."""

from __future__ import annotations

import re
from typing import Any, Literal, TypedDict

import pytest

from harness.conformance.trace import Passed, Trace

RESULT = "keyrig_result"
"""The attribute of a report that holds what its test has to say."""

_TOLD_IN_SENTENCES = {
    "AssertionError", "DeviceError", "Failed", "UnexpectedStatusError", "UnexpectedStatusWordError",
}  # fmt: skip
_A_CLASS = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:Error|Failure|Exception)")

Outcome = Literal["passed", "failed", "skipped"]


class Exchange(TypedDict):
    """One line of a trace: who to whom, the bytes in hexadecimal, and what they say."""

    to_key: bool
    kind: str
    bytes: str
    text: str


class Result(TypedDict):
    """A test by its ``identifier``: what must hold (``title``) and ``why``, and what was found.

    Of a proof, ``faults`` are those that it caught, and ``missed`` those that it says it catches and did not.
    """

    identifier: str
    section: str
    title: str
    why: str
    outcome: Outcome
    reason: str
    trace: list[Exchange]
    seconds: float
    faults: list[str]
    missed: list[str]


def identify(item: pytest.Item) -> tuple[str, str]:
    """A test's identifier, with its parameter where several share one, and the section it rests on."""
    mark = item.get_closest_marker("spec")
    identifier, section = mark.args if mark else (item.name, "")
    callspec = getattr(item, "callspec", None)
    shared = mark in getattr(getattr(item, "obj", None), "pytestmark", [])  # by all of the test's parameters
    return (f"{identifier}[{callspec.id}]" if callspec and shared else identifier), section


def only_tells(config: pytest.Config) -> bool:
    """Whether nothing is run: the tests are only told of."""
    return bool(config.getoption("keyrig_list") or config.getoption("keyrig_table"))


def said_of(item: pytest.Item) -> tuple[str, str]:
    """What must hold and why, from a test's docstring: its first paragraph and the others."""
    doc = " ".join((getattr(getattr(item, "obj", None), "__doc__", None) or item.name).split(" "))
    first, _, rest = doc.strip().partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def result_of(item: pytest.Item, report: pytest.TestReport, trace: Trace | None) -> Result:
    """What one phase of a test has to say; a trace only of one that failed."""
    identifier, section = identify(item)
    title, why = said_of(item)
    return Result(
        identifier=identifier,
        section=section,
        title=title,
        why=why,
        outcome=report.outcome,
        reason=_reason(report),
        trace=[_exchange(passed) for passed in trace] if trace is not None and report.failed else [],
        seconds=report.duration,
        faults=_properties(report, "fault"),
        missed=_properties(report, "missed"),
    )


def _properties(report: pytest.TestReport, wanted: str) -> list[str]:
    return [str(value) for name, value in report.user_properties if name == wanted]


def _reason(report: pytest.TestReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ")
        case str(text):
            return text
        case None:
            return ""
        case error:
            crash: Any = getattr(error, "reprcrash", None)
            return _sentence(str(crash.message).splitlines()[0] if crash else str(error))


def _sentence(message: str) -> str:
    """What an exception says, to somebody who knows nothing of Python: ``message`` begins with its class."""
    name, colon, text = message.partition(": ")
    kind = name.rpartition(".")[2]
    if message.startswith("assert ") or (kind == "AssertionError" and text.startswith("assert ")):
        return f"what was found does not fit: {message.rpartition('assert ')[2]}"
    if kind in _TOLD_IN_SENTENCES and colon:
        return text
    return f"the answer makes no sense: {kind}{colon}{text}" if _A_CLASS.fullmatch(name) else message


def _exchange(passed: Passed) -> Exchange:
    return Exchange(
        to_key=passed.to_key, kind=passed.kind, bytes=passed.data.hex(), text=str(passed).partition(" ")[2]
    )


class Results:
    """A pytest plugin that gathers the results of a run, in its order."""

    def __init__(self) -> None:
        self._by_node: dict[str, Result] = {}

    def __iter__(self) -> Any:
        return iter(self._by_node.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result: Result | None = getattr(report, RESULT, None)
        if result is None:
            return
        before = self._by_node.get(report.nodeid)
        if before is not None and before["outcome"] != "passed":
            result = before  # what broke first is what is told
        elif before is not None and result["outcome"] == "passed":
            result["seconds"] += before["seconds"]
        self._by_node[report.nodeid] = result
