"""Keys that are served by another thread, over UDP: nothing of them is known here but their packets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator.clock import Clock
from emulator.security_key import SecurityKey
from emulator.transports.loop import KeyClock, KeyLoop
from emulator.transports.udp import UdpPort
from harness.devices.attendant import Attendant
from harness.devices.hardware import HardwareKey
from harness.devices.udp import UdpPlug

PATIENCE = 0.3
"""Seconds: ours, in the attendant's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A key of another thread, reached as hardware is, and what its attendant has been asked."""

    key: HardwareKey
    loop: KeyLoop
    port: int
    terminal: Path

    @property
    def asked(self) -> list[str]:
        return self.terminal.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def attendant(tmp_path: Path) -> Iterator[Attendant]:
    """Somebody whose terminal is the file ``terminal``."""
    terminal = os.open(tmp_path / "terminal", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield Attendant(terminal, pin_variable="PIN_OF_THE_TESTS", patience=PATIENCE)
    os.close(terminal)


@pytest.fixture
def serve(tmp_path: Path, attendant: Attendant) -> Iterator[Callable[..., Served]]:
    """``serve("ctap21", destructive=False, touch="always")`` serves a key of that profile.

    With a ``clock`` that stands still it can be reset however slowly a client starts.
    """
    with ExitStack() as running:

        def serve(
            profile: str = "ctap21", *, destructive: bool = False, clock: Clock | None = None, **how: Any
        ) -> Served:
            clock = clock or KeyClock()
            security_key = SecurityKey(profile, random_bytes=os.urandom, now=clock(), **how)
            ports: list[UdpPort] = []

            def plug() -> UdpPort:
                ports.append(UdpPort(port=0, answer_port=None))
                return ports[-1]

            loop = running.enter_context(KeyLoop(security_key, plug, clock=clock))
            port = ports[-1].port
            key = HardwareKey(UdpPlug("127.0.0.1", port, 0), attendant, destructive=destructive)
            running.callback(key.close)
            return Served(key=key, loop=loop, port=port, terminal=tmp_path / "terminal")

        yield serve
