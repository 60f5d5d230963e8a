"""Root without its MFA device: by e-mail and phone, in this order, within bounds (S4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.service.errors import (
    AccessDenied,
    InvalidAuthenticationCode,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from harness.service.profile import ServiceProfile
from harness.service.sessions import SessionEnded

EMAIL = "root@example.com"
SERIAL = "GAHT12345678"


@pytest.fixture
def lost(office: Any) -> Any:
    """A root user that has given its password and lacks its device; the account has a phone."""
    return lose(office)


def lose(office: Any) -> Any:
    token = office.token(SERIAL)
    root = office.in_console(office.root)
    office.identity.enable_mfa_device(root, None, SERIAL, *token.pair())
    office.identity.update_phone_number(root, "+81 (3) 1234-5678")
    return office.identity.sign_in_root(EMAIL, office.password)


def token_of_last_email(office: Any) -> str:
    message = next(message for message in office.identity.outbox() if message.kind == "email")
    return parse_qs(urlsplit(message.link).query)["token"][0]


def verify_email(office: Any, session: Any) -> None:
    office.identity.send_recovery_email(session.id)
    office.identity.verify_recovery_email(session.id, token_of_last_email(office))


def call(office: Any, session: Any) -> tuple[str, str]:
    """Have root called: the call, and the digits on the screen."""
    office.identity.call_recovery_phone(session.id)
    (call_id,) = office.identity.waiting_calls()
    return call_id, office.identity.recovery(session.id).code


def test_email_and_phone_sign_root_in_without_mfa_to_remove_the_lost_device(office: Any, lost: Any) -> None:
    state = office.identity.recovery(lost.id)
    assert (state.email, state.phone) == ("r*****@example.com", "*****5678")
    assert (state.emails, state.email_verified, state.code, state.phone_verified) == (0, False, None, False)
    verify_email(office, lost)
    call_id, code = call(office, lost)
    assert code.isdigit()
    assert len(code) == 6
    office.identity.answer_call(call_id, code)
    state = office.identity.recovery(lost.id)
    assert (state.emails, state.email_verified, state.code, state.phone_verified) == (1, True, None, True)
    session = office.identity.finish_recovery(lost.id)
    assert session.mfa_authenticated_at is None
    assert office.identity.events[-1].additional["AlternativeFactors"] == "Yes"
    office.identity.deactivate_mfa_device(office.identity.console_caller(session), None, SERIAL)
    assert office.identity.sign_in_root(EMAIL, office.password).mfa_serial_number is None
    with pytest.raises(SessionEnded):
        office.identity.recovery(lost.id)


def test_the_email_and_the_call_go_to_the_accounts_addresses(office: Any, lost: Any) -> None:
    verify_email(office, lost)
    call(office, lost)
    calls, email = office.identity.outbox()
    assert (email.kind, email.to, email.subject) == ("email", EMAIL, "AWS Email Verification")
    assert (calls.kind, calls.to, calls.link) == ("call", "+81312345678", None)
    assert email.link not in repr(email)


def test_no_step_before_the_one_before(office: Any, lost: Any) -> None:
    with pytest.raises(AccessDenied, match="First verify the e-mail"):
        office.identity.call_recovery_phone(lost.id)
    with pytest.raises(AccessDenied, match="not that of the last e-mail"):
        office.identity.verify_recovery_email(lost.id, "")
    verify_email(office, lost)
    with pytest.raises(AccessDenied, match="then the phone number"):
        office.identity.finish_recovery(lost.id)


def test_only_the_last_emails_link_counts_and_only_in_its_own_session(office: Any, lost: Any) -> None:
    office.identity.send_recovery_email(lost.id)
    first = token_of_last_email(office)
    office.identity.send_recovery_email(lost.id)
    with pytest.raises(AccessDenied):
        office.identity.verify_recovery_email(lost.id, first)
    other = office.identity.sign_in_root(EMAIL, office.password)
    with pytest.raises(AccessDenied):
        office.identity.verify_recovery_email(other.id, token_of_last_email(office))
    office.identity.verify_recovery_email(lost.id, token_of_last_email(office))
    assert not office.identity.recovery(other.id).email_verified


def test_wrong_digits_end_the_call_and_another_has_others(office: Any, lost: Any) -> None:
    verify_email(office, lost)
    call_id, code = call(office, lost)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    with pytest.raises(InvalidAuthenticationCode, match="The call has ended"):
        office.identity.answer_call(call_id, wrong)
    with pytest.raises(NoSuchEntity):
        office.identity.answer_call(call_id, code)
    again, second = call(office, lost)
    assert (again, second) != (call_id, code)
    office.identity.answer_call(again, second)
    assert office.identity.recovery(lost.id).phone_verified


@pytest.mark.parametrize("digits", ["", "é", "\ud800", "1" * 5000])
def test_digits_that_are_none_end_the_call(office: Any, lost: Any, digits: str) -> None:
    verify_email(office, lost)
    call_id, _ = call(office, lost)
    with pytest.raises(InvalidAuthenticationCode):
        office.identity.answer_call(call_id, digits)


def test_a_call_waits_so_long_and_no_longer(office: Any, lost: Any) -> None:
    verify_email(office, lost)
    call_id, code = call(office, lost)
    office.clock.advance(office.identity.profile.recovery_call_s)
    assert office.identity.waiting_calls() == set()
    assert office.identity.recovery(lost.id).code is None
    with pytest.raises(NoSuchEntity, match="No call is waiting"):
        office.identity.answer_call(call_id, code)


def test_emails_and_calls_are_counted(office: Any, lost: Any) -> None:
    for _ in range(office.identity.profile.recovery_emails):
        office.identity.send_recovery_email(lost.id)
    with pytest.raises(LimitExceeded):
        office.identity.send_recovery_email(lost.id)
    office.identity.verify_recovery_email(lost.id, token_of_last_email(office))
    for _ in range(office.identity.profile.recovery_calls):
        call(office, lost)
    with pytest.raises(LimitExceeded):
        office.identity.call_recovery_phone(lost.id)


def test_the_first_email_gives_time_for_the_rest_and_no_more(office: Any, lost: Any) -> None:
    office.identity.send_recovery_email(lost.id)
    office.clock.advance(office.identity.profile.recovery_s - 1)
    office.identity.send_recovery_email(lost.id)
    office.clock.advance(1)
    with pytest.raises(SessionEnded):
        office.identity.verify_recovery_email(lost.id, token_of_last_email(office))


def test_an_account_without_a_phone_number_cannot_be_called(office: Any) -> None:
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(office.in_console(office.root), None, SERIAL, *token.pair())
    session = office.identity.sign_in_root(EMAIL, office.password)
    verify_email(office, session)
    assert office.identity.recovery(session.id).phone is None
    with pytest.raises(InvalidInput, match="no phone number"):
        office.identity.call_recovery_phone(session.id)
    office.identity.update_phone_number(office.administrator(), "+12025550123")
    assert call(office, session)[1]


def test_iam_users_have_no_other_factors(office: Any) -> None:
    office.user("alice")
    office.token(SERIAL, "alice")
    session = office.identity.sign_in("example-corp", "alice", office.password)
    for verb in (
        office.identity.recovery,
        office.identity.send_recovery_email,
        office.identity.finish_recovery,
    ):
        with pytest.raises(AccessDenied, match="for the root user"):
            verb(session.id)


def test_support_can_turn_the_other_factors_off(open_office: Callable[..., Any]) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), alternative_factors=False))
    session = lose(office)
    with pytest.raises(AccessDenied, match="turned it off"):
        office.identity.send_recovery_email(session.id)


def test_nothing_secret_shows_in_a_repr(office: Any, lost: Any) -> None:
    verify_email(office, lost)
    _, code = call(office, lost)
    assert code not in repr(office.identity.recovery(lost.id))
    assert code not in repr(office.identity.outbox())
    assert code not in repr(list(office.identity.events))
