"""Users: made, found, listed, deleted when nothing hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    ValidationError,
)
from harness.service.profile import ServiceProfile
from harness.service.sessions import SessionEnded


def test_a_user_is_made_with_a_path_and_an_id_of_its_own(office: Any) -> None:
    user = office.identity.create_user(office.root, "alice", "/staff/")
    assert user.arn == "arn:aws:iam::123456789012:user/staff/alice"
    assert user.created_at == office.clock()
    assert office.identity.get_user(office.root, "alice") == user


@pytest.mark.parametrize("name", ["alice", "ALICE", "root"])
def test_a_name_is_given_once_whatever_its_case(office: Any, name: str) -> None:
    office.identity.create_user(office.root, "alice")
    with pytest.raises(EntityAlreadyExists, match=f"User with name {name} already exists."):
        office.identity.create_user(office.root, name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "alice\n", "a" * 65])
def test_a_name_that_iam_would_not_take_is_refused(office: Any, name: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error detected"):
        office.identity.create_user(office.root, name)


@pytest.mark.parametrize("path", ["staff", "/staff", "", "/a b/", "/" + "a" * 511 + "/"])
def test_a_path_that_iam_would_not_take_is_refused(office: Any, path: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error detected"):
        office.identity.create_user(office.root, "alice", path)


def test_an_odd_path_is_taken_as_aws_takes_it(office: Any) -> None:
    assert office.identity.create_user(office.root, "alice", "/a//b/").path == "/a//b/"


def test_an_account_has_only_so_many_users(open_office: Callable[..., Any]) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), users_per_account=1))
    office.identity.create_user(office.root, "alice")
    with pytest.raises(LimitExceeded, match="UsersPerAccount: 1"):
        office.identity.create_user(office.root, "bob")


def test_a_user_that_does_not_exist_is_not_found(office: Any) -> None:
    with pytest.raises(NoSuchEntity, match=r"The user with name nobody cannot be found\."):
        office.identity.get_user(office.root, "nobody")


def test_without_a_name_one_finds_oneself(office: Any) -> None:
    ada = office.administrator()
    assert office.identity.get_user(ada).name == "ada"
    assert office.identity.get_user(office.root).root


def test_an_administrator_does_not_find_root(office: Any) -> None:
    ada = office.administrator()
    with pytest.raises(NoSuchEntity):
        office.identity.get_user(ada, "root")
    assert [user.name for user in office.identity.list_users(ada)] == ["ada"]


def test_users_are_listed_by_name_and_by_account(office: Any) -> None:
    for name in ("bob", "Alice", "carol"):
        office.identity.create_user(office.root, name)
    assert [user.name for user in office.identity.list_users(office.root)] == ["Alice", "bob", "carol"]
    other = office.identity.create_account("other", "other@example.com", office.password)
    assert office.identity.list_users(office.identity.root_caller(other.id)) == []


def test_a_user_is_deleted_only_when_nothing_hangs_on_it(office: Any) -> None:
    identity, root = office.identity, office.root
    alice = office.user("alice", office.policy("*"))
    serial_number = office.token("GAHT12345678", "alice").serial_number
    [key] = identity.list_access_keys(root, "alice")
    for hanging, remove in {
        "MFA device": lambda: identity.deactivate_mfa_device(root, "alice", serial_number),
        "access keys": lambda: identity.delete_access_key(root, "alice", key.id),
        "login profile": lambda: identity.delete_login_profile(root, "alice"),
        "policies": lambda: identity.delete_user_policy(root, "alice", "policy0"),
    }.items():
        with pytest.raises(DeleteConflict, match=f"Cannot delete entity, must delete {hanging} first."):
            identity.delete_user(root, "alice")
        remove()
    identity.delete_user(root, "alice")
    with pytest.raises(NoSuchEntity):
        identity.get_user(alice)


def test_a_new_user_of_an_old_name_inherits_no_session(office: Any) -> None:
    identity, root = office.identity, office.root
    identity.create_user(root, "alice")
    identity.create_login_profile(root, "alice", office.password)
    session = identity.sign_in("example-corp", "alice", office.password)
    identity.delete_login_profile(root, "alice")
    identity.delete_user(root, "alice")
    identity.create_user(root, "alice")
    with pytest.raises(SessionEnded):
        identity.session(session.id)


def test_the_verbs_of_users_need_permission(office: Any) -> None:
    alice, identity = office.user("alice"), office.identity
    for ask in (
        lambda: identity.create_user(alice, "mallory"),
        lambda: identity.get_user(alice),
        lambda: identity.list_users(alice),
        lambda: identity.delete_user(alice, "alice"),
    ):
        with pytest.raises(AccessDenied):
            ask()
