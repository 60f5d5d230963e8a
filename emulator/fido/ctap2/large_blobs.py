"""authenticatorLargeBlobs (CTAP 2.3 §6.10): the large-blob array, read and written in fragments."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from emulator.fido.ctap2.parameters import optional, parameters
from emulator.fido.ctap2.verification import authorize
from emulator.fido.session import LargeBlobsWrite, Permission
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus

GET = 0x01
SET = 0x02
OFFSET = 0x03
LENGTH = 0x04
PIN_UV_AUTH_PARAM = 0x05
PIN_UV_AUTH_PROTOCOL = 0x06

CONFIG = 0x01

CHECKSUM_LENGTH = 16
SHORTEST_ARRAY = 1 + CHECKSUM_LENGTH
FRAME_LENGTH = 64
"""Bytes of a message that a fragment leaves to all the rest (§6.10, maxFragmentLength)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """§6.10, the parameters; ``get`` is how many bytes to read, ``set`` a fragment to write."""

    get: int | None
    set: bytes | None
    offset: int
    length: int | None
    pin_uv_auth_param: bytes | None
    pin_uv_auth_protocol: int | None

    @classmethod
    def parse(cls, data: Any) -> Request:
        data = parameters(data)
        offset = optional(data, OFFSET, int)
        get, fragment = optional(data, GET, int), optional(data, SET, bytes)
        length = optional(data, LENGTH, int)
        negative = any(number is not None and number < 0 for number in (offset, get, length))
        if offset is None or negative or (get is None) == (fragment is None):  # §6.10.2 steps 1 to 3
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        return cls(
            get=get,
            set=fragment,
            offset=offset,
            length=length,
            pin_uv_auth_param=optional(data, PIN_UV_AUTH_PARAM, bytes),
            pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
        )


def run(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any] | None:
    """A fragment of the array, or nothing for one that was taken."""
    if request.get is not None:
        return {CONFIG: _read(state, request, request.get)}
    assert request.set is not None, "parse() lets one of the two through"
    _write(state, request, request.set, now)
    return None


def _read(state: AuthenticatorState, request: Request, get: int) -> bytes:
    """§6.10.2 step 4; anyone may."""
    authenticated = request.pin_uv_auth_param is not None or request.pin_uv_auth_protocol is not None
    if request.length is not None or authenticated:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    _check_fragment_length(state, get)
    array = state.store.large_blob_array
    if request.offset > len(array):
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    return array[request.offset : request.offset + get]


def _write(state: AuthenticatorState, request: Request, fragment: bytes, now: float) -> None:
    """§6.10.2 step 5; the array is replaced when the last fragment has come and the checksum is right."""
    _check_fragment_length(state, len(fragment))  # Step 5.1
    write = _begun(state, request)  # Steps 5.2 and 5.3
    if request.offset != len(write.received):  # Step 5.4
        raise CtapError(CtapStatus.INVALID_SEQ)
    if state.protected or state.always_uv:  # Step 5.5
        offset, digest = request.offset.to_bytes(4, "little"), sha256(fragment).digest()
        message = b"\xff" * 32 + b"\x0c\x00" + offset + digest
        param, protocol = request.pin_uv_auth_param, request.pin_uv_auth_protocol
        authorize(state, Permission.LBW, message, param, protocol, now)
    received = write.received + fragment
    if len(received) > write.expected_length:  # Step 5.6
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    if len(received) < write.expected_length:  # Steps 5.7 to 5.10
        state.session.large_blobs_write = LargeBlobsWrite(
            expected_length=write.expected_length, received=received
        )
        return
    state.session.large_blobs_write = None
    array, checksum = received[:-CHECKSUM_LENGTH], received[-CHECKSUM_LENGTH:]
    if not hmac.compare_digest(sha256(array).digest()[:CHECKSUM_LENGTH], checksum):
        raise CtapError(CtapStatus.INTEGRITY_FAILURE)
    state.store.set_large_blob_array(received)


def _begun(state: AuthenticatorState, request: Request) -> LargeBlobsWrite:
    """The write that the fragment belongs to: a new one at offset zero, which names the length."""
    if request.offset:
        if request.length is not None:
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        return state.session.large_blobs_write or LargeBlobsWrite(expected_length=0, received=b"")
    if request.length is None:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    if request.length > state.profile.max_large_blob_array:
        raise CtapError(CtapStatus.LARGE_BLOB_STORAGE_FULL)
    if request.length < SHORTEST_ARRAY:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    return LargeBlobsWrite(expected_length=request.length, received=b"")


def _check_fragment_length(state: AuthenticatorState, length: int) -> None:
    if length > state.profile.max_message_size - FRAME_LENGTH:
        raise CtapError(CtapStatus.INVALID_LENGTH)
