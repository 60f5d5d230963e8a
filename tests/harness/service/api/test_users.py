"""Users, their access keys, passwords and policies, as boto3 sees them."""

from __future__ import annotations

import json
from typing import Any

ADMINISTRATOR = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


def test_a_user_is_created_read_listed_and_deleted(account: Any, iam: Any, refusal: Any) -> None:
    created = iam.create_user(UserName="alice", Path="/a//b/")["User"]
    assert created["Arn"] == f"arn:aws:iam::{account.account_id}:user/a//b/alice"
    assert created["CreateDate"].timestamp() == account.clock()
    assert iam.get_user(UserName="alice")["User"] == created
    assert [user["UserName"] for user in iam.list_users(PathPrefix="/a/")["Users"]] == ["alice"]
    iam.delete_user(UserName="alice")
    assert refusal(iam.get_user, UserName="alice") == (
        "NoSuchEntity",
        404,
        "The user with name alice cannot be found.",
    )


def test_the_caller_is_who_the_access_key_says(account: Any, iam: Any, sts: Any) -> None:
    user = iam.get_user()["User"]
    identity = sts.get_caller_identity()
    assert (identity["UserId"], identity["Account"], identity["Arn"]) == (
        user["UserId"],
        account.account_id,
        f"arn:aws:iam::{account.account_id}:user/admin",
    )


def test_the_root_user_has_neither_name_nor_path(account: Any) -> None:
    key = account.identity.create_access_key(account.identity.root_caller(account.account_id))
    user = account.client("iam", (key.id, key.secret)).get_user()["User"]
    assert user.keys() == {"UserId", "Arn", "CreateDate"}
    assert user["Arn"] == f"arn:aws:iam::{account.account_id}:root"


def test_access_keys_are_created_listed_deactivated_and_deleted(account: Any, iam: Any, refusal: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    own = account.client("sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    assert own.get_caller_identity()["Arn"].endswith(":user/alice")
    (listed,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert listed == {name: key[name] for name in ("UserName", "AccessKeyId", "Status", "CreateDate")}
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refusal(own.get_caller_identity)[0] == "InvalidClientTokenId"
    assert refusal(iam.update_access_key, UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Expired")[
        :2
    ] == ("InvalidInput", 400)
    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_passwords_are_set_and_changed(account: Any, iam: Any, refusal: Any) -> None:
    iam.create_user(UserName="alice")
    profile = iam.create_login_profile(UserName="alice", Password="Correct-Horse-2")["LoginProfile"]
    assert profile["PasswordResetRequired"] is False
    assert iam.get_login_profile(UserName="alice")["LoginProfile"] == profile
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    everything = {"UserName": "alice", "PolicyName": "all", "PolicyDocument": ADMINISTRATOR}
    iam.put_user_policy(**everything)
    own = account.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    wrong = {"OldPassword": "Wrong-Horse-2", "NewPassword": "Correct-Horse-3"}
    assert refusal(own.change_password, **wrong)[:2] == ("AccessDenied", 403)
    own.change_password(OldPassword="Correct-Horse-2", NewPassword="Correct-Horse-3")
    assert refusal(iam.update_login_profile, UserName="alice", Password="short")[:2] == (
        "PasswordPolicyViolation",
        400,
    )
    iam.update_login_profile(UserName="alice", Password="Correct-Horse-4")
    iam.delete_login_profile(UserName="alice")
    assert refusal(iam.get_login_profile, UserName="alice")[:2] == ("NoSuchEntity", 404)


def test_an_inline_policy_comes_back_as_it_was_put(iam: Any, refusal: Any) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Käse", "Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
    iam.create_user(UserName="alice")
    put = {
        "UserName": "alice",
        "PolicyName": "none",
        "PolicyDocument": json.dumps(document, ensure_ascii=False),
    }
    code, status, message = refusal(iam.put_user_policy, **put)
    assert (code, status, message) == (
        "MalformedPolicyDocument",
        400,
        "Statement IDs (SID) must be alpha-numeric.",
    )
    document["Statement"] = [{"Effect": "Deny", "Action": "*", "Resource": "arn:aws:iam::*:user/a b+c%20&é"}]
    iam.put_user_policy(**{**put, "PolicyDocument": json.dumps(document, ensure_ascii=False, indent=1)})
    assert iam.get_user_policy(UserName="alice", PolicyName="none")["PolicyDocument"] == document
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == ["none"]
    iam.delete_user_policy(UserName="alice", PolicyName="none")
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == []


def test_the_account_has_an_alias_and_a_summary(iam: Any) -> None:
    assert iam.list_account_aliases()["AccountAliases"] == ["acme"]
    iam.create_account_alias(AccountAlias="acme-two")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme-two"]
    iam.delete_account_alias(AccountAlias="acme-two")
    assert iam.list_account_aliases()["AccountAliases"] == []
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["AccountMFAEnabled"]) == (1, 0)


def test_a_user_without_policies_is_denied_in_awss_words(account: Any, iam: Any, refusal: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    own = account.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    alice = f"arn:aws:iam::{account.account_id}:user/alice"
    assert refusal(own.get_user) == (
        "AccessDenied",
        403,
        f"User: {alice} is not authorized to perform: iam:GetUser on resource: {alice} "
        "because no identity-based policy allows the iam:GetUser action",
    )
