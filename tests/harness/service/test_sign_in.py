"""Signing in: one refusal for every wrong password, then MFA, with resync, lockout and sessions that end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import argon2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.model import AwaitingMfa, RefusalCount, SignedIn, User
from harness.service.profile import ServiceProfile
from harness.service.sessions import SessionEnded
from harness.service.sign_in import MfaRefused, SignInFailed

SERIAL = "GAHT12345678"


def begin(office: Any, user_name: str = "alice") -> AwaitingMfa:
    session = office.identity.sign_in("example-corp", user_name, office.password)
    assert isinstance(session, AwaitingMfa)
    return session


def refuse(office: Any, session: AwaitingMfa, code: str = "000000", serial: str | None = None) -> MfaRefused:
    with pytest.raises(MfaRefused) as refused:
        office.identity.present_code(session.id, code, serial)
    return refused.value


@pytest.fixture
def alice(office: Any) -> Any:
    return office.user("alice", office.policy("*"))


# The first page.


@pytest.mark.parametrize("account", ["123456789012", "example-corp"])
def test_without_mfa_devices_the_password_signs_in(office: Any, alice: Any, account: str) -> None:
    session = office.identity.sign_in(account, "alice", office.password)
    assert isinstance(session, SignedIn)
    assert (session.mfa_authenticated_at, session.mfa_serial_number) == (None, None)
    assert office.identity.session(session.id) == session
    event = office.identity.events[-1]
    assert (event.name, event.outcome, event.additional["MFAUsed"]) == ("ConsoleLogin", "Success", "No")
    assert office.identity.get_user(alice).password_last_used_at == office.clock()


def test_every_wrong_first_page_is_refused_in_the_same_words(office: Any, alice: Any) -> None:
    office.user("bob", password=False)
    words = set()
    for account, user_name, password in (
        ("example-corp", "alice", "wrong"),
        ("example-corp", "alice", ""),
        ("example-corp", "bob", office.password),
        ("example-corp", "bob", ""),
        ("example-corp", "nobody", office.password),
        ("nowhere", "alice", office.password),
        ("", "", ""),
        ("example-corp", "root", office.password),  # S0: root cannot use the IAM page
    ):
        with pytest.raises(SignInFailed) as failed:
            office.identity.sign_in(account, user_name, password)
        words.add(str(failed.value))
    for email, password in (("root@example.com", "wrong"), ("nobody@example.com", office.password)):
        with pytest.raises(SignInFailed) as failed:
            office.identity.sign_in_root(email, password)
        words.add(str(failed.value))
    assert len(words) == 1


def test_root_signs_in_by_e_mail_address_whatever_its_case(office: Any) -> None:
    session = office.identity.sign_in_root("ROOT@Example.com", office.password)
    assert isinstance(session, SignedIn)
    assert office.identity.console_caller(session).user.root


def test_a_failed_sign_in_is_in_the_trail_without_the_password(office: Any, alice: Any) -> None:
    with pytest.raises(SignInFailed):
        office.identity.sign_in("example-corp", "alice", "Wrong-password-9")
    event = office.identity.events[-1]
    assert (event.name, event.outcome, event.user_name) == ("ConsoleLogin", "Failure", "alice")
    assert "Wrong-password-9" not in repr(office.identity.events)


def test_too_many_wrong_passwords_lock_a_user_out_for_a_while(office: Any, alice: Any) -> None:
    def wrong() -> None:
        with pytest.raises(SignInFailed):
            office.identity.sign_in("example-corp", "alice", "wrong")

    for _ in range(10):
        wrong()
    with pytest.raises(SignInFailed):
        office.identity.sign_in("example-corp", "alice", office.password)
    office.clock.advance(200)
    wrong()  # does not prolong the lockout
    office.clock.advance(100)
    office.identity.sign_in("example-corp", "alice", office.password)
    for _ in range(9):
        wrong()
    office.identity.sign_in("example-corp", "alice", office.password)


def test_one_users_lockout_is_nobody_elses(office: Any, alice: Any) -> None:
    office.user("bob")
    for _ in range(12):
        with pytest.raises(SignInFailed):
            office.identity.sign_in("example-corp", "alice", "wrong")
    office.identity.sign_in("example-corp", "bob", office.password)


def test_a_sign_in_as_nobody_writes_as_much_as_one_as_somebody(office: Any, alice: Any) -> None:
    for user_name in ("nobody", "alice"):
        with pytest.raises(SignInFailed):
            office.identity.sign_in("example-corp", user_name, "wrong")
    with office.store.transaction() as transaction:
        assert len(transaction.list(RefusalCount)) == 2
    for number in range(20):
        with pytest.raises(SignInFailed):
            office.identity.sign_in("example-corp", f"nobody{number}", "wrong")
    with office.store.transaction() as transaction:
        assert len(transaction.list(RefusalCount)) == 2


def test_a_password_taken_away_while_it_was_being_checked_does_not_sign_in(
    open_office: Callable[..., Any],
) -> None:
    class Meddling(argon2.PasswordHasher):
        """Checks passwords, and when it is told to, an administrator is quicker."""

        meddle: Callable[[], None] | None = None

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            if self.meddle is not None:
                self.meddle()
            return super().verify(hash, password)

    hasher = Meddling(time_cost=1, memory_cost=8, parallelism=1)
    office = open_office(password_hasher=hasher)
    office.user("alice")
    hasher.meddle = lambda: office.identity.delete_login_profile(office.root, "alice")
    with pytest.raises(SignInFailed):
        office.identity.sign_in("example-corp", "alice", office.password)


# The second page: codes.


def test_with_a_device_the_password_leads_to_the_second_page_and_a_code_signs_in(
    office: Any, alice: Any
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


def test_the_session_signed_in_has_another_id_and_the_first_is_void(office: Any, alice: Any) -> None:
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
def test_a_wrong_code_is_refused_and_counted(office: Any, alice: Any, code: str) -> None:
    office.token(SERIAL, "alice")
    awaiting = begin(office)
    refused = refuse(office, awaiting, code)
    assert not refused.offer_resync
    assert refused.diagnosis in ("wrong code", "malformed code")
    assert office.identity.session(awaiting.id).failures == 1
    assert refused.diagnosis not in str(refused)


def test_a_used_code_is_refused_in_every_session(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    first, second = begin(office), begin(office)
    office.identity.present_code(first.id, token.code())
    assert refuse(office, second, token.code()).diagnosis == "code already used"


def test_the_codes_of_enrolment_do_not_sign_in(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    assert refuse(office, awaiting, token.code(-1)).diagnosis == "code already used"
    assert refuse(office, awaiting, token.code(-2)).diagnosis == "code 60 s old"


def test_the_age_of_a_code_is_for_the_log_alone(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.clock.advance(300)
    code = token.code()
    office.clock.advance(61)
    refused = refuse(office, begin(office), code)
    assert refused.diagnosis == "code 61 s old"
    assert "61" not in str(refused)
    assert office.identity.events[-1].additional["diagnosis"] == "code 61 s old"


def test_another_users_code_is_refused(office: Any, alice: Any) -> None:
    office.user("bob")
    office.token(SERIAL, "alice")
    bobs = office.token("GAHT87654321", "bob")
    awaiting = begin(office)
    refuse(office, awaiting, bobs.code())
    refuse(office, awaiting, bobs.code(), "GAHT87654321")
    office.identity.present_code(begin(office, "bob").id, bobs.code())


def test_any_of_several_devices_signs_in_and_a_named_one_only_by_its_own_code(
    office: Any, alice: Any
) -> None:
    one, two = office.token(SERIAL, "alice"), office.token("GAHT87654321", "alice")
    refuse(office, begin(office), two.code(), one.serial_number)
    session = office.identity.present_code(begin(office).id, two.code())
    assert session.mfa_serial_number == two.serial_number
    session = office.identity.present_code(begin(office).id, one.code(), one.serial_number)
    assert session.mfa_serial_number == one.serial_number


def test_resync_is_offered_after_three_refusals_in_a_row(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    assert [refuse(office, awaiting).offer_resync for _ in range(4)] == [False, False, True, True]
    assert begin(office).failures == 4
    office.identity.present_code(begin(office).id, token.code())
    assert begin(office).failures == 0


def test_too_many_refusals_lock_mfa_out_in_every_session_and_at_sts(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    for number in range(10):
        refuse(office, begin(office), f"{number:06}")
    refused = refuse(office, begin(office), token.code())
    assert refused.diagnosis == "locked out after too many failures"
    office.clock.advance(300)
    office.identity.present_code(begin(office).id, token.code())


def test_the_second_page_does_not_wait_for_ever(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    office.clock.advance(900)
    with pytest.raises(SessionEnded):
        office.identity.present_code(awaiting.id, token.code())


def test_a_device_taken_away_meanwhile_does_not_sign_in(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    awaiting = begin(office)
    office.identity.deactivate_mfa_device(alice, None, SERIAL)
    assert refuse(office, awaiting, token.code()).diagnosis == "no such TOTP device"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 45), st.integers(-2, 2)), max_size=25))
def test_no_code_is_ever_accepted_twice(
    open_office: Callable[..., Any], moves: list[tuple[int, int]]
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


# The second page: resync.


@pytest.fixture
def drifted(office: Any, alice: Any) -> Any:
    """A token whose clock has gone an hour wrong since it was enabled."""
    token = office.token(SERIAL, "alice")
    token.offset = -3_600.0
    office.clock.advance(7_200)
    return token


def test_a_drifted_token_is_refused_resynced_and_signs_in(office: Any, drifted: Any) -> None:
    awaiting = begin(office)
    for _ in range(3):
        refused = refuse(office, awaiting, drifted.code())
    assert refused.offer_resync
    session = office.identity.resync_and_sign_in(awaiting.id, SERIAL, *drifted.pair())
    assert session.mfa_serial_number == SERIAL
    office.clock.advance(30)
    office.identity.present_code(begin(office).id, drifted.code())


def test_resync_without_consecutive_codes_is_refused_and_counted(office: Any, drifted: Any) -> None:
    awaiting = begin(office)
    with pytest.raises(MfaRefused) as refused:
        office.identity.resync_and_sign_in(awaiting.id, None, drifted.code(-2), drifted.code())
    assert refused.value.diagnosis == "codes not consecutive"
    assert office.identity.session(awaiting.id).failures == 1


def test_root_resyncs_before_signing_in_and_signs_in_with_the_next_code(office: Any) -> None:
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(office.root, None, SERIAL, *token.pair())
    token.offset = -3_600.0
    office.clock.advance(7_200)
    awaiting = office.identity.sign_in_root("root@example.com", office.password)
    refuse(office, awaiting, token.code())
    pair = token.pair()
    resynced = office.identity.resync_before_sign_in(awaiting.id, SERIAL, *pair)
    assert (resynced.id, resynced.failures) == (awaiting.id, 0)
    refuse(office, awaiting, pair[1])
    with pytest.raises(MfaRefused):
        office.identity.resync_before_sign_in(awaiting.id, SERIAL, *pair)
    office.clock.advance(30)
    assert office.identity.present_code(awaiting.id, token.code()).mfa_serial_number == SERIAL


# The second page: a security key.


@pytest.fixture
def key(office: Any, alice: Any, software_key: Callable[..., Any]) -> Any:
    """Alice's security key."""
    key = software_key()
    office.register(office.in_console(alice), None, "key", key)
    return key


def test_a_security_key_signs_in_and_its_sign_count_is_kept(office: Any, alice: Any, key: Any) -> None:
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    session = office.identity.finish_assertion(awaiting.id, key.respond(options))
    [device] = office.identity.list_mfa_devices(alice)
    assert session.mfa_serial_number == device.serial_number
    assert session.mfa_authenticated_at == office.clock()
    assert device.sign_count == 2


def test_a_replayed_assertion_is_refused(office: Any, key: Any) -> None:
    first, second = begin(office), begin(office)
    response = key.respond(office.identity.begin_assertion(first.id))
    office.identity.finish_assertion(first.id, response)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(second.id, response)
    assert "no challenge is in play" in refused.value.diagnosis
    office.identity.begin_assertion(second.id)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(second.id, response)
    assert "challenge was not expected" in refused.value.diagnosis


def test_a_challenge_is_spent_by_a_response_that_is_refused(office: Any, key: Any) -> None:
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    for response in ("{}", key.respond(options)):
        with pytest.raises(MfaRefused):
            office.identity.finish_assertion(awaiting.id, response)
    assert office.identity.session(awaiting.id).failures == 2


def test_a_challenge_expires_before_the_page_does(office: Any, key: Any) -> None:
    awaiting = begin(office)
    response = key.respond(office.identity.begin_assertion(awaiting.id))
    office.clock.advance(300)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(awaiting.id, response)
    assert refused.value.diagnosis == "the challenge has expired"


def test_a_cloned_key_is_refused(office: Any, key: Any) -> None:
    for sign_count, accepted in ((7, True), (7, True), (5, False)):
        awaiting = begin(office)
        key.sign_count = sign_count if accepted is False else key.sign_count + sign_count
        response = key.respond(office.identity.begin_assertion(awaiting.id))
        if accepted:
            office.identity.finish_assertion(awaiting.id, response)
        else:
            with pytest.raises(MfaRefused) as refused:
                office.identity.finish_assertion(awaiting.id, response)
            assert "may have been cloned" in refused.value.diagnosis


def test_another_users_key_is_refused(office: Any, alice: Any, software_key: Callable[..., Any]) -> None:
    office.user("bob")
    office.token(SERIAL, "alice")
    bobs = software_key(credential_id=b"bobs")
    office.register(office.in_console(office.root), "bob", "bobs-key", bobs)
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    assert options["allowCredentials"] == []
    with pytest.raises(MfaRefused):
        office.identity.finish_assertion(awaiting.id, bobs.respond(options))


def test_a_security_key_has_no_codes_and_no_clock_to_resync(office: Any, alice: Any, key: Any) -> None:
    [device] = office.identity.list_mfa_devices(alice)
    awaiting = begin(office)
    refuse(office, awaiting, "000000", device.serial_number)
    with pytest.raises(MfaRefused):
        office.identity.resync_and_sign_in(awaiting.id, device.serial_number, "000000", "000001")


def test_a_lockout_holds_for_security_keys_too(office: Any, key: Any) -> None:
    for number in range(10):
        refuse(office, begin(office), f"{number:06}")
    awaiting = begin(office)
    response = key.respond(office.identity.begin_assertion(awaiting.id))
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(awaiting.id, response)
    assert "locked out" in refused.value.diagnosis


# Sessions.


def test_a_session_ends_after_twelve_hours(office: Any, alice: Any) -> None:
    session = office.identity.sign_in("example-corp", "alice", office.password)
    office.clock.advance(43_199)
    assert office.identity.session(session.id) == session
    office.clock.advance(1)
    with pytest.raises(SessionEnded):
        office.identity.session(session.id)


def test_signing_out_ends_a_session_at_either_stage_and_twice_is_no_matter(office: Any, alice: Any) -> None:
    signed_in = office.identity.sign_in("example-corp", "alice", office.password)
    office.token(SERIAL, "alice")
    for session in (signed_in, begin(office)):
        for _ in range(2):
            office.identity.sign_out(session.id)
        with pytest.raises(SessionEnded):
            office.identity.session(session.id)


@pytest.mark.parametrize("session_id", ["", "unknown", "\udcff", "x" * 10_000])
def test_an_id_that_nobody_was_given_is_of_no_session(office: Any, session_id: str) -> None:
    for ask in (
        lambda: office.identity.session(session_id),
        lambda: office.identity.present_code(session_id, "000000"),
        lambda: office.identity.begin_assertion(session_id),
        lambda: office.identity.finish_assertion(session_id, "{}"),
        lambda: office.identity.resync_and_sign_in(session_id, None, "000000", "000001"),
        lambda: office.identity.resync_before_sign_in(session_id, None, "000000", "000001"),
    ):
        with pytest.raises(SessionEnded):
            ask()


def test_sessions_that_have_ended_do_not_pile_up(office: Any, alice: Any) -> None:
    for _ in range(5):
        office.identity.sign_in("example-corp", "alice", office.password)
        office.clock.advance(43_200)
    with office.store.transaction() as transaction:
        assert len(transaction.list(SignedIn)) == 1
        assert len(transaction.list(User)) == 2


def test_a_session_of_a_user_who_is_gone_has_no_caller(office: Any) -> None:
    office.identity.create_user(office.root, "bob")
    office.identity.create_login_profile(office.root, "bob", office.password)
    session = office.identity.sign_in("example-corp", "bob", office.password)
    office.identity.delete_login_profile(office.root, "bob")
    office.identity.delete_user(office.root, "bob")
    with pytest.raises(SessionEnded):
        office.identity.console_caller(session)


def test_a_key_that_may_be_cloned_signs_in_and_is_noted_where_the_profile_says_so(
    open_office: Any, software_key: Any
) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), sign_count_fault="note"))
    key = software_key(sign_count=9)
    office.register(office.in_console(office.user("alice", office.policy("*"))), None, "key", key)
    key.sign_count = 3
    session = office.identity.sign_in("example-corp", "alice", office.password)
    response = key.respond(office.identity.begin_assertion(session.id))
    assert office.identity.finish_assertion(session.id, response).mfa_authenticated_at is not None
    event = office.identity.events[-1]
    assert event.outcome == "Success"
    assert event.additional["diagnosis"] == "sign count 4 is not above 9: the key may have been cloned"
