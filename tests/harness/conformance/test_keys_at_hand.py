"""The suite on keys at hand: touched by robots, killed and garbled in mid-run, interrupted and resumed."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PlugIn = Callable[..., Any]
Conform = Callable[..., Any]

POST = (
    'import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], b\'{"touch": "now"}\', '
    "{'Content-Type': 'application/json'}))"
)


def command(*words: object) -> str:
    return shlex.join(map(str, words))


def test_a_robot_at_an_endpoint_touches_the_key(plugged_in: PlugIn, conform: Conform) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    run = conform("--key", key.name, "--touch-url", key.control, "--spec", "MC-RESPONSE")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert re.search(r"security key, udp:\S+: \d+ tests, \d+ touches, by your robot; about \d+ s", run.out)


def test_a_command_touches_the_key_without_a_shell(plugged_in: PlugIn, conform: Conform) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    touch = command(sys.executable, "-c", POST, key.control, "; exit 1")
    run = conform("--key", key.name, "--touch-command", touch, "--spec", "MC-RESPONSE-02")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert "1 passed" in run.out


def test_a_robot_makes_the_key_as_new_before_tests_that_want_it_so(
    plugged_in: PlugIn, conform: Conform
) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    words = ["--key", key.name, "--touch-url", key.control, "--spec", "PIN-SET", "--longest-wait", "2"]
    run = conform(*words, "--destructive", typed=f"{key.name.removesuffix(':0')}\n")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert sum(test["outcome"] == "passed" for test in run.tests) > 5
    refused = conform(*words, "--destructive", typed="another\n")
    assert refused.code == 2
    assert "was not confirmed; nothing was done" in refused.err


def test_without_a_robot_a_key_that_answers_at_once_runs_unattended(
    plugged_in: PlugIn, conform: Conform
) -> None:
    key = plugged_in("--profile", "ctap21")
    run = conform("--key", key.name, "--spec", "CTAPHID-CANCEL")
    assert run.code == 0
    assert "no touch is asked for" in run.out
    assert (
        "answers without any"
        in {test["identifier"]: test for test in run.tests}["CTAPHID-CANCEL-01"]["reason"]
    )


def test_a_key_that_is_killed_fails_its_test_and_the_run_ends_with_its_report(
    plugged_in: PlugIn, conform: Conform
) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    kills = command("kill", "-9", key.process.pid)
    run = conform("--key", key.name, "--touch-command", kills, "--spec", "MC-")
    assert run.code == 1, run.out + run.err
    assert "said nothing for 5 s" in run.failures[0]
    assert len(run.failures) == 4
    assert all("the key is not to be reached: udp:" in failure for failure in run.failures[1:])
    assert re.search(r"^\d+ tests were not run; --resume FILE", run.out, re.MULTILINE)
    assert "Traceback" not in run.out + run.err


class Garbling:
    """Stands before a key, and once ``after`` answers to CBOR have passed makes nonsense of the others."""

    def __init__(self, key: int, after: int) -> None:
        self._front, self._back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._front.bind(("127.0.0.1", 0))
        self._back.connect(("127.0.0.1", key))
        self._after, self._client = after, ("", 0)
        self.name = f"udp:127.0.0.1:{self._front.getsockname()[1]}:0"
        for pump in (self._ask, self._answer):
            threading.Thread(target=pump, daemon=True).start()

    def _ask(self) -> None:
        while True:
            packet, self._client = self._front.recvfrom(64)
            self._back.send(packet)

    def _answer(self) -> None:
        while True:
            packet = self._back.recv(64)
            if packet[4] == 0x90:
                self._after -= 1
                packet = packet if self._after >= 0 else packet[:7] + b"\x00" + b"\xa5" * 56
            self._front.sendto(packet, self._client)


@pytest.fixture
def garbled(plugged_in: PlugIn) -> Iterator[Callable[[int], str]]:
    def garbled(after: int) -> str:
        key = plugged_in("--profile", "ctap23")
        return Garbling(int(key.name.split(":")[2]), after).name

    return garbled


def test_a_key_that_comes_to_talk_nonsense_fails_tests_and_the_run_goes_on(
    garbled: Callable[[int], str], conform: Conform
) -> None:
    run = conform("--key", garbled(12), "--spec", "INFO-")
    assert run.code == 1, run.out + run.err
    outcomes = [test["outcome"] for test in run.tests]
    assert outcomes.count("failed") > 10
    assert "Traceback" not in run.out + run.err
    assert any("a5a5" in entry["bytes"] for test in run.tests for entry in test["trace"])


def test_a_key_that_talks_nonsense_from_the_start_is_no_key(
    garbled: Callable[[int], str], conform: Conform
) -> None:
    run = conform("--key", garbled(0))
    assert run.code == 2
    assert "does not answer as a security key does" in run.out + run.err
    assert "Traceback" not in run.out + run.err


def test_a_killed_run_is_resumed_where_it_was(plugged_in: PlugIn, conform: Conform, tmp_path: Path) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    file = tmp_path / "run.json"
    words = ["--key", key.name, "--spec", "U2F-REGISTER", "--resume", str(file)]
    kill_us = command(sys.executable, "-c", "import os; os.kill(os.getppid(), 9)")
    first = conform(*words, "--touch-command", kill_us)
    assert first.code == -9
    before = json.loads(file.read_text())["tests"]
    assert before
    rest = conform(*words, "--touch-url", key.control)
    assert rest.code == 0, rest.out + rest.err
    after = json.loads(file.read_text())["tests"]
    assert after[: len(before)] == before
    assert len(after) > len(before)
    again = conform(*words, "--touch-url", key.control)
    assert json.loads(file.read_text())["tests"] == after
    assert f"{len(after) - sum(test['outcome'] == 'skipped' for test in after)} passed" in again.out


def test_a_run_is_not_resumed_with_another_key(conform: Conform, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    assert conform("--key", "emulated:ctap21", "--spec", "INFO-OPTIONS", "--resume", str(file)).code == 0
    other = conform("--key", "emulated:ctap20", "--resume", str(file))
    assert other.code == 2
    assert f"{file} is about emulated:ctap21, not emulated:ctap20" in other.out + other.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--key", "udp:127.0.0.1:9", "-n", "2"], "-n is for emulated keys"),
        (["--key", "udp:127.0.0.1:9", "--prove"], "only an emulated key can be broken on purpose"),
        (["--touch-command", "a", "--touch-url", "b"], "one robot is enough"),
        (["--key", "udp:127.0.0.1:9", "--touch-command", "'"], 'the touch command "\'" cannot be read'),
        (["--key", "udp:127.0.0.1:9", "--touch-url", "http://127.0.0.1:9/"], "no touch robot answers at"),
        (["--key", "udp:127.0.0.1:9", "--touch-url", "nonsense"], "no touch robot answers at nonsense"),
        (["--longest-wait", "-1"], "-1.0 is not in the range x>=0"),
    ],
)
def test_bad_input_is_said_in_a_line(conform: Conform, words: list[str], why: str) -> None:
    run = conform(*words)
    assert run.code == 2
    assert why in run.out + run.err
    assert "Traceback" not in run.out + run.err
    assert run.report is None


def test_a_report_that_cannot_be_written_is_said(conform: Conform, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "report.html"
    run = conform("--key", "emulated:ctap21", "--spec", "INFO-OPTIONS", "--html", str(nowhere))
    assert run.code == 0
    assert f"could not write {nowhere}: No such file or directory" in run.out


def test_a_prefix_that_no_test_has_is_said(conform: Conform) -> None:
    run = conform("--key", "emulated:ctap21", "--spec", "NOTHING")
    assert run.code == 5
    assert "no test is like that; --list has them all" in run.out


def test_tests_that_have_not_reached_the_key_are_run_again(
    plugged_in: PlugIn, conform: Conform, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    one = {"section": "", "title": "", "why": "", "trace": [], "seconds": 0.0, "faults": [], "missed": []}
    key = plugged_in("--profile", "ctap23")
    words = ["--key", key.name, "--spec", "U2F-VERSION", "--resume", str(file)]
    assert conform(*words).code == 0
    report = json.loads(file.read_text())
    identifiers = [test["identifier"] for test in report["tests"]]
    assert len(identifiers) > 1
    gone = ["said nothing for 5 s", *["the key is not to be reached: gone"] * (len(identifiers) - 1)]
    report["tests"] = [
        {**one, "identifier": name, "outcome": "failed", "reason": reason}
        for name, reason in zip(identifiers, gone, strict=True)
    ]
    file.write_text(json.dumps(report))
    again = conform(*words)
    assert again.code == 0, again.out + again.err
    assert [test["outcome"] for test in json.loads(file.read_text())["tests"]] == ["passed"] * len(
        identifiers
    )


def test_a_robot_holds_a_key_that_wants_a_long_touch(plugged_in: PlugIn, conform: Conform) -> None:
    key = plugged_in("--profile", "ctap23", "--touch", "never")
    words = ["--key", key.name, "--touch-url", key.control, "--destructive", "--spec", "RESET-LONG-02"]
    run = conform(*words, typed=f"{key.name.removesuffix(':0')}\n")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert "1 passed" in run.out
