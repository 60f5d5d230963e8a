"""The command as a user meets it: in a process of its own, in a directory of their own."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import harness
from harness.cli import LAZY, main

Run = Callable[..., subprocess.CompletedProcess[str]]

PACKAGE = Path(harness.__file__).parent

TEN_LINES = '''
def test_token_out_of_step_is_replaced(world):
    """A token that has drifted away is removed by an administrator."""
    admin, alice = world.user("admin", administrator=True), world.user("alice")
    token = world.token("GAHT12345678", drift_ppm=-9.4)
    assert alice.sign_in().accepted
    assert alice.enable_hardware(token).accepted
    world.wait(days=74, seconds=1)
    assert alice.sign_in(token).refused
    assert admin.sign_in().accepted
    assert admin.remove("GAHT12345678", of=alice).accepted
    assert alice.sign_in().accepted
'''

STORY = """\
✔ my scenarios · A token that has drifted away is removed by an administrator
    day  0 00:00:00  alice signs in with a password alone → signed in
    day  0 00:00:00  alice enables GAHT12345678 → enabled
    day 74 00:00:31  alice signs in with GAHT12345678 → refused, code 61 s old
    day 74 00:00:31  admin signs in with a password alone → signed in
    day 74 00:00:31  admin removes GAHT12345678 for alice → removed
    day 74 00:00:31  alice signs in with a password alone → signed in

1 passed, 0 failed, simulated 74 days in """

BROKEN = '''
def test_broken(world):
    """A story that breaks."""
    alice = world.user("alice")
    alice.sign_in()
    assert alice.name == "bob"

def test_after(world):
    """One that does not."""
'''


@pytest.fixture
def mine(tmp_path: Path) -> Callable[[str], str]:
    """Write a scenario file of the user's own."""

    def write(source: str) -> str:
        (tmp_path / "my_scenarios.py").write_text(source, encoding="utf-8")
        return "my_scenarios.py"

    return write


def files_under(directory: Path) -> set[Path]:
    return set(directory.rglob("*"))


# The packaged scenarios.


def test_the_packaged_scenarios_pass_and_leave_nothing_behind(keyrig: Run, tmp_path: Path) -> None:
    """Whatever the directory holds, and whatever pytest is told there."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not mine')\n", encoding="utf-8")
    before, packaged = files_under(tmp_path), files_under(PACKAGE / "scenarios")
    run = keyrig("run", "--junit-xml=report.xml", "--", "-p", "no:benchmark", PYTHONDONTWRITEBYTECODE="")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    summary = re.search(r"^(\d+) passed, 0 failed, simulated \d+ days in [\d.]+ s$", run.stdout, re.MULTILINE)
    assert summary, run.stdout
    assert int(summary[1]) >= 24
    assert "warning" not in run.stdout
    assert max(len(line) for line in run.stdout.splitlines() if "report.xml" not in line) <= 80
    assert "\x1b" not in run.stdout
    assert files_under(tmp_path) - before == {tmp_path / "report.xml"}
    assert files_under(PACKAGE / "scenarios") == packaged
    steps = [prop.get("value") for prop in _report(tmp_path / "report.xml").iter("property")]
    assert "day 74 00:00:31  alice signs in with GAHT12345678 → refused, code 61 s old" in steps


def test_list_shows_every_scenario_with_its_source(keyrig: Run) -> None:
    run = keyrig("run", "--list")
    assert run.returncode == 0
    listed = re.findall(r"^  \S.*  \(([^)]+)\)$", run.stdout, re.MULTILINE)
    assert len(listed) >= 24
    assert f"{len(listed)} scenarios" in run.stdout


def test_scenarios_are_chosen_by_name(keyrig: Run) -> None:
    run = keyrig("run", "-q", "-k", "resync and by_api", "--key", "emulated:u2f-only")
    assert run.returncode == 0, run.stdout
    assert re.search(r"^1 passed, 0 failed, \d+ deselected, simulated", run.stdout.strip())


def test_a_choice_that_fits_nothing_fails(keyrig: Run) -> None:
    run = keyrig("run", "-k", "no_such_scenario")
    assert run.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "no scenario was run" in run.stdout


# A user's own.


def test_ten_lines_of_ones_own_are_a_story(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", mine(TEN_LINES))
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.strip().startswith(STORY), run.stdout


def test_a_failure_shows_the_step_and_the_assertion(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", mine(BROKEN))
    assert run.returncode == 1
    told = run.stdout.partition("=== FAILURES ===")[0]
    assert "✘ my scenarios · A story that breaks" in told
    assert "  ✘ day  0 00:00:00  alice signs in with a password alone → signed in" in told
    assert "AssertionError: assert 'alice' == 'bob'" in told
    assert "at my_scenarios.py:6" in told
    assert "✔ my scenarios · One that does not" in told
    assert "1 passed, 1 failed" in run.stdout


def test_the_first_failure_can_be_the_last(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", "-x", mine(BROKEN))
    assert run.returncode == 1
    assert "One that does not" not in run.stdout
    assert "0 passed, 1 failed" in run.stdout


def test_one_scenario_of_a_file_can_be_named(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", "-v", f"{mine(BROKEN)}::test_after")
    assert run.returncode == 0, run.stdout
    assert "1 passed, 0 failed" in run.stdout
    assert "my_scenarios.py::test_after" in run.stdout


def test_ones_own_conftest_and_settings_count_for_ones_own_file(
    keyrig: Run, mine: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = mine\naddopts = --strict-markers\n")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef carol(world):\n    return world.user('carol')\n"
    )
    run = keyrig(
        "run",
        mine(
            "import pytest\n@pytest.mark.mine\ndef test_carol(carol):\n    assert carol.sign_in().accepted\n"
        ),
    )
    assert run.returncode == 0, run.stdout
    assert "carol signs in with a password alone → signed in" in run.stdout


def test_what_follows_two_dashes_is_pytests(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", mine(BROKEN), "--", "--deselect=my_scenarios.py::test_broken", "--durations=1")
    assert run.returncode == 0, run.stdout
    assert "slowest 1 durations" in run.stdout


def test_a_file_that_cannot_be_read_is_a_failure_with_its_reason(
    keyrig: Run, mine: Callable[[str], str]
) -> None:
    run = keyrig("run", mine("def test_half(world:\n"))
    assert run.returncode != 0
    assert "SyntaxError" in run.stdout
    assert "0 passed, 0 failed" in run.stdout


def test_a_terminal_without_our_marks_still_gets_the_story(keyrig: Run, mine: Callable[[str], str]) -> None:
    run = keyrig("run", mine(TEN_LINES), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "? my scenarios ? A token that has drifted away" in run.stdout


def test_colours_where_they_are_wanted_and_nowhere_else(keyrig: Run, mine: Callable[[str], str]) -> None:
    one = mine("def test_one(world):\n    world.user('alice').sign_in()\n")
    assert "\x1b[32m" in keyrig("run", one, FORCE_COLOR="1").stdout
    assert "\x1b" not in keyrig("run", one, NO_COLOR="1").stdout


# What cannot be done is one line and exit code 2.


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["run", "nowhere.py"], "no such file: nowhere.py"),
        (["run", "--key", "emulated:nope"], "no key is called 'emulated:nope'"),
        (["run", "--token", "paper"], "no token is called 'paper'"),
        (["serve", "--profile", "aws-1999"], "no service profile 'aws-1999'"),
    ],
)
def test_misuse_is_one_clear_line(keyrig: Run, args: list[str], line: str) -> None:
    run = keyrig(*args)
    assert run.returncode == 2
    said = [each for each in run.stderr.splitlines() if each]
    assert len(said) == 1, run.stderr
    assert line in said[0]
    assert "Traceback" not in run.stdout


@pytest.mark.parametrize("args", [["run", "--no-such-option"], ["run", "--", "--no-such-option"], ["dance"]])
def test_an_unknown_option_or_command_is_a_usage_error(keyrig: Run, args: list[str]) -> None:
    run = keyrig(*args)
    assert run.returncode == 2
    assert args[-1] in run.stderr


def test_the_version_is_told(keyrig: Run) -> None:
    assert re.fullmatch(r"keyrig, version \S+\n", keyrig("--version").stdout)


@pytest.mark.parametrize("name", LAZY)
def test_the_help_says_of_a_command_what_it_says_of_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert LAZY[name] == (command.help or "").partition("\n\n")[0].replace("\n", " ").strip()


def test_the_help_imports_no_command_for_its_line(keyrig: Run) -> None:
    said = keyrig("--help", PYTHONPROFILEIMPORTTIME="1")
    assert all(f"  {name:<8}  {line[:30]}" in said.stdout for name, line in LAZY.items())
    imported = {line.split()[-1] for line in said.stderr.splitlines() if line.startswith("import time:")}
    assert "harness.cli" in imported
    assert not imported & {"pytest", "emulator", "harness.world", "harness.conform"}


def test_list_names_keys_tokens_and_scenarios(keyrig: Run) -> None:
    run = keyrig("list")
    assert run.returncode == 0
    assert re.search(r"^  emulated:ctap21 .*\bclientPin\b", run.stdout, re.MULTILINE)
    assert "tokens, for --token\n  emulated\n" in run.stdout
    assert re.search(r"^\d+ scenarios$", run.stdout, re.MULTILINE)


# The machine.


def test_doctor_says_of_every_part_what_mends_it_and_fails_for_none(keyrig: Run) -> None:
    run = keyrig("doctor", PATH="/nowhere")
    assert run.returncode == 0
    assert "udp      ok       needs nothing" in run.stdout
    assert "browser  missing  no browser was found" in run.stdout
    assert run.stdout.count(" missing ") == run.stdout.count(" mend it: ")


def test_doctor_fails_for_a_part_that_was_asked_for(keyrig: Run) -> None:
    assert keyrig("doctor", "--for", "udp").returncode == 0
    run = keyrig("doctor", "--for", "udp", "--for", "browser", PATH="/nowhere")
    assert run.returncode == 1
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["udp", "browser", "mend"]


def test_doctor_knows_no_other_parts(keyrig: Run) -> None:
    run = keyrig("doctor", "--for", "floppy")
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("Error: no part is called 'floppy'; parts are: uhid, ")


def test_udev_rules_are_shown_before_they_are_installed(keyrig: Run) -> None:
    installed = Path("/etc/udev/rules.d/70-keyrig.rules").exists()
    run = keyrig("udev", "install", "--dry-run")
    assert run.returncode == 0
    assert "write the rules: /etc/udev/rules.d/70-keyrig.rules" in run.stdout
    assert 'KERNEL=="uhid"' in run.stdout
    assert "nothing was done" in run.stdout
    assert Path("/etc/udev/rules.d/70-keyrig.rules").exists() is installed


def _report(path: Path) -> ElementTree.ElementTree:
    return ElementTree.parse(path)  # noqa: S314 - pytest wrote it
