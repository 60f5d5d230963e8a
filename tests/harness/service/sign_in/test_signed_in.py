"""Sessions: how long they last, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.model import SignedIn, User
from harness.service.sessions import SessionEnded

SERIAL = "GAHT12345678"


def test_a_session_ends_after_twelve_hours(office: Any, alice: Any) -> None:
    session = office.identity.sign_in("example-corp", "alice", office.password)
    office.clock.advance(43_199)
    assert office.identity.session(session.id) == session
    office.clock.advance(1)
    with pytest.raises(SessionEnded):
        office.identity.session(session.id)


def test_signing_out_ends_a_session_at_either_stage_and_twice_is_no_matter(
    office: Any, begin: Any, alice: Any
) -> None:
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
