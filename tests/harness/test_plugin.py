"""Under plain pytest the plugin gives fixtures and markers, and changes nothing else."""

import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SCENARIO = '''
import pytest

@pytest.mark.source("S1")
def test_story(world, key):
    """A story."""
    assert key.name
    assert world.user("alice").sign_in().accepted
'''


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(source: str, name: str = "test_mine.py") -> str:
        (tmp_path / name).write_text(source, encoding="utf-8")
        return name

    return write


def test_a_scenario_runs_and_pytest_reports_it_as_ever(
    plain_pytest: Run, write: Callable[[str], str], tmp_path: Path
) -> None:
    run = plain_pytest("--strict-markers", "--junit-xml=report.xml", "-W", "error", write(SCENARIO))
    assert run.returncode == 0, run.stdout
    assert "test_mine.py ." in run.stdout
    assert "1 passed" in run.stdout
    assert "A story" not in run.stdout
    report = ElementTree.parse(tmp_path / "report.xml")  # noqa: S314 - pytest wrote it
    assert [prop.get("value") for prop in report.iter("property") if prop.get("name") == "step"] == [
        "day  0 00:00:00  alice signs in with a password alone → signed in"
    ]


def test_tests_that_have_nothing_to_do_with_it_are_left_alone(
    plain_pytest: Run, write: Callable[[str], str]
) -> None:
    source = "import pytest, sys\n@pytest.mark.needs('docker')\ndef test_other():\n"
    run = plain_pytest(write(source + "    assert 'harness.world' not in sys.modules\n"))
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout


def test_needs_skips_what_the_key_cannot_do(plain_pytest: Run, write: Callable[[str], str]) -> None:
    source = "@pytest.mark.needs({})\ndef test_{}(world):\n    pass\n"
    scenarios = source.format("'u2f', 'ctap2', 'uv'", "verified") + source.format("'u2f'", "touched")
    run = plain_pytest("-rs", "--keyrig-key=emulated:u2f-only", write("import pytest\n" + scenarios))
    assert "1 passed, 1 skipped" in run.stdout
    assert "needs ctap2, uv, which emulated:u2f-only does not have" in " ".join(run.stdout.split())


@pytest.mark.parametrize("option", ["--keyrig-key=emulated:nope", "--keyrig-token=paper"])
def test_an_unknown_device_is_a_usage_error_in_one_line(
    plain_pytest: Run, write: Callable[[str], str], option: str
) -> None:
    run = plain_pytest(option, write(SCENARIO))
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("ERROR: no ")


def test_the_seed_and_the_scenario_decide_what_is_random(
    plain_pytest: Run, write: Callable[[str], str]
) -> None:
    source = "def test_a(world):\n    print('is', world.token('GAHT12345678').read())\n"
    mine = write(source + source.replace("test_a", "test_b"))

    def codes(seed: str) -> list[str]:
        run = plain_pytest("-s", f"--keyrig-seed={seed}", mine)
        return [line.split("is ")[1] for line in run.stdout.splitlines() if "is " in line]

    first, again, other = codes("one"), codes("one"), codes("two")
    assert len(set(first)) == 2
    assert first == again
    assert not set(first) & set(other)
