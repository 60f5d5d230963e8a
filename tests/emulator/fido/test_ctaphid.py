from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.ctaphid import (
    BROADCAST_CID,
    MAX_CHANNELS,
    MAX_MESSAGE_SIZE,
    PACKET_SIZE,
    PACKET_TIMEOUT,
    Capability,
    ContinuationPacket,
    CtapHid,
    CtapHidCommand,
    Event,
    InitializationPacket,
    Interruption,
    KeepaliveStatus,
    Request,
    encode_message,
    parse_packet,
)
from emulator.fido.status import CtapStatus

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "ctaphid.json").read_text()
)
NONCE = bytes(range(8))


def by_name(vectors: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def padded(packet: str) -> bytes:
    return bytes.fromhex(packet).ljust(PACKET_SIZE, b"\x00")


def ctap_hid(capabilities: Capability = Capability.WINK | Capability.CBOR) -> CtapHid:
    return CtapHid(capabilities=capabilities, device_version=(1, 2, 3))


def send(hid: CtapHid, cid: int, command: int, data: bytes = b"", now: float = 0.0) -> Event | None:
    """Send a whole message; the event of its last packet."""
    return [hid.receive(packet, now) for packet in encode_message(cid, command, data)][-1]


def allocate(hid: CtapHid, now: float = 0.0) -> int:
    send(hid, BROADCAST_CID, CtapHidCommand.INIT, NONCE, now)
    (packet,) = hid.packets_to_send()
    return int.from_bytes(packet[15:19], "big")


def answers(hid: CtapHid) -> list[tuple[int, int, bytes]]:
    """The waiting packets as messages: channel, command, data."""
    messages: list[tuple[int, int, int, bytearray]] = []
    for raw in hid.packets_to_send():
        assert len(raw) == PACKET_SIZE
        match parse_packet(raw):
            case InitializationPacket(cid=cid, command=command, length=length, data=data):
                messages.append((cid, command, length, bytearray(data[:length])))
            case ContinuationPacket(cid=cid, data=data):
                assert cid == messages[-1][0]
                messages[-1][3].extend(data[: messages[-1][2] - len(messages[-1][3])])
    assert all(len(data) == length for _, _, length, data in messages)
    return [(cid, command, bytes(data)) for cid, command, _, data in messages]


def error(cid: int, status: CtapStatus) -> tuple[int, int, bytes]:
    return cid, CtapHidCommand.ERROR, bytes((status,))


@by_name(VECTORS["framing"])
def test_message_is_split_as_the_specification_frames_it(vector: dict[str, Any]) -> None:
    data = bytes(i % 251 for i in range(vector["length"]))
    packets = encode_message(vector["cid"], vector["command"], data)
    assert len(packets) == vector["packet_count"]
    assert (packets[0], packets[-1]) == (padded(vector["first"]), padded(vector["last"]))


@by_name(VECTORS["dialogues"])
def test_dialogue_goes_as_the_specification_says(vector: dict[str, Any]) -> None:
    hid = ctap_hid()
    for step in vector["steps"]:
        if "send" in step:
            hid.receive(padded(step["send"]), step["at"])
        else:
            hid.handle_timer(step["at"])
        assert hid.packets_to_send() == [padded(packet) for packet in step["receive"]]


def test_message_beyond_the_longest_is_our_misuse() -> None:
    with pytest.raises(ValueError, match="7609"):
        encode_message(1, CtapHidCommand.PING, bytes(MAX_MESSAGE_SIZE + 1))


@pytest.mark.parametrize("size", [0, 1, 4, 63, 65, 128])
def test_packet_of_the_wrong_size_is_ignored(size: int) -> None:
    hid = ctap_hid()
    assert hid.receive(b"\xff" * size, 0.0) is None
    assert hid.packets_to_send() == []


def test_longest_ping_is_echoed() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    data = bytes(i % 251 for i in range(MAX_MESSAGE_SIZE))
    send(hid, cid, CtapHidCommand.PING, data)
    assert answers(hid) == [(cid, CtapHidCommand.PING, data)]


@pytest.mark.parametrize("command", [CtapHidCommand.CBOR, CtapHidCommand.MSG])
def test_request_is_given_to_the_owner_and_answered_under_its_command(command: CtapHidCommand) -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    assert send(hid, cid, command, b"q" * 100) == Request(command=command, data=b"q" * 100)
    assert hid.packets_to_send() == []
    hid.keepalive(KeepaliveStatus.UPNEEDED)
    hid.respond(b"a" * 100)
    assert answers(hid) == [(cid, CtapHidCommand.KEEPALIVE, b"\x02"), (cid, command, b"a" * 100)]
    send(hid, cid, CtapHidCommand.PING, b"idle again")
    assert answers(hid) == [(cid, CtapHidCommand.PING, b"idle again")]


def test_failed_request_is_answered_with_an_error_packet() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.CBOR, b"\x04")
    hid.fail(CtapStatus.OTHER)
    assert answers(hid) == [error(cid, CtapStatus.OTHER)]


@pytest.mark.parametrize(
    ("capabilities", "command"),
    [
        (Capability(0), CtapHidCommand.CBOR),
        (Capability(0), CtapHidCommand.WINK),
        (Capability.CBOR | Capability.NMSG, CtapHidCommand.MSG),
    ],
)
def test_command_the_key_lacks_is_invalid(capabilities: Capability, command: CtapHidCommand) -> None:
    hid = ctap_hid(capabilities)
    cid = allocate(hid)
    for packet in encode_message(cid, command, b"\x04" * 100):
        assert hid.receive(packet, 0.0) is None
    assert answers(hid) == [error(cid, CtapStatus.INVALID_COMMAND)]


def test_running_request_keeps_every_channel_busy_until_its_answer() -> None:
    hid = ctap_hid()
    running, other = allocate(hid), allocate(hid)
    send(hid, running, CtapHidCommand.CBOR, b"\x01")
    send(hid, other, CtapHidCommand.PING, b"x")
    send(hid, running, CtapHidCommand.CBOR, b"\x04")
    busy = CtapStatus.CHANNEL_BUSY
    assert answers(hid) == [error(other, busy), error(running, busy)]
    hid.respond(b"\x00")
    send(hid, other, CtapHidCommand.PING, b"x")
    assert answers(hid) == [(running, CtapHidCommand.CBOR, b"\x00"), (other, CtapHidCommand.PING, b"x")]


def test_cancel_reaches_the_owner_from_the_running_channel_only() -> None:
    hid = ctap_hid()
    running, other = allocate(hid), allocate(hid)
    send(hid, running, CtapHidCommand.CBOR, b"\x01")
    assert send(hid, other, CtapHidCommand.CANCEL) is None
    assert send(hid, running, CtapHidCommand.CANCEL) is Interruption.CANCEL
    assert hid.packets_to_send() == []


def test_cancel_of_a_u2f_request_is_ignored() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.MSG, b"\x00")
    assert send(hid, cid, CtapHidCommand.CANCEL) is None


def test_init_on_the_running_channel_aborts_its_request() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.CBOR, b"\x01")
    assert send(hid, cid, CtapHidCommand.INIT, NONCE) is Interruption.ABORT
    assert [command for _, command, _ in answers(hid)] == [CtapHidCommand.INIT]
    assert send(hid, cid, CtapHidCommand.CBOR, b"\x04") == Request(command=CtapHidCommand.CBOR, data=b"\x04")


def test_init_amid_a_message_is_no_business_of_the_owner() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    hid.receive(encode_message(cid, CtapHidCommand.CBOR, bytes(100))[0], 0.0)
    assert send(hid, cid, CtapHidCommand.INIT, NONCE) is None
    assert hid.next_timer() is None


def test_init_on_another_channel_leaves_the_running_request_alone() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.CBOR, b"\x01")
    other = allocate(hid)
    assert send(hid, other, CtapHidCommand.INIT, NONCE) is None
    hid.respond(b"\x00")
    assert answers(hid)[-1] == (cid, CtapHidCommand.CBOR, b"\x00")


def test_capabilities_and_versions_are_reported_by_init() -> None:
    hid = ctap_hid(Capability.CBOR | Capability.NMSG)
    send(hid, BROADCAST_CID, CtapHidCommand.INIT, NONCE)
    ((_, _, response),) = answers(hid)
    assert response == NONCE + b"\x00\x00\x00\x01" + bytes((2, 1, 2, 3, 0x0C))


def test_least_recently_used_channel_is_given_up_for_a_new_one() -> None:
    hid = ctap_hid()
    cids = [allocate(hid) for _ in range(MAX_CHANNELS)]
    send(hid, cids[0], CtapHidCommand.PING, b"still here")
    hid.packets_to_send()
    allocate(hid)
    send(hid, cids[0], CtapHidCommand.PING, b"x")
    send(hid, cids[1], CtapHidCommand.PING, b"x")
    assert answers(hid) == [
        (cids[0], CtapHidCommand.PING, b"x"),
        error(cids[1], CtapStatus.INVALID_CHANNEL),
    ]


def test_locking_and_running_channels_are_never_given_up() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.LOCK, b"\x0a")
    hid.packets_to_send()
    for _ in range(2 * MAX_CHANNELS):
        allocate(hid)
    send(hid, cid, CtapHidCommand.LOCK, b"\x00")
    assert send(hid, cid, CtapHidCommand.CBOR, b"\x01") is not None
    hid.packets_to_send()
    for _ in range(2 * MAX_CHANNELS):
        allocate(hid)
    hid.respond(b"\x00")
    assert answers(hid) == [(cid, CtapHidCommand.CBOR, b"\x00")]


def test_power_cycle_forgets_channels_lock_and_transaction() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    send(hid, cid, CtapHidCommand.LOCK, b"\x0a")
    send(hid, cid, CtapHidCommand.CBOR, b"\x01")
    hid.power_cycle()
    assert (hid.next_timer(), hid.packets_to_send()) == (None, [])
    fresh = allocate(hid)
    assert fresh != cid
    send(hid, cid, CtapHidCommand.PING, b"x")
    send(hid, fresh, CtapHidCommand.PING, b"x")
    assert answers(hid) == [error(cid, CtapStatus.INVALID_CHANNEL), (fresh, CtapHidCommand.PING, b"x")]


def test_timers_are_the_half_received_message_and_the_lock() -> None:
    hid = ctap_hid()
    cid = allocate(hid)
    assert hid.next_timer() is None
    send(hid, cid, CtapHidCommand.LOCK, b"\x02", now=1.0)
    assert hid.next_timer() == 3.0
    hid.receive(encode_message(cid, CtapHidCommand.PING, bytes(100))[0], 1.0)
    assert hid.next_timer() == 1.0 + PACKET_TIMEOUT
    hid.handle_timer(1.0 + PACKET_TIMEOUT)
    assert hid.next_timer() == 3.0
    send(hid, cid, CtapHidCommand.LOCK, b"\x00", now=2.0)
    assert hid.next_timer() is None


def test_patience_with_a_half_received_message_is_the_owners() -> None:
    hid = CtapHid(capabilities=Capability.CBOR, packet_timeout=2.0)
    cid = allocate(hid)
    hid.receive(encode_message(cid, CtapHidCommand.PING, bytes(200))[0], 1.0)
    assert hid.next_timer() == 3.0
    hid.receive(encode_message(cid, CtapHidCommand.PING, bytes(200))[1], 2.5)
    assert hid.next_timer() == 4.5


cids = st.sampled_from([0, 1, 2, 3, BROADCAST_CID, 0xDEADBEEF])
commands = st.sampled_from([*CtapHidCommand, 0x02, 0x7F])
initialization_packets = st.builds(
    lambda cid, command, length, data: (
        cid.to_bytes(4, "big") + bytes((0x80 | command,)) + length.to_bytes(2, "big") + data
    ),
    cids,
    commands,
    st.sampled_from([0, 1, 8, 57, 58, 100, 7609, 7610, 65535]),
    st.binary(min_size=57, max_size=57),
)
continuation_packets = st.builds(
    lambda cid, sequence, data: cid.to_bytes(4, "big") + bytes((sequence,)) + data,
    cids,
    st.integers(0, 3) | st.integers(0, 0x7F),
    st.binary(min_size=59, max_size=59),
)
packets = initialization_packets | continuation_packets | st.binary(max_size=70)


@given(steps=st.lists(st.tuples(packets, st.sampled_from([0.0, 0.1, 0.5, 11.0]), st.booleans()), max_size=30))
def test_any_packets_leave_a_key_that_still_answers(steps: list[tuple[bytes, float, bool]]) -> None:
    hid = ctap_hid()
    allocate(hid), allocate(hid)
    now, running = 0.0, False
    for packet, pause, owner_answers in steps:
        now += pause
        match hid.receive(packet, now):
            case Request():
                assert not running
                running = True
            case Interruption.ABORT:
                assert running
                running = False
            case Interruption.CANCEL:
                assert running
        if running and owner_answers:
            hid.respond(b"\x00")
            running = False
        answers(hid)
    cid = allocate(hid, now)
    if running:
        hid.respond(b"\x00")
    now += 11.0  # any lock and any half-received message is over
    hid.handle_timer(now)
    hid.packets_to_send()
    send(hid, cid, CtapHidCommand.PING, b"still there", now)
    assert answers(hid) == [(cid, CtapHidCommand.PING, b"still there")]
