"""Whoever attends a key is asked in time, in a line of its own, and for the PIN once."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.devices.attendant import Attendant
from harness.devices.key import DeviceError


def test_what_has_been_done_by_itself_is_not_asked_for(attendant: Attendant, tmp_path: Path) -> None:
    attendant.ask_soon("touch it")
    attendant.ask_no_more()
    time.sleep(0.5)
    assert (tmp_path / "terminal").read_bytes() == b""


def test_what_is_waited_for_is_asked_for_once(attendant: Attendant, tmp_path: Path) -> None:
    for _ in range(6):
        attendant.ask_soon("touch it")
        time.sleep(0.1)
    assert (tmp_path / "terminal").read_text(encoding="utf-8") == "▶ touch it\n"


def test_a_long_touch_is_asked_for_as_such(attendant: Attendant, tmp_path: Path) -> None:
    attendant.ask_soon("touch it", hold=True)
    time.sleep(0.5)
    assert (tmp_path / "terminal").read_text(encoding="utf-8") == "▶ touch it, and hold it for 6 s\n"


def test_on_a_terminal_a_prompt_takes_the_place_of_a_progress_display() -> None:
    ours, theirs = pty.openpty()
    Attendant(theirs).say("touch it")
    shown = os.read(ours, 100).decode()
    assert shown.startswith("\r\x1b[2K▶ touch it")
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A terminal that nobody looks at."""
    terminal = os.open(os.devnull, os.O_WRONLY)
    yield terminal
    os.close(terminal)


def test_the_pin_is_asked_for_once(nowhere: int) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return "2580"

    attendant = Attendant(nowhere, pin_variable="PIN_OF_THE_TESTS", ask_secretly=ask)
    assert (attendant.pin("my key"), attendant.pin("my key")) == ("2580", "2580")
    assert questions == ["▶ PIN of my key: "]


def test_a_refused_pin_is_not_said_again(nowhere: int) -> None:
    attendant = Attendant(nowhere, pin_variable="PIN_OF_THE_TESTS", ask_secretly=lambda _: "2580")
    attendant.pin_was_refused()  # that was not ours
    assert attendant.pin("my key") == "2580"
    attendant.pin_was_refused()
    with pytest.raises(DeviceError, match="the PIN of my key was wrong"):
        attendant.pin("my key")
    assert "2580" not in repr(attendant)


def hangs_up(question: str) -> str:
    raise EOFError


@pytest.mark.parametrize("ask", [None, hangs_up, lambda _: ""])
def test_without_anybody_to_type_it_the_error_says_where_to_put_the_pin(nowhere: int, ask: object) -> None:
    attendant = Attendant(nowhere, pin_variable="PIN_OF_THE_TESTS", ask_secretly=ask)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match=r"put it in the environment variable PIN_OF_THE_TESTS$"):
        attendant.pin("my key")


def test_touches_whose_number_is_known_are_counted(tmp_path: Path) -> None:
    terminal = os.open(tmp_path / "terminal", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    attendant = Attendant(terminal)
    attendant.expected = 2
    for _ in range(3):
        attendant.touch_now("my key")
    os.close(terminal)
    assert (tmp_path / "terminal").read_text(encoding="utf-8").splitlines() == [
        "▶ touch my key now  (touch 1 of 2)",
        "▶ touch my key now  (touch 2 of 2)",
        "▶ touch my key now",
    ]
