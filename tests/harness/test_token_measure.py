"""``keyrig token measure`` as people use it: readings in a file, typed at a terminal, and a picture."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness.cli import main

BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
START = 1_767_225_600.0
DAY = 86_400.0
Keyrig = Callable[..., Result]


@pytest.fixture
def keyrig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyrig:
    """``keyrig("measure", "fob")``, with a token fob whose secret is known."""
    monkeypatch.setenv("KEYRIG_TOKENS", str(tmp_path / "tokens"))
    monkeypatch.delenv("KEYRIG_STORE_PASSPHRASE", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str | None = None, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["token", *words], input=stdin)
        assert result.exit_code == code, result.output
        return result

    run("new", "fob", "--secret-file", "-", stdin=BASE32)
    return run


def readings(*days: float, offset: float = -40.0, ppm: float = -4.2, change: str = "") -> str:
    lines = []
    for day in days:
        when = START + day * DAY
        shown = when + offset + ppm * 1e-6 * (when - START)
        lines.append(f"{when} {pyotp.TOTP(BASE32).generate_otp(int(shown // 30))} {change}\n")
    return "".join(lines)


def test_readings_in_a_file_tell_offset_rate_and_dates(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "readings").write_text("# at my desk\n\n" + readings(0, 40, 90, 200))

    said = keyrig("measure", "fob", "--readings", "readings", "--rule", "aws,privacyidea").stdout

    assert "fob: 4 readings over 200.0 days" in said
    rate = re.search(r"gains +([-+.\d]+) ppm  95 %: ([-+.\d]+) to ([-+.\d]+) ppm", said)
    assert rate is not None
    middle, low, high = (float(number) for number in rate.groups())
    assert low < -4.2 < high
    assert low < middle < high
    assert re.search(r"aws +-30 to \+30 s +already +already", said)
    assert re.search(r"privacyidea +-150 to \+120 s \* +20\d\d-", said)
    assert "* since its last sign-in" in said


def test_readings_of_one_hour_say_when_to_come_back(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "readings").write_text(readings(0, 0.04))

    said = keyrig("measure", "fob", "--readings", "readings").stdout

    assert "its rate cannot be told yet; read it again in 63 days" in said
    assert "privacyidea" not in said


def test_the_line_is_drawn(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "readings").write_text(readings(0, 40, 90, 200))

    for name in ("fob.png", "fob.svg"):
        keyrig("measure", "fob", "--readings", "readings", "--picture", name)

    with Image.open(tmp_path / "fob.png") as picture:
        assert len(picture.convert("RGB").getcolors(100_000) or ()) > 20
    svg = (tmp_path / "fob.svg").read_text()
    assert "95 % of the clocks that show these codes" in svg
    assert ">aws<" in svg


def test_a_token_of_a_seed_file_is_measured_too(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text(f"serial,secret\n2600215704919,{BASE32}\n")
    (tmp_path / "readings").write_text(readings(0, 40))

    said = keyrig("measure", "2600215704919", "--seed-file", "seeds.csv", "--readings", "readings").stdout
    assert "2600215704919: 2 readings" in said


def test_codes_are_typed_at_a_terminal_and_kept(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "readings").write_text(readings(0, 40))
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "harness", "token", "measure", "fob", "--readings", "readings", "--type"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        code = CliRunner().invoke(main, ["token", "press", "fob"]).stdout.strip()
        os.write(leader, f"12345\n{code[:3]} {code[3:]}\n{code}\n\n".encode())
        out, err = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)

    assert "that is not 6 digits" in err
    assert "that is the code from before" in err
    assert "fob: 3 readings" in out
    assert (tmp_path / "readings").read_text().splitlines()[-1].endswith(f" {code}")


@pytest.mark.parametrize(
    ("content", "words", "sentence"),
    [
        ("tomorrow 123456\n", (), "readings, line 1: 'tomorrow' is no time"),
        ("0\n", (), "readings, line 1: a reading is as in 2026-03-01T12:00:00Z 123456"),
        ("0 1 2 3\n", (), "readings, line 1: a reading is as in"),
        ("0 123456 change soon\n", (), "readings, line 1: a code had changed 0 to 3600 s before, not 'soon'"),
        ("0 123456 change -1\n", (), "readings, line 1: a code had changed 0 to 3600 s before, not '-1'"),
        ("0 123456 change 1 2\n", (), "readings, line 1: a reading is as in"),
        ("0 123456\n", (), "two readings or more"),
        ("0 123456\n1 123456\n", (), "reading 1 is no code of this token within 24 h"),
        ("", (), "there are no readings: give --readings FILE or --reader, or type codes at a terminal"),
        ("0 1\n", ("--rule", "nobody"), "no server 'nobody'"),
        ("0 1\n", ("--rule", ""), "no server was named"),
        ("0 1\n", ("--delay", "-1"), "--delay must be 0 to 3600 s"),
        ("0 1\n", ("--within", "nan"), "--within must be above 0"),
        ("0 1\n", ("--picture", "fob.gif"), "must end in .svg or .png"),
        ("0 1\n", ("--picture", "nowhere/fob.svg"), "cannot be written there"),
        ("0 1\n", ("--seed-file", "nowhere"), "nowhere cannot be read"),
        ("0 1\n", ("--enrolled", "soon"), "'soon' is no time"),
    ],
)
def test_nonsense_is_a_sentence(
    keyrig: Keyrig, tmp_path: Path, content: str, words: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "readings").write_text(content)

    stderr = keyrig("measure", "fob", "--readings", "readings", *words, code=2).stderr
    assert sentence in stderr


def test_what_cannot_be_measured_is_a_sentence(keyrig: Keyrig, tmp_path: Path) -> None:
    keyrig("new", "c100", "--hotp")
    keyrig("new", "short", "--secret-file", "-", stdin="GEZDGNBV")
    (tmp_path / "readings").write_text(json.dumps({}))

    assert "has no clock to measure" in keyrig("measure", "c100", code=2).stderr
    assert "at least 14 bytes" in keyrig("measure", "short", code=2).stderr
    assert "no token 'nobody'" in keyrig("measure", "nobody", code=2).stderr
    (tmp_path / "readings").write_bytes(b"\xff\xff")
    assert "readings is no text" in keyrig("measure", "fob", "--readings", "readings", code=2).stderr
    (tmp_path / "folder").mkdir()
    assert "folder" in keyrig("measure", "fob", "--readings", "folder", code=2).stderr
