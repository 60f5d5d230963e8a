"""A token's display in the terminal: large digits, and beneath them the period running out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from rich.align import Align
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from emulator.totp_token import DisplayDarkError, TotpToken

REFRESH = 0.25
"""Seconds from one look at the clock to the next."""

# Five rows of three columns each, a bit a cell.
_DIGITS = (
    "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
    "111100111001111", "111100111101111", "111001001010010", "111101111101111", "111101111001111",
)  # fmt: skip


def large(code: str) -> str:
    """The code in five rows of blocks, with a gap in its middle."""
    middle = len(code) // 2
    rows = []
    for row in range(0, 15, 3):
        cells = [
            "".join("██" if cell == "1" else "  " for cell in _DIGITS[int(digit)][row : row + 3])
            for digit in code
        ]
        rows.append("  ".join(cells[:middle]) + "      " + "  ".join(cells[middle:]))
    return "\n".join(rows)


def line(name: str, token: TotpToken, now: float) -> str:
    """The display in one line, for what is no terminal."""
    return f"{name}  {token.press(now)}  {token.time_remaining(now):.0f} s left"


def face(name: str, token: TotpToken, now: float) -> Panel:
    """The token's face at ``now``; a dark one when its battery is empty."""
    try:
        code, left = token.press(now), token.time_remaining(now)
    except DisplayDarkError as error:
        return Panel(Align.center(Text(f"\n\n{error}\n\n", style="dim")), title=name, width=70)
    bars = max(0, min(12, round(12 * left / token.period)))
    remaining = Text(
        "▮" * bars + "▯" * (12 - bars) + f"  {left:2.0f} s", style="red" if left < 5 else "green"
    )
    digits = Text("\n" + large(code) + "\n", style="bold")
    return Panel(Group(Align.center(digits), Align.center(remaining)), title=name, width=70)


def live(name: str, token: TotpToken, now: Callable[[], float], console: Console) -> None:
    """Show the token's face until Ctrl-C."""
    with (
        suppress(KeyboardInterrupt),
        Live(face(name, token, now()), console=console, auto_refresh=False) as display,
    ):
        while True:
            display.update(face(name, token, now()), refresh=True)
            time.sleep(REFRESH)
