"""CTAPHID messages in their packets (CTAP 2.3 §11.2.4, §11.2.5)."""

from __future__ import annotations

import pytest
from fido2.hid import CTAPHID

from harness.conformance.probe import CMD, ERR, Probe
from harness.conformance.wire import BROADCAST, NONCE, PACKET_SIZE, Wire, packets

pytestmark = pytest.mark.needs("ctaphid")

LONGEST = 7609
"""§11.2.4: an initialization packet and 128 continuation packets."""


@pytest.fixture
def channel(wire: Wire) -> bytes:
    return wire.init().channel


def _spec(number: int) -> pytest.MarkDecorator:
    return pytest.mark.spec(f"CTAPHID-PING-{number:02}", "CTAP 2.3 §11.2.9.1.4")


@pytest.mark.catches("hid-ping-changed")
@pytest.mark.parametrize(
    "length",
    [
        pytest.param(1, marks=_spec(1)),
        pytest.param(57, marks=_spec(2)),
        pytest.param(58, marks=_spec(3)),
        pytest.param(116, marks=_spec(4)),
        pytest.param(117, marks=_spec(5)),
        pytest.param(1024, marks=_spec(6)),
    ],
)
def test_ping_is_echoed(wire: Wire, channel: bytes, length: int) -> None:
    """PING is answered with the bytes it was sent, in one packet or many."""
    data = bytes(number % 251 for number in range(length))
    message = wire.answer(channel, CTAPHID.PING, data)
    assert (message.command, message.channel) == (CTAPHID.PING, channel)
    assert message.data == data


@pytest.mark.spec("CTAPHID-PING-07", "CTAP 2.3 §11.2.9.1.4")
@pytest.mark.catches("hid-ping-never-empty")
def test_empty_ping(wire: Wire, channel: bytes) -> None:
    """PING without data is answered without data."""
    message = wire.answer(channel, CTAPHID.PING)
    assert (message.command, message.data) == (CTAPHID.PING, b"")


@pytest.mark.spec("CTAPHID-PING-08", "CTAP 2.3 §11.2.4")
@pytest.mark.catches(
    "hid-sequence-from-one", "hid-packets-dropped", "hid-packets-swapped", "hid-packets-twice"
)
def test_sequence_numbers(wire: Wire, channel: bytes) -> None:
    """A message's continuation packets are numbered from 0 on, each once and in order."""
    wire.send(channel, CTAPHID.PING, bytes(300))
    assert len(wire.receive().data) == 300


@pytest.mark.spec("CTAPHID-PING-09", "CTAP 2.3 §11.2.4")
@pytest.mark.catches("hid-wrong-length")
def test_declared_length(wire: Wire, channel: bytes) -> None:
    """An answer declares the length that it has."""
    assert len(wire.answer(channel, CTAPHID.PING, bytes(40)).data) == 40


@pytest.mark.spec("CTAPHID-PING-10", "CTAP 2.3 §11.2.4")
@pytest.mark.catches("hid-wrong-channel")
def test_answer_comes_on_its_channel(wire: Wire, channel: bytes) -> None:
    """A request is answered on the channel that it came on."""
    assert wire.answer(channel, CTAPHID.PING, b"here").channel == channel


@pytest.mark.spec("CTAPHID-MSG-01", "CTAP 2.3 §11.2.5.4")
@pytest.mark.catches("hid-sequence-unchecked")
def test_continuation_out_of_sequence(wire: Wire, channel: bytes) -> None:
    """A continuation packet with another number than the next ends the message with INVALID_SEQ."""
    first, second, third = packets(channel, CTAPHID.PING, bytes(150))
    wire.send_packet(first)
    wire.send_packet(third)
    assert wire.error(wire.receive()) == ERR.INVALID_SEQ
    assert wire.answer(channel, CTAPHID.PING, b"again").data == b"again"
    wire.send_packet(second)
    wire.silent()


@pytest.mark.spec("CTAPHID-MSG-02", "CTAP 2.3 §11.2.5.4")
@pytest.mark.catches("hid-stray-packets-answered")
def test_stray_continuation(wire: Wire, channel: bytes) -> None:
    """A continuation packet that belongs to no message is passed over in silence."""
    wire.send_packet((channel + b"\x00").ljust(PACKET_SIZE, b"\x00"))
    wire.silent()
    assert wire.answer(channel, CTAPHID.PING, b"still here").data == b"still here"


@pytest.mark.spec("CTAPHID-MSG-03", "CTAP 2.3 §11.2.5.4")
@pytest.mark.catches("hid-other-channels-break-in")
def test_stray_continuation_of_another_channel(wire: Wire, channel: bytes) -> None:
    """Another channel's stray continuation packet leaves the message on this channel whole."""
    other = wire.init(nonce=bytes(8)).channel
    first, second = packets(channel, CTAPHID.PING, b"x" * 100)
    wire.send_packet(first)
    wire.send_packet((other + b"\x00").ljust(PACKET_SIZE, b"\xee"))
    wire.send_packet(second)
    assert wire.receive().data == b"x" * 100


@pytest.mark.spec("CTAPHID-MSG-04", "CTAP 2.3 §11.2.5.4")
@pytest.mark.catches("hid-silent-about-invalid-seq", "hid-wrong-about-invalid-seq")
def test_new_message_within_one(wire: Wire, channel: bytes) -> None:
    """A request on a channel whose message is half received ends that message with INVALID_SEQ."""
    first, _ = packets(channel, CTAPHID.PING, bytes(100))
    wire.send_packet(first)
    assert wire.error(wire.answer(channel, CTAPHID.PING, b"new")) == ERR.INVALID_SEQ


@pytest.mark.spec("CTAPHID-MSG-05", "CTAP 2.3 §11.2.4")
@pytest.mark.catches("hid-silent-about-invalid-length", "hid-wrong-about-invalid-length")
def test_declared_length_beyond_the_longest(wire: Wire, channel: bytes) -> None:
    """A message that declares more than 7609 bytes is refused at once with INVALID_LENGTH."""
    head = channel + bytes((CTAPHID.PING | 0x80,)) + (LONGEST + 1).to_bytes(2, "big")
    wire.send_packet(head.ljust(PACKET_SIZE, b"\x00"))
    assert wire.error(wire.receive()) == ERR.INVALID_LENGTH


@pytest.mark.spec("CTAPHID-MSG-06", "CTAP 2.3 §11.2.5.2")
@pytest.mark.catches("hid-assembly-never-ends", "hid-silent-about-timeout", "hid-wrong-about-timeout")
def test_message_that_is_never_finished(wire: Wire, channel: bytes) -> None:
    """A message whose packets stop coming ends with MSG_TIMEOUT, and the key is free again.

    Otherwise one crashed application would make the key useless to the others until it is replugged.
    """
    first, _ = packets(channel, CTAPHID.PING, bytes(100))
    wire.send_packet(first)
    assert wire.error(wire.receive(timeout=10)) == ERR.TIMEOUT
    other = wire.init(nonce=bytes(8)).channel
    assert wire.answer(other, CTAPHID.PING, b"free").data == b"free"


@pytest.mark.spec("CTAPHID-MSG-07", "CTAP 2.3 §11.2.9.1.6")
@pytest.mark.catches("hid-silent-about-invalid-command", "hid-wrong-about-invalid-command")
@pytest.mark.parametrize("command", [0x02, 0x05, 0x3A])
def test_unknown_command(wire: Wire, channel: bytes, command: int) -> None:
    """A command that nobody has defined is answered with INVALID_CMD."""
    assert wire.error(wire.answer(channel, command, b"?")) == ERR.INVALID_COMMAND


@pytest.mark.spec("CTAPHID-MSG-08", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-silent-about-invalid-channel", "hid-wrong-about-invalid-channel")
def test_channel_that_was_not_given_out(wire: Wire, channel: bytes) -> None:
    """A request on a channel that was never given out is answered with INVALID_CHANNEL."""
    stranger = bytes(byte ^ 0x55 for byte in channel)
    assert wire.error(wire.answer(stranger, CTAPHID.PING, b"?")) == ERR.INVALID_CHANNEL


@pytest.mark.spec("CTAPHID-MSG-09", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-broadcast-served")
def test_broadcast_channel_is_for_init_alone(wire: Wire) -> None:
    """A PING on the broadcast channel is answered with INVALID_CHANNEL."""
    assert wire.error(wire.answer(BROADCAST, CTAPHID.PING, b"?")) == ERR.INVALID_CHANNEL


@pytest.mark.spec("CTAPHID-MSG-10", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-channel-zero-served")
def test_channel_zero(wire: Wire) -> None:
    """A request on channel 0, which is reserved, is answered with INVALID_CHANNEL."""
    assert wire.error(wire.answer(bytes(4), CTAPHID.PING, b"?")) == ERR.INVALID_CHANNEL


@pytest.mark.spec("CTAPHID-MSG-11", "CTAP 2.3 §11.2.9.1.6")
@pytest.mark.catches("hid-error-two-bytes")
def test_length_of_an_error(wire: Wire, channel: bytes) -> None:
    """An error is one byte: its code."""
    wire.error(wire.answer(channel, 0x02, b"?"))


@pytest.mark.spec("CTAPHID-MSG-12", "CTAP 2.3 §11.2.9.1.2")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-cbor-empty-answered")
def test_cbor_without_a_command(wire: Wire, channel: bytes) -> None:
    """A CBOR request without a single byte is answered with INVALID_LENGTH."""
    assert wire.error(wire.answer(channel, CTAPHID.CBOR)) == ERR.INVALID_LENGTH


@pytest.mark.spec("CTAPHID-MSG-13", "CTAP 2.3 §8.1")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("ctap2-unknown-command-accepted")
@pytest.mark.parametrize("command", [0x00, 0x03, 0x3F])
def test_unknown_ctap2_command(probe: Probe, command: int) -> None:
    """A CTAP2 command that nobody has defined is answered with CTAP1_ERR_INVALID_COMMAND."""
    probe.cbor(command).refused(ERR.INVALID_COMMAND)


@pytest.mark.spec("CTAPHID-MSG-14", "CTAP 2.3 §11.2.4")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("hid-needs-zero-padding")
def test_padding_is_of_no_account(wire: Wire, channel: bytes) -> None:
    """What fills a packet after a message's last byte is not looked at."""
    (packet,) = packets(channel, CTAPHID.CBOR, bytes((CMD.GET_INFO,)))
    wire.send_packet(packet[:8].ljust(PACKET_SIZE, b"\xee"))
    message = wire.after_keepalives()
    assert (message.command, message.data[:1]) == (CTAPHID.CBOR, b"\x00")


@pytest.mark.spec("CTAPHID-MSG-15", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-few-channels")
def test_several_applications(wire: Wire) -> None:
    """Four applications hold a channel each and are all answered."""
    channels = [wire.init(nonce=NONCE[:7] + bytes([number])).channel for number in range(4)]
    for channel in channels:
        assert wire.answer(channel, CTAPHID.PING, channel).data == channel
