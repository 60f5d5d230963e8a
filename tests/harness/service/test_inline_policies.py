"""Inline policies: kept as they were put, and in force at the next request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    ValidationError,
)


@pytest.fixture
def alice(office: Any) -> Any:
    return office.user("alice")


def test_a_policy_is_in_force_from_the_next_request_on_and_no_longer_when_deleted(
    office: Any, alice: Any
) -> None:
    identity, root = office.identity, office.root
    [key] = identity.list_access_keys(root, "alice")
    identity.put_user_policy(root, "alice", "reading", office.policy("iam:ListUsers"))
    identity.list_users(identity.caller_for_access_key(key.id))
    identity.delete_user_policy(root, "alice", "reading")
    with pytest.raises(AccessDenied):
        identity.list_users(identity.caller_for_access_key(key.id))


def test_a_document_comes_back_as_the_text_it_was_put_as(office: Any, alice: Any) -> None:
    text = "\n " + office.policy("iam:ListUsers").replace(",", " ,\t")
    office.identity.put_user_policy(office.root, "alice", "reading", text)
    assert office.identity.get_user_policy(office.root, "alice", "reading") == text


def test_policies_are_listed_by_name_and_replaced_under_the_same_name(office: Any, alice: Any) -> None:
    for name, action in (("b", "iam:GetUser"), ("a", "iam:GetUser"), ("b", "iam:ListUsers")):
        office.identity.put_user_policy(office.root, "alice", name, office.policy(action))
    assert office.identity.list_user_policies(office.root, "alice") == ["a", "b"]
    assert "iam:ListUsers" in office.identity.get_user_policy(office.root, "alice", "b")


def test_a_policy_that_was_never_put_is_not_found(office: Any, alice: Any) -> None:
    for ask in (office.identity.get_user_policy, office.identity.delete_user_policy):
        with pytest.raises(NoSuchEntity, match="The user policy with name absent cannot be found"):
            ask(office.root, "alice", "absent")


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"Statement": [{"Effect": "Perhaps"}]}', "{" * 10_000])
def test_a_document_that_is_no_policy_is_refused(office: Any, alice: Any, document: str) -> None:
    with pytest.raises(MalformedPolicyDocument):
        office.identity.put_user_policy(office.root, "alice", "bad", document)
    assert office.identity.list_user_policies(office.root, "alice") == []


def test_a_name_that_iam_would_not_take_is_refused(office: Any, alice: Any) -> None:
    for name in ("a b", "", "a" * 129):
        with pytest.raises(ValidationError):
            office.identity.put_user_policy(office.root, "alice", name, office.policy("*"))


def test_a_users_policies_together_have_a_size_and_white_space_does_not_count(
    office: Any, alice: Any
) -> None:
    def document(characters: int) -> str:
        bare = json.loads(office.policy("iam:ListUsers", resource="arn:aws:iam::*:user/"))
        missing = characters - len(json.dumps(bare, separators=(",", ":")))
        bare["Statement"][0]["Resource"] += "a" * missing
        return json.dumps(bare, indent=8)

    office.identity.put_user_policy(office.root, "alice", "half", document(1024))
    office.identity.put_user_policy(office.root, "alice", "other", document(1024))
    with pytest.raises(LimitExceeded, match="Maximum policy size of 2048 bytes exceeded for user alice"):
        office.identity.put_user_policy(office.root, "alice", "other", document(1025))


def test_the_verbs_of_policies_need_permission(office: Any, alice: Any) -> None:
    identity = office.identity
    for ask in (
        lambda: identity.put_user_policy(alice, "alice", "mine", office.policy("*")),
        lambda: identity.get_user_policy(alice, "alice", "mine"),
        lambda: identity.list_user_policies(alice, "alice"),
        lambda: identity.delete_user_policy(alice, "alice", "mine"),
    ):
        with pytest.raises(AccessDenied):
            ask()
