"""The loop under python-fido2, packets over UDP: a stock client, real threads and real time."""

from __future__ import annotations

import logging
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap1 import Ctap1
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice

from emulator.fido.ctaphid import BROADCAST_CID, PACKET_TIMEOUT, CtapHidCommand, encode_message
from emulator.security_key import SecurityKey
from emulator.transports.loop import MAX_WAITING, KeyClock, KeyLoop
from emulator.transports.port import PortError
from emulator.transports.udp import UdpPort

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]


class Rig:
    """A key that listens on a port of its own, and answers whoever asked last."""

    def __init__(self, **more: Any) -> None:
        self.clock = KeyClock()
        self.key = SecurityKey("ctap21", seed=1, now=self.clock(), **more)
        self.number = 0
        self.attended = 0
        self.loop = KeyLoop(self.key, self.plug, clock=self.clock, attend=self.attend)

    def plug(self) -> UdpPort:
        port = UdpPort(port=self.number, answer_port=None)
        self.number = port.port
        return port

    def attend(self, key: SecurityKey, now: float) -> None:
        self.attended += 1


@pytest.fixture
def rigs(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., Rig]]:
    """Starts rigs, stops them in the end, and sees that nothing failed inside them."""
    started: list[Rig] = []

    def start(**more: Any) -> Rig:
        rig = Rig(**more)
        rig.loop.start()
        started.append(rig)
        return rig

    yield start
    for rig in started:
        rig.loop.stop()
    assert caplog.get_records("call") == []


@pytest.mark.parametrize("length", [0, 57, 58, 1200, 7609])
def test_ping_comes_back_whole(device_at: Client, rigs: Callable[..., Rig], length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    with device_at(rigs().number) as device:
        assert device.ping(data) == data


def test_credential_is_made_and_signs(device_at: Client, rigs: Callable[..., Rig]) -> None:
    with device_at(rigs().number) as device:
        ctap = Ctap2(device)
        rp, user = {"id": "example.com"}, {"id": b"alice", "name": "alice"}
        made = ctap.make_credential(b"c" * 32, rp, user, [{"type": "public-key", "alg": -7}])
        data = made.auth_data.credential_data
        assert data is not None
        allowed = [{"type": "public-key", "id": data.credential_id}]
        ctap.get_assertion("example.com", b"d" * 32, allowed).verify(b"d" * 32, data.public_key)
        assert Ctap1(device).get_version() == "U2F_V2"


def test_timers_run_by_themselves(device_at: Client, rigs: Callable[..., Rig]) -> None:
    with device_at(rigs(touch=0.3).number) as device:
        heard: list[int] = []
        started = time.monotonic()
        Ctap2(device).selection(on_keepalive=heard.append)
        assert time.monotonic() - started >= 0.3
        assert len(heard) == 1


def test_call_runs_in_the_thread_that_owns_the_key_and_what_it_does_is_sent(
    device_at: Client,
    rigs: Callable[..., Rig],
) -> None:
    rig = rigs(touch="by call")
    threads: list[str] = []

    def touch(key: SecurityKey, now: float) -> None:
        threads.append(threading.current_thread().name)
        key.touch(now)

    with device_at(rig.number) as device:
        Ctap2(device).selection(on_keepalive=lambda status: rig.loop.call(touch))
    assert threads == ["key"]
    assert rig.attended


def test_call_hands_on_result_and_exception(rigs: Callable[..., Rig]) -> None:
    rig = rigs()
    assert rig.loop.call(lambda key, now: key.profile.name) == "ctap21"
    assert rig.loop.call(lambda key, now: rig.loop.call(lambda key, now: 5)) == 5
    with pytest.raises(LookupError, match="of ours"):
        rig.loop.call(lambda key, now: (_ for _ in ()).throw(LookupError("of ours")))


def test_call_to_a_loop_that_does_not_run_says_so() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        Rig().loop.call(lambda key, now: None)


def test_moved_clock_makes_a_timer_due(device_at: Client, rigs: Callable[..., Rig]) -> None:
    rig = rigs(touch="never")

    def let_half_a_minute_pass(status: int) -> None:
        rig.loop.call(lambda key, now: rig.clock.advance(30))

    with device_at(rig.number) as device:
        ctap = Ctap2(device)
        with pytest.raises(CtapError) as refused:
            ctap.selection(on_keepalive=let_half_a_minute_pass)
    assert refused.value.code == CtapError.ERR.USER_ACTION_TIMEOUT


def test_unplugged_key_is_gone_and_comes_back_without_its_session(
    device_at: Client, rigs: Callable[..., Rig]
) -> None:
    rig = rigs(touch="never")
    with device_at(rig.number) as device:
        ctap = Ctap2(device)
        device._connection.socket.settimeout(0.5)
        with pytest.raises(OSError):
            ctap.selection(on_keepalive=lambda status: rig.loop.unplug())
    assert rig.loop.name is None
    rig.loop.unplug()
    rig.loop.plug_in()
    rig.loop.plug_in()
    assert rig.loop.name == f"udp:127.0.0.1:{rig.number}"
    with device_at(rig.number) as device:
        assert device.ping(b"x") == b"x"


def test_port_that_cannot_be_opened_again_leaves_the_key_unplugged(rigs: Callable[..., Rig]) -> None:
    rig = rigs()
    rig.loop.unplug()
    thief = UdpPort(port=rig.number)
    with pytest.raises(PortError, match="in use"):
        rig.loop.plug_in()
    assert rig.loop.name is None
    thief.close()
    rig.loop.plug_in()


def test_port_that_cannot_be_opened_starts_nothing(rigs: Callable[..., Rig]) -> None:
    rig = Rig()
    rig.number = rigs().number
    threads = threading.active_count()
    with pytest.raises(PortError):
        rig.loop.start()
    assert threading.active_count() == threads


def test_flood_and_garbage_leave_the_key_to_the_others(device_at: Client, rigs: Callable[..., Rig]) -> None:
    rig = rigs()
    with device_at(rig.number) as flooder:
        for number in range(5 * MAX_WAITING):
            flooder._connection.write_packet(struct.pack(">IB", number, 0x81).ljust(64, b"\xff"))
            flooder._connection.write_packet(bytes((number % 256,)) * (number % 100))
    time.sleep(0.5)  # for UDP's own queue, where a flood loses others' packets
    with device_at(rig.number) as device:
        assert device.ping(b"x" * 500) == b"x" * 500


def test_client_that_falls_silent_half_way_is_given_up_and_the_next_is_served(
    device_at: Client,
    rigs: Callable[..., Rig],
) -> None:
    with device_at(rigs().number) as silent, device_at(silent._connection.port) as other:
        silent._connection.write_packet(struct.pack(">IBH", silent._channel_id, 0x81, 500).ljust(64, b"x"))
        connection, cid = other._connection, other._channel_id
        ping = struct.pack(">IBH1s", cid, 0x81, 1, b"x").ljust(64, b"\x00")
        connection.write_packet(ping)
        busy, timed_out = connection.read_packet(), connection.read_packet()
        connection.write_packet(ping)
        assert busy[:8] == struct.pack(">IBHB", cid, 0xBF, 1, CtapError.ERR.CHANNEL_BUSY)
        assert timed_out[:8] == struct.pack(">IBHB", silent._channel_id, 0xBF, 1, CtapError.ERR.TIMEOUT)
        assert connection.read_packet() == ping


class Doors:
    """A port whose writing can fail."""

    name = "doors"

    def __init__(self) -> None:
        self.packets: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.written: list[bytes] = []
        self.failures = 0

    def read(self) -> bytes | None:
        return self.packets.get()

    def write(self, packet: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(19, "No such device")
        self.written.append(packet)

    def close(self) -> None:
        self.packets.put(None)


def test_packet_that_cannot_be_written_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    doors = Doors()
    doors.failures = 1
    clock = KeyClock()
    init = struct.pack(">IBH", 0xFFFFFFFF, 0x86, 8).ljust(64, b"\x00")
    key = SecurityKey(seed=1, now=clock())
    with caplog.at_level(logging.ERROR), KeyLoop(key, lambda: doors, clock=clock) as loop:
        for _ in range(2):
            doors.packets.put(init)
        while loop.call(lambda key, now: not doors.written):
            pass
    assert len(doors.written) == 1
    assert "it goes on" in caplog.text


def test_slowness_of_ours_does_not_count_against_the_platform() -> None:
    """The rest of a message waits for us far longer than a platform may pause, but it came in time."""
    doors, clock = Doors(), KeyClock()
    with KeyLoop(SecurityKey(seed=1, now=clock()), lambda: doors, clock=clock) as loop:
        ping = encode_message(BROADCAST_CID, CtapHidCommand.INIT, bytes(8))
        doors.packets.put(ping[0])
        while loop.call(lambda key, now: not doors.written):
            pass
        cid = int.from_bytes(doors.written.pop()[15:19], "big")
        ping = encode_message(cid, CtapHidCommand.PING, bytes(200))

        def dawdle(key: SecurityKey, now: float) -> None:
            for packet in ping[1:]:
                doors.packets.put(packet)
            while not doors.packets.empty():
                pass
            time.sleep(2 * PACKET_TIMEOUT)

        doors.packets.put(ping[0])
        while loop.call(lambda key, now: key.next_timer() is None):
            pass
        loop.call(dawdle)
        while loop.call(lambda key, now: not doors.written):
            pass
    assert doors.written == ping


def test_key_clock_starts_at_the_machines_time_and_only_jumps_when_told() -> None:
    clock = KeyClock()
    assert abs(clock() - time.time()) < 1
    clock.advance(1000)
    assert clock() - time.time() == pytest.approx(1000, abs=1)
