"""Round trips to a key under ``/dev/uhid``, as ratios to a bare echo there of as many packets each way.

All on one CPU: what waking another costs in an emulated machine is neither's, and many times as much.
"""

from __future__ import annotations

import os
import select
import signal
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from fido2 import cbor

from emulator.fido.ctaphid import CtapHidCommand, encode_message
from emulator.security_key import SecurityKey
from emulator.transports.hidraw import node_of
from emulator.transports.loop import KeyClock, KeyLoop
from emulator.transports.port import REPORT_DESCRIPTOR, UsbIdentity
from emulator.transports.uhid import UhidPort

ROUNDS = 50
OUTPUT, CREATE2, INPUT2 = 6, 11, 12
BROADCAST = 0xFFFFFFFF
SERIAL_NUMBER = "00000001"


@contextmanager
def in_a_process(serve: Callable[[], None]) -> Iterator[str]:
    """The node of the device that ``serve`` makes, alone as keyrig emulate would be, until it is killed."""
    if (pid := os.fork()) == 0:
        try:
            serve()
        finally:
            os._exit(1)
    try:
        yield str(node_of(SERIAL_NUMBER, patience=20))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def echo(requests: int, responses: int) -> None:
    """Whenever so many packets have come, send the last one so many times."""
    fd = os.open("/dev/uhid", os.O_RDWR)
    texts = (b"echo".ljust(128, b"\x00"), bytes(64), SERIAL_NUMBER.encode().ljust(64, b"\x00"))
    head = struct.pack("=I", CREATE2) + b"".join(texts)
    os.write(fd, head + struct.pack("=HHIIII", len(REPORT_DESCRIPTOR), 3, 0, 0, 0, 0) + REPORT_DESCRIPTOR)
    come = 0
    while event := os.read(fd, 4380):
        if event[:4] == struct.pack("=I", OUTPUT):
            come += 1
            if come % requests == 0:
                for _ in range(responses):
                    os.write(fd, struct.pack("=IH", INPUT2, 64) + event[5:69])


def key() -> None:
    """A key as keyrig emulate runs it."""
    clock = KeyClock()
    security_key = SecurityKey(random_bytes=os.urandom, now=clock())
    identity = UsbIdentity(serial_number=SERIAL_NUMBER)
    with KeyLoop(security_key, lambda: UhidPort.open(identity), clock=clock):
        signal.pause()


class Client:
    """Writes the packets of a request, and reads as many as answer it."""

    def __init__(self, node: str) -> None:
        self.fd = os.open(node, os.O_RDWR)

    def close(self) -> None:
        os.close(self.fd)

    def exchange(self, packets: list[bytes], responses: int | None = None) -> tuple[float, list[bytes]]:
        """Seconds from the first packet written to the last read, and what was read."""
        started = time.perf_counter()
        for packet in packets:
            os.write(self.fd, b"\x00" + packet)
        answer = [self._read()]
        while len(answer) < (responses or packets_of(answer[0])):
            answer.append(self._read())
        return time.perf_counter() - started, answer

    def message(self, cid: int, command: int, data: bytes) -> bytes:
        """The data of the answer to a message."""
        _, packets = self.exchange(encode_message(cid, command, data))
        length = int.from_bytes(packets[0][5:7], "big")
        return (packets[0][7:] + b"".join(packet[5:] for packet in packets[1:]))[:length]

    def _read(self) -> bytes:
        assert select.select([self.fd], [], [], 20)[0], "no answer"
        return os.read(self.fd, 64)


def packets_of(first: bytes) -> int:
    """In how many packets the message that begins with ``first`` comes."""
    return 1 + max(0, -(-(int.from_bytes(first[5:7], "big") - 57) // 59))


def median_ms(client: Client, packets: list[bytes], responses: int | None = None) -> float:
    times = [client.exchange(packets, responses)[0] for _ in range(ROUNDS)]
    return statistics.median(times) * 1000


def make_credential() -> bytes:
    return b"\x01" + cbor.encode(
        {1: b"c" * 32, 2: {"id": "example.com"}, 3: {"id": b"alice"}, 4: [{"alg": -7, "type": "public-key"}]}
    )


def get_assertion(client: Client, cid: int) -> bytes:
    made = client.message(cid, CtapHidCommand.CBOR, make_credential())
    auth_data = cbor.decode(made[1:])[2]
    length = int.from_bytes(auth_data[53:55], "big")
    allowed = [{"id": auth_data[55 : 55 + length], "type": "public-key"}]
    return b"\x02" + cbor.encode({1: "example.com", 2: b"c" * 32, 3: allowed})


@pytest.fixture(autouse=True)
def _one_cpu() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("operation", ["PING 1200", "getInfo", "makeCredential", "getAssertion"])
def test_round_trip_against_a_bare_echo(
    record_property: Callable[[str, object], None], operation: str
) -> None:
    with in_a_process(key) as node, closing(Client(node)) as client:
        cid = int.from_bytes(client.message(BROADCAST, CtapHidCommand.INIT, bytes(8))[8:12], "big")
        match operation:
            case "PING 1200":
                packets = encode_message(cid, CtapHidCommand.PING, bytes(1200))
            case "getInfo":
                packets = encode_message(cid, CtapHidCommand.CBOR, b"\x04")
            case "makeCredential":
                packets = encode_message(cid, CtapHidCommand.CBOR, make_credential())
            case _:
                packets = encode_message(cid, CtapHidCommand.CBOR, get_assertion(client, cid))
        _, answer = client.exchange(packets)
        assert answer[0][4] == packets[0][4]
        assert operation.startswith("PING") or answer[0][7] == 0
        took = median_ms(client, packets)
    with in_a_process(lambda: echo(len(packets), len(answer))) as node, closing(Client(node)) as client:
        floor = median_ms(client, packets, len(answer))
    told = f"{len(packets)} packets out, {len(answer)} in: {took:.1f} ms, bare echo {floor:.1f} ms"
    record_property("ratio", f"{took / floor:.1f} times the bare echo ({told})")
