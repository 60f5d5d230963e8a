"""Faults of makeCredential (CTAP 2.3 §6.1)."""

from __future__ import annotations

from emulator.faults.fault import Fault, Layer
from emulator.faults.wiring import Members, on_answer, on_auth_data, on_request
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand

_MAKE = CtapCommand.MAKE_CREDENTIAL
_EXCLUDE_LIST, _AUTH_DATA = 0x05, 0x02


def _flipped(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes((data[place] ^ bits,)) + data[place + 1 :]


def _without(members: Members, member: int) -> Members:
    return {number: value for number, value in members.items() if number != member}


FAULTS = (
    Fault(
        name="mc-rp-id-hash-wrong",
        layer=Layer.MEANING,
        sentence="signs for another relying party than it was asked to",
        caught_by="the relying party, which compares rpIdHash with its own",
        commands=on_auth_data(_MAKE, change=lambda data: _flipped(data, 0, 0xFF)),
    ),
    Fault(
        name="mc-up-not-set",
        layer=Layer.MEANING,
        sentence="leaves the UP flag away after a touch",
        caught_by="the relying party, which demands user presence",
        commands=on_auth_data(_MAKE, change=lambda data: _flipped(data, 32, 0x01)),
    ),
    Fault(
        name="mc-exclude-list-ignored",
        layer=Layer.MEANING,
        sentence="registers again with a relying party that excluded its credential",
        caught_by="the relying party: one key is registered twice for a user",
        commands=on_request(_MAKE, lambda members: _without(members, _EXCLUDE_LIST)),
    ),
    Fault(
        name="mc-auth-data-missing",
        layer=Layer.CBOR,
        sentence="answers without authData",
        caught_by="the client, by the missing member",
        commands=on_answer(_MAKE, lambda members: _without(members, _AUTH_DATA)),
    ),
    Fault(
        name="mc-trailing-bytes",
        layer=Layer.CBOR,
        sentence="sends bytes after the CBOR of its answer",
        caught_by="the client, whose decoder takes one value and no more",
        commands=on_answer(_MAKE, lambda members: cbor.encode(members) + b"\x00"),
    ),
)
