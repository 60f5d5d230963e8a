"""``keyrig conform`` in a process of its own, and what its JSON says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

AT_A_TIME = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run said, and its report; ``None`` if it wrote none."""

    code: int
    out: str
    err: str
    report: dict[str, Any] | None

    @property
    def tests(self) -> list[dict[str, Any]]:
        assert self.report is not None, self.out + self.err
        found: list[dict[str, Any]] = self.report["tests"]
        return found

    @property
    def failures(self) -> list[str]:
        return [
            f"{test['identifier']}: {test['reason']}" for test in self.tests if test["outcome"] == "failed"
        ]


Conform = Callable[..., Run]


@pytest.fixture(scope="session")
def conform(tmp_path_factory: pytest.TempPathFactory) -> Conform:
    """Runs ``keyrig conform`` with these words and ``--json``; ``typed`` is its standard input."""

    def conform(*words: str, typed: str = "", **more: Any) -> Run:
        file = tmp_path_factory.mktemp("conform") / "report.json"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "harness",
                "conform",
                *words,
                *([] if "--resume" in words else ["--json", file]),
            ],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )
        report = json.loads(file.read_text("utf-8")) if file.exists() else None
        return Run(code=done.returncode, out=done.stdout, err=done.stderr, report=report)

    return conform


@pytest.fixture(scope="session")
def conform_each(conform: Conform) -> Callable[..., dict[str, Run]]:
    """The runs for several keys, a few at a time, by key."""

    def conform_each(keys: list[str], *words: str) -> dict[str, Run]:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            runs = pool.map(lambda key: conform("--key", key, *words), keys)
            return dict(zip(keys, runs, strict=True))

    return conform_each
