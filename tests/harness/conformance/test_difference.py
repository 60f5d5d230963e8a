"""``keyrig conform diff``: what two reports say that is not the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main

Diff = Callable[[dict[str, Any], dict[str, Any]], Result]


def told(identifier: str, outcome: str, reason: str = "") -> dict[str, Any]:
    return {
        "identifier": identifier,
        "section": "CTAP 2.3 §6.1.2",
        "title": f"What {identifier} wants.",
        "why": "",
        "outcome": outcome,
        "reason": reason,
        "trace": [],
        "seconds": 0.0,
        "faults": [],
        "missed": [],
    }


def report(key: str, *tests: dict[str, Any], **info: str) -> dict[str, Any]:
    head = {"keyrig_conformance": 1, "key": key, "version": "1", "date": "today", "features": []}
    return {**head, "info": info, "tests": list(tests)}


@pytest.fixture
def diff(tmp_path: Path) -> Diff:
    def diff(one: dict[str, Any], other: dict[str, Any]) -> Result:
        files = [tmp_path / "one.json", tmp_path / "other.json"]
        for file, content in zip(files, (one, other), strict=True):
            file.write_text(json.dumps(content), "utf-8")
        return CliRunner().invoke(main, ["conform", "diff", *map(str, files)])

    return diff


def test_what_failed_with_one_comes_with_what_was_found(diff: Diff) -> None:
    done = diff(
        report("hid", told("MC-01", "failed", "the UP flag\nis not set"), told("MC-02", "passed")),
        report("emulated:ctap21", told("MC-01", "passed"), told("MC-02", "passed")),
    )
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "- hid (today)",
        "+ emulated:ctap21 (today)",
        "  MC-01: failed → passed  What MC-01 wants.",
        "      the UP flag",
        "      is not set",
    ]


def test_what_ran_with_one_alone_is_told_in_a_line_a_reason(diff: Diff) -> None:
    lacks = "needs credMgmt, which hid does not have"
    done = diff(
        report("hid", *(told(name, "skipped", lacks) for name in ("CM-01", "CM-02"))),
        report("emulated:ctap21", *(told(name, "passed") for name in ("CM-01", "CM-02", "CM-03"))),
    )
    assert done.exit_code == 1
    assert done.output.splitlines()[2:] == [
        f"  2 passed with emulated:ctap21 alone: {lacks}",
        "      CM-01, CM-02",
        "  1 passed with emulated:ctap21 alone: not run",
        "      CM-03",
    ]


def test_what_keys_say_of_themselves_comes_first(diff: Diff) -> None:
    done = diff(report("one", maxMsgSize="1200", aaguid="a"), report("two", maxMsgSize="7609", aaguid="a"))
    assert done.exit_code == 1
    assert done.output.splitlines()[2:] == ["  maxMsgSize", "  - 1200", "  + 7609"]


def test_keys_that_do_not_differ_are_said_not_to(diff: Diff) -> None:
    skipped = [told("MC-01", "skipped", f"needs uv, which {key} does not have") for key in ("one", "two")]
    done = diff(report("one", skipped[0]), report("two", skipped[1]))
    assert (done.exit_code, done.output.splitlines()[2:]) == (0, ["  they do not differ"])


@pytest.mark.parametrize(
    ("content", "why"),
    [("{", "is not JSON"), ("[]", "is no report of"), ('{"keyrig_conformance": 1}', "has no 'key'")],
)
def test_what_is_no_report_is_said_in_a_line(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    done = CliRunner().invoke(main, ["conform", "diff", str(tmp_path / "bad.json"), "nowhere.json"])
    assert done.exit_code == 2
    assert why in done.output
