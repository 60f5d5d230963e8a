from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from emulator.transports.port import PortError
from emulator.transports.udp import LOOPBACK, UdpPort


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((LOOPBACK, 0))
        client.settimeout(10)
        yield client


@pytest.fixture
def port(client: socket.socket) -> Iterator[UdpPort]:
    port = UdpPort(port=0, answer_port=client.getsockname()[1])
    yield port
    port.close()


def test_packets_come_in_and_answers_go_to_the_answer_port(port: UdpPort, client: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
        another.sendto(b"p" * 64, (LOOPBACK, port.port))
        assert port.read() == b"p" * 64
    port.write(b"a" * 64)
    assert client.recv(100) == b"a" * 64


def test_without_an_answer_port_the_last_asker_is_answered(client: socket.socket) -> None:
    port = UdpPort(port=0, answer_port=None)
    port.write(b"to nobody")
    client.sendto(b"p", (LOOPBACK, port.port))
    assert port.read() == b"p"
    port.write(b"a")
    assert client.recv(100) == b"a"
    port.close()


def test_only_loopback_is_listened_to(port: UdpPort) -> None:
    assert port.name == f"udp:127.0.0.1:{port.port}"


def test_port_that_is_taken_is_one_clear_line(port: UdpPort) -> None:
    with pytest.raises(PortError, match=rf"^UDP port {port.port}: Address already in use; .*--port$"):
        UdpPort(port=port.port)


def test_answer_to_a_closed_port_harms_nobody(port: UdpPort, client: socket.socket) -> None:
    address = client.getsockname()
    client.close()
    for _ in range(3):
        port.write(b"a")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(address)
        again.sendto(b"p", (LOOPBACK, port.port))
        assert port.read() == b"p"


def test_close_ends_a_read_that_waits_and_frees_the_port(port: UdpPort) -> None:
    read: list[bytes | None] = []
    reader = threading.Thread(target=lambda: read.append(port.read()))
    reader.start()
    port.close()
    reader.join(10)
    assert read == [None]
    port.close()
    UdpPort(port=port.port).close()
