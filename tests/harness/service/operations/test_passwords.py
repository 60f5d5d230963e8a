"""The account's password policy, and the passwords that it lets through."""

from __future__ import annotations

from typing import Any

import pytest

GOOD = "Correct-Horse-1"
MISSING = "The Password Policy with domain name {} cannot be found."


def test_the_policy_is_set_read_and_deleted(firm: Any, refusal: Any) -> None:
    iam = firm.iam
    missing = ("NoSuchEntity", 404, MISSING.format(firm.account_id))
    assert refusal(iam.get_account_password_policy) == missing
    assert refusal(iam.delete_account_password_policy) == missing
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True, MaxPasswordAge=90)
    assert iam.get_account_password_policy()["PasswordPolicy"] == {
        "MinimumPasswordLength": 12,
        "RequireSymbols": True,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "HardExpiry": False,
    }
    iam.update_account_password_policy(RequireNumbers=True)  # the rest goes back to its default
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireSymbols"], policy["RequireNumbers"]) == (
        6,
        False,
        True,
    )
    iam.delete_account_password_policy()
    assert refusal(iam.get_account_password_policy) == missing


@pytest.mark.parametrize(
    ("rule", "password", "text"),
    [
        ({"MinimumPasswordLength": 16}, GOOD, "Password should have a minimum length of 16"),
        ({"RequireUppercaseCharacters": True}, "correct-horse", "at least one uppercase letter"),
        ({"RequireLowercaseCharacters": True}, "CORRECT-HORSE", "at least one lowercase letter"),
        ({"RequireNumbers": True}, "correct-horse", "at least one number"),
        ({"RequireSymbols": True}, "correcthorse", "at least one symbol"),
    ],
)
def test_each_rule_refuses_a_password_without_and_lets_another_through(
    firm: Any, refusal: Any, rule: dict[str, Any], password: str, text: str
) -> None:
    iam = firm.iam
    firm.user("alice")
    iam.update_account_password_policy(**rule)
    code, status, message = refusal(iam.create_login_profile, UserName="alice", Password=password)
    assert (code, status) == ("PasswordPolicyViolation", 400)
    assert text in message
    iam.create_login_profile(UserName="alice", Password="Correct-Horse-Battery-1")
    assert refusal(iam.update_login_profile, UserName="alice", Password=password)[0] == code


def test_a_policy_replaces_the_default_one(firm: Any, refusal: Any) -> None:
    firm.user("alice")
    plain = {"UserName": "alice", "Password": "onlylower"}
    assert refusal(firm.iam.create_login_profile, **plain)[0] == "PasswordPolicyViolation"
    firm.iam.update_account_password_policy()
    firm.iam.create_login_profile(**plain)


def test_former_passwords_do_not_come_again(firm: Any, refusal: Any) -> None:
    alice = firm.client("iam", firm.user("alice", {"Action": "iam:ChangePassword"}))
    firm.iam.create_login_profile(UserName="alice", Password=GOOD)
    firm.iam.update_account_password_policy(PasswordReusePrevention=2)
    words = [GOOD, "Correct-Horse-2", "Correct-Horse-3"]
    alice.change_password(OldPassword=words[0], NewPassword=words[1])
    for former in words[:2]:
        found = refusal(alice.change_password, OldPassword=words[1], NewPassword=former)
        assert found[0] == "PasswordPolicyViolation"
    alice.change_password(OldPassword=words[1], NewPassword=words[2])
    alice.change_password(OldPassword=words[2], NewPassword=words[0])  # two ago is long enough


def test_users_change_their_own_if_the_account_lets_them(firm: Any, refusal: Any) -> None:
    alice = firm.client("iam", firm.user("alice"))
    firm.iam.create_login_profile(UserName="alice", Password=GOOD)
    change = {"OldPassword": GOOD, "NewPassword": "Correct-Horse-2"}
    assert "iam:ChangePassword" in refusal(alice.change_password, **change)[2]
    firm.iam.update_account_password_policy(AllowUsersToChangePassword=True)
    alice.change_password(**change)
    assert refusal(alice.list_users)[0] == "AccessDenied"


def test_a_deny_still_holds_where_the_account_lets_users_change_theirs(firm: Any, refusal: Any) -> None:
    bob = firm.client("iam", firm.user("bob", {"Effect": "Deny", "Action": "iam:ChangePassword"}))
    firm.iam.create_login_profile(UserName="bob", Password=GOOD)
    firm.iam.update_account_password_policy(AllowUsersToChangePassword=True)
    found = refusal(bob.change_password, OldPassword=GOOD, NewPassword="Correct-Horse-2")
    assert "explicit deny" in found[2]
