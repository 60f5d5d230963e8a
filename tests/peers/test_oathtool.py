"""OATH Toolkit beside us: oathtool makes the same codes, pskctool reads our PSKC by its schema."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.oath import pskc
from emulator.oath.otp import Algorithm
from emulator.oath.record import TokenRecord
from emulator.stored_token import StoredToken

NOW = 1_767_225_600
SECRET = bytes(range(32))
KEY = bytes(range(16))

Run = Callable[..., str]


@pytest.fixture
def run(require: Callable[[object, str], None]) -> Run:
    """Runs a command of OATH Toolkit's; what it writes."""

    def run(command: str, *words: str | Path, stdin: str = "") -> str:
        require(shutil.which(command), f"{command} (Debian package {command})")
        done = subprocess.run(
            [command, *words], input=stdin, capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout

    return run


@pytest.mark.parametrize("digits", [6, 8])
@pytest.mark.parametrize("period", [30, 60])
@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_oathtool_shows_the_codes_of_our_clocks(
    run: Run, digits: int, period: int, algorithm: Algorithm
) -> None:
    record = TokenRecord(
        serial_number="2600215704919", secret=SECRET, digits=digits, period=period, algorithm=algorithm
    )
    token = StoredToken(name="fob", record=record, since=NOW, offset=-40)

    words = (f"--totp={algorithm}", f"--time-step-size={period}s", f"--digits={digits}", "--window=3")
    theirs = run("oathtool", *words, f"--now=@{NOW - 40}", "-", stdin=SECRET.hex()).split()

    assert theirs == [token.pressed(NOW + period * step)[0] for step in range(4)]


def test_oathtool_counts_like_an_hotp_token(run: Run) -> None:
    record = TokenRecord(serial_number="1000117803294", secret=SECRET, kind="hotp", counter=7)
    token = StoredToken(name="fob", record=record, since=NOW)
    ours = []
    for _ in range(3):
        code, token = token.pressed(NOW)
        ours.append(code)

    assert run("oathtool", "--counter=7", "--window=2", "-", stdin=SECRET.hex()).split() == ours


RECORDS = [
    TokenRecord(
        serial_number="2600215704919", secret=SECRET, period=60, digits=8, algorithm="SHA256",
        issuer="Example Ltd", account="Zoë", time_drift=4,
    ),
    TokenRecord(serial_number="1000117803294", secret=SECRET[::-1], kind="hotp", counter=7),
]  # fmt: skip


@pytest.mark.parametrize(
    "kept", [{}, {"password": "correct horse"}, {"key": KEY}], ids=["clear", "password", "key"]
)
def test_pskctool_finds_our_files_valid_by_the_schema(run: Run, tmp_path: Path, kept: dict[str, Any]) -> None:
    (tmp_path / "tokens.pskcxml").write_bytes(pskc.write(RECORDS, **kept))

    assert run("pskctool", "--validate", tmp_path / "tokens.pskcxml").strip() == "OK"


def test_pskctool_reads_what_we_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tokens.pskcxml").write_bytes(pskc.write(RECORDS))

    said = run("pskctool", "--info", "--strict", tmp_path / "tokens.pskcxml")

    found = {
        name: re.findall(rf"{name}: (.*)", said) for name in ("SerialNo", "Issuer", "FriendlyName", "Suite")
    }
    assert found == {
        "SerialNo": ["2600215704919", "1000117803294"],
        "Issuer": ["Example Ltd"],
        "FriendlyName": ["Zoë"],
        "Suite": ["HMAC-SHA256"],
    }
    assert "Key TimeDrift: 4\n" in said
    assert "Key TimeInterval: 60\n" in said
    assert "Key Counter: 7\n" in said
    assert "Response Format Length: 8\n" in said
