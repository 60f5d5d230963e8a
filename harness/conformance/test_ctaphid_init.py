"""CTAPHID_INIT (CTAP 2.3 §11.2.9.1.3)."""

from __future__ import annotations

import pytest
from fido2.hid import CAPABILITY, CTAPHID

from harness.conformance.probe import CMD, ERR, Probe
from harness.conformance.wire import BROADCAST, NONCE, Wire, packets

pytestmark = pytest.mark.needs("ctaphid")


@pytest.mark.spec("CTAPHID-INIT-01", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-nonce-changed")
def test_nonce_is_echoed(wire: Wire) -> None:
    """INIT is answered with the nonce it was sent.

    Every client hears every answer on the broadcast channel; by the nonce it knows its own.
    """
    nonce = bytes.fromhex("c0ffee0102030405")
    assert wire.init(nonce=nonce).nonce == nonce


@pytest.mark.spec("CTAPHID-INIT-02", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-init-on-new-channel")
def test_answer_comes_on_the_broadcast_channel(wire: Wire) -> None:
    """INIT on the broadcast channel is answered there, and not on the channel that it gives out."""
    assert wire.answer(BROADCAST, CTAPHID.INIT, NONCE).channel == BROADCAST


@pytest.mark.spec("CTAPHID-INIT-03", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-init-gives-broadcast", "hid-init-gives-zero")
def test_channel_is_a_real_one(wire: Wire) -> None:
    """INIT gives out neither the broadcast channel nor channel 0, which is reserved."""
    assert wire.init().channel not in (BROADCAST, bytes(4))


@pytest.mark.spec("CTAPHID-INIT-04", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-channel-given-twice")
def test_every_application_gets_a_channel_of_its_own(wire: Wire) -> None:
    """Each INIT on the broadcast channel gives another channel.

    Two applications on one channel would take each other's answers.
    """
    channels = [wire.init(nonce=bytes([number] * 8)).channel for number in range(8)]
    assert len(set(channels)) == len(channels)


@pytest.mark.spec("CTAPHID-INIT-05", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-protocol-version")
def test_protocol_version(wire: Wire) -> None:
    """The protocol version that INIT tells is 2."""
    assert wire.init().protocol_version == 2


@pytest.mark.spec("CTAPHID-INIT-06", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-init-truncated", "hid-init-too-long")
def test_length_of_the_answer(wire: Wire) -> None:
    """INIT's answer has 17 bytes."""
    assert len(wire.answer(BROADCAST, CTAPHID.INIT, NONCE).data) == 17


@pytest.mark.spec("CTAPHID-INIT-07", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-capabilities-reserved")
def test_reserved_capabilities_are_zero(wire: Wire) -> None:
    """Of the capabilities only WINK, CBOR and NMSG are told; the other bits are zero."""
    known = int(CAPABILITY.WINK | CAPABILITY.CBOR | CAPABILITY.NMSG)
    assert wire.init().capabilities & ~known == 0


@pytest.mark.spec("CTAPHID-INIT-08", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-capability-cbor")
def test_cbor_capability_is_the_truth(wire: Wire) -> None:
    """A key that has the capability CBOR answers getInfo, and one that has not refuses CBOR requests."""
    channel = wire.init()
    message = wire.answer(channel.channel, CTAPHID.CBOR, bytes((CMD.GET_INFO,)))
    expected = CTAPHID.CBOR if channel.capabilities & CAPABILITY.CBOR else CTAPHID.ERROR
    assert message.command == expected


@pytest.mark.spec("CTAPHID-INIT-09", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-capability-nmsg")
def test_nmsg_capability_is_the_truth(wire: Wire) -> None:
    """A key without the capability NMSG answers U2F messages, and one with it refuses them."""
    channel = wire.init()
    message = wire.answer(channel.channel, CTAPHID.MSG, bytes.fromhex("00030000000000"))
    expected = CTAPHID.ERROR if channel.capabilities & CAPABILITY.NMSG else CTAPHID.MSG
    assert message.command == expected


@pytest.mark.spec("CTAPHID-INIT-10", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-init-reallocates")
def test_a_channel_that_is_synchronised_is_kept(wire: Wire) -> None:
    """INIT on a channel that was given out answers there, and gives the same channel."""
    channel = wire.init().channel
    assert wire.init(channel).channel == channel


@pytest.mark.spec("CTAPHID-INIT-11", "CTAP 2.3 §11.2.5.3")
@pytest.mark.catches("hid-resync-ignored")
def test_init_ends_a_message_half_sent(wire: Wire) -> None:
    """INIT on a channel drops the message that is half received there.

    It is how an application that was restarted makes a channel usable again.
    """
    channel = wire.init().channel
    first, *_ = packets(channel, CTAPHID.PING, bytes(100))
    wire.send_packet(first)
    wire.init(channel)
    assert wire.answer(channel, CTAPHID.PING, b"after").data == b"after"


@pytest.mark.spec("CTAPHID-INIT-12", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-silent-about-invalid-length", "hid-wrong-about-invalid-length")
@pytest.mark.parametrize("length", [0, 7, 9])
def test_nonce_of_another_length(wire: Wire, length: int) -> None:
    """INIT with a nonce that has not eight bytes is answered with INVALID_LENGTH."""
    assert wire.error(wire.answer(BROADCAST, CTAPHID.INIT, bytes(length))) == ERR.INVALID_LENGTH


@pytest.mark.spec("CTAPHID-INIT-13", "CTAP 2.3 §11.2.3")
@pytest.mark.catches("hid-channels-survive")
@pytest.mark.needs("power-cycle")
def test_channels_are_forgotten_without_power(probe: Probe, wire: Wire) -> None:
    """A channel of before a power cycle is no channel after it."""
    channel = wire.init().channel
    probe.power_cycle()
    assert wire.error(wire.answer(channel, CTAPHID.PING, b"?")) == ERR.INVALID_CHANNEL


@pytest.mark.spec("CTAPHID-INIT-14", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-init-refused-when-busy")
def test_init_is_answered_while_another_channel_sends(wire: Wire) -> None:
    """A channel is given out though another one is in the middle of a message."""
    channel = wire.init().channel
    first, second = packets(channel, CTAPHID.PING, bytes(100))
    wire.send_packet(first)
    assert wire.init(nonce=bytes(8)).channel != channel
    wire.send_packet(second)
    assert wire.receive().data == bytes(100)
