"""What moto's server accepts that AWS would not: the scenarios that run there, and README's table."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REGION = re.findall(r"<!-- moto -->\n(.*?)<!-- /moto -->", README, re.DOTALL)
STARTS_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]) -> Iterator[str]:
    """Its server, in a process of its own, on loopback."""
    require(importlib.util.find_spec("moto"), "moto's server: pip install 'moto[server]'")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("moto") / "log"
    with open(log, "wb") as out:
        command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p"]
        server = subprocess.Popen([*command, str(port)], stdout=out, stderr=out, cwd=log.parent)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not _answers(url):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "moto's server did not start"
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def table(moto: str) -> str:
    """What ``keyrig run --endpoint-url … --markdown`` prints of it."""
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    run = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--endpoint-url", moto, "--markdown"],
        env={**os.environ, **credentials, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode in (0, 1), run.stderr
    assert run.stderr == ""
    return run.stdout


def test_the_readme_has_the_table_of_this_version(table: str) -> None:
    assert len(REGION) == 1
    dated, _, shown = REGION[0].strip().partition("\n\n")
    version = importlib.metadata.version("moto")
    assert re.fullmatch(r"moto [0-9.]+, asked on [0-9]{1,2} [A-Z][a-z]+ 20[0-9]{2}:", dated)
    if f"moto {version}," in dated:
        assert shown == table.strip(), "put what the command above it prints between README's marks"
    else:  # another version of moto's may do better; what it does is said there, with the version
        assert "| scenario | | what happened |" in shown


def test_no_code_is_verified(table: str) -> None:
    for how in ("made up", "of another device", "swapped", "the same twice", "with a gap"):
        assert re.search(rf"\[{how}\] \| ✘ \| alice enables phone, by API → enabled \|", table)
    assert "A session token takes the device's code, once | ✘ |" in table


def test_what_it_does_as_aws_does_is_said_too(table: str) -> None:
    assert "A virtual device is made, enabled, listed, removed and deleted | ✔ |" in table
    assert re.search(r"[0-9]+ more scenarios ask for what is not there, and were skipped\.", table)


def _answers(url: str) -> bool:
    with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):  # noqa: S310
        return True
    return False
