"""The second page, with a token: its codes count once, and who tries too many is locked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.profile import ServiceProfile
from harness.service.sessions import SessionEnded
from harness.service.sign_in import MfaRefused

SERIAL = "GAHT12345678"


def test_with_a_device_the_password_leads_to_the_second_page_and_a_code_signs_in(
    office: Any, begin: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    assert [device.serial_number for device in office.identity.mfa_methods(awaiting)] == [SERIAL]
    session = office.identity.present_code(awaiting.id, token.code())
    assert session.mfa_authenticated_at == office.clock()
    assert session.mfa_serial_number == SERIAL
    assert office.identity.console_caller(session).mfa_authenticated_at == office.clock()
    more = office.identity.events[-1].additional
    assert (more["MFAUsed"], more["MFAIdentifier"]) == ("Yes", SERIAL)


def test_the_session_signed_in_has_another_id_and_the_first_is_void(
    office: Any, begin: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    session = office.identity.present_code(awaiting.id, token.code())
    assert session.id != awaiting.id
    with pytest.raises(SessionEnded):
        office.identity.session(awaiting.id)
    office.clock.advance(60)
    with pytest.raises(SessionEnded):
        office.identity.present_code(awaiting.id, token.code())
    with pytest.raises(SessionEnded):
        office.identity.present_code(session.id, token.code())


@pytest.mark.parametrize("code", ["000000", "", "12345", "1234567", "abcdef", "１２３４５６", "\udcff" * 6])
def test_a_wrong_code_is_refused_and_counted(
    office: Any, begin: Any, refuse: Any, alice: Any, code: str
) -> None:
    office.token(SERIAL, "alice")
    awaiting = begin(office)
    refused = refuse(office, awaiting, code)
    assert not refused.offer_resync
    assert refused.diagnosis in ("wrong code", "malformed code")
    assert office.identity.session(awaiting.id).failures == 1
    assert refused.diagnosis not in str(refused)


def test_a_used_code_is_refused_in_every_session(office: Any, begin: Any, refuse: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    first, second = begin(office), begin(office)
    office.identity.present_code(first.id, token.code())
    assert refuse(office, second, token.code()).diagnosis == "code already used"


def test_the_codes_of_enrolment_do_not_sign_in(office: Any, begin: Any, refuse: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    assert refuse(office, awaiting, token.code(-1)).diagnosis == "code already used"
    assert refuse(office, awaiting, token.code(-2)).diagnosis == "code 60 s old"


def test_the_age_of_a_code_is_for_the_log_alone(office: Any, begin: Any, refuse: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.clock.advance(300)
    code = token.code()
    office.clock.advance(61)
    refused = refuse(office, begin(office), code)
    assert refused.diagnosis == "code 61 s old"
    assert "61" not in str(refused)
    assert office.identity.events[-1].additional["diagnosis"] == "code 61 s old"


def test_another_users_code_is_refused(office: Any, begin: Any, refuse: Any, alice: Any) -> None:
    office.user("bob")
    office.token(SERIAL, "alice")
    bobs = office.token("GAHT87654321", "bob")
    awaiting = begin(office)
    refuse(office, awaiting, bobs.code())
    refuse(office, awaiting, bobs.code(), "GAHT87654321")
    office.identity.present_code(begin(office, "bob").id, bobs.code())


def test_any_of_several_devices_signs_in_and_a_named_one_only_by_its_own_code(
    office: Any, begin: Any, refuse: Any, alice: Any
) -> None:
    one, two = office.token(SERIAL, "alice"), office.token("GAHT87654321", "alice")
    refuse(office, begin(office), two.code(), one.serial_number)
    session = office.identity.present_code(begin(office).id, two.code())
    assert session.mfa_serial_number == two.serial_number
    session = office.identity.present_code(begin(office).id, one.code(), one.serial_number)
    assert session.mfa_serial_number == one.serial_number


def test_resync_is_offered_after_three_refusals_in_a_row(
    office: Any, begin: Any, refuse: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    assert [refuse(office, awaiting).offer_resync for _ in range(4)] == [False, False, True, True]
    assert begin(office).failures == 4
    office.identity.present_code(begin(office).id, token.code())
    assert begin(office).failures == 0


def test_too_many_refusals_lock_mfa_out_in_every_session_and_at_sts(
    office: Any, begin: Any, refuse: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    for number in range(10):
        refuse(office, begin(office), f"{number:06}")
    refused = refuse(office, begin(office), token.code())
    assert refused.diagnosis == "locked out after too many failures"
    office.clock.advance(300)
    office.identity.present_code(begin(office).id, token.code())


def test_the_second_page_does_not_wait_for_ever(office: Any, begin: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    office.clock.advance(900)
    with pytest.raises(SessionEnded):
        office.identity.present_code(awaiting.id, token.code())


def test_a_device_taken_away_meanwhile_does_not_sign_in(
    office: Any, begin: Any, refuse: Any, alice: Any
) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    office.identity.deactivate_mfa_device(alice, None, SERIAL)
    assert refuse(office, awaiting, token.code()).diagnosis == "no such TOTP device"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 45), st.integers(-2, 2)), max_size=25))
def test_no_code_is_ever_accepted_twice(
    open_office: Callable[..., Any], begin: Any, moves: list[tuple[int, int]]
) -> None:
    profile = replace(ServiceProfile.load(), lockout_failures=1_000, look_ahead=40)
    office = open_office(profile=profile)
    office.user("alice")
    token = office.token(SERIAL, "alice")
    accepted = []
    for seconds, steps in moves:
        office.clock.advance(seconds)
        try:
            office.identity.present_code(begin(office).id, token.code(steps))
        except MfaRefused:
            continue
        accepted.append(int(office.clock()) // 30 + steps)
    assert accepted == sorted(set(accepted))
