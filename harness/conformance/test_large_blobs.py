"""authenticatorLargeBlobs: the large-blob array, read and written in fragments (CTAP 2.3 §6.10)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from fido2 import cbor

from harness.conformance.owner import Owner
from harness.conformance.pin import LBW, MC
from harness.conformance.probe import CMD, ERR, Answer, Probe

pytestmark = [pytest.mark.needs("largeBlobs"), pytest.mark.touches(0)]

WRITES = pytest.mark.destructive("sets a PIN where there is none, and overwrites the large blobs")

GET, SET, OFFSET, LENGTH, PARAM, PROTOCOL = 1, 2, 3, 4, 5, 6
CHECKSUM_LENGTH = 16
FRAME_LENGTH = 64
"""Bytes of a message that a fragment leaves to all the rest."""


class Blobs:
    """The large-blob array of the key under test; written for ``owner``, or for nobody."""

    def __init__(self, probe: Probe, owner: Owner | None = None) -> None:
        self.probe = probe
        self.owner = owner
        self.max_fragment: int = probe.info.get(5, 1024) - FRAME_LENGTH

    def command(self, members: dict[int, Any]) -> Answer:
        return self.probe.cbor(CMD.LARGE_BLOBS, members)

    def read(self, *, size: int | None = None) -> bytes:
        """All of it, in fragments of ``size`` bytes."""
        whole, size = b"", size or self.max_fragment
        while True:
            fragment: bytes = self.command({GET: size, OFFSET: len(whole)}).succeeded()[1]
            assert len(fragment) <= size, f"{len(fragment)} bytes came where {size} were asked for"
            whole += fragment
            if len(fragment) < size:
                return whole

    def write(self, array: bytes, *, size: int | None = None, token: bytes | None = None) -> Answer:
        """All of ``array``, in fragments of ``size`` bytes; the answer to the last, or the first refusal."""
        size = size or self.max_fragment
        if self.owner is not None and token is None:
            token = self.owner.token(LBW)
        for offset in range(0, len(array), size):
            answer = self.put(array[offset : offset + size], offset, len(array), token)
            if answer.status:
                break
        return answer

    def put(self, fragment: bytes, offset: int, length: int, token: bytes | None) -> Answer:
        """One fragment of an array of ``length`` bytes, which the first one says."""
        members: dict[int, Any] = {SET: fragment, OFFSET: offset}
        if not offset:
            members[LENGTH] = length
        if token is not None:
            assert self.owner is not None
            param = self.owner.auth.authenticate(token, _signed(fragment, offset))
            members |= {PARAM: param, PROTOCOL: self.owner.auth.version}
        return self.command(members)


def _signed(fragment: bytes, offset: int) -> bytes:
    """What a fragment's pinUvAuthParam is made over (§6.10.2 step 5.5)."""
    return b"\xff" * 32 + b"\x0c\x00" + offset.to_bytes(4, "little") + sha256(fragment).digest()


def _array(*blobs: Any) -> bytes:
    """A serialized large-blob array: CBOR and the beginning of its SHA-256."""
    encoded = cbor.encode(list(blobs))
    return encoded + sha256(encoded).digest()[:CHECKSUM_LENGTH]


def _blob(mark: int, length: int = 400) -> dict[int, Any]:
    return {1: bytes((mark,)) * length, 2: bytes(12), 3: length}


@pytest.fixture
def blobs(probe: Probe) -> Blobs:
    return Blobs(probe)


@pytest.fixture
def written(probe: Probe, owner: Owner) -> Iterator[Blobs]:
    """The array as its owner writes it; afterwards it is what it was."""
    blobs = Blobs(probe, owner)
    before = blobs.read()
    yield blobs
    blobs.write(before)


# Reading.


@pytest.mark.spec("BLOBS-GET-01", "CTAP 2.3 §6.10")
@pytest.mark.catches("blobs-checksum-wrong")
def test_array_has_its_checksum(blobs: Blobs) -> None:
    """Anyone may read the array; it ends with the first 16 bytes of the SHA-256 of the rest.

    By them a platform sees that a write was interrupted.
    """
    whole = blobs.read()
    assert sha256(whole[:-CHECKSUM_LENGTH]).digest()[:CHECKSUM_LENGTH] == whole[-CHECKSUM_LENGTH:]


@pytest.mark.spec("BLOBS-GET-02", "CTAP 2.3 §6.10.2 step 4")
@pytest.mark.catches("blobs-offset-ignored")
def test_array_is_read_in_fragments(blobs: Blobs) -> None:
    """The array is the same in whatever fragments it is read."""
    whole = blobs.command({GET: 17, OFFSET: 0}).succeeded()[1]
    parts = [blobs.command({GET: 7, OFFSET: offset}).succeeded()[1] for offset in (0, 7, 14)]
    assert b"".join(parts)[:17] == whole


@pytest.mark.spec("BLOBS-GET-03", "CTAP 2.3 §6.10.2 step 4")
@pytest.mark.catches("blobs-end-refused")
def test_nothing_at_the_end(blobs: Blobs) -> None:
    """At its end nothing is left to read, which is no error: so a platform finds the end."""
    end = len(blobs.read(size=blobs.max_fragment))
    assert blobs.command({GET: 16, OFFSET: end}).succeeded()[1] == b""


@pytest.mark.spec("BLOBS-GET-04", "CTAP 2.3 §6.10.2 step 4")
@pytest.mark.catches("blobs-beyond-the-end", "blobs-refusals-unnamed")
def test_beyond_the_end(blobs: Blobs) -> None:
    """An offset beyond the end is refused with INVALID_PARAMETER."""
    blobs.command({GET: 1, OFFSET: len(blobs.read()) + 1}).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("BLOBS-GET-05", "CTAP 2.3 §6.10.2 step 4")
@pytest.mark.catches("blobs-any-fragment")
def test_fragment_that_no_message_holds(blobs: Blobs) -> None:
    """More than maxFragmentLength, maxMsgSize less 64, is not read at once: INVALID_LENGTH."""
    blobs.command({GET: blobs.max_fragment + 1, OFFSET: 0}).refused(ERR.INVALID_LENGTH)


# Requests that are none.


_NO_REQUESTS: list[tuple[str, dict[int, Any]]] = [
    ("no offset", {GET: 1}),
    ("neither get nor set", {OFFSET: 0}),
    ("get and set", {GET: 1, SET: b"x", OFFSET: 0, LENGTH: 17}),
    ("get and length", {GET: 1, OFFSET: 0, LENGTH: 17}),
    ("get and pinUvAuthParam", {GET: 1, OFFSET: 0, PARAM: bytes(32)}),
    ("get and pinUvAuthProtocol", {GET: 1, OFFSET: 0, PROTOCOL: 1}),
    ("first fragment, no length", {SET: bytes(17), OFFSET: 0}),
    ("first fragment, length under 17", {SET: bytes(16), OFFSET: 0, LENGTH: 16}),
    ("later fragment, length", {SET: bytes(17), OFFSET: 17, LENGTH: 34}),
]


@pytest.mark.catches("blobs-refusals-unnamed")
@pytest.mark.parametrize(
    "members",
    [
        pytest.param(
            members,
            id=name,
            marks=pytest.mark.spec(f"BLOBS-REQUEST-{number:02}", f"CTAP 2.3 §6.10.2, {name}"),
        )
        for number, (name, members) in enumerate(_NO_REQUESTS, start=1)
    ],
)
def test_request_that_is_none(blobs: Blobs, members: dict[int, Any]) -> None:
    """A request that is neither a read nor a write is refused with INVALID_PARAMETER."""
    blobs.command(members).refused(ERR.INVALID_PARAMETER)


# Writing.


@pytest.mark.spec("BLOBS-SET-01", "CTAP 2.3 §6.10.2 step 5")
@WRITES
@pytest.mark.catches("blobs-not-kept")
def test_write_at_once(written: Blobs) -> None:
    """An array that was written in one fragment is there to read."""
    array = _array(_blob(1))
    written.write(array).succeeded()
    assert written.read() == array


@pytest.mark.spec("BLOBS-SET-02", "CTAP 2.3 §6.10.2 step 5")
@WRITES
@pytest.mark.catches("blobs-in-one-piece", "blobs-not-kept")
def test_write_in_fragments(written: Blobs) -> None:
    """An array that was written in several fragments is there to read."""
    array = _array(_blob(1), _blob(2))
    written.write(array, size=200).succeeded()
    assert written.read() == array


@pytest.mark.spec("BLOBS-SET-03", "CTAP 2.3 §6.10")
@WRITES
@pytest.mark.catches("blobs-not-kept", "blobs-over-the-size")
def test_greatest_array(written: Blobs) -> None:
    """An array of maxSerializedLargeBlobArray bytes is taken, and none that is longer."""
    most = written.probe.info[0x0B]
    array = _array(b"\x00" * (most - CHECKSUM_LENGTH - 4))
    assert len(array) == most
    written.write(array).succeeded()
    assert written.read() == array
    written.write(_array(b"\x00" * (most - CHECKSUM_LENGTH - 3))).refused(ERR.LARGE_BLOB_STORAGE_FULL)


@pytest.mark.spec("BLOBS-SET-04", "CTAP 2.3 §6.10.2 step 5.8")
@WRITES
@pytest.mark.catches("blobs-checksum-unchecked")
def test_wrong_checksum(written: Blobs) -> None:
    """An array that its checksum does not fit is refused with INTEGRITY_FAILURE, and the old one stays."""
    array = _array(_blob(1))
    written.write(array).succeeded()
    garbled = _array(_blob(2))[:-1] + b"?"
    written.write(garbled).refused(ERR.INTEGRITY_FAILURE)
    assert written.read() == array


@pytest.mark.spec("BLOBS-SET-05", "CTAP 2.3 §6.10.2 step 5.4")
@WRITES
@pytest.mark.catches("blobs-offset-unchecked")
@pytest.mark.parametrize("offset", [100, 300], ids=["overlap", "gap"])
def test_fragment_out_of_place(written: Blobs, offset: int) -> None:
    """A fragment that does not begin where the last one ended is refused with INVALID_SEQ."""
    assert written.owner is not None
    array, token = _array(_blob(1)), written.owner.token(LBW)
    written.put(array[:200], 0, len(array), token).succeeded()
    written.put(array[offset:], offset, len(array), token).refused(ERR.INVALID_SEQ)


@pytest.mark.spec("BLOBS-SET-06", "CTAP 2.3 §6.10.2 step 5.6")
@WRITES
@pytest.mark.catches("blobs-length-unchecked")
def test_more_than_was_announced(written: Blobs) -> None:
    """More bytes than the first fragment announced are refused with INVALID_PARAMETER."""
    assert written.owner is not None
    array, token = _array(_blob(1)), written.owner.token(LBW)
    written.put(array[:200], 0, len(array), token).succeeded()
    written.put(array[200:] + b"?", 200, len(array), token).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("BLOBS-SET-07", "CTAP 2.3 §6.10.2 step 5.1")
@pytest.mark.catches("blobs-any-fragment")
def test_fragment_that_is_too_long(blobs: Blobs) -> None:
    """A fragment of more than maxFragmentLength is refused with INVALID_LENGTH."""
    fragment = bytes(blobs.max_fragment + 1)
    blobs.command({SET: fragment, OFFSET: 0, LENGTH: 1024}).refused(ERR.INVALID_LENGTH)


@pytest.mark.spec("BLOBS-SET-08", "CTAP 2.3 §6.10.2 step 5")
@WRITES
@pytest.mark.catches("blobs-written-at-once")
def test_write_that_is_not_finished(written: Blobs) -> None:
    """Until the last fragment has come the old array is there.

    Whoever pulls the key out too early loses what is new, and not all that there was.
    """
    assert written.owner is not None
    old, new = _array(_blob(1)), _array(_blob(2))
    written.write(old).succeeded()
    written.put(new[:200], 0, len(new), written.owner.token(LBW)).succeeded()
    assert written.read() == old


@pytest.mark.spec("BLOBS-SET-09", "CTAP 2.3 §6, stateful commands")
@WRITES
@pytest.mark.catches("blobs-write-survives")
def test_another_command_between(written: Blobs) -> None:
    """Another command ends a write: its next fragment is refused with INVALID_SEQ."""
    assert written.owner is not None
    array, token = _array(_blob(1)), written.owner.token(LBW)
    written.put(array[:200], 0, len(array), token).succeeded()
    written.probe.cbor(CMD.GET_INFO).succeeded()
    written.put(array[200:], 200, len(array), token).refused(ERR.INVALID_SEQ)


@pytest.mark.spec("BLOBS-SET-10", "CTAP 2.3 §6.10")
@pytest.mark.needs("largeBlobs", "power-cycle")
@WRITES
@pytest.mark.catches("blobs-forgotten")
def test_array_survives_a_power_cycle(written: Blobs) -> None:
    """The array is there after a power cycle."""
    array = _array(_blob(1))
    written.write(array).succeeded()
    written.probe.power_cycle()
    assert written.read() == array


# Who may.


@pytest.mark.spec("BLOBS-TOKEN-01", "CTAP 2.3 §6.10.2 step 5.5")
@WRITES
@pytest.mark.catches("blobs-token-not-needed")
def test_write_without_the_pin(written: Blobs) -> None:
    """A key that can verify its user lets nobody write without that: PUAT_REQUIRED."""
    Blobs(written.probe).write(_array(_blob(1))).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("BLOBS-TOKEN-02", "CTAP 2.3 §6.10.2 step 5.5")
@WRITES
@pytest.mark.catches("pin-permissions-ignored")
def test_token_for_something_else(written: Blobs) -> None:
    """A token that may register may not write: PIN_AUTH_INVALID."""
    assert written.owner is not None
    token = written.owner.token(MC, "conform.example")
    written.write(_array(_blob(1)), token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("BLOBS-TOKEN-03", "CTAP 2.3 §6.10.2 step 5.5")
@WRITES
@pytest.mark.catches("blobs-content-unsigned", "pin-auth-unchecked")
@pytest.mark.parametrize(
    ("content", "offset"), [(b"something else", 0), (None, 1)], ids=["another-content", "another-place"]
)
def test_fragment_is_authenticated(written: Blobs, content: bytes | None, offset: int) -> None:
    """A pinUvAuthParam for another fragment, or another offset, is refused with PIN_AUTH_INVALID."""
    assert written.owner is not None
    auth, array = written.owner.auth, _array(_blob(1))
    param = auth.authenticate(written.owner.token(LBW), _signed(content or array, offset))
    members = {SET: array, OFFSET: 0, LENGTH: len(array), PARAM: param, PROTOCOL: auth.version}
    written.command(members).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("BLOBS-TOKEN-04", "CTAP 2.3 §6.10.2 step 5.5")
@WRITES
@pytest.mark.catches("blobs-token-always")
def test_write_where_nothing_is_set_up(probe: Probe, blobs: Blobs) -> None:
    """A key that cannot verify its user yet lets anyone write."""
    if probe.option("clientPin") or probe.option("uv") or probe.option("alwaysUv"):
        pytest.skip("needs a key that is not set up to verify its user")
    before = blobs.read()
    blobs.write(_array(_blob(1))).succeeded()
    blobs.write(before)
