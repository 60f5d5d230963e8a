"""Steps tell when they happened in simulated days."""

import pytest

from emulator.clock import ManualClock
from harness.story import Step, Story


@pytest.mark.parametrize(
    ("at", "when"),
    [
        (0, "day  0 00:00:00"),
        (59.9, "day  0 00:00:59"),
        (74 * 86_400 + 30, "day 74 00:00:30"),
        (365 * 86_400 + 86_399, "day 365 23:59:59"),
    ],
)
def test_a_step_says_when_in_days_and_hours(at: float, when: str) -> None:
    assert Step(at=at, text="").when == when


def test_a_step_reads_as_one_line() -> None:
    step = Step(at=30, text="alice signs in", outcome="refused, code 61 s old", accepted=False)
    assert str(step) == "day  0 00:00:30  alice signs in → refused, code 61 s old"
    assert str(Step(at=0, text="night falls")) == "day  0 00:00:00  night falls"


def test_a_story_goes_by_its_clock_from_where_it_began() -> None:
    clock = ManualClock()
    clock.advance(1_000)
    story = Story(clock)
    began = story.elapsed
    clock.advance(90)
    story.tell("something took long", at=began)
    story.tell("something followed")
    assert [step.at for step in story.steps] == [0, 90]
    assert story.elapsed == 90
