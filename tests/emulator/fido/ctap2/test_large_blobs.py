"""authenticatorLargeBlobs (CTAP 2.3 §6.10), and the keys to what is in there (§12.3)."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2, LargeBlobs
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.store import INITIAL_LARGE_BLOB_ARRAY

CTAP21 = Profile.load("ctap21")
CAPACITY = 4096
BLOBS = replace(CTAP21, extensions=("credProtect", "largeBlobKey"), max_large_blob_array=CAPACITY)
FRAGMENT = BLOBS.max_message_size - 64
PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
MC, LBW = 0x01, 0x10
COMMAND = 0x0C


@pytest.fixture
def key(make_key):
    """A key without a PIN, whose blobs anyone may write."""
    return make_key(BLOBS)


@pytest.fixture
def protected(make_key):
    key = make_key(BLOBS)
    key.set_pin()
    return key


def serialized(content: bytes) -> bytes:
    """A would-be array: what is in it is not the key's business, its checksum is."""
    return content + sha256(content).digest()[:16]


def fragment(
    offset: int, part: bytes, length: int | None = None, token: bytes | None = None, **other: Any
) -> dict:
    """The parameters of a write; ``protocol=`` another one than two."""
    given = {2: part, 3: offset, 4: length}
    if token is not None:
        protocol = other.get("protocol", 2)
        message = b"\xff" * 32 + b"\x0c\x00" + offset.to_bytes(4, "little") + sha256(part).digest()
        given |= {5: PROTOCOLS[protocol].authenticate(token, message), 6: protocol}
    return {number: value for number, value in given.items() if value is not None}


def write(key, array: bytes, size: int = FRAGMENT, token: bytes | None = None) -> list[CtapStatus]:
    """The statuses of all the fragments of an array."""
    return [
        key.command(COMMAND, fragment(at, array[at : at + size], None if at else len(array), token))[0]
        for at in range(0, len(array), size)
    ]


def read(key) -> bytes:
    return key.command(COMMAND, {1: FRAGMENT, 3: 0})[1][1]


# What python-fido2 sees


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_a_blob_is_written_read_replaced_and_deleted(protected, protocol) -> None:
    ctap = Ctap2(protected)
    pin = ClientPin(ctap, protocol)
    token = pin.get_pin_token("1234", ClientPin.PERMISSION.LARGE_BLOB_WRITE)
    blobs = LargeBlobs(ctap, protocol, token)
    assert blobs.read_blob_array() == []
    mine, other = os.urandom(32), os.urandom(32)
    large = os.urandom(2 * FRAGMENT)
    blobs.put_blob(mine, large)
    blobs.put_blob(other, b"other")
    assert (blobs.get_blob(mine), blobs.get_blob(other)) == (large, b"other")
    blobs.put_blob(mine, b"less")
    assert LargeBlobs(ctap).get_blob(mine) == b"less"
    blobs.delete_blob(mine)
    assert (blobs.get_blob(mine), blobs.get_blob(other)) == (None, b"other")


def test_the_array_outlives_power_but_not_a_reset(key) -> None:
    array = serialized(b"\x81\xa0")
    assert write(key, array) == [CtapStatus.SUCCESS]
    key.power_cycle()
    assert read(key) == array
    Ctap2(key).reset()
    assert read(key) == INITIAL_LARGE_BLOB_ARRAY


def test_nothing_asks_for_a_gesture(protected) -> None:
    write(protected, serialized(b"\x80"), token=protected.token(LBW, None))
    read(protected)
    assert protected.asked == []


def test_room_is_as_getinfo_says(key) -> None:
    info = Ctap2(key).info
    assert info.options["largeBlobs"] is True
    assert info.max_large_blob == CAPACITY
    full = serialized(bytes(CAPACITY - 16))
    assert set(write(key, full)) == {CtapStatus.SUCCESS}
    assert write(key, full[:17] + full)[0] == CtapStatus.LARGE_BLOB_STORAGE_FULL


def test_a_key_without_large_blobs_has_no_such_command_nor_permission(make_key) -> None:
    key = make_key(replace(CTAP21, extensions=("credProtect",), max_large_blob_array=0))
    key.set_pin()
    info = Ctap2(key).info
    assert "largeBlobs" not in info.options
    assert 0x0B not in key.command(0x04)[1]
    assert key.command(COMMAND, {1: 1, 3: 0})[0] == CtapStatus.INVALID_COMMAND
    with pytest.raises(CtapError) as refused:
        key.token(LBW, None)
    assert refused.value.code == CtapError.ERR.UNAUTHORIZED_PERMISSION


# Refusals


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({1: 1}, CtapStatus.INVALID_PARAMETER),
        ({3: 0}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 2: b"", 3: 0}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 3: 0, 4: 17}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 3: 0, 5: bytes(32)}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 3: 0, 6: 2}, CtapStatus.INVALID_PARAMETER),
        ({1: FRAGMENT + 1, 3: 0}, CtapStatus.INVALID_LENGTH),
        ({1: 1, 3: len(INITIAL_LARGE_BLOB_ARRAY) + 1}, CtapStatus.INVALID_PARAMETER),
        ({1: -1, 3: 0}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 3: -1}, CtapStatus.INVALID_PARAMETER),
        ({1: b"1", 3: 0}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 3: b"0"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 3: 0, 4: b"17"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 3: 0, 5: "param"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 3: 0, 6: "2"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({2: "set", 3: 0, 4: 17}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ([], CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({2: bytes(FRAGMENT + 1), 3: 0, 4: FRAGMENT + 1}, CtapStatus.INVALID_LENGTH),
        ({2: bytes(17), 3: 0}, CtapStatus.INVALID_PARAMETER),
        ({2: bytes(16), 3: 0, 4: 16}, CtapStatus.INVALID_PARAMETER),
        ({2: bytes(17), 3: 0, 4: -1}, CtapStatus.INVALID_PARAMETER),
        ({2: bytes(17), 3: 0, 4: CAPACITY + 1}, CtapStatus.LARGE_BLOB_STORAGE_FULL),
        ({2: bytes(18), 3: 0, 4: 17}, CtapStatus.INVALID_PARAMETER),
        ({2: bytes(17), 3: 1}, CtapStatus.INVALID_SEQ),
        ({2: bytes(17), 3: 1, 4: 17}, CtapStatus.INVALID_PARAMETER),
        ({2: bytes(17), 3: 0, 4: 17}, CtapStatus.INTEGRITY_FAILURE),
    ],
)
def test_a_bad_request_is_refused_by_6_10_2_and_changes_nothing(key, parameters, status) -> None:
    before = key.snapshot()
    assert key.command(COMMAND, parameters) == (status, None)
    assert key.snapshot() == before


def test_reading_at_the_end_gives_nothing_and_across_it_what_there_is(key) -> None:
    length = len(INITIAL_LARGE_BLOB_ARRAY)
    assert key.command(COMMAND, {1: 5, 3: length})[1] == {1: b""}
    assert key.command(COMMAND, {1: 5, 3: length - 2})[1] == {1: INITIAL_LARGE_BLOB_ARRAY[-2:]}
    assert key.command(COMMAND, {1: 0, 3: 0})[1] == {1: b""}


@pytest.mark.parametrize(
    ("offset", "part", "status"),
    [
        (9, b"x", CtapStatus.INVALID_SEQ),
        (11, b"x", CtapStatus.INVALID_SEQ),
        (10, bytes(91), CtapStatus.INVALID_PARAMETER),
    ],
)
def test_a_fragment_out_of_place_is_refused_by_6_10_2(key, offset: int, part: bytes, status) -> None:
    array = serialized(bytes(84))
    assert key.command(COMMAND, fragment(0, array[:10], 100))[0] == CtapStatus.SUCCESS
    assert key.command(COMMAND, fragment(offset, part))[0] == status
    assert key.command(COMMAND, fragment(10, array[10:]))[0] == CtapStatus.SUCCESS
    assert read(key) == array


def test_a_write_that_is_not_finished_changes_nothing_and_power_ends_it(key) -> None:
    array = serialized(bytes(84))
    key.command(COMMAND, fragment(0, array[:10], 100))
    assert read(key) == INITIAL_LARGE_BLOB_ARRAY
    key.power_cycle()
    assert key.command(COMMAND, fragment(10, array[10:]))[0] == CtapStatus.INVALID_SEQ
    assert read(key) == INITIAL_LARGE_BLOB_ARRAY


def test_a_new_write_takes_the_place_of_one_that_is_not_finished(key) -> None:
    key.command(COMMAND, fragment(0, bytes(10), 100))
    array = serialized(b"\x80 other")
    assert write(key, array, 7) == [CtapStatus.SUCCESS] * 4
    assert read(key) == array


def test_a_wrong_checksum_ends_the_write_by_6_10_2(key) -> None:
    array = serialized(bytes(84))
    key.command(COMMAND, fragment(0, array[:10], 100))
    assert key.command(COMMAND, fragment(10, array[10:-1] + b"!"))[0] == CtapStatus.INTEGRITY_FAILURE
    assert key.command(COMMAND, fragment(10, array[10:]))[0] == CtapStatus.INVALID_SEQ


def test_a_protected_key_wants_a_token_for_every_fragment_by_6_10_2(protected) -> None:
    token, array = protected.token(LBW, None), serialized(bytes(84))
    good = fragment(0, array, 100, token)
    without_protocol = {number: value for number, value in good.items() if number != 6}
    for asked, status in (
        (fragment(0, array, 100), CtapStatus.PUAT_REQUIRED),
        (without_protocol, CtapStatus.MISSING_PARAMETER),
        (good | {6: 3}, CtapStatus.INVALID_PARAMETER),
        (good | {6: 1}, CtapStatus.PIN_AUTH_INVALID),
        (good | {5: bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        (good | {2: array[:-1]}, CtapStatus.PIN_AUTH_INVALID),
        (fragment(0, array, 100, protected.token(MC)), CtapStatus.PIN_AUTH_INVALID),
        (good, CtapStatus.PIN_AUTH_INVALID),  # another token has been given out
    ):
        assert protected.command(COMMAND, asked)[0] == status
    assert read(protected) == INITIAL_LARGE_BLOB_ARRAY
    assert write(protected, array, 30, protected.token(LBW, None)) == [CtapStatus.SUCCESS] * 4
    assert read(protected) == array


def test_a_token_may_still_write_after_it_made_a_credential_by_6_5_5_7(protected) -> None:
    token = protected.token(MC | LBW)
    protected.made(rk=True, token=token, extensions={"largeBlobKey": True})
    assert protected.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    assert write(protected, serialized(b"\x80"), token=token) == [CtapStatus.SUCCESS]


@settings(max_examples=50, deadline=None)
@given(content=st.binary(min_size=1, max_size=3000), size=st.integers(50, FRAGMENT))
def test_any_array_is_read_back_as_written_whatever_the_fragments(
    make_key, content: bytes, size: int
) -> None:
    key, array = make_key(BLOBS), serialized(content)
    assert set(write(key, array, size)) == {CtapStatus.SUCCESS}
    answers = [key.command(COMMAND, {1: size, 3: at})[1][1] for at in range(0, len(array) + 1, size)]
    assert b"".join(answers) == array


def test_another_command_ends_a_write_that_is_not_finished(key) -> None:
    """§6, stateful commands."""
    array = serialized(bytes(84))
    key.command(COMMAND, fragment(0, array[:10], 100))
    key.command(0x04)
    assert key.command(COMMAND, fragment(10, array[10:]))[0] == CtapStatus.INVALID_SEQ
    assert read(key) == INITIAL_LARGE_BLOB_ARRAY
