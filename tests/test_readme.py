"""What the README promises: its commands, its examples, and what it says they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GATE = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

BLOCKS = {
    language: re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    for language in ("sh", "python", "text")
}
SCENARIO, OWN_TEST = BLOCKS["python"]


def keyrig_run(*arguments: str | Path, cwd: Path) -> str:
    command = [sys.executable, "-m", "harness", "run", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_gate_runs_the_second_command_as_it_stands() -> None:
    assert BLOCKS["sh"][1].strip() in GATE


def test_the_story_shown_first_is_what_is_told(tmp_path: Path) -> None:
    assert BLOCKS["text"][0] in keyrig_run("-k", "test_by_the_user", cwd=tmp_path)


def test_the_scenario_runs_as_it_stands_and_tells_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "my_scenarios.py").write_text(SCENARIO, encoding="utf-8")
    assert BLOCKS["text"][1] in keyrig_run("my_scenarios.py", cwd=tmp_path)


def test_the_test_of_ones_own_runs_under_plain_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "test_own.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(path: str) -> None:
    assert (ROOT / path).exists()
