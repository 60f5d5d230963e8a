"""Access keys: whose a key is, and the verbs of long-term ones."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    ExpiredToken,
    InvalidClientTokenId,
    LimitExceeded,
    NoSuchEntity,
)


def test_a_new_key_signs_for_its_user(office: Any) -> None:
    office.identity.create_user(office.root, "alice")
    key = office.identity.create_access_key(office.root, "alice")
    assert office.identity.secret_of_access_key(key.id) == key.secret
    caller = office.identity.caller_for_access_key(key.id)
    assert (caller.user.name, caller.via) == ("alice", "access-key")
    assert caller.mfa_authenticated_at is None


def test_a_key_that_does_not_exist_signs_for_nobody(office: Any) -> None:
    assert office.identity.secret_of_access_key("AKIANOBODY") is None
    with pytest.raises(InvalidClientTokenId):
        office.identity.caller_for_access_key("AKIANOBODY")


def test_an_inactive_key_signs_nothing_until_it_is_active_again(office: Any) -> None:
    ada = office.administrator()
    key = office.identity.create_access_key(ada)
    office.identity.update_access_key(ada, None, key.id, "Inactive")
    assert office.identity.secret_of_access_key(key.id) is None
    with pytest.raises(InvalidClientTokenId):
        office.identity.caller_for_access_key(key.id)
    office.identity.update_access_key(ada, None, key.id, "Active")
    assert office.identity.caller_for_access_key(key.id).user.name == "ada"


def test_a_deleted_key_signs_nothing(office: Any) -> None:
    ada = office.administrator()
    key = office.identity.create_access_key(ada)
    office.identity.delete_access_key(ada, None, key.id)
    assert office.identity.secret_of_access_key(key.id) is None
    with pytest.raises(NoSuchEntity, match=f"The Access Key with id {key.id} cannot be found"):
        office.identity.delete_access_key(ada, None, key.id)


def test_a_user_has_two_keys_at_most_and_they_are_listed_without_their_secrets(office: Any) -> None:
    ada = office.administrator()
    second = office.identity.create_access_key(ada)
    with pytest.raises(LimitExceeded, match="Cannot exceed quota for AccessKeysPerUser: 2"):
        office.identity.create_access_key(ada)
    listed = office.identity.list_access_keys(ada)
    assert listed[1].id == second.id
    assert [key.secret for key in listed] == ["", ""]


def test_a_key_of_another_user_cannot_be_changed_under_ones_own_name(office: Any) -> None:
    ada = office.administrator()
    office.user("bob")
    [bobs] = office.identity.list_access_keys(office.root, "bob")
    for ask in (
        lambda: office.identity.update_access_key(ada, None, bobs.id, "Inactive"),
        lambda: office.identity.delete_access_key(ada, "ada", bobs.id),
    ):
        with pytest.raises(NoSuchEntity):
            ask()


def test_a_long_term_key_has_no_session_token(office: Any) -> None:
    ada = office.administrator()
    key = office.identity.create_access_key(ada)
    with pytest.raises(InvalidClientTokenId):
        office.identity.caller_for_access_key(key.id, "any-token")


def test_a_session_needs_its_own_token_and_ends(office: Any) -> None:
    ada = office.administrator()
    one, two = (office.identity.get_session_token(ada, 900) for _ in range(2))
    assert office.identity.secret_of_access_key(one.id) == one.secret
    for token in (None, "", two.token, one.token[:-1], "é"):
        with pytest.raises(InvalidClientTokenId):
            office.identity.caller_for_access_key(one.id, token)
    assert office.identity.caller_for_access_key(one.id, one.token).via == "session"
    office.clock.advance(900)
    with pytest.raises(ExpiredToken):
        office.identity.caller_for_access_key(one.id, one.token)


def test_a_session_does_not_outlive_its_user(office: Any) -> None:
    bob = office.user("bob", password=False)
    session = office.identity.get_session_token(bob)
    [key] = office.identity.list_access_keys(office.root, "bob")
    office.identity.delete_access_key(office.root, "bob", key.id)
    office.identity.delete_user(office.root, "bob")
    assert office.identity.secret_of_access_key(session.id) is None
    with pytest.raises(InvalidClientTokenId):
        office.identity.caller_for_access_key(session.id, session.token)


def test_the_verbs_of_access_keys_need_permission(office: Any) -> None:
    bob, identity = office.user("bob"), office.identity
    for ask in (
        lambda: identity.create_access_key(bob),
        lambda: identity.list_access_keys(bob),
        lambda: identity.update_access_key(bob, None, "AKIA", "Inactive"),
        lambda: identity.delete_access_key(bob, None, "AKIA"),
    ):
        with pytest.raises(AccessDenied):
            ask()
