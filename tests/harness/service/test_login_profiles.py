"""Login profiles: a password opens the console, and only its owner or an administrator changes it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    EntityAlreadyExists,
    EntityTemporarilyUnmodifiable,
    InvalidUserType,
    NoSuchEntity,
    PasswordPolicyViolation,
)
from harness.service.sign_in import SignInFailed

OTHER = "Other-password-2"


@pytest.fixture
def alice(office: Any) -> Any:
    """Alice, who may do everything, and has no password yet."""
    return office.user("alice", office.policy("*"), password=False)


def test_a_login_profile_opens_the_console(office: Any, alice: Any) -> None:
    identity, root = office.identity, office.root
    with pytest.raises(SignInFailed):
        identity.sign_in("example-corp", "alice", office.password)
    made = identity.create_login_profile(root, "alice", office.password)
    assert made.password_created_at == office.clock()
    assert identity.get_login_profile(alice).password_created_at == office.clock()
    identity.sign_in("example-corp", "alice", office.password)


def test_there_is_one_login_profile_to_a_user(office: Any, alice: Any) -> None:
    office.identity.create_login_profile(office.root, "alice", office.password)
    with pytest.raises(EntityAlreadyExists):
        office.identity.create_login_profile(office.root, "alice", OTHER)
    office.identity.sign_in("example-corp", "alice", office.password)


def test_without_a_login_profile_there_is_none_to_get_change_or_delete(office: Any, alice: Any) -> None:
    identity, root = office.identity, office.root
    for ask in (
        lambda: identity.get_login_profile(root, "alice"),
        lambda: identity.update_login_profile(root, "alice", office.password),
        lambda: identity.delete_login_profile(root, "alice"),
        lambda: identity.get_login_profile(root),
    ):
        with pytest.raises(NoSuchEntity, match="Login Profile for User"):
            ask()


def test_an_administrator_sets_another_password_or_takes_it_away(office: Any, alice: Any) -> None:
    identity, root = office.identity, office.root
    identity.create_login_profile(root, "alice", office.password)
    office.clock.advance(60)
    identity.update_login_profile(root, "alice", OTHER)
    assert identity.get_login_profile(root, "alice").password_created_at == office.clock()
    with pytest.raises(SignInFailed):
        identity.sign_in("example-corp", "alice", office.password)
    identity.sign_in("example-corp", "alice", OTHER)
    identity.delete_login_profile(root, "alice")
    with pytest.raises(SignInFailed):
        identity.sign_in("example-corp", "alice", OTHER)


def test_one_changes_ones_own_password_by_the_old_one(office: Any, alice: Any) -> None:
    office.identity.create_login_profile(office.root, "alice", office.password)
    with pytest.raises(AccessDenied, match="The old password was incorrect"):
        office.identity.change_password(alice, OTHER, OTHER)
    office.identity.change_password(alice, office.password, OTHER)
    office.identity.sign_in("example-corp", "alice", OTHER)


def test_root_does_not_change_its_password_here(office: Any) -> None:
    with pytest.raises(InvalidUserType):
        office.identity.change_password(office.root, office.password, OTHER)


def test_a_weak_password_is_refused_wherever_it_is_set(office: Any, alice: Any) -> None:
    identity, root = office.identity, office.root
    with pytest.raises(PasswordPolicyViolation):
        identity.create_login_profile(root, "alice", "weak")
    identity.create_login_profile(root, "alice", office.password)
    with pytest.raises(PasswordPolicyViolation):
        identity.update_login_profile(root, "alice", "weak")
    with pytest.raises(PasswordPolicyViolation):
        identity.change_password(alice, office.password, "weak")
    identity.sign_in("example-corp", "alice", office.password)


def test_of_two_changes_at_once_the_second_is_told_to_try_again(office: Any, alice: Any) -> None:
    identity, root = office.identity, office.root
    identity.create_login_profile(root, "alice", office.password)
    policy = office.identity.profile

    class Meddling(str):
        """A new password during whose check someone else sets one."""

        def __len__(self) -> int:
            identity.update_login_profile(root, "alice", OTHER)
            return policy.password_min_length

    with pytest.raises(EntityTemporarilyUnmodifiable, match="try again"):
        identity.change_password(alice, office.password, Meddling("New-password-3"))
    identity.sign_in("example-corp", "alice", OTHER)


def test_the_verbs_of_login_profiles_need_permission(office: Any) -> None:
    bob, identity = office.user("bob"), office.identity
    for ask in (
        lambda: identity.create_login_profile(bob, "bob", OTHER),
        lambda: identity.get_login_profile(bob),
        lambda: identity.update_login_profile(bob, "bob", OTHER),
        lambda: identity.delete_login_profile(bob),
        lambda: identity.change_password(bob, office.password, OTHER),
    ):
        with pytest.raises(AccessDenied):
            ask()
