"""What is tested and what is not: every test stands in the table, and every gap with its reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from harness.conformance.table import NOT_TESTED, untested


def words(*more: str) -> str:
    command = [sys.executable, "-m", "harness", "conform", *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def table() -> str:
    return words("--table")


def test_every_test_stands_in_the_table(table: str) -> None:
    listed = {line.split()[0].partition("[")[0] for line in words("--list").splitlines() if " " in line}
    listed = {name for name in listed if name[0].isupper()}
    assert len(listed) >= 350
    tested = {
        name for line in table.splitlines() for name in line.rpartition(" | ")[2].rstrip(" |").split(", ")
    }
    assert listed - tested == set()


def test_every_gap_has_its_section_its_sentence_and_its_reason(table: str) -> None:
    gaps = untested()
    assert len({(gap.section, gap.must) for gap in gaps}) == len(gaps)
    for gap in gaps:
        assert "§" in gap.section
        assert gap.must.endswith(".")
        assert gap.why
        assert f"| {gap.must} | {NOT_TESTED}: {gap.why} |" in table


def test_a_table_is_of_the_tests_that_are_selected() -> None:
    some = words("--table", "--spec", "CTAPHID-INIT")
    assert "CTAPHID-INIT-01" in some
    assert "MC-" not in some


def test_conform_says_what_it_can_do(conform: Callable[..., Any]) -> None:
    told = words("-h")
    for option in ("--resume", "--touch-url", "--touch-command", "--longest-wait", "--table", "--prove"):
        assert option in told
