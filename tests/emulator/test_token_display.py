"""The display in the terminal: digits that can be told apart, and the period running out."""

from __future__ import annotations

import io

from rich.console import Console

from emulator.oath.record import TokenRecord
from emulator.stored_token import StoredToken
from emulator.token_display import face, large, line
from emulator.totp_token import YEAR, TotpToken

NOW = 1_767_225_600.0


def token() -> TotpToken:
    record = TokenRecord(serial_number="2600215704919", secret=b"12345678901234567890")
    return StoredToken(name="fob", record=record, since=NOW, battery_life=YEAR).totp(lambda: NOW)


def drawn(now: float) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(face("fob", token(), now))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_digit_looks_different_and_is_as_large() -> None:
    shapes = {digit: large(digit) for digit in "0123456789"}

    assert len(set(shapes.values())) == 10
    assert {len(row) for shape in shapes.values() for row in shape.splitlines()} == {12}
    assert shapes["8"].splitlines()[0].strip() == "██████"


def test_a_line_says_the_code_and_the_time_left() -> None:
    assert line("fob", token(), NOW + 13) == f"fob  {token().press(NOW)}  17 s left"


def test_the_bar_runs_out_with_the_period() -> None:
    assert "▮" * 12 in drawn(NOW)
    assert "▮" * 6 + "▯" * 6 + "  15 s" in drawn(NOW + 15)
    assert large(token().press(NOW)).splitlines()[2] in drawn(NOW)


def test_a_token_with_an_empty_battery_has_a_dark_face() -> None:
    assert "display is dark" in drawn(NOW + YEAR)
    assert "█" not in drawn(NOW + YEAR)
