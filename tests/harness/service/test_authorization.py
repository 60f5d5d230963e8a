"""What a caller's credentials and policies let it do, and in what context they are judged."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.service.authorization import decide, policy_context
from harness.service.errors import AccessDenied, ExpiredToken, InvalidClientTokenId
from harness.service.events import SENDER, Sender
from harness.service.model import Caller, User
from harness.service.policy import Verdict

ALICE = User(account_id="123456789012", name="alice", user_id="AIDA1", created_at=0.0)
NOW = 1_767_225_600.0


@pytest.mark.parametrize(
    ("via", "mfa_at", "present", "age"),
    [
        ("access-key", None, None, None),
        ("session", None, "false", None),
        ("console", None, "false", None),
        ("session", NOW - 90.5, "true", "90"),
        ("console", NOW, "true", "0"),
    ],
)
def test_mfa_is_absent_for_an_access_key_false_without_mfa_and_has_an_age_with_it(
    via: Any, mfa_at: float | None, present: str | None, age: str | None
) -> None:
    context = policy_context(Caller(user=ALICE, via=via, mfa_authenticated_at=mfa_at), NOW)
    assert context.get("aws:MultiFactorAuthPresent") == present
    assert context.get("aws:MultiFactorAuthAge") == age


def test_the_context_says_who_asks_and_when() -> None:
    context = policy_context(Caller(user=ALICE, via="access-key"), NOW)
    assert context == {
        "aws:username": "alice",
        "aws:userid": "AIDA1",
        "aws:PrincipalArn": "arn:aws:iam::123456789012:user/alice",
        "aws:PrincipalAccount": "123456789012",
        "aws:PrincipalType": "User",
        "aws:CurrentTime": "2026-01-01T00:00:00Z",
        "aws:EpochTime": "1767225600",
    }


def test_without_a_policy_nothing_is_allowed_and_aws_says_why(office: Any) -> None:
    alice = office.user("alice")
    text = (
        "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: iam:ListUsers on resource: "
        "arn:aws:iam::123456789012:user/ because no identity-based policy allows the iam:ListUsers action"
    )
    with pytest.raises(AccessDenied, match=re.escape(text)):
        office.identity.list_users(alice)


def test_a_deny_wins_over_an_allow_and_aws_says_so(office: Any) -> None:
    alice = office.user("alice", office.policy("*"), office.policy("iam:ListUsers", effect="Deny"))
    with pytest.raises(AccessDenied, match="with an explicit deny in an identity-based policy"):
        office.identity.list_users(alice)
    assert office.identity.get_user(alice).name == "alice"


def test_root_may_do_everything_in_its_own_account(office: Any) -> None:
    assert office.identity.list_users(office.root) == []


def test_a_session_without_mfa_may_not_call_iam(office: Any) -> None:
    ada = office.administrator()
    without = office.identity.get_session_token(ada)
    caller = office.identity.caller_for_access_key(without.id, without.token)
    with pytest.raises(InvalidClientTokenId):
        office.identity.list_users(caller)
    assert office.identity.get_caller_identity(caller).arn == ada.arn


def test_a_caller_whose_session_is_over_is_told_so(office: Any) -> None:
    ada = replace(office.administrator(), expires_at=office.clock() + 10)
    office.identity.list_users(ada)
    office.clock.advance(10)
    for ask in (office.identity.list_users, office.identity.get_caller_identity):
        with pytest.raises(ExpiredToken):
            ask(ada)


def test_whether_a_user_exists_is_not_told_to_one_who_may_not_ask(office: Any) -> None:
    alice = office.user("alice", office.policy("iam:*", resource="arn:aws:iam::*:user/${aws:username}"))
    office.user("bob")
    for name in ("bob", "nobody"):
        with pytest.raises(AccessDenied, match=f"user/{name} because no identity-based policy"):
            office.identity.get_user(alice, name)


def test_where_a_request_comes_from_is_in_its_context() -> None:
    sender = Sender(source_ip_address="192.0.2.7", user_agent="any", login_to="https://localhost/")
    token = SENDER.set(sender)
    try:
        context = policy_context(Caller(user=ALICE, via="access-key"), NOW)
    finally:
        SENDER.reset(token)
    assert (context["aws:SourceIp"], context["aws:UserAgent"]) == ("192.0.2.7", "any")
    assert context["aws:SecureTransport"] == "true"


def test_a_session_policy_only_takes_away(office: Any) -> None:
    reads, lists = office.policy("iam:Get*", "iam:ListUsers"), office.policy("iam:List*")
    caller = Caller(user=ALICE, via="access-key", policies=(reads,), session_policies=(lists,))
    verdicts = {
        action: decide(caller, action, "*", {})
        for action in ("iam:GetUser", "iam:ListUsers", "iam:ListRoles")
    }
    assert verdicts == {
        "iam:GetUser": Verdict.IMPLICIT_DENY,
        "iam:ListUsers": Verdict.ALLOWED,
        "iam:ListRoles": Verdict.IMPLICIT_DENY,
    }
    denying = replace(caller, session_policies=(lists, office.policy("iam:ListUsers", effect="Deny")))
    assert decide(denying, "iam:ListUsers", "*", {}) is Verdict.EXPLICIT_DENY
