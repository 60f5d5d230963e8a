"""Running keyrig and pytest as a user does: in processes of their own, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what steers pytest or colours, and with the checkout where keyrig is not installed."""
    steering = ("PYTEST_", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "CI", "COLUMNS", "COV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **more}


@pytest.fixture
def keyrig(tmp_path: Path) -> Run:
    """``keyrig(*args, cwd=…, env…)``: run the command, in an empty directory unless told otherwise."""

    def keyrig(*args: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        return _run("harness", *args, cwd=cwd, env=environment(**env))

    return keyrig


@pytest.fixture
def plain_pytest(tmp_path: Path) -> Run:
    """``plain_pytest(*args)``: run pytest with the plugin alone, as it is wherever keyrig is installed."""
    from harness.runner import plugin_name

    def plain_pytest(*args: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        plugins = ["-p", plugin_name(), "-p", "no:cacheprovider"]
        return _run("pytest", *plugins, *args, cwd=cwd, env=environment(**env))

    return plain_pytest


def _run(module: str, *args: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *args],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
