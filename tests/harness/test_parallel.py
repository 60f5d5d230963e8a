"""Several processes tell what one would have told, in its order, whatever happens to them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.parallel import MOST, cores
from harness.plugin import DEFAULT_TOKEN, several_at_once

Run = Callable[..., subprocess.CompletedProcess[str]]

SCENARIOS = '''
import os, time, warnings
import pytest

@pytest.fixture(scope="module")
def shared():
    print("made", os.getpid(), file=open("fixture.log", "a"), flush=True)
    yield
    print("torn", os.getpid(), file=open("fixture.log", "a"), flush=True)

@pytest.mark.parametrize("delay", [0.2, 0, 0.1, 0, 0, 0])
def test_sign_in(world, shared, delay):
    """A sign-in."""
    time.sleep(delay)
    world.wait(seconds=delay * 10)
    assert world.user("alice").sign_in().accepted

def test_prints(world):
    """It prints."""
    print("this went wrong:", os.getpid())
    warnings.warn("worn out")
    assert world.user("bob").sign_in().refused

@pytest.mark.xfail(reason="not yet")
def test_not_yet(world):
    """Not yet."""
    raise NotImplementedError

@pytest.mark.needs("wings")
def test_skipped(world):
    """Left out."""
'''


@pytest.fixture
def mine(tmp_path: Path) -> Callable[[str], str]:
    """Write a scenario file of the user's own."""

    def write(source: str) -> str:
        (tmp_path / "my_scenarios.py").write_text(source, encoding="utf-8")
        return "my_scenarios.py"

    return write


def untimed(text: str) -> str:
    """What was told, without what differs from run to run."""
    return re.sub(r"in [\d.]+ s$|[\d.]+ s$|wrong: \d+|0x[0-9a-f]+", "", text, flags=re.MULTILINE)


def test_stories_are_those_of_one_process_in_their_order(
    keyrig: Run, mine: Callable[[str], str], tmp_path: Path
) -> None:
    file = mine(SCENARIOS)
    one = keyrig("run", "-v", "-j1", "--junit-xml=report.xml", file)
    assert len(processes(tmp_path)) == 1
    several = keyrig("run", "-v", "-j3", "--junit-xml=report.xml", file)
    assert several.stderr == ""
    assert untimed(several.stdout) == untimed(one.stdout)
    assert several.returncode == one.returncode == 1
    assert several.stdout.count("this went wrong:") == 1
    assert "6 passed, 1 failed, 1 skipped, 1 expected to fail" in several.stdout
    assert "UserWarning: worn out" in several.stdout
    report = ElementTree.parse(tmp_path / "report.xml")  # noqa: S314 - pytest wrote it
    assert len(list(report.iter("testcase"))) == 9
    assert len([prop for prop in report.iter("property") if prop.get("name") == "step"]) == 7


def test_what_a_module_shares_is_made_and_torn_down_once_in_each_process(
    keyrig: Run, mine: Callable[[str], str], tmp_path: Path
) -> None:
    assert keyrig("run", "-j2", "-k", "sign_in", mine(SCENARIOS)).returncode == 0
    log = (tmp_path / "fixture.log").read_text().splitlines()
    assert len(processes(tmp_path)) == 2
    assert sorted(log) == sorted(f"{word} {pid}" for word in ("made", "torn") for pid in processes(tmp_path))


def processes(directory: Path) -> set[str]:
    """Those that made the module's fixture, by its log."""
    return {line.split()[1] for line in (directory / "fixture.log").read_text().splitlines()}


def test_the_first_failure_in_order_is_the_last_told(keyrig: Run, mine: Callable[[str], str]) -> None:
    source = "import time\ndef test_a(world): pass\ndef test_b(world):\n    time.sleep(0.5)\n    assert 0\n"
    run = keyrig("run", "-x", "-j2", mine(source + "def test_c(world): assert 0\ndef test_d(world): pass\n"))
    assert run.returncode == 1
    assert re.findall(r"^. my scenarios · (\w)$", run.stdout, re.MULTILINE) == ["a", "b"]
    assert "1 passed, 1 failed" in run.stdout


def test_a_process_that_ends_fails_its_scenario_alone(keyrig: Run, mine: Callable[[str], str]) -> None:
    dies = "def test_{}(world):\n    import os\n    {}\n"
    source = dies.format("a", "os.kill(os.getpid(), 9)") + dies.format("b", "os._exit(5)")
    run = keyrig("run", "-j2", mine(source + "def test_c(world): pass\ndef test_d(world): pass\n"))
    assert run.returncode == 1
    assert "the process that ran it was killed by signal 9" in run.stdout
    assert "the process that ran it ended with exit code 5" in run.stdout
    assert re.findall(r"^(.) my scenarios · (\w)$", run.stdout, re.MULTILINE) == [
        ("✘", "a"),
        ("✘", "b"),
        ("✔", "c"),
        ("✔", "d"),
    ]


@pytest.mark.parametrize(
    "stops", ["pytest.exit('enough')", "request.session.shouldstop = 'enough'"], ids=["exit", "shouldstop"]
)
def test_a_scenario_that_stops_the_run_stops_it(keyrig: Run, mine: Callable[[str], str], stops: str) -> None:
    rest = "".join(f"def test_{n}(world): pass\n" for n in range(20))
    run = keyrig("run", "-j2", mine(f"import pytest\ndef test_a(world, request):\n    {stops}\n{rest}"))
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "enough" in run.stdout
    assert "my scenarios · 19" not in run.stdout


def test_ctrl_c_ends_every_process(mine: Callable[[str], str], tmp_path: Path) -> None:
    source = "import os, time\ndef test_{}(world):\n    open(str(os.getpid()), 'w')\n    time.sleep(60)\n"
    file = mine("".join(source.format(n) for n in "abcd"))
    command = [sys.executable, "-m", "harness", "run", "-j2", file]
    # Whoever starts the tests in the background has them ignore Ctrl-C, and what they start, too.
    heed = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        env = {**os.environ, "PYTHONPATH": str(Path(harness.__file__).parent.parent)}
        run = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, heed)
    with run:
        running: list[str] = []
        while len(running) < 2 and run.poll() is None:
            time.sleep(0.05)
            running = [path.name for path in tmp_path.iterdir() if path.name.isdigit()]
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=30) == pytest.ExitCode.INTERRUPTED
    assert len(running) == 2
    assert not [pid for pid in running if Path(f"/proc/{pid}").exists()]


def test_output_that_nobody_captures_comes_from_one_process(keyrig: Run, mine: Callable[[str], str]) -> None:
    says = "def test_{}(world):\n    import os\n    print('by', os.getpid())\n"
    run = keyrig("run", "-j2", mine(says.format("a") + says.format("b")), "--", "-s")
    assert run.returncode == 0
    assert len(set(re.findall(r"by (\d+)", run.stdout))) == 1


@pytest.mark.parametrize(
    "options",
    [{"keyrig_endpoint_url": "http://localhost:1"}, {"keyrig_token": "prompt"}],
    ids=["a service of somebody's", "a token in the hand"],
)
def test_what_everybody_uses_is_used_by_one_at_a_time(options: dict[str, Any]) -> None:
    said = {"keyrig_endpoint_url": None, "keyrig_token": DEFAULT_TOKEN, **options}
    config = SimpleNamespace(getoption=said.__getitem__)
    assert not several_at_once(config)  # type: ignore[arg-type]  # all of a config that it asks


def test_there_are_as_many_processes_as_cores_and_no_crowd() -> None:
    assert 1 <= cores() <= MOST
