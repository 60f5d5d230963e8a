"""Enumerations go on only in turn (CTAP 2.3 §6, §6.8.3, §6.8.4)."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.fido.status import CtapStatus

CM = 0x04
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
COMMAND = 0x0A


def test_what_goes_on_must_have_begun_by_6_8_3_and_6_8_4(filled) -> None:
    for sub_command in (NEXT_RP, NEXT_CREDENTIAL):
        assert filled.command(COMMAND, {1: sub_command})[0] == CtapStatus.NOT_ALLOWED


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        (0x04, None),
        (0x08, None),
        (COMMAND, {1: NEXT_CREDENTIAL}),
        (COMMAND, {1: METADATA}),
        (COMMAND, {1: 99}),
        (COMMAND, {}),
        (0x55, None),
    ],
)
def test_any_other_command_ends_an_enumeration_by_6(begin, filled, code: int, parameters) -> None:
    begin()
    filled.command(code, parameters)
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_relying_parties_do_not_go_on_as_credentials_nor_the_other_way_by_6_8(
    begin, filled, rp_hash: Any, asking: Any
) -> None:
    begin()
    assert filled.command(COMMAND, {1: NEXT_CREDENTIAL})[0] == CtapStatus.NOT_ALLOWED
    asked = asking(filled.token(CM, None), CREDENTIALS, {1: rp_hash()})
    assert filled.command(COMMAND, asked)[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_an_enumeration_ends_with_its_last_answer_its_time_and_its_token_by_6(
    begin, filled, asking: Any
) -> None:
    begin()
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED
    begin()
    filled.now += 30.001
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED
    token = filled.token(CM, None)
    for _ in range(23):
        filled.now += 26
        assert filled.command(COMMAND, asking(token, RPS))[0] == CtapStatus.SUCCESS
    filled.now += 2
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_a_power_cycle_ends_an_enumeration_by_6(begin, filled) -> None:
    begin()
    filled.power_cycle()
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_an_enumeration_is_not_a_next_assertion(begin, filled) -> None:
    begin()
    assert filled.command(0x08)[0] == CtapStatus.NOT_ALLOWED
    filled.get()
    assert filled.command(COMMAND, {1: NEXT_CREDENTIAL})[0] == CtapStatus.NOT_ALLOWED
