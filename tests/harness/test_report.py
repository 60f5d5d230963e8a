"""Stories are told so that one sees at a glance what happened, when, and where it broke."""

import io
from typing import Any

import pytest
from rich.console import Console

from harness.report import StepData, StoryData, span, story_of, told

STEPS = [
    StepData(when="day  0 00:00:00", text="alice enables GAHT12345678", outcome="enabled", accepted=True),
    StepData(
        when="day 74 00:00:30",
        text="alice signs in with GAHT12345678 while a thunderstorm passes over the town",
        outcome="refused, code 61 s old",
        accepted=False,
    ),
]


def story(**changes: Any) -> StoryData:
    data: dict[str, Any] = {
        "group": "resync",
        "title": "Drift beyond the window is refused",
        "source": "S2",
        "steps": STEPS,
        "simulated": 1.0,
    }
    return StoryData(**{**data, **changes})


def report(outcome: str, longrepr: Any = None, when: str = "call") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="test_resync.py::test_drift",
        location=("test_resync.py", 1, "test_drift"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=longrepr,
        when=when,  # type: ignore[arg-type]
    )


def lines(story: StoryData, category: str, *reports: pytest.TestReport, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    for line in told(story, category, reports, width):
        console.print(line, soft_wrap=True)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


class Crash:
    """What pytest keeps of a failed assertion."""

    def __init__(self, message: str) -> None:
        self.reprcrash = self
        self.message, self.path, self.lineno = message, "/elsewhere/test_resync.py", 7


def test_a_story_fits_eighty_columns_with_its_source_at_the_margin() -> None:
    shown = lines(story(), "passed", report("passed"))
    assert shown == [
        "✔ resync · Drift beyond the window is refused                               (S2)",
        "    day  0 00:00:00  alice enables GAHT12345678 → enabled",
        "    day 74 00:00:30  alice signs in with GAHT12345678 while a thunderstorm",
        "                     passes over the town → refused, code 61 s old",
    ]


@pytest.mark.parametrize("width", [48, 80, 100])
def test_no_line_is_too_long_or_ends_in_blanks(width: int) -> None:
    long = story(
        title="Drift beyond the window is refused, then resynced by the user " * 2, source="S2, RFC 6238"
    )
    for line in lines(long, "passed", report("passed"), width=width):
        assert len(line) <= width
        assert line == line.rstrip()


def test_a_broken_story_marks_its_last_step_and_gives_the_assertion() -> None:
    shown = lines(story(), "failed", report("passed", when="setup"), report("failed", Crash("assert 1 == 2")))
    assert shown[0].startswith("✘ resync")
    assert [line for line in shown if "✘ day" in line] == [shown[2]]
    assert shown[2].startswith("  ✘ day 74")
    assert shown[-2:] == ["      assert 1 == 2", "      at /elsewhere/test_resync.py:7"]


def test_an_endless_assertion_is_cut() -> None:
    shown = lines(story(steps=[]), "failed", report("failed", Crash("\n".join(map(str, range(100))))))
    assert len(shown) < 15
    assert "      …" in shown


def test_an_assertion_in_colours_leaves_no_escape_codes_where_there_are_none() -> None:
    shown = lines(story(), "failed", report("failed", Crash("assert \x1b[94m1\x1b[39m == 2")))
    assert "      assert 1 == 2" in shown


def test_what_broke_in_the_setup_says_so() -> None:
    shown = lines(story(steps=[]), "error", report("failed", Crash("no service"), when="setup"))
    assert shown[-1] == "      at /elsewhere/test_resync.py:7 (in setup)"


def test_a_failure_without_a_traceback_is_shown_as_it_is() -> None:
    assert "      the file cannot be read" in lines(
        story(), "failed", report("failed", "the file cannot be read")
    )


def test_what_was_left_out_says_why() -> None:
    skipped = report(
        "skipped", ("file", 1, "Skipped: needs uv, which emulated:ctap21 does not have"), "setup"
    )
    shown = lines(story(steps=[]), "skipped", skipped)
    assert shown[0].startswith("– resync")
    assert shown[1] == "    needs uv, which emulated:ctap21 does not have"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (90, "90 s"), (3_600, "1 hour"), (86_400, "1 day"), (412.9 * 86_400, "412 days")],
)
def test_simulated_time_is_summed_up_in_the_largest_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_title_is_the_first_line_of_the_docstring(request: pytest.FixtureRequest) -> None:
    """The first line.

    Not the second.
    """
    told = story_of(request.node)
    assert told["title"] == "The first line"
    assert told["group"] == "report"


def test_without_a_docstring_the_name_is_the_title(request: pytest.FixtureRequest) -> None:
    assert story_of(request.node)["title"] == "without a docstring the name is the title"


@pytest.mark.parametrize("profile", ["ctap20"])
def test_parameters_stand_in_the_title(request: pytest.FixtureRequest, profile: str) -> None:
    """A key."""
    assert story_of(request.node)["title"] == "A key [ctap20]"
