"""Readings of a token taken through a smart card reader: a real pcscd, an emulated card, ykman's accounts."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "smartcard", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from click.testing import CliRunner, Result

from harness.cli import main
from harness.devices.ykoath import YkOathCard

READER = "Virtual PCD 00 00"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SECRET = b"12345678901234567890"
PERIOD = 2
AHEAD = 100.0

Measure = Callable[..., Result]


@pytest.fixture(scope="module")
def card(pcscd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A card with an account that ykman put there, and one whose codes change each 2 s."""
    with pcscd.card(output=tmp_path_factory.mktemp("card") / "said") as card:
        ykman = [sys.executable, "-m", "ykman._cli", "--reader", READER, "oath", "accounts", "add"]
        subprocess.run([*ykman, "desk", BASE32, "-i", "office"], check=True, capture_output=True)
        subprocess.run([*ykman, "counted", BASE32, "-o", "HOTP"], check=True, capture_output=True)
        applet = YkOathCard(READER)
        applet.put(f"{PERIOD}/bank:fob", SECRET, digits=6)
        applet.close()
        yield card


@pytest.fixture
def measure(card: Any, tmp_path: Path) -> Measure:
    """``measure("fob")``: a seed file has the token fob, as it is on the card, and desk and a stranger."""
    (tmp_path / "seeds.csv").write_text(
        "serial,secret,interval,issuer,account\n"
        f"fob,{BASE32},{PERIOD},bank,fob\n"
        f"desk,{BASE32},60,office,desk\n"
        f"stranger,{BASE32[::-1]},{PERIOD},,\n"
        "elsewhere,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,30,,\n"
    )

    def measure(name: str, *words: str, reader: str = "", code: int = 0) -> Result:
        where = ["--seed-file", str(tmp_path / "seeds.csv"), "--reader", *filter(None, [reader])]
        result = CliRunner().invoke(main, ["token", "measure", name, *where, *words])
        assert result.exit_code == code, result.output
        return result

    return measure


@pytest.fixture
def server() -> Iterator[str]:
    """A web server that is ahead of this computer."""

    class Ahead(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(200)
            if self.path == "/dated":
                self.send_header("Date", formatdate(time.time() + AHEAD, usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ahead)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ahead_by(said: str) -> tuple[float, float]:
    found = re.search(r"ahead by +[-+.\d]+ s +95 %: ([-+.\d]+) to ([-+.\d]+) s", said)
    assert found is not None, said
    return float(found[1]), float(found[2])


def test_two_codes_are_read_off_the_card_and_kept(measure: Measure, tmp_path: Path) -> None:
    result = measure("fob", "--readings", str(tmp_path / "readings"))
    assert f"{PERIOD}/bank:fob: read; waiting for the next code, 2 s at most" in result.stderr
    low, high = ahead_by(result.stdout)
    assert low - 0.1 <= 0 <= high + 0.1
    assert high - low < PERIOD / 2
    first, second = (tmp_path / "readings").read_text().splitlines()
    assert re.fullmatch(r"\S+ \d{6}", first)
    assert re.fullmatch(r"\S+ \d{6} change \d\.\d{3}", second)
    assert "fob: 4 readings" in measure("fob", "--readings", str(tmp_path / "readings")).stdout


def test_this_computer_is_behind_a_server_whose_time_is_right(measure: Measure, server: str) -> None:
    said = measure("fob", "--time-from", f"{server}/dated", reader="Virtual").stdout
    low, high = ahead_by(said)
    assert low - 0.1 <= -AHEAD <= high + 0.1
    assert high - low < PERIOD


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        (
            "elsewhere",
            (),
            "the card has no account 'elsewhere'; say --account NAME. It has: bank:fob, office:desk",
        ),
        ("desk", (), "the account office:desk changes each 30 s on the card, and the token desk each 60 s"),
        ("stranger", ("--account", "bank:fob"), "reading 1 is no code of this token within 24 h"),
        ("fob", ("--time-from", "http://127.0.0.1:9/"), "http://127.0.0.1:9/ does not say what time it is"),
        ("fob", ("--time-from", "nonsense"), "nonsense does not say what time it is"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    measure: Measure, name: str, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in measure(name, *words, code=2).stderr


def test_a_server_without_a_date_is_a_sentence(measure: Measure, server: str) -> None:
    assert "its answer has no Date" in measure("fob", "--time-from", f"{server}/undated", code=2).stderr


def test_a_reader_that_is_not_there_is_a_sentence(measure: Measure) -> None:
    assert "no reader is called 'nobody'" in measure("fob", reader="nobody", code=2).stderr
