from __future__ import annotations

from threading import Event

import pytest
from fido2.ctap import STATUS, CtapError
from fido2.ctap2 import Ctap2
from fido2.hid import CAPABILITY, CTAPHID

from emulator.clock import ManualClock
from emulator.fido.ctaphid import encode_message
from harness.devices.emulated import EmulatedKey, KeySilentError

BROADCAST_CID = 0xFFFFFFFF


def test_stock_client_opens_the_key_and_reads_what_it_is() -> None:
    key = EmulatedKey("ctap21", seed=1)
    device = key.open()
    assert (device.version, device.device_version, device.product_name) == (
        2,
        (5, 4, 3),
        "Security key with a PIN, CTAP 2.1",
    )
    assert key.capabilities == CAPABILITY.WINK | CAPABILITY.CBOR
    assert key.name == "emulated:ctap21"
    assert "FIDO_2_1" in Ctap2(key).info.versions


@pytest.mark.parametrize("length", [0, 57, 58, 1200, 7609])
def test_ping_comes_back_whole(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert EmulatedKey(seed=1).open().ping(data) == data


def test_wink_and_lock_are_answered() -> None:
    key = EmulatedKey(seed=1)
    device, other = key.open(), key.open()
    device.wink()
    device.lock(10)
    cancelled = Event()
    cancelled.set()  # or the stock client would ask again while the channel is busy
    with pytest.raises(CtapError) as busy:
        other.call(CTAPHID.PING, b"x", cancelled)
    assert busy.value.code == CtapError.ERR.CHANNEL_BUSY
    key.clock.advance(10)
    assert other.ping(b"x") == b"x"


def test_waiting_for_a_touch_takes_the_worlds_time() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch=3.0)
    heard: list[STATUS] = []
    Ctap2(key).selection(on_keepalive=heard.append)
    assert clock() == 1003.0
    assert heard == [STATUS.UPNEEDED]


def test_touch_that_never_comes_times_out_after_thirty_seconds() -> None:
    clock = ManualClock(1000.0)
    with pytest.raises(CtapError) as refused:
        Ctap2(EmulatedKey(clock=clock, seed=1, touch="never")).selection()
    assert refused.value.code == CtapError.ERR.USER_ACTION_TIMEOUT
    assert clock() == 1030.0


def test_touch_by_call_from_a_keepalive_is_a_touch() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch="by call")
    Ctap2(key).selection(on_keepalive=lambda status: key.touch())
    assert clock() == pytest.approx(1000.1)


def test_cancel_by_event_is_exact() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch="never")
    event = Event()
    with pytest.raises(CtapError) as refused:
        Ctap2(key).selection(event=event, on_keepalive=lambda status: event.set())
    assert refused.value.code == CtapError.ERR.KEEPALIVE_CANCEL
    assert clock() == pytest.approx(1000.1)
    assert key.open().ping(b"x") == b"x"


def test_power_cycle_keeps_the_key_and_drops_other_channels() -> None:
    key = EmulatedKey(seed=1)
    ctap2, device = Ctap2(key), key.open()
    key.power_cycle()
    assert ctap2.get_info().aaguid == ctap2.info.aaguid
    with pytest.raises(CtapError) as refused:
        device.ping(b"x")
    assert refused.value.code == CtapError.ERR.INVALID_CHANNEL


def test_raw_packets_are_answered_to_whoever_sent_them() -> None:
    key = EmulatedKey(seed=1)
    (init,) = encode_message(BROADCAST_CID, CTAPHID.INIT, b"nonce123")
    key.send_packet(init)
    answer = key.receive_packet(1.0)
    assert answer is not None
    assert answer[:15] == bytes.fromhex("ffffffff 86 0011") + b"nonce123"
    assert Ctap2(key).get_info().versions  # undisturbed by what passed beside it
    first, _ = encode_message(int.from_bytes(answer[15:19], "big"), CTAPHID.PING, bytes(60))
    start = key.clock()
    key.send_packet(first)
    assert key.receive_packet(0.4) is None
    assert key.clock() == start + 0.4
    answer = key.receive_packet(1.0)
    assert answer is not None
    assert answer[4:8] == bytes((0x80 | CTAPHID.ERROR, 0, 1, CtapError.ERR.TIMEOUT))
    assert key.clock() == start + 0.5


def test_waiting_for_a_packet_that_cannot_come_is_a_clear_error() -> None:
    key = EmulatedKey(seed=1)
    with pytest.raises(KeySilentError, match="never answer"):
        key.call(CTAPHID.CANCEL)


def test_no_emulated_key_is_there_to_be_found() -> None:
    assert list(EmulatedKey.list_devices()) == []
