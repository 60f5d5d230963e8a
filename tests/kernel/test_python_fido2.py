"""python-fido2 over hidraw: keys of ``/dev/uhid``, and keys that are USB devices on ``dummy_hcd``."""

from __future__ import annotations

import importlib.metadata
import os
import select
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fido2.ctap import STATUS, CtapError
from fido2.ctap1 import Ctap1
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CtapHidDevice, get_descriptor, list_descriptors, open_connection

Keys = Callable[..., list[Any]]
ES256 = [{"type": "public-key", "alg": -7}]
BROADCAST = 0xFFFFFFFF
INIT, PING, CBOR, ERROR = 0x86, 0x81, 0x90, 0xBF
GUEST_TIMEOUT = 600


@pytest.fixture(params=["uhid", "gadget"])
def transport(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> str:
    record_property("client", f"python-fido2 {importlib.metadata.version('fido2')}")
    name: str = request.param
    return name


def device_of(robot: Any) -> CtapHidDevice:
    descriptor = get_descriptor(robot.name)
    return CtapHidDevice(descriptor, open_connection(descriptor))


def make(ctap: Ctap2, **more: Any) -> Any:
    return ctap.make_credential(b"c" * 32, {"id": "example.com"}, {"id": b"alice"}, ES256, **more)


class RawClient:
    """A channel of one's own, whose packets are picked out of what every reader of a node hears."""

    def __init__(self, node: str) -> None:
        self.fd = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        self.cid = BROADCAST
        nonce = os.urandom(8)
        self.send(INIT, nonce)
        while (answer := self.receive())[7:15] != nonce:
            pass
        self.cid = int.from_bytes(answer[15:19], "big")

    def send(self, command: int, data: bytes, length: int | None = None) -> None:
        header = struct.pack(">IBH", self.cid, command, len(data) if length is None else length)
        os.write(self.fd, b"\x00" + (header + data).ljust(64, b"\x00"))

    def receive(self, seconds: float = 20) -> bytes:
        """The next packet for this channel."""
        until = time.monotonic() + seconds
        while select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
            packet = os.read(self.fd, 64)
            if packet[:4] == self.cid.to_bytes(4, "big"):
                return packet
        raise TimeoutError("the key said nothing to this channel")

    def ping(self, data: bytes = b"x") -> None:
        """Ask until the key is not busy with another channel."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            self.send(PING, data)
            answer = self.receive()
            if answer[4] == PING:
                assert answer[7 : 7 + len(data)] == data
                return
            assert answer[4:8] == bytes((ERROR, 0, 1, CtapError.ERR.CHANNEL_BUSY))
            time.sleep(0.1)
        raise TimeoutError("the key stayed busy")

    def close(self) -> None:
        os.close(self.fd)


def test_keys_are_listed_with_name_and_serial_number(keys: Keys, transport: str) -> None:
    robots = keys(transport=transport, count=2)
    listed = {descriptor.path: descriptor for descriptor in list_descriptors()}
    for robot in robots:
        found = listed[robot.name]
        assert (found.vid, found.pid) == (0x1209, 0x000F)
        assert found.serial_number == robot.identity.serial_number
        assert "keyrig security key (ctap21)" in (found.product_name or "")
    assert {device.descriptor.path for device in CtapHidDevice.list_devices()} == set(listed)


def test_ping_comes_back_whole_up_to_what_the_transport_carries(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    device = device_of(robot)
    longest = Ctap2(device).info.max_msg_size if transport == "uhid" else 7609
    for length in (0, 1, 57, 58, 1024, longest):
        for _ in range(5):
            data = os.urandom(length)
            assert device.ping(data) == data


def test_uhid_key_says_that_its_messages_are_short(keys: Keys) -> None:
    (robot,) = keys(transport="uhid")
    assert Ctap2(device_of(robot)).info.max_msg_size == 1200


def test_credentials_are_made_and_sign(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport, pin="123456")
    device = device_of(robot)
    ctap, pin = Ctap2(device), ClientPin(Ctap2(device))
    token = pin.get_pin_token("123456", ClientPin.PERMISSION.MAKE_CREDENTIAL, "example.com")
    proof = {
        "pin_uv_param": pin.protocol.authenticate(token, b"c" * 32),
        "pin_uv_protocol": pin.protocol.VERSION,
    }
    made = make(ctap, options={"rk": True}, **proof)
    assert made.auth_data.is_user_verified()
    ctap.get_assertion("example.com", b"d" * 32).verify(b"d" * 32, made.auth_data.credential_data.public_key)
    u2f = Ctap1(device).register(b"c" * 32, b"a" * 32)
    u2f.verify(b"a" * 32, b"c" * 32)
    Ctap1(device).authenticate(b"d" * 32, b"a" * 32, u2f.key_handle).verify(
        b"a" * 32, b"d" * 32, u2f.public_key
    )


def test_touch_is_waited_for_by_habit_hand_or_clock(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport, touch=0.5)
    ctap = Ctap2(device_of(robot))
    heard: list[STATUS] = []
    started = time.monotonic()
    ctap.selection(on_keepalive=heard.append)
    assert time.monotonic() - started >= 0.5
    assert heard == [STATUS.UPNEEDED]
    robot.set_touch("never")
    ctap.selection(on_keepalive=lambda status: robot.touch())
    with pytest.raises(CtapError, match="USER_ACTION_TIMEOUT"):
        ctap.selection(on_keepalive=lambda status: robot.advance_clock(30))


def test_cancel_ends_what_waits(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport, touch="never")
    device, event = device_of(robot), threading.Event()
    with pytest.raises(CtapError, match="KEEPALIVE_CANCEL"):
        Ctap2(device).selection(event=event, on_keepalive=lambda status: event.set())
    assert device.ping(b"x") == b"x"


def test_key_pulled_out_is_gone_and_comes_back_with_its_memory(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    made = make(Ctap2(device_of(robot)), options={"rk": True})
    node, device = Path(robot.name), device_of(robot)
    robot.power_off()
    deadline = time.monotonic() + 120
    while node.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not node.exists()
    with pytest.raises(OSError):
        device.ping(b"x")
    robot.power_on()
    assertion = Ctap2(device_of(robot)).get_assertion("example.com", b"d" * 32)
    assertion.verify(b"d" * 32, made.auth_data.credential_data.public_key)


def test_key_pulled_out_half_way_makes_no_credential(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport, touch="never")
    with pytest.raises(OSError):
        make(
            Ctap2(device_of(robot)),
            options={"rk": True},
            on_keepalive=lambda status: robot.power_off(),
        )
    robot.power_on()
    robot.set_touch("always")
    ctap = Ctap2(device_of(robot))
    with pytest.raises(CtapError, match="NO_CREDENTIALS"):
        ctap.get_assertion("example.com", b"d" * 32)
    assert make(ctap)


def test_garbage_of_any_length_is_survived(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    client = RawClient(robot.name)
    for length in (2, 8, 63, 64, 65):  # a report number and what is left
        for filler in (b"\x00", b"\xff", os.urandom(1)):
            os.write(client.fd, b"\x00" + filler * (length - 1))
    time.sleep(1)  # a PING that the garbage may have begun is given up
    client.ping(b"still there")
    client.close()


def test_flood_of_one_client_leaves_the_key_to_the_next(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    flooder = RawClient(robot.name)
    for number in range(2000):
        packet = struct.pack(">IB", number % 7, number % 256).ljust(64, b"\xff")
        os.write(flooder.fd, b"\x00" + packet)
    flooder.close()
    time.sleep(1)
    data = os.urandom(1000)
    assert device_of(robot).ping(data) == data


def test_client_silent_half_way_is_told_so_and_the_next_is_served(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    silent, other = RawClient(robot.name), RawClient(robot.name)
    silent.send(PING, b"x" * 57, length=500)
    other.ping()
    assert silent.receive()[4:8] == bytes((ERROR, 0, 1, CtapError.ERR.TIMEOUT))
    silent.ping()
    silent.close()
    other.close()


def test_client_that_dies_while_a_touch_is_awaited_holds_the_key_no_longer_than_that(
    keys: Keys, transport: str
) -> None:
    (robot,) = keys(transport=transport, touch="never")
    dying = RawClient(robot.name)
    dying.send(CBOR, b"\x0b")
    dying.receive()
    dying.close()
    assert robot.status().waiting is not None
    robot.advance_clock(30)
    client = RawClient(robot.name)
    client.ping()
    client.close()
    assert device_of(robot).ping(b"x") == b"x"


def test_two_clients_at_once_each_get_their_own_answers(keys: Keys, transport: str) -> None:
    (robot,) = keys(transport=transport)
    clients = [RawClient(robot.name) for _ in range(2)]
    assert clients[0].cid != clients[1].cid

    def ping(client: RawClient) -> None:
        for _ in range(10):
            client.ping(os.urandom(50))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ping, clients))
    for client in clients:
        client.close()


def test_two_keys_serve_at_once_and_know_nothing_of_each_other(keys: Keys, transport: str) -> None:
    def use(robot: Any) -> bytes:
        ctap = Ctap2(device_of(robot))
        made = make(ctap, options={"rk": True})
        for _ in range(3):
            assertion = ctap.get_assertion("example.com", b"d" * 32)
            assertion.verify(b"d" * 32, made.auth_data.credential_data.public_key)
        return bytes(assertion.credential["id"])

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(use, keys(transport=transport, count=2))
    assert first != second
