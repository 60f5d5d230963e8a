"""Two keys at once, and keys that go away in the middle of a makeCredential: what is told, what is kept."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.sqlite_store import SqliteStore

Keys = Callable[..., list[Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]

RP_ID = "example.com"


def asked(*more: str | bytes) -> str:
    """What libfido2's tools read, bytes in Base64, one a line: a hash, the relying party, then ``more``."""
    values = (os.urandom(32), RP_ID, *more)
    return "".join(f"{v if isinstance(v, str) else base64.b64encode(v).decode()}\n" for v in values)


CREATION = asked("alice", b"alice")


class Client:
    """fido2-cred, started for a discoverable credential at a node."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            ["fido2-cred", "-M", "-r", node],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(CREATION)
        self._process.stdin.close()
        self._process.stdin = None

    def end(self) -> tuple[int, str, str]:
        """Its exit code, and what it said on standard output and error."""
        out, err = self._process.communicate(timeout=300)
        return self._process.returncode, out, err


@contextmanager
def emulating(*options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``keyrig emulate`` in a process of its own, and the node of its key."""
    command = [sys.executable, "-u", "-m", "emulator.emulate", *map(str, options)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split(",")[0]
        finally:
            process.kill()


def credentials_in(store: Path) -> int:
    opened = SqliteStore(store, serial_number="", random_bytes=os.urandom)
    try:
        return opened.credential_count
    finally:
        opened.close()


def test_two_keys_serve_at_once_and_each_knows_its_own_credentials(keys: Keys, run: Run) -> None:
    first, second = keys(count=2, touch=1.0)
    clients = [Client(first.name), Client(second.name)]
    until = time.monotonic() + 120
    while not (first.status().waiting and second.status().waiting):
        assert time.monotonic() < until
        time.sleep(0.01)
    made = [client.end() for client in clients]
    assert [code for code, _, _ in made] == [0, 0]
    credential_id = run("fido2-cred", "-V", input=made[0][1]).stdout.splitlines()[0]
    signing = asked(base64.b64decode(credential_id))
    assert RP_ID in run("fido2-assert", "-G", first.name, input=signing).stdout
    refused = run("fido2-assert", "-G", second.name, input=signing, code=1)
    assert "FIDO_ERR_NO_CREDENTIALS" in refused.stderr


def test_a_key_pulled_out_while_it_waits_for_a_touch_has_made_nothing(
    keys: Keys, run: Run, tmp_path: Path
) -> None:
    (key,) = keys(store=tmp_path / "key.db", touch="never")
    client = Client(key.name)
    until = time.monotonic() + 120
    while not key.status().waiting:
        assert time.monotonic() < until
        time.sleep(0.01)
    key.power_off()
    code, out, err = client.end()
    assert (code, out, err) == (1, "", "fido2-cred: fido_dev_make_cred: FIDO_ERR_RX\n")
    key.set_touch("always")
    key.power_on()
    nothing = run("fido2-assert", "-G", "-r", key.name, input=asked(), code=1)
    assert "FIDO_ERR_NO_CREDENTIALS" in nothing.stderr
    run("fido2-cred", "-M", "-r", key.name, input=CREATION)
    run("fido2-assert", "-G", "-r", key.name, input=asked())


def test_an_emulator_killed_while_its_key_waits_leaves_a_store_that_the_next_one_serves(
    run: Run, tmp_path: Path
) -> None:
    store = tmp_path / "key.db"
    with emulating("--store", store, "--touch", "prompt") as (process, node):
        client = Client(node)
        assert process.stdout is not None
        while "press Enter to touch" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        code, out, err = client.end()
    assert (code, out, err) == (1, "", "fido2-cred: fido_dev_make_cred: FIDO_ERR_RX\n")
    assert credentials_in(store) == 0
    with emulating("--store", store) as (_, node):
        run("fido2-cred", "-M", "-r", node, input=CREATION)
    assert credentials_in(store) == 1
