"""A key over UDP is found by its address, and heard only from there."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from harness.devices.key import DeviceError
from harness.devices.udp import UdpPlug

CID = b"\x01\x02\x03\x04"
PACKET = CID.ljust(64, b"\x00")


def test_an_address_has_a_host_a_port_and_perhaps_a_port_for_answers() -> None:
    plug = UdpPlug.find("localhost:8111")
    assert (plug.name, plug.can_be_pulled) == ("udp:127.0.0.1:8111", False)
    assert UdpPlug.find("127.0.0.1:8111:7200").name == "udp:127.0.0.1:8111"


def test_only_whole_packets_on_a_channel_that_was_used_are_heard() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as key:
        key.bind(("127.0.0.1", 0))
        with closing(UdpPlug("127.0.0.1", key.getsockname()[1], 0).connect()) as connection:
            connection.write_packet(PACKET)
            packet, client = key.recvfrom(100)
            assert packet == PACKET
            for answer in (PACKET[:10], b"\x05" + PACKET[1:], PACKET[:-1] + b"!"):
                key.sendto(answer, client)
            assert connection.receive(1.0) == PACKET[:-1] + b"!"
            assert connection.receive(0.05) is None


def test_a_port_for_answers_that_is_taken_is_one_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(DeviceError, match=rf"cannot be received at port {port}: .*in use"):
            UdpPlug("127.0.0.1", 8111, port).connect()


def test_the_port_for_answers_is_free_after_the_last_connection() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plug = UdpPlug("127.0.0.1", 8111, port)
    first, second = plug.connect(), plug.connect()
    first.close()
    with pytest.raises(DeviceError):
        UdpPlug("127.0.0.1", 8111, port).connect()
    second.close()
    second.close()
    UdpPlug("127.0.0.1", 8111, port).connect().close()


def test_a_port_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(DeviceError, match=r"udp:127\.0\.0\.1:70000"):
        UdpPlug("127.0.0.1", 70_000, 0).connect()
