"""Users renamed, tagged and deleted, when their keys signed last, and what nobody can have here."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_renamed_user_keeps_what_is_the_users(firm: Any, refusal: Any, keys_of: Any) -> None:
    keys, device, iam = firm.user("alice", {"Action": "iam:GetUser"}), firm.device("alice"), firm.iam
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    code = device.code()
    session = firm.client("sts", keys).get_session_token(SerialNumber=device.serial, TokenCode=code)
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/staff/")
    missing = ("NoSuchEntity", 404, "The user with name alice cannot be found.")
    assert refusal(iam.get_user, UserName="alice") == missing
    for signer in (keys, keys_of(session["Credentials"])):
        assert firm.client("iam", signer).get_user()["User"]["Arn"] == firm.arn("user/staff/alicia")
    assert [each["SerialNumber"] for each in iam.list_mfa_devices(UserName="alicia")["MFADevices"]] == [
        device.serial
    ]
    assert [user["UserName"] for user in iam.get_group(GroupName="ops")["Users"]] == ["alicia"]
    firm.user("bob")
    code, status, _ = refusal(iam.update_user, UserName="bob", NewUserName="Alicia")
    assert (code, status) == ("EntityAlreadyExists", 409)
    iam.update_user(UserName="alicia", NewUserName="Alicia")  # her own name in another case
    assert iam.get_user(UserName="alicia")["User"]["UserName"] == "Alicia"


def test_who_may_rename_a_user_needs_leave_for_both_names(firm: Any, refusal: Any) -> None:
    only_bob = {"Action": "iam:UpdateUser", "Resource": firm.arn("user/bob")}
    alice = firm.client("iam", firm.user("alice", only_bob))
    firm.user("bob")
    assert refusal(alice.update_user, UserName="bob", NewUserName="rob")[0] == "AccessDenied"


def test_tags_of_users_are_set_listed_and_removed_and_seen_by_policies(firm: Any, refusal: Any) -> None:
    by_tag = {"Action": "iam:ListUsers", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}
    alice, iam = firm.client("iam", firm.user("alice", by_tag)), firm.iam
    assert refusal(alice.list_users)[0] == "AccessDenied"
    iam.tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "red"}, {"Key": "a", "Value": ""}])
    alice.list_users()
    assert iam.list_user_tags(UserName="alice")["Tags"] == [
        {"Key": "a", "Value": ""},
        {"Key": "team", "Value": "red"},
    ]
    iam.untag_user(UserName="alice", TagKeys=["a", "none"])
    assert iam.get_user(UserName="alice")["User"]["Tags"] == [{"Key": "team", "Value": "red"}]
    many = [{"Key": f"key{number}", "Value": "x"} for number in range(50)]
    assert refusal(iam.tag_user, UserName="alice", Tags=many) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for TagsPerUser: 50",
    )
    iam.create_user(UserName="bob", Tags=many)


def test_a_user_is_deleted_once_nothing_hangs_on_it(firm: Any, document: Any, refusal: Any) -> None:
    keys, device, iam = firm.user("alice", {"Action": "iam:*"}), firm.device("alice"), firm.iam
    managed = {"UserName": "alice", "PolicyArn": "arn:aws:iam::aws:policy/AWSDenyAll"}
    iam.create_login_profile(UserName="alice", Password="Correct-Horse-1")
    iam.attach_user_policy(**managed)
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    steps = [
        ("must delete MFA device first", iam.deactivate_mfa_device, {"SerialNumber": device.serial}),
        ("must delete access keys first", iam.delete_access_key, {"AccessKeyId": keys.id}),
        ("must delete login profile first", iam.delete_login_profile, {}),
        ("must detach all policies first", iam.detach_user_policy, {"PolicyArn": managed["PolicyArn"]}),
        ("must delete policies first", iam.delete_user_policy, {"PolicyName": "own"}),
        ("must remove users from group first", iam.remove_user_from_group, {"GroupName": "ops"}),
    ]
    for text, remove, what in steps:
        conflict = ("DeleteConflict", 409, f"Cannot delete entity, {text}.")
        assert refusal(iam.delete_user, UserName="alice") == conflict
        remove(UserName="alice", **what)
    iam.delete_user(UserName="alice")


def test_when_where_and_for_what_a_key_signed_last(firm: Any, refusal: Any) -> None:
    keys, iam = firm.user("alice"), firm.iam
    found = iam.get_access_key_last_used(AccessKeyId=keys.id)
    assert (found["UserName"], found["AccessKeyLastUsed"]) == (
        "alice",
        {"ServiceName": "N/A", "Region": "N/A"},
    )
    firm.client("sts", keys).get_caller_identity()
    first = firm.clock()
    used = iam.get_access_key_last_used(AccessKeyId=keys.id)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", "us-east-1")
    assert used["LastUsedDate"].timestamp() == first
    for later, noted in ((899, first), (1, first + 900)):  # not every request is noted
        firm.clock.advance(later)
        firm.client("sts", keys).get_caller_identity()
        used = iam.get_access_key_last_used(AccessKeyId=keys.id)["AccessKeyLastUsed"]
        assert used["LastUsedDate"].timestamp() == noted
    refusal(firm.client("iam", keys).list_users)
    assert iam.get_access_key_last_used(AccessKeyId=keys.id)["AccessKeyLastUsed"]["ServiceName"] == "iam"
    missing = refusal(iam.get_access_key_last_used, AccessKeyId="AKIA0000000000000000")
    assert missing[:2] == ("NoSuchEntity", 404)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_signing_certificates", "Certificates"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ],
)
def test_what_nobody_can_have_is_listed_empty(firm: Any, refusal: Any, operation: str, name: str) -> None:
    call = getattr(firm.iam, operation)
    assert call()[name] == call(UserName="admin")[name] == []
    assert refusal(call, UserName="nobody")[:2] == ("NoSuchEntity", 404)
    alice = firm.client("iam", firm.user("alice"))
    assert refusal(getattr(alice, operation))[:2] == ("AccessDenied", 403)
