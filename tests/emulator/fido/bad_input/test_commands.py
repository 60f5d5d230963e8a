"""Commands and subcommands unheard of, and messages of a wrong length (CTAP 2.3 §6, §8)."""

from __future__ import annotations

from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2

from emulator.fido.status import CtapStatus
from emulator.profile import Profile, profile_names

S = CtapStatus


@pytest.mark.parametrize("code", [0x04, 0x07, 0x08, 0x0B])
def test_a_command_without_parameters_takes_none_by_8(make_key, full: Profile, code: int) -> None:
    assert make_key(full).send(bytes((code,)) + b"\xa0") == bytes((S.INVALID_LENGTH,))


def test_a_message_that_is_empty_or_too_long_is_refused_by_8(make_key, full: Profile) -> None:
    assert make_key(full).send(b"") == bytes((S.INVALID_LENGTH,))
    assert make_key("ctap21").send(b"\x01" + bytes(1200)) == bytes((S.REQUEST_TOO_LARGE,))


@pytest.mark.parametrize("name", profile_names())
def test_commands_unheard_of_are_refused_by_8_1(make_key, name: str) -> None:
    key = make_key(name)
    known = {0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x40, 0x41}
    for code in set(range(256)) - (known if key.profile.ctap2 else set()):
        assert key.send(bytes((code,)) + b"\xa0") == bytes((S.INVALID_COMMAND,))


@pytest.mark.parametrize(
    ("code", "member", "known", "status", "more"),
    [
        pytest.param(0x06, 2, range(1, 10), S.INVALID_SUBCOMMAND, {1: 2}, id="§6.5.5 clientPIN"),
        pytest.param(0x09, 2, range(1, 8), S.INVALID_SUBCOMMAND, {1: 1}, id="§6.7 bioEnrollment"),
        pytest.param(0x40, 2, range(1, 8), S.INVALID_SUBCOMMAND, {1: 1}, id="§6.12 its preview"),
        pytest.param(0x0A, 1, range(1, 8), S.INVALID_SUBCOMMAND, {}, id="§6.8 credentialManagement"),
        pytest.param(0x41, 1, range(1, 7), S.INVALID_SUBCOMMAND, {}, id="§6.13 its preview"),
        pytest.param(0x0D, 1, range(1, 5), S.INVALID_PARAMETER, {}, id="§6.11 authenticatorConfig"),
    ],
)
def test_subcommands_unheard_of_are_refused(platform, code, member, known, status, more) -> None:
    unknown = {-1, 0, *range(1, 20), 0xFF, 256, 2**64 - 1} - set(known)
    if code == 0x06:
        unknown |= {8}
    for sub_command in unknown:
        assert platform.key.command(code, {member: sub_command} | more)[0] == status


def test_a_modality_unheard_of_is_refused_by_6_7(platform: Any) -> None:
    for modality in (0, 2, -1):
        assert platform.key.command(0x09, {1: modality, 2: 7})[0] == S.INVALID_PARAMETER


def test_python_fido2_names_each_refusal(platform: Any) -> None:
    with pytest.raises(CtapError, match="PUAT_REQUIRED"):
        Ctap2(platform.key).credential_mgmt(1)
