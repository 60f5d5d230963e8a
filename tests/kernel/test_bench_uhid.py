"""Round trips to a key under ``/dev/uhid``, against a bare device that echoes as many packets.

The floor is what the kernel and Python's reads and writes cost in the same guest. The key tells each
request on a line, as ``keyrig emulate`` does. Ratios go with the results; no time is asserted.
"""

from __future__ import annotations

import os
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fido2 import cbor
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice, get_descriptor, open_connection

from emulator.fido.ctaphid import (
    CONTINUATION_DATA,
    INITIALIZATION_DATA,
    PACKET_SIZE,
    CtapHidCommand,
    encode_message,
)
from emulator.transports.hidraw import node_of
from emulator.transports.port import UsbIdentity
from emulator.transports.uhid import DEVICE, Event, UhidPort

Keys = Callable[..., list[Any]]
RecordProperty = Callable[[str, object], None]

ROUNDS = 100
EVENT_SIZE = 4380
BROADCAST = 0xFFFFFFFF
HASH = bytes(32)
RP_ID = "example.com"
CREATION = {
    1: HASH,
    2: {"id": RP_ID, "name": "Example"},
    3: {"id": b"alice", "name": "alice"},
    4: [{"type": "public-key", "alg": -7}],
}


class Node:
    """A hidraw node, open for messages in packets."""

    def __init__(self, name: str) -> None:
        self._fd = os.open(name, os.O_RDWR)

    def close(self) -> None:
        os.close(self._fd)

    def exchange(self, packets: list[bytes]) -> list[bytes]:
        """Send a message's packets; those of the answer."""
        for packet in packets:
            os.write(self._fd, b"\x00" + packet)
        first = os.read(self._fd, PACKET_SIZE)
        beyond = max(0, int.from_bytes(first[5:7], "big") - INITIALIZATION_DATA)
        more = -(-beyond // CONTINUATION_DATA)
        return [first, *(os.read(self._fd, PACKET_SIZE) for _ in range(more))]

    def channel(self) -> int:
        init = encode_message(BROADCAST, CtapHidCommand.INIT, os.urandom(8))
        return int.from_bytes(self.exchange(init)[0][15:19], "big")

    def seconds(self, packets: list[bytes]) -> float:
        """What a round trip takes."""
        started = time.perf_counter()
        self.exchange(packets)
        return time.perf_counter() - started


@contextmanager
def echo(packets: int, answer: list[bytes]) -> Iterator[Node]:
    """A device that gives the same answer whenever so many packets have come, :data:`ROUNDS` times."""
    fd = os.open(DEVICE, os.O_RDWR)
    port = UhidPort(fd, UsbIdentity(serial_number="echo"))
    events = [struct.pack("=IH", Event.INPUT2, len(packet)) + packet for packet in answer]

    def serve() -> None:
        for _ in range(ROUNDS):
            come = 0
            while come < packets:
                come += os.read(fd, EVENT_SIZE)[:4] == struct.pack("=I", Event.OUTPUT)
            for event in events:
                os.write(fd, event)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    node = Node(str(node_of("echo")))
    try:
        yield node
        thread.join()
    finally:
        node.close()
        port.close()


@pytest.fixture
def messages(keys: Keys) -> Iterator[tuple[Node, dict[str, list[bytes]]]]:
    """A key's node, and what to send it."""
    (robot,) = keys()
    descriptor = get_descriptor(robot.name)
    device = CtapHidDevice(descriptor, open_connection(descriptor))
    made = Ctap2(device).make_credential(*CREATION.values())
    device.close()
    assert made.auth_data.credential_data is not None
    known = {"type": "public-key", "id": made.auth_data.credential_data.credential_id}
    node = Node(robot.name)
    commands = {
        "PING of 1024 bytes": (CtapHidCommand.PING, bytes(1024)),
        "getInfo": (CtapHidCommand.CBOR, b"\x04"),
        "makeCredential": (CtapHidCommand.CBOR, b"\x01" + cbor.encode(CREATION)),
        "getAssertion": (CtapHidCommand.CBOR, b"\x02" + cbor.encode({1: RP_ID, 2: HASH, 3: [known]})),
    }
    cid = node.channel()
    yield node, {name: encode_message(cid, *command) for name, command in commands.items()}
    node.close()


def test_round_trips_as_multiples_of_a_bare_echo(
    messages: tuple[Node, dict[str, list[bytes]]], record_property: RecordProperty
) -> None:
    key, commands = messages
    for name, packets in commands.items():
        answer = key.exchange(packets)
        assert (answer[0][4], answer[0][7]) == (packets[0][4], 0), f"{name} is answered {answer[0].hex()}"
        with echo(len(packets), answer) as floor:
            pairs = [(key.seconds(packets), floor.seconds(packets)) for _ in range(ROUNDS)]
        ours, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
        told = f"{ours / bare:.2f} times an echo of {len(packets)} packets out and {len(answer)} back"
        record_property(name, told)
        print(f"{name:<18} {told}")
