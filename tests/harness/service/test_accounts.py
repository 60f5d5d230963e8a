"""Accounts: opened once, found by alias, summed up."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    EntityAlreadyExists,
    NoSuchEntity,
    PasswordPolicyViolation,
    ValidationError,
)


def test_an_account_has_an_id_of_twelve_digits_and_a_root_user(office: Any) -> None:
    account = office.identity.create_account(None, "other@example.com", office.password)
    assert account.id.isdigit()
    assert len(account.id) == 12
    root = office.identity.root_caller(account.id)
    assert root.arn == f"arn:aws:iam::{account.id}:root"
    assert office.identity.get_user(root).user_id == account.id


@pytest.mark.parametrize(
    ("alias", "email", "account_id"),
    [
        ("example-corp", "new@example.com", None),
        ("new", "ROOT@example.com", None),
        ("new", "new@example.com", "123456789012"),
    ],
    ids=["alias", "e-mail", "id"],
)
def test_nothing_of_an_account_can_be_taken_twice(
    office: Any, alias: str, email: str, account_id: str | None
) -> None:
    with pytest.raises(EntityAlreadyExists):
        office.identity.create_account(alias, email, office.password, account_id)


@pytest.mark.parametrize("alias", ["", "ab", "a" * 64, "-abc", "abc-", "a--b", "Abc", "a_b", "123456789013"])
def test_an_alias_that_iam_would_not_take_is_refused(office: Any, alias: str) -> None:
    with pytest.raises(ValidationError, match="'accountAlias' failed to satisfy constraint"):
        office.identity.create_account(alias, "new@example.com", office.password)
    with pytest.raises(ValidationError):
        office.identity.create_account_alias(office.root, alias)


@pytest.mark.parametrize("account_id", ["", "1", "1234567890123", "12345678901a", "１２３４５６７８９０１２"])
def test_an_account_id_is_twelve_digits(office: Any, account_id: str) -> None:
    with pytest.raises(ValidationError, match="'accountId' failed to satisfy constraint"):
        office.identity.create_account("new", "new@example.com", office.password, account_id)


def test_a_root_password_must_satisfy_the_policy(office: Any) -> None:
    with pytest.raises(PasswordPolicyViolation):
        office.identity.create_account("new", "new@example.com", "short")


def test_there_is_no_root_of_an_account_that_does_not_exist(office: Any) -> None:
    with pytest.raises(NoSuchEntity):
        office.identity.root_caller("999999999999")


def test_an_account_has_one_alias_which_is_nobody_elses(office: Any) -> None:
    identity, root = office.identity, office.root
    identity.create_account_alias(root, "new-name")
    assert identity.list_account_aliases(root) == ["new-name"]
    other = identity.create_account("example-corp", "other@example.com", office.password)
    with pytest.raises(EntityAlreadyExists, match=r"The account alias new-name already exists\."):
        identity.create_account_alias(identity.root_caller(other.id), "new-name")
    with pytest.raises(NoSuchEntity):
        identity.delete_account_alias(root, "example-corp")
    identity.delete_account_alias(root, "new-name")
    assert identity.list_account_aliases(root) == []


def test_the_summary_counts_what_there_is(office: Any) -> None:
    ada = office.administrator()
    office.user("alice")
    office.token("GAHT12345678", "alice")
    office.identity.create_virtual_mfa_device(ada, "phone")
    summary = office.identity.get_account_summary(ada)
    assert summary["Users"] == 2
    assert (summary["MFADevices"], summary["MFADevicesInUse"]) == (2, 1)
    assert (summary["AccountMFAEnabled"], summary["AccountPasswordPresent"]) == (0, 1)
    token = office.token("GAHT87654321")
    office.identity.enable_mfa_device(office.root, None, token.serial_number, *token.pair())
    assert office.identity.get_account_summary(ada)["AccountMFAEnabled"] == 1


def test_the_accounts_verbs_need_permission(office: Any) -> None:
    alice, identity = office.user("alice"), office.identity
    for ask in (
        lambda: identity.get_account_summary(alice),
        lambda: identity.list_account_aliases(alice),
        lambda: identity.create_account_alias(alice, "mine"),
        lambda: identity.delete_account_alias(alice, "example-corp"),
    ):
        with pytest.raises(AccessDenied):
            ask()
