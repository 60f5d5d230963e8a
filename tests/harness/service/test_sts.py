"""STS: sessions with a TOTP code or without, never with a security key, never from a session."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.service.errors import AccessDenied, InvalidClientTokenId, ValidationError
from harness.service.profile import ServiceProfile
from harness.service.sign_in import MfaRefused

SERIAL = "GAHT12345678"
WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
WRONG_SERIAL = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is "
    "valid and associated with this user."
)


def denied(text: str) -> Any:
    return pytest.raises(AccessDenied, match=f"{re.escape(text)}$")


@pytest.fixture
def alice(office: Any) -> Any:
    return office.user("alice", office.policy("*"))


def test_a_code_gives_a_session_with_mfa(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    session = office.identity.get_session_token(alice, None, SERIAL, token.code())
    assert session.expires_at == office.clock() + 43_200
    caller = office.identity.caller_for_access_key(session.id, session.token)
    assert caller.mfa_authenticated_at == office.clock()
    assert [user.name for user in office.identity.list_users(caller)] == ["alice"]


def test_without_a_code_the_session_has_no_mfa_whatever_devices_there_are(office: Any, alice: Any) -> None:
    office.token(SERIAL, "alice")
    assert office.identity.get_session_token(alice).mfa_authenticated_at is None


@pytest.mark.parametrize("duration_s", [900, 3_600, 129_600])
def test_a_session_lasts_as_long_as_was_asked(office: Any, alice: Any, duration_s: int) -> None:
    session = office.identity.get_session_token(alice, duration_s)
    assert session.expires_at == office.clock() + duration_s


@pytest.mark.parametrize("duration_s", [899, 129_601, 0, -1])
def test_a_duration_out_of_range_is_refused(office: Any, alice: Any, duration_s: int) -> None:
    with pytest.raises(ValidationError, match="'durationSeconds' failed to satisfy constraint"):
        office.identity.get_session_token(alice, duration_s)


@pytest.mark.parametrize(("asked", "given"), [(None, 3_600), (7_200, 3_600), (900, 900)])
def test_roots_session_lasts_an_hour_at_most(office: Any, asked: int | None, given: int) -> None:
    session = office.identity.get_session_token(office.root, asked)
    assert session.expires_at == office.clock() + given


def test_a_used_code_is_refused_across_console_and_sts(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.code_sign_in("alice", token)
    with denied(WRONG_CODE):
        office.identity.get_session_token(alice, None, SERIAL, token.code())
    assert office.identity.events[-1].additional["diagnosis"] == "code already used"
    office.clock.advance(30)
    office.identity.get_session_token(alice, None, SERIAL, token.code())
    with pytest.raises(MfaRefused):
        office.code_sign_in("alice", token)


@pytest.mark.parametrize("code", ["000000", "", "12345", "abcdef"])
def test_a_wrong_code_is_refused(office: Any, alice: Any, code: str) -> None:
    office.token(SERIAL, "alice")
    with denied(WRONG_CODE):
        office.identity.get_session_token(alice, None, SERIAL, code)


def test_a_device_that_is_not_the_users_is_refused_in_other_words(office: Any, alice: Any) -> None:
    office.user("bob")
    bobs = office.token("GAHT87654321", "bob")
    spare = office.token("GAHT00000000")
    for serial_number, token in (("GAHT87654321", bobs), ("GAHT00000000", spare), ("ABCD12345678", bobs)):
        with denied(WRONG_SERIAL):
            office.identity.get_session_token(alice, None, serial_number, token.code())


def test_a_security_key_cannot_be_used(office: Any, alice: Any, software_key: Callable[..., Any]) -> None:
    key = office.register(office.in_console(alice), None, "key", software_key())
    with denied(WRONG_SERIAL):
        office.identity.get_session_token(alice, None, key.serial_number, "123456")


def test_a_serial_number_needs_a_code_and_a_code_a_serial_number(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    for serial_number, code in ((SERIAL, None), (None, token.code())):
        with pytest.raises(AccessDenied, match="must provide both"):
            office.identity.get_session_token(alice, None, serial_number, code)


def test_a_session_gives_no_session(office: Any, alice: Any) -> None:
    session = office.identity.get_session_token(alice)
    caller = office.identity.caller_for_access_key(session.id, session.token)
    with denied("Cannot call GetSessionToken with session credentials"):
        office.identity.get_session_token(caller)


def test_refused_codes_count_towards_the_lockout_and_a_locked_out_user_gets_no_session(
    office: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    for number in range(10):
        with denied(WRONG_CODE):
            office.identity.get_session_token(alice, None, SERIAL, f"{number:06}")
    with denied(WRONG_CODE):
        office.identity.get_session_token(alice, None, SERIAL, token.code())
    assert "locked out" in office.identity.events[-1].additional["diagnosis"]
    with pytest.raises(MfaRefused):
        office.code_sign_in("alice", token)
    office.clock.advance(300)
    office.identity.get_session_token(alice, None, SERIAL, token.code())


def test_no_permission_is_needed_and_whether_a_deny_counts_is_the_profiles(
    open_office: Callable[..., Any],
) -> None:
    for deny_blocks in (False, True):
        profile = replace(ServiceProfile.load(), deny_blocks_get_session_token=deny_blocks)
        office = open_office(profile=profile)
        office.identity.get_session_token(office.user("alice"))
        bob = office.user("bob", office.policy("*", effect="Deny"))
        if deny_blocks:
            with pytest.raises(AccessDenied, match="with an explicit deny"):
                office.identity.get_session_token(bob)
        else:
            office.identity.get_session_token(bob)
        office.identity.get_session_token(office.root)


def test_a_user_deleted_meanwhile_gets_no_session(office: Any) -> None:
    bob = office.user("bob", password=False)
    [key] = office.identity.list_access_keys(office.root, "bob")
    office.identity.delete_access_key(office.root, "bob", key.id)
    office.identity.delete_user(office.root, "bob")
    with pytest.raises(InvalidClientTokenId):
        office.identity.get_session_token(bob)


def test_everyone_may_ask_who_they_are(office: Any) -> None:
    bob = office.user("bob")
    who = office.identity.get_caller_identity(bob)
    assert (who.account, who.arn, who.user_id) == ("123456789012", bob.arn, bob.user.user_id)
    assert office.identity.get_caller_identity(office.root).arn == "arn:aws:iam::123456789012:root"
