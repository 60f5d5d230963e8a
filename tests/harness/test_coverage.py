"""Statements name their scenarios, every scenario is named, and the README has the table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import coverage
from harness.coverage import CoverageError, documents, scenario_titles, table

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_readme_has_the_table_that_is_generated() -> None:
    text = README.read_text(encoding="utf-8")
    marked = re.findall(r"<!-- coverage -->\n(.*?)<!-- /coverage -->", text, re.DOTALL)
    assert marked == [f"\n{table()}\n"], "put what 'keyrig run --coverage' prints between README's marks"


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "harness", "run", "--coverage"]
    assert subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout == table()


def test_each_scenario_named_exists_and_each_scenario_is_named() -> None:
    named = {name for document in documents() for each in document.statements for name in each.shown_by}
    assert named == scenario_titles().keys()


def test_statements_are_numbered_by_their_document_without_gaps() -> None:
    for document in documents():
        prefix = document.title.partition(":")[0]
        ids = [statement.id for statement in document.statements]
        assert ids == [f"{prefix}-{number:02}" for number in range(1, len(ids) + 1)]
    assert [document.title.partition(":")[0] for document in documents()] == [
        "S0",
        "S1",
        "S2",
        "S3",
        "S4",
        "F",
    ]


def test_every_scenario_has_a_title_of_its_own() -> None:
    titles = list(scenario_titles().values())
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_every_scenario_says_what_it_rests_on() -> None:
    for path in sorted(coverage.SCENARIOS.glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        assert text.count("@pytest.mark.source(") == text.count("\ndef test_"), path.name


def test_there_are_more_than_a_hundred_scenarios() -> None:
    assert len(scenario_titles()) > 100


@pytest.mark.parametrize(
    ("states", "complaint"),
    [
        ('X-01 = { says = "a", shown_by = ["nothing.at_all"] }', "X-01 names nothing.at_all"),
        ('X-01 = { says = "a" }', "X-01 must say something"),
        ('X-01 = { says = "a", shown_by = [] }', "X-01 must say something"),
        ('X-01 = { says = "a", shown_by = ["a.b"], why_not = "c" }', "X-01 must say something"),
    ],
)
def test_data_that_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: str, complaint: str
) -> None:
    (tmp_path / "coverage.toml").write_text(f'[[document]]\ntitle = "X: y"\n[document.states]\n{states}\n')
    monkeypatch.setattr(coverage, "SCENARIOS", tmp_path)
    with pytest.raises(CoverageError, match=complaint):
        table()
