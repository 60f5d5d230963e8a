"""Keys that listen on UDP, and a stock client at them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

from emulator.exchange import ExchangeLog
from emulator.security_key import SecurityKey
from emulator.store import MemoryStore
from emulator.transports.loop import KeyClock
from emulator.transports.port import UsbIdentity
from emulator.transports.robot import Robot
from emulator.transports.udp import LOOPBACK, UdpPort

PATIENCE = 20.0

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]


class UdpConnection(CtapHidConnection):
    """python-fido2's way to a key at ``port``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((LOOPBACK, port))

    def read_packet(self) -> bytes:
        return self.socket.recv(100)

    def write_packet(self, data: bytes) -> None:
        self.socket.send(data)

    def close(self) -> None:
        self.socket.close()


@contextmanager
def _device_at(port: int) -> Iterator[CtapHidDevice]:
    connection = UdpConnection(port)
    try:
        yield CtapHidDevice(HidDescriptor("udp", 0, 0, 64, 64, None, None), connection)
    finally:
        connection.close()


@pytest.fixture
def device_at() -> Client:
    """``with device_at(port) as device``: a channel of one's own to the key that listens there."""
    return _device_at


class UdpRobot(Robot):
    """A robot whose key keeps its port."""

    port = 0

    def plug(self) -> UdpPort:
        port = UdpPort(port=self.port, answer_port=None)
        self.port = port.port
        return port


@pytest.fixture
def robots() -> Iterator[Callable[..., UdpRobot]]:
    """Starts a robot with a key of its own on a free port; all are stopped in the end."""
    started: list[UdpRobot] = []

    def start(profile: str = "ctap21", *, authenticator: Any = None, **more: Any) -> UdpRobot:
        clock, store = KeyClock(), MemoryStore()
        log = ExchangeLog(clock)
        key = SecurityKey(
            profile,
            random_bytes=os.urandom,
            store=store,
            observer=log,
            now=clock(),
            authenticator=authenticator,
        )
        identity = UsbIdentity(serial_number="42")
        robot = UdpRobot(
            key, lambda: robot.plug(), identity=identity, store=store, log=log, clock=clock, **more
        )
        robot.start()
        started.append(robot)
        return robot

    yield start
    for robot in started:
        robot.stop()
