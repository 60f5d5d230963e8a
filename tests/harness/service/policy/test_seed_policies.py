"""Policies of the seed documents, quoted whole, decide as they say."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.policy import Decision, Verdict

ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = Verdict.ALLOWED, Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY
ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:iam::123456789012:user/bob"
# Quoted whole from the seed documents: S0 manages one's own U2F key, S2 resyncs one's own token.
S0 = """{ "Version": "2012-10-17", "Statement": [ { "Sid": "AllowManageOwnUserMFA", "Effect": "Allow",
"Action": [ "iam:DeactivateMFADevice", "iam:EnableMFADevice", "iam:GetUser", "iam:ListMFADevices",
"iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}" }, { "Sid":
"DenyAllExceptListedIfNoMFA", "Effect": "Deny", "NotAction": [ "iam:EnableMFADevice", "iam:GetUser",
"iam:ListMFADevices", "iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}",
"Condition": { "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } } } ] }"""
S2 = """{ "Version": "2012-10-17", "Statement": [ { "Sid": "AllowListActions", "Effect": "Allow",
"Action": [ "iam:ListVirtualMFADevices" ], "Resource": "*" }, { "Sid":
"AllowUserToViewAndManageTheirOwnUserMFA", "Effect": "Allow", "Action": [ "iam:ListMFADevices",
"iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}" }, { "Sid":
"BlockAllExceptListedIfNoMFA", "Effect": "Deny", "NotAction": [ "iam:ListMFADevices",
"iam:ListVirtualMFADevices", "iam:ResyncMFADevice" ], "Resource": "*", "Condition": { "BoolIfExists": {
"aws:MultiFactorAuthPresent": "false" } } } ] }"""
# How the three kinds of credentials carry the MFA condition key.
ACCESS_KEY: dict[str, str] = {"aws:username": "alice"}
CONSOLE_WITHOUT_MFA = {"aws:username": "alice", "aws:MultiFactorAuthPresent": "false"}
WITH_MFA = {"aws:username": "alice", "aws:MultiFactorAuthPresent": "true"}


@pytest.mark.parametrize(
    ("action", "resource", "context", "verdict", "sid"),
    [
        ("iam:EnableMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:EnableMFADevice", ALICE, CONSOLE_WITHOUT_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:EnableMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:ResyncMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowManageOwnUserMFA"),
        # Deactivating is the protected action: BoolIfExists catches the access key too.
        ("iam:DeactivateMFADevice", ALICE, ACCESS_KEY, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
        ("iam:DeactivateMFADevice", ALICE, CONSOLE_WITHOUT_MFA, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
        ("iam:DeactivateMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:DeactivateMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        ("iam:EnableMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        # The deny is about one's own user only, so what happens elsewhere is merely not allowed.
        ("iam:DeleteUser", BOB, ACCESS_KEY, IMPLICIT_DENY, None),
        ("iam:DeleteUser", ALICE, ACCESS_KEY, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
    ],
)
def test_the_u2f_seed_policy_lets_a_user_manage_their_own_key(
    action: str, resource: str, context: dict[str, str], verdict: Verdict, sid: str | None, ask: Any
) -> None:
    assert ask(S0, action, resource, context) == Decision(verdict=verdict, sid=sid)


@pytest.mark.parametrize(
    ("action", "resource", "context", "verdict", "sid"),
    [
        ("iam:ListVirtualMFADevices", "*", ACCESS_KEY, ALLOWED, "AllowListActions"),
        ("iam:ResyncMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowUserToViewAndManageTheirOwnUserMFA"),
        (
            "iam:ResyncMFADevice",
            ALICE,
            CONSOLE_WITHOUT_MFA,
            ALLOWED,
            "AllowUserToViewAndManageTheirOwnUserMFA",
        ),
        ("iam:ResyncMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowUserToViewAndManageTheirOwnUserMFA"),
        ("iam:ResyncMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        ("iam:CreateVirtualMFADevice", ALICE, ACCESS_KEY, EXPLICIT_DENY, "BlockAllExceptListedIfNoMFA"),
        (
            "iam:CreateVirtualMFADevice",
            ALICE,
            CONSOLE_WITHOUT_MFA,
            EXPLICIT_DENY,
            "BlockAllExceptListedIfNoMFA",
        ),
        ("iam:CreateVirtualMFADevice", ALICE, WITH_MFA, IMPLICIT_DENY, None),
        ("s3:GetObject", "arn:aws:s3:::bucket/key", ACCESS_KEY, EXPLICIT_DENY, "BlockAllExceptListedIfNoMFA"),
    ],
)
def test_the_resync_seed_policy_lets_a_user_resync_but_not_create(
    action: str, resource: str, context: dict[str, str], verdict: Verdict, sid: str | None, ask: Any
) -> None:
    assert ask(S2, action, resource, context) == Decision(verdict=verdict, sid=sid)


def test_deny_with_bool_misses_access_keys_where_bool_if_exists_catches_them(holds: Any) -> None:
    assert not holds({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, ACCESS_KEY)
    assert holds({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, ACCESS_KEY)


def test_before_2012_a_variable_is_plain_text(ask: Any) -> None:
    document = S0.replace("2012-10-17", "2008-10-17")
    assert ask(document, "iam:GetUser", ALICE, WITH_MFA).verdict is IMPLICIT_DENY
    literal = "arn:aws:iam::123456789012:user/${aws:username}"
    assert ask(document, "iam:GetUser", literal, WITH_MFA).allowed
