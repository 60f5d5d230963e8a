"""Scenarios with a key that the run has not made: of another process, attended by whoever runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fido2.ctap2 import ClientPin, Ctap2

from emulator.clock import ManualClock

ROOT = Path(__file__).parent.parent.parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]
Serve = Callable[..., Any]

SIGNS_IN = '''
def test_sign_in(world):
    """A key signs in."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
'''

RESETS = '''
import pytest
from fido2.ctap2 import Ctap2

@pytest.mark.needs("destructive")
def test_reset(world):
    """A key forgets."""
    Ctap2(world.key()).reset()
'''


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run(scenario, *args, typed="", **env)``: ``keyrig run`` where nobody sits at a terminal."""

    def run(scenario: str, *args: str, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "mine.py").write_text(scenario, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "harness", "run", *(["mine.py"] if scenario else []), *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **env},
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            start_new_session=True,
        )

    return run


def at(served: Any) -> str:
    return f"--key=udp:127.0.0.1:{served.port}:0"


@pytest.mark.parametrize("profile", ["ctap21", "u2f-only"])
def test_scenarios_pass_or_say_what_they_need_and_leave_the_key_as_it_was(
    run: Run, serve: Serve, profile: str
) -> None:
    served = serve(profile)
    before = Ctap2(served.key).get_info() if profile != "u2f-only" else None
    done = run("", at(served), "-k", "key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, 0 failed" in done.stdout
    assert "registers udp:127.0.0.1:" in done.stdout
    for capability in ("clone, sign-count", "several-keys"):
        assert f"needs {capability}, which udp:127.0.0.1:{served.port} does not have" in done.stdout
    assert done.stderr == ""
    assert (Ctap2(served.key).get_info() if before else None) == before


def test_a_key_emulated_in_another_terminal_is_found_by_its_address(run: Run) -> None:
    command = [sys.executable, "-m", "harness", "emulate", "--transport=udp", "--port=0", "--answer-port=0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        try:
            where = emulator.stdout.readline().partition(",")[0]
            done = run("", f"--key={where}:0", "-k", "sign_in and key")
        finally:
            emulator.terminate()
        said = emulator.stdout.read()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"alice registers {where}" in done.stdout
    assert "makeCredential" in said
    assert "getAssertion" in said


def test_the_person_is_asked_beside_the_story(run: Run, serve: Serve) -> None:
    served = serve(touch=1.6)
    done = run(SIGNS_IN, at(served))
    assert done.returncode == 0, done.stdout + done.stderr
    title = f"security key, udp:127.0.0.1:{served.port}"
    assert done.stderr.splitlines() == [
        f"▶ touch {title}, to register with localhost",
        f"▶ touch {title}, to sign in to localhost",
    ]
    assert "▶" not in done.stdout


def test_the_pin_is_where_the_user_says(run: Run, serve: Serve) -> None:
    served = serve(destructive=True)
    ClientPin(Ctap2(served.key)).set_pin("2580")
    for args, env in ((("--pin-env", "MINE"), {"MINE": "2580"}), ((), {"KEYRIG_PIN": "2580"})):
        done = run(SIGNS_IN, at(served), *args, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2580" not in done.stdout + done.stderr


def test_a_pin_that_nobody_says_is_one_line_of_the_story(run: Run, serve: Serve) -> None:
    served = serve(destructive=True)
    ClientPin(Ctap2(served.key)).set_pin("2580")
    done = run(SIGNS_IN, at(served), KEYRIG_PIN="")
    assert done.returncode == 1
    assert "wants its PIN, and nobody is there to type it" in " ".join(done.stdout.split())


def test_what_is_destructive_is_left_out(run: Run, serve: Serve) -> None:
    served = serve()
    done = run(RESETS, at(served))
    assert done.returncode == 0
    assert f"needs destructive, which udp:127.0.0.1:{served.port} does not have" in done.stdout


def test_what_is_destructive_is_done_to_the_key_that_was_typed(run: Run, serve: Serve) -> None:
    served = serve(clock=ManualClock())
    done = run(RESETS, at(served), "--destructive", typed=f"udp:127.0.0.1:{served.port}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert f"What is run may reset security key, udp:127.0.0.1:{served.port}, and what is on" in done.stderr


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "udp:127.0.0.1:1\n"])
def test_nothing_is_done_until_the_key_is_named(run: Run, serve: Serve, typed: str) -> None:
    done = run(RESETS, at(serve()), "--destructive", typed=typed)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(" was not confirmed; nothing was done")
    assert done.stdout == ""


def test_keys_made_for_the_run_need_no_confirmation(run: Run) -> None:
    done = run(RESETS, "--destructive", "--key=emulated:ctap21")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_plain_pytest_is_told_which_key_may_be_changed(
    plain_pytest: Run, serve: Serve, tmp_path: Path
) -> None:
    served = serve(clock=ManualClock())
    (tmp_path / "test_mine.py").write_text(RESETS, encoding="utf-8")
    key = f"--keyrig-key=udp:127.0.0.1:{served.port}:0"
    wrong = plain_pytest(key, "--keyrig-destructive=another", "test_mine.py")
    assert wrong.returncode == pytest.ExitCode.USAGE_ERROR
    assert "not another; nothing was done to it" in wrong.stderr
    right = plain_pytest(key, f"--keyrig-destructive=udp:127.0.0.1:{served.port}", "test_mine.py")
    assert right.returncode == 0, right.stdout


def test_a_scenario_that_asks_for_a_second_key_is_told_what_it_must_say(run: Run, serve: Serve) -> None:
    done = run("def test_two(world):\n    world.key()\n    world.key()\n", at(serve()))
    assert done.returncode == 1
    assert "a scenario that uses another says needs('several-keys')" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("hid:/dev/hidraw-none", "no security key is at /dev/hidraw-none; 'keyrig emulate' plugs one in"),
        ("udp:127.0.0.1:9:0", "udp:127.0.0.1:9 has said nothing for 5 s; is it a key, and running?"),
        ("udp:nowhere", "no key can be at 'nowhere'; say where as in udp:127.0.0.1:8111"),
        (
            "floppy",
            "no key is called 'floppy'; a key is emulated:PROFILE[+FAULT…], hid, hid:PATH, pcsc:READER or "
            "udp:HOST:PORT",
        ),
    ],
)
def test_a_key_that_is_not_there_is_a_usage_error_in_one_line(run: Run, key: str, line: str) -> None:
    done = run(SIGNS_IN, f"--key={key}")
    assert done.returncode == 2
    assert done.stderr.strip() == f"ERROR: {line}"
