"""What a hand that is no person's is told to do, and what is left to a person all the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.devices.hand import HandAttendant


class NotingHand:
    """Notes what it is told to do."""

    def __init__(self, *, rig: bool) -> None:
        self.rig = rig
        self.done: list[dict[str, Any]] = []

    def do(self, verb: dict[str, Any]) -> None:
        self.done.append(verb)


@pytest.fixture
def attended(tmp_path: Path) -> Iterator[Callable[..., tuple[NotingHand, HandAttendant]]]:
    terminal = os.open(tmp_path / "terminal", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def attended(*, rig: bool) -> tuple[NotingHand, HandAttendant]:
        hand = NotingHand(rig=rig)
        attendant = HandAttendant(terminal, hand)
        hand.done.clear()
        return hand, attendant

    yield attended
    os.close(terminal)


@pytest.mark.parametrize(
    ("rig", "hold", "done"),
    [
        (True, False, [{"touch": "now"}]),
        (True, True, [{"touch": {"hold": 6.0}}]),
        (False, False, [{"touch": "now"}]),
        (False, True, []),
    ],
)
def test_a_rig_holds_the_key_and_a_relay_touches_it(
    attended: Callable[..., Any], rig: bool, hold: bool, done: list[dict[str, Any]]
) -> None:
    hand, attendant = attended(rig=rig)
    attendant.ask_soon("touch it", hold=hold)
    time.sleep(0.2)
    attendant.ask_no_more()
    assert hand.done == done


def test_a_person_is_asked_for_the_long_touch_that_a_relay_has_not(
    attended: Callable[..., Any], tmp_path: Path
) -> None:
    _, attendant = attended(rig=False)
    attendant.ask_soon("touch it", hold=True)
    time.sleep(1.3)
    attendant.ask_no_more()
    assert (tmp_path / "terminal").read_text(encoding="utf-8") == "▶ touch it, and hold it for 6 s\n"
