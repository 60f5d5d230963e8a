"""The examples to copy run as they stand, from wherever they are copied to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import coverage

Run = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = sorted((coverage.SCENARIOS / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_where_it_was_copied_to(keyrig: Run, tmp_path: Path, example: Path) -> None:
    shutil.copy(example, tmp_path)
    run = keyrig("run", example.name)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed, 0 failed" in run.stdout
