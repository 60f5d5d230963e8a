"""What all tests share: processes to run in, what a missing part of the machine means, smart-card readers.

The whole suite, ``pytest`` with nothing named, runs in as many processes as there are cores; ``-n 0`` runs it
in one, ``-n 4`` in four. What is named on the command line runs in one unless ``-n`` says otherwise.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from harness.parallel import cores

# How long an example takes says something about the machine, not about us.
settings.register_profile("keyrig", deadline=None)
settings.load_profile("keyrig")

# No test sees this machine's readers: pyscard keeps to the first socket of pcscd that it was told of.
_pcscd_folder = tempfile.TemporaryDirectory(prefix="keyrig-pcscd-")
os.environ["PCSCLITE_CSOCK_NAME"] = str(Path(_pcscd_folder.name) / "comm")


LONGEST = (
    "test_doors.py",
    "test_matrix.py",
    "test_gate.py",
    "test_keys_at_hand.py",
    "test_world_profiles.py",
    "test_fuzz_key.py",
    "test_cli.py",
    "test_sqlite_store_killed.py",
    "test_find.py",
)
"""Files that take about a minute, which start first, lest all wait for one of them at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    options, everything = config.option, config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if hasattr(config, "workerinput") or not config.pluginmanager.has_plugin("xdist"):
        return
    in_one = options.usepdb or options.capture == "no" or cores() < 2
    if options.numprocesses is None and everything and not in_one:
        options.numprocesses = cores()
    if options.numprocesses and options.dist == "no":
        options.dist, options.loadscopereorder = "loadfile", False  # what a file's tests share is made once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    last = len(LONGEST)
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else last)


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """``require(found, what)``: skip where a part is missing; fail instead when everything is required.

    The gate sets ``KEYRIG_REQUIRE_ALL=1``, so that nothing it should have run is silently skipped.
    """

    def require(found: object, what: str) -> None:
        if found:
            return
        if os.environ.get("KEYRIG_REQUIRE_ALL"):
            pytest.fail(f"required here, but missing: {what}")
        pytest.skip(f"missing: {what}")

    return require


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that leaves its tests out, for want of a library, is no different."""
    report = yield
    if report.skipped and os.environ.get("KEYRIG_REQUIRE_ALL"):
        report.outcome = "failed"
        report.longrepr = f"required here, but {report.longrepr}"
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class PluggedIn:
    """A ``keyrig emulate --transport udp``: what ``--key`` calls its key, and where its hand is told."""

    process: subprocess.Popen[str]
    name: str
    control: str


@pytest.fixture
def plugged_in() -> Iterator[Callable[..., PluggedIn]]:
    """``plugged_in("--profile", "ctap23")`` plugs a key in, in a process of its own."""
    with ExitStack() as processes:

        def plug_in(*words: str) -> PluggedIn:
            command = [sys.executable, "-m", "emulator.emulate", "--transport", "udp", "--port", "0"]
            process = processes.enter_context(
                subprocess.Popen(
                    [*command, "--answer-port", "0", "--control", "0", *words],
                    stdout=subprocess.PIPE,
                    stdin=subprocess.DEVNULL,
                    text=True,
                )
            )
            processes.callback(process.kill)
            assert process.stdout is not None
            name = process.stdout.readline().partition(",")[0]
            control = process.stdout.readline().split()[-1]
            Thread(target=process.stdout.read, daemon=True).start()  # or it would wait for a reader
            return PluggedIn(process=process, name=f"{name}:0", control=f"{control}/keys/1")

        yield plug_in


@pytest.fixture(scope="session")
def smart_cards() -> ModuleType:
    """The module of that name in this folder, which is on no path."""
    spec = importlib.util.spec_from_file_location("smart_cards", Path(__file__).with_name("smart_cards.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pcscd(
    smart_cards: ModuleType, require: Callable[[object, str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A ``smart_cards.Pcscd`` that runs: two virtual readers, and ``with pcscd.card(...)`` to fill them."""
    missing = smart_cards.missing()
    require(missing is None, str(missing))
    pcscd = smart_cards.Pcscd(tmp_path_factory.mktemp("pcscd"))
    yield pcscd
    pcscd.close()
