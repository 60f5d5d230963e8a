"""The display in the terminal: digits that can be told apart, and the period running out."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

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


def _at_the_terminal() -> None:
    """Ctrl-C is its terminal's, and heeded though whoever runs the tests in the background ignores it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_at_a_terminal_it_is_live_until_ctrl_c(tmp_path: Path) -> None:
    environment = {**os.environ, "KEYRIG_TOKENS": str(tmp_path / "tokens"), "TERM": "xterm", "COLUMNS": "80"}
    program = [
        sys.executable,
        "-c",
        "from emulator.token_commands import token; token(prog_name='keyrig token')",
    ]
    subprocess.run([*program, "new", "fob"], env=environment, check=True, stdout=subprocess.DEVNULL)
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*program, "show", "fob"], stdin=follower, stdout=follower, stderr=follower, env=environment,
        preexec_fn=_at_the_terminal,
    ) as process:  # fmt: skip
        os.close(follower)
        shown = b""
        while shown.count("▮".encode()) < 20 or shown.count(b"\x1b[2K") < 9:  # drawn, and drawn again
            shown += os.read(leader, 4096)
        os.write(leader, b"\x03")
        with suppress(OSError):  # that is how a terminal ends
            while chunk := os.read(leader, 4096):
                shown += chunk
        assert process.wait(timeout=20) == 0
    os.close(leader)

    assert "██".encode() in shown
    assert b"Traceback" not in shown
