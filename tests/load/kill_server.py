"""Serve a store from a forked child as often as told: ``python kill_server.py DB``, then lines ``start``.

Forking spares each round the imports. The child prints its process ID and address, and waits to be killed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import argon2

from emulator.clock import SystemClock
from harness.service.app import RunningService
from harness.service.events import EventFile, Trail
from harness.service.identity import Identity
from harness.service.store import SqliteStore

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def serve(db: str) -> None:
    """Serve until killed."""
    file = EventFile(Path(f"{db}.events"))
    trail = Trail(file.read(), file.write)
    identity = Identity(SqliteStore(db), clock=SystemClock(), password_hasher=CHEAP, events=trail)
    with RunningService(identity) as service:
        print(os.getpid(), service.base_url, flush=True)
        time.sleep(600)


for line in sys.stdin:
    if line.strip() == "start" and os.fork() == 0:
        serve(sys.argv[1])
