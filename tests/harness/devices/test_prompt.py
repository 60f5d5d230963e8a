"""A token in somebody's hand, whose answers a test types."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.clock import ManualClock
from harness.devices.key import DeviceError, NotCapable
from harness.devices.prompt import PATIENCE, PromptSource

SECRET = "GEZD GNBV gy3tqojq"


class Desk:
    """A person with a token, and the time that passes for them."""

    def __init__(self, *typed: str, now: float = 1_800_000_000.0) -> None:
        self.time = ManualClock(now)
        self.typed = list(typed)
        self.asked: list[str] = []

    def ask(self, question: str) -> str:
        self.asked.append(question)
        self.time.advance(2)
        return self.typed.pop(0) if self.typed else ""

    def source(self) -> PromptSource:
        return PromptSource(ask=self.ask, now=self.time, sleep=self.time.advance)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRIG_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("KEYRIG_TOKEN_SERIAL", "GA-1")


def issue(source: PromptSource, clock: ManualClock, **more: Any) -> Any:
    how = {"offset": 0.0, "drift_ppm": 0.0, "digits": 6, "period": 30, **more}
    return source.issue("GAHT12345678", clock=clock, random_bytes=bytes, **how)


def test_person_is_asked_with_the_time_left_and_the_world_follows_the_real_time() -> None:
    desk, world = Desk("123 456", now=1_800_000_000.0 + 12), ManualClock()
    token = issue(desk.source(), world)
    assert world() == desk.time()
    assert token.read() == "123456"
    assert desk.asked == ["code of token GA-1 (18 s left): "]
    assert world() == desk.time()
    assert token.secret == b"1234567890"


def test_nobody_is_hurried_at_the_end_of_a_period() -> None:
    desk = Desk("123456", now=1_800_000_000.0 + 27)
    issue(desk.source(), ManualClock()).read()
    assert desk.asked == ["code of token GA-1 (30 s left): "]


def test_two_codes_are_of_two_periods_and_the_same_one_is_asked_for_again() -> None:
    desk = Desk("123456", "123456", "654321")
    assert issue(desk.source(), ManualClock()).read_two() == ("123456", "654321")
    assert desk.asked[1].startswith("code of token GA-1 (30 s left)")
    assert desk.asked[2].startswith("that is the code from before; wait until the display changes; code of")


def test_what_is_no_code_is_asked_for_again_and_at_last_given_up() -> None:
    desk = Desk("12345", "no", "")
    with pytest.raises(DeviceError, match="no code of token GA-1 was typed in 3 attempts"):
        issue(desk.source(), ManualClock()).read()
    assert desk.asked[1].startswith("that is not 6 digits; ")


def test_the_world_waits_for_the_token_but_not_long() -> None:
    desk, world = Desk("123456"), ManualClock()
    token = issue(desk.source(), world)
    world.advance(60)
    assert token.read() == "123456"
    assert desk.time() >= 1_800_000_060
    world.advance(PATIENCE + 60)
    with pytest.raises(NotCapable, match="cannot be hurried"):
        token.read()


@pytest.mark.parametrize(
    "how",
    [{"offset": 1.0}, {"drift_ppm": 1.0}, {"digits": 8}, {"period": 60}],
    ids=lambda how: next(iter(how)),
)
def test_token_that_is_not_as_asked_is_not_capable(how: dict[str, Any]) -> None:
    with pytest.raises(NotCapable):
        issue(Desk().source(), ManualClock(), **how)


def test_token_is_one_and_its_clock_its_own() -> None:
    source, world = Desk().source(), ManualClock()
    token = issue(source, world)
    with pytest.raises(NotCapable, match="one token"):
        issue(source, world)
    with pytest.raises(NotCapable, match="cannot be set"):
        token.step_clock(1)
    with pytest.raises(NotCapable, match="only its codes"):
        _ = token.clock
    issue(source, ManualClock())  # the next scenario's


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("KEYRIG_TOKEN_SECRET", "not base32 at all!", "the secret of token GA-1 is not base32"),
        ("KEYRIG_TOKEN_SECRET", "", "is not known; put it in the variable KEYRIG_TOKEN_SECRET"),
        ("KEYRIG_TOKEN_DIGITS", "7", "KEYRIG_TOKEN_DIGITS must be 6 or 8, not '7'"),
        ("KEYRIG_TOKEN_PERIOD", "x", "KEYRIG_TOKEN_PERIOD must be 30 or 60"),
        ("KEYRIG_TOKEN_ALGORITHM", "MD5", "KEYRIG_TOKEN_ALGORITHM must be SHA1 or SHA256 or SHA512"),
    ],
)
def test_environment_that_makes_no_sense_is_one_line_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(DeviceError) as refused:
        PromptSource()
    assert complaint in str(refused.value)
    assert "base32 at all" not in str(refused.value)


def test_secret_that_is_nowhere_is_asked_for_secretly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYRIG_TOKEN_SECRET")
    asked: list[str] = []

    def ask_secretly(question: str) -> str:
        asked.append(question)
        return SECRET

    assert PromptSource(ask_secretly=ask_secretly).secret == b"1234567890"
    assert asked == ["secret of token GA-1, base32: "]
