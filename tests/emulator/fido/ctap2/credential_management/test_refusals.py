"""Requests that credential management refuses (CTAP 2.3 §6.8)."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.fido.status import CtapStatus

MC, CM = 0x01, 0x04
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
COMMAND = 0x0A
UNKNOWN = {"id": bytes(32), "type": "public-key"}


@pytest.mark.parametrize("sub_command", [METADATA, RPS, CREDENTIALS, DELETE, UPDATE])
def test_what_is_not_authenticated_needs_a_token_by_6_8(
    filled, sub_command: int, rp_hash: Any, descriptor: Any, ids: Any
) -> None:
    before = filled.snapshot()
    params = {1: rp_hash(), 2: descriptor(ids(filled)[0]), 3: {"id": b"d"}}
    assert filled.command(COMMAND, {1: sub_command, 2: params})[0] == CtapStatus.PUAT_REQUIRED
    assert filled.command(COMMAND, {1: sub_command})[0] == CtapStatus.PUAT_REQUIRED
    assert filled.snapshot() == before


@pytest.mark.parametrize(
    ("sub_command", "params", "other", "status"),
    [
        (METADATA, None, {"_3": None}, CtapStatus.MISSING_PARAMETER),
        (METADATA, None, {"_3": 3}, CtapStatus.INVALID_PARAMETER),
        (METADATA, None, {"_4": bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        (METADATA, {1: b""}, {"_2": None}, CtapStatus.PIN_AUTH_INVALID),
        (METADATA, None, {"_1": None}, CtapStatus.MISSING_PARAMETER),
        (METADATA, None, {"_1": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_2": b"1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_3": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_4": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (0, None, {}, CtapStatus.INVALID_SUBCOMMAND),
        (8, None, {}, CtapStatus.INVALID_SUBCOMMAND),
        (CREDENTIALS, None, {}, CtapStatus.MISSING_PARAMETER),
        (CREDENTIALS, {}, {}, CtapStatus.MISSING_PARAMETER),
        (CREDENTIALS, {1: "hash"}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (CREDENTIALS, {1: bytes(32)}, {}, CtapStatus.NO_CREDENTIALS),
        (DELETE, None, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: {"type": "public-key"}}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: {"id": bytes(32)}}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: UNKNOWN}, {}, CtapStatus.NO_CREDENTIALS),
        (DELETE, {2: b"id"}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (UPDATE, {2: UNKNOWN}, {}, CtapStatus.MISSING_PARAMETER),
        (UPDATE, {2: UNKNOWN, 3: {"name": "x"}}, {}, CtapStatus.MISSING_PARAMETER),
        (UPDATE, {2: UNKNOWN, 3: {"id": b"d", "name": 7}}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (UPDATE, {2: UNKNOWN, 3: {"id": b"d"}}, {}, CtapStatus.NO_CREDENTIALS),
        (UPDATE, {3: {"id": b"d"}}, {}, CtapStatus.MISSING_PARAMETER),
    ],
)
def test_a_bad_request_is_refused_by_6_8_and_changes_nothing(
    filled, sub_command, params, other, status, asking: Any
) -> None:
    token = filled.token(CM, None)
    before = filled.snapshot()
    asked = asking(token, sub_command, params, **other)
    for member, value in other.items():
        if value is None:
            asked.pop(int(member[1:]), None)
    assert filled.command(COMMAND, asked) == (status, None)
    assert filled.snapshot() == before


def test_another_users_information_is_refused_by_6_8_6(
    filled, asking: Any, descriptor: Any, ids: Any
) -> None:
    asked = asking(
        filled.token(CM, None), UPDATE, {2: descriptor(ids(filled)[0]), 3: {"id": b"eve", "name": "Eve"}}
    )
    before = filled.snapshot()
    assert filled.command(COMMAND, asked)[0] == CtapStatus.INVALID_PARAMETER
    assert filled.snapshot() == before


def test_a_credential_of_a_type_we_do_not_know_is_not_found_by_6_8_5(
    filled, asking: Any, descriptor: Any, ids: Any
) -> None:
    asked = asking(filled.token(CM, None), DELETE, {2: descriptor(ids(filled)[0], "private-key")})
    assert filled.command(COMMAND, asked)[0] == CtapStatus.NO_CREDENTIALS


def test_a_token_without_the_permission_is_refused_by_6_8(filled, rp_hash: Any, asking: Any) -> None:
    asked = asking(filled.token(MC), CREDENTIALS, {1: rp_hash()})  # bound to the right relying party
    assert filled.command(COMMAND, asked)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_that_has_run_out_is_refused_by_6_5_2_1(filled, asking: Any) -> None:
    token = filled.token(CM, None)
    filled.now += 29
    assert filled.command(COMMAND, asking(token, METADATA))[0] == CtapStatus.SUCCESS
    filled.now += 580
    assert filled.command(COMMAND, asking(token, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    unused = filled.token(CM, None)
    filled.now += 30
    assert filled.command(COMMAND, asking(unused, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_for_one_relying_party_sees_and_changes_only_its_credentials_by_6_8(
    filled, rp_hash: Any, asking: Any, descriptor: Any, ids: Any
) -> None:
    token = filled.token(CM, "example.com")
    own, others = ids(filled)[0], ids(filled, "example.org")[0]
    refused = [
        asking(token, METADATA),
        asking(token, RPS),
        asking(token, CREDENTIALS, {1: rp_hash("example.org")}),
        asking(token, DELETE, {2: descriptor(others)}),
        asking(token, UPDATE, {2: descriptor(others), 3: {"id": b"b"}}),
        asking(token, DELETE, {2: descriptor(bytes(32))}),
    ]
    before = filled.snapshot()
    assert {filled.command(COMMAND, asked)[0] for asked in refused} == {CtapStatus.PIN_AUTH_INVALID}
    assert filled.snapshot() == before
    for asked in (
        asking(token, CREDENTIALS, {1: rp_hash()}),
        asking(token, UPDATE, {2: descriptor(own), 3: {"id": b"d"}}),
        asking(token, DELETE, {2: descriptor(own)}),
    ):
        assert filled.command(COMMAND, asked)[0] == CtapStatus.SUCCESS
