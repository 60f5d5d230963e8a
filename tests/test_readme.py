"""What the README promises: its commands, its examples, and what it says they print."""

from __future__ import annotations

import re
import shlex
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
SCENARIO, OWN_TEST, OSCILLATOR = BLOCKS["python"]


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


def test_the_clock_wanders_as_far_as_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OSCILLATOR], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == OSCILLATOR.rpartition("# ")[2].strip()


def keyrig(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "harness", *shlex.split(command)[1:]]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("block", [block for block in BLOCKS["text"] if "--fault " in block])
def test_a_broken_key_is_noticed_as_is_shown(block: str, tmp_path: Path) -> None:
    command, _, shown = block.partition("\n")
    done = keyrig(command.removeprefix("$ "), tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert shown.strip() in done.stdout


@pytest.mark.parametrize("block", [block for block in BLOCKS["text"] if "$ keyrig drift" in block])
def test_the_drift_lab_answers_as_is_shown(block: str, tmp_path: Path) -> None:
    command, _, shown = block.partition("\n")
    assert shown.strip() in keyrig(command.removeprefix("$ "), tmp_path).stdout


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(path: str) -> None:
    assert (ROOT / path).exists()
