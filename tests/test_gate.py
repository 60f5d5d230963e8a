"""What every commit must hold besides behaviour: style, types, and a wheel that works away from here."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_finds_nothing(command: list[str]) -> None:
    done = run(sys.executable, "-m", "ruff", *command, ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_nothing() -> None:
    done = run(sys.executable, "-m", "mypy")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    require(done.returncode == 0, f"a package index to build the wheel with: {done.stderr[-2000:]}")
    return next(folder.glob("keyrig-*.whl"))


def test_the_wheel_runs_the_scenarios_in_an_empty_venv_away_from_the_checkout(
    wheel: Path, tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    venv.create(tmp_path / "venv")
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "venv" / "bin" / "python")
    installed = run(*pip, "install", "-q", "--no-compile", wheel, cwd=tmp_path)
    require(
        installed.returncode == 0, f"a package index to install the wheel from: {installed.stderr[-2000:]}"
    )

    done = run(tmp_path / "venv" / "bin" / "keyrig", "run", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout


def test_the_wheel_has_the_udev_rules_as_they_are_here(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        packaged = files.read("harness/70-keyrig.rules")
    assert packaged == (ROOT / "udev" / "70-keyrig.rules").read_bytes()
