"""One transaction at a time: busy, keepalive, cancel, lock, wink (CTAP 2.3 §11.2.5, §11.2.9)."""

from __future__ import annotations

import pytest
from fido2 import cbor
from fido2.hid import CTAPHID

from harness.conformance.ceremony import Ceremony
from harness.conformance.probe import CMD, ERR, Probe
from harness.conformance.wire import Message, Wire, packets

pytestmark = [pytest.mark.needs("ctaphid"), pytest.mark.touches(0)]

PROCESSING, UP_NEEDED = 1, 2


@pytest.fixture
def channel(wire: Wire) -> bytes:
    return wire.init().channel


@pytest.fixture
def waits(probe: Probe, wire: Wire, channel: bytes) -> bytes:
    """The channel on which a request waits for a touch that does not come."""
    probe.leave_alone()
    wire.send(channel, CTAPHID.CBOR, _asks_for_touch(probe))
    return channel


def _asks_for_touch(probe: Probe) -> bytes:
    if "FIDO_2_1" in probe.info[1] or "FIDO_2_3" in probe.info[1]:
        return bytes((CMD.SELECTION,))
    return bytes((CMD.MAKE_CREDENTIAL,)) + cbor.encode(Ceremony(probe).creation())


def _keepalive(wire: Wire) -> Message:
    message = wire.receive(timeout=1.0)
    assert message.command == CTAPHID.KEEPALIVE, f"command 0x{message.command:02X} came, not KEEPALIVE"
    return message


@pytest.mark.spec("CTAPHID-BUSY-01", "CTAP 2.3 §11.2.5.1")
@pytest.mark.catches("hid-silent-about-channel-busy", "hid-wrong-about-channel-busy")
def test_another_channel_while_a_message_is_sent(wire: Wire, channel: bytes) -> None:
    """While one channel's message is half received, another channel's request gets CHANNEL_BUSY."""
    other = wire.init(nonce=bytes(8)).channel
    first, second = packets(channel, CTAPHID.PING, bytes(100))
    wire.send_packet(first)
    assert wire.error(wire.answer(other, CTAPHID.PING, b"?")) == ERR.CHANNEL_BUSY
    wire.send_packet(second)
    assert wire.receive().data == bytes(100)


@pytest.mark.spec("CTAPHID-BUSY-02", "CTAP 2.3 §11.2.5.1")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-silent-about-channel-busy", "hid-wrong-about-channel-busy")
def test_another_channel_while_a_request_waits(wire: Wire, waits: bytes) -> None:
    """While one channel's request waits for a touch, another channel's gets CHANNEL_BUSY; the first goes on.

    Otherwise an application could take the touch that was meant for another.
    """
    other = _new_channel(wire)
    wire.send(other, CTAPHID.CBOR, bytes((CMD.GET_INFO,)))
    message = wire.after_keepalives()
    assert message.channel == other
    assert wire.error(message) == ERR.CHANNEL_BUSY
    assert _keepalive(wire).channel == waits


@pytest.mark.spec("CTAPHID-KEEPALIVE-01", "CTAP 2.3 §11.2.9.1.7")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-no-keepalive")
def test_keepalives_come(wire: Wire, waits: bytes) -> None:
    """A key that waits for a touch sends keepalives on the request's channel.

    Without them a client takes it to be dead after half a second.
    """
    for _ in range(3):
        assert _keepalive(wire).channel == waits


@pytest.mark.spec("CTAPHID-KEEPALIVE-02", "CTAP 2.3 §11.2.9.1.7")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-keepalive-status")
def test_keepalive_says_that_a_touch_is_wanted(wire: Wire, waits: bytes) -> None:
    """A keepalive says UPNEEDED while the key waits for a touch, so that the client can ask for it."""
    assert _keepalive(wire).data == bytes((UP_NEEDED,))


@pytest.mark.spec("CTAPHID-KEEPALIVE-03", "CTAP 2.3 §11.2.9.1.7")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-keepalive-two-bytes")
def test_length_of_a_keepalive(wire: Wire, waits: bytes) -> None:
    """A keepalive is one byte: its status."""
    assert len(_keepalive(wire).data) == 1


@pytest.mark.spec("CTAPHID-KEEPALIVE-04", "CTAP 2.3 §11.2.9.1.7")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-keepalive-late")
def test_keepalives_come_in_time(probe: Probe, wire: Wire, waits: bytes) -> None:
    """Keepalives come every 100 ms; half as fast is still forgiven."""
    for _ in range(5):
        assert wire.receive_packet(timeout=0.2) is not None, "no keepalive came for 200 ms"


@pytest.mark.spec("CTAPHID-CANCEL-01", "CTAP 2.3 §11.2.9.1.5")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-cancel-ignored", "hid-cancel-says-denied")
def test_cancel_ends_a_request(wire: Wire, waits: bytes) -> None:
    """CANCEL ends the request that waits, which is answered with KEEPALIVE_CANCEL."""
    wire.send(waits, CTAPHID.CANCEL)
    message = wire.after_keepalives()
    assert (message.channel, message.command) == (waits, CTAPHID.CBOR)
    assert message.data == bytes((ERR.KEEPALIVE_CANCEL,))


@pytest.mark.spec("CTAPHID-CANCEL-02", "CTAP 2.3 §11.2.9.1.5")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-cancel-answered")
def test_cancel_has_no_answer_of_its_own(wire: Wire, waits: bytes) -> None:
    """After the cancelled request's answer nothing more comes."""
    wire.send(waits, CTAPHID.CANCEL)
    assert wire.after_keepalives().command == CTAPHID.CBOR
    wire.silent()


@pytest.mark.spec("CTAPHID-CANCEL-03", "CTAP 2.3 §11.2.9.1.5")
@pytest.mark.catches("hid-cancel-answered")
def test_cancel_of_nothing(wire: Wire, channel: bytes) -> None:
    """CANCEL where nothing runs is passed over in silence."""
    wire.send(channel, CTAPHID.CANCEL)
    wire.silent()


@pytest.mark.spec("CTAPHID-CANCEL-04", "CTAP 2.3 §11.2.9.1.5")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-cancel-by-anyone")
def test_cancel_by_another_channel(wire: Wire, waits: bytes) -> None:
    """CANCEL on another channel leaves a request be: no application can end another's."""
    other = _new_channel(wire)
    wire.send(other, CTAPHID.CANCEL)
    for _ in range(2):
        assert _keepalive(wire).channel == waits


@pytest.mark.spec("CTAPHID-CANCEL-05", "CTAP 2.3 §11.2.5.3")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-resync-ignored")
def test_init_ends_a_request(wire: Wire, waits: bytes) -> None:
    """INIT on the channel of a request that waits ends it, and it is not answered any more."""
    wire.send(waits, CTAPHID.INIT, bytes(8))
    assert wire.after_keepalives().command == CTAPHID.INIT
    wire.silent()


@pytest.mark.spec("CTAPHID-CANCEL-06", "CTAP 2.3 §11.2.9.1.5")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-stuck-after-cancel")
def test_key_goes_on_after_a_cancel(wire: Wire, waits: bytes) -> None:
    """After a cancel the next request is answered as if nothing had been."""
    wire.send(waits, CTAPHID.CANCEL)
    wire.after_keepalives()
    message = wire.answer(waits, CTAPHID.CBOR, bytes((CMD.GET_INFO,)))
    assert message.data[:1] == b"\x00"


def _new_channel(wire: Wire) -> bytes:
    """A channel, though keepalives of another's request may come before it is given out."""
    wire.send(b"\xff\xff\xff\xff", CTAPHID.INIT, b"\x77" * 8)
    return wire.after_keepalives().data[8:12]


# LOCK is optional: a key without it says so.


def _lock(wire: Wire, channel: bytes, seconds: int) -> None:
    message = wire.answer(channel, CTAPHID.LOCK, bytes((seconds,)))
    if message.command == CTAPHID.ERROR and message.data == bytes((ERR.INVALID_COMMAND,)):
        pytest.skip("needs LOCK, which the key does not have")
    assert (message.command, message.data) == (CTAPHID.LOCK, b"")


@pytest.mark.spec("CTAPHID-LOCK-01", "CTAP 2.3 §11.2.9.2.2")
@pytest.mark.catches("hid-lock-holds-nobody")
def test_lock_keeps_others_out(wire: Wire, channel: bytes) -> None:
    """While a channel holds the lock, another channel's request gets CHANNEL_BUSY."""
    other = wire.init(nonce=bytes(8)).channel
    _lock(wire, channel, 5)
    assert wire.error(wire.answer(other, CTAPHID.PING, b"?")) == ERR.CHANNEL_BUSY
    assert wire.answer(channel, CTAPHID.PING, b"mine").data == b"mine"


@pytest.mark.spec("CTAPHID-LOCK-02", "CTAP 2.3 §11.2.9.2.2")
@pytest.mark.catches("hid-lock-never-ends")
@pytest.mark.slow(2)
def test_lock_ends_by_itself(probe: Probe, wire: Wire, channel: bytes) -> None:
    """A lock ends after the seconds that it was asked for."""
    other = wire.init(nonce=bytes(8)).channel
    _lock(wire, channel, 1)
    probe.wait(1.5)
    assert wire.answer(other, CTAPHID.PING, b"free").data == b"free"


@pytest.mark.spec("CTAPHID-LOCK-03", "CTAP 2.3 §11.2.9.2.2")
@pytest.mark.catches("hid-lock-not-released")
def test_lock_is_released(wire: Wire, channel: bytes) -> None:
    """LOCK with 0 seconds lets the key go at once."""
    other = wire.init(nonce=bytes(8)).channel
    _lock(wire, channel, 10)
    _lock(wire, channel, 0)
    assert wire.answer(other, CTAPHID.PING, b"free").data == b"free"


@pytest.mark.spec("CTAPHID-LOCK-04", "CTAP 2.3 §11.2.9.2.2")
@pytest.mark.catches("hid-lock-too-long-taken")
def test_lock_for_too_long(wire: Wire, channel: bytes) -> None:
    """LOCK for more than ten seconds is refused."""
    _lock(wire, channel, 0)
    assert wire.error(wire.answer(channel, CTAPHID.LOCK, b"\x0b")) == ERR.INVALID_PARAMETER


@pytest.mark.spec("CTAPHID-WINK-01", "CTAP 2.3 §11.2.9.2.1")
@pytest.mark.needs("wink")
@pytest.mark.catches("hid-wink-with-data")
def test_wink(wire: Wire, channel: bytes) -> None:
    """WINK is answered without data by a key that says it can."""
    message = wire.answer(channel, CTAPHID.WINK)
    assert (message.command, message.data) == (CTAPHID.WINK, b"")
