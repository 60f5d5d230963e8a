"""kill -9 of the server, again and again, in the middle of changes: what was acknowledged is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import argon2
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError

import harness
from emulator.clock import SystemClock
from harness.service.events import Event
from harness.service.identity import Identity
from harness.service.store import SqliteStore

ROUNDS = 30
WRITERS = 3
ACKNOWLEDGED = 5  # in each round, before the kill may come
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "kill_server.py"), str(tmp_path / "accounts.db")],
        env={**os.environ, "PYTHONPATH": str(Path(harness.__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def client(base_url: str, key: tuple[str, str]) -> Any:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=10)
    return boto3.client(
        "iam",
        endpoint_url=base_url,
        region_name="us-east-1",
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        config=config,
    )


def write_until_killed(iam: Any, writer: str, acknowledged: list[str]) -> None:
    """Make devices and delete every third, until the server is gone; only what was answered is remembered."""
    with suppress(BotoCoreError, ResponseParserError):
        for number in range(10_000):
            name = f"{writer}-{number}"
            made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
            serial = made["VirtualMFADevice"]["SerialNumber"]
            acknowledged.append(f"+{serial}")
            if number % 3 == 2:
                acknowledged.append(f"?{serial}")
                iam.delete_virtual_mfa_device(SerialNumber=serial)
                acknowledged.append(f"-{serial}")


def expected(acknowledged: list[str]) -> tuple[set[str], set[str]]:
    """What must be there, and what must not. What was being deleted as the server died may be either."""
    there: set[str] = set()
    gone: set[str] = set()
    for entry in acknowledged:
        match entry[0], entry[1:]:
            case "+", serial:
                there.add(serial)
            case "?", serial:
                there.discard(serial)
            case _, serial:
                gone.add(serial)
    return there, gone


def test_every_acknowledged_change_outlives_thirty_kills(
    servers: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert servers.stdin
    assert servers.stdout
    chance = random.Random("kill")  # noqa: S311
    db = tmp_path / "accounts.db"
    with closing(SqliteStore(db)) as store:
        identity = Identity(store, clock=SystemClock(), password_hasher=CHEAP)
        account = identity.create_account("example-corp", "root@example.com", "Correct-horse-1")
        key = identity.create_access_key(identity.root_caller(account.id))
    logs: list[list[str]] = []
    for round_ in range(ROUNDS):
        servers.stdin.write("start\n")
        servers.stdin.flush()
        pid, base_url = servers.stdout.readline().split()
        writers = []
        for number in range(WRITERS):
            logs.append([])
            work = (client(base_url, (key.id, key.secret)), f"w{round_}-{number}", logs[-1])
            writers.append(threading.Thread(target=write_until_killed, args=work))
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 60
        while sum(map(len, logs[-WRITERS:])) < ACKNOWLEDGED and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.05 * chance.random())
        os.kill(int(pid), signal.SIGKILL)
        for writer in writers:
            writer.join()
    acknowledged = [entry for log in logs for entry in log]
    there, gone = expected(acknowledged)
    assert len(there) > ROUNDS * 2
    with closing(SqliteStore(db)) as store:
        identity = Identity(store, clock=SystemClock(), password_hasher=CHEAP)
        devices = identity.list_virtual_mfa_devices(identity.root_caller(account.id))
    kept = {device.serial_number for device in devices}
    assert there - kept == set()
    assert gone & kept == set()
    lines = (tmp_path / "accounts.db.events").read_text().splitlines()
    events = []
    for line in lines:
        with suppress(ValueError):  # the one that a kill cut off
            events.append(Event.parse(line))
    assert len(lines) - len(events) <= ROUNDS
    made = {
        event.record["responseElements"]["virtualMFADevice"]["serialNumber"]
        for event in events
        if event.name == "CreateVirtualMFADevice" and event.outcome == "Success"
    }
    assert there <= made
