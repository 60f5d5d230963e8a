"""The first page: one refusal for every wrong password, and a lockout of who tries too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import argon2
import pytest

from harness.service.model import RefusalCount, SignedIn
from harness.service.sign_in import SignInFailed


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
