"""Conditions on tags: those that a request gives, and those of whom it is about."""

from __future__ import annotations

from typing import Any

import pytest

BLUE, RED = [{"Key": "team", "Value": "blue"}], [{"Key": "team", "Value": "red"}]


def test_only_ones_own_teams_users_are_made_and_looked_after(firm: Any, refusal: Any) -> None:
    """IAM guide, "Controlling access to and for IAM users and roles using tags"."""
    keys = firm.user(
        "lead",
        {"Action": ["iam:CreateUser"], "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}},
        {
            "Action": ["iam:GetUser", "iam:DeleteUser"],
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        },
    )
    firm.iam.tag_user(UserName="lead", Tags=BLUE)
    lead = firm.client("iam", keys)
    for tags in ([], RED):
        assert refusal(lead.create_user, UserName="bob", Tags=tags)[0] == "AccessDenied"
    lead.create_user(UserName="bob", Tags=BLUE)
    lead.get_user(UserName="bob")
    firm.iam.create_user(UserName="rita", Tags=RED)
    assert refusal(lead.get_user, UserName="rita")[0] == "AccessDenied"
    assert refusal(lead.delete_user, UserName="admin")[0] == "AccessDenied"
    lead.delete_user(UserName="bob")


@pytest.mark.parametrize("kind", ["user", "role", "mfa_device"])
def test_which_tags_may_be_put_and_taken_away(firm: Any, refusal: Any, kind: str) -> None:
    keys = firm.user(
        "tagger",
        {
            "Action": ["iam:Tag*", "iam:Untag*"],
            "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
        },
    )
    whose = {
        "user": {"UserName": "tagger"},
        "role": {"RoleName": "deploy"},
        "mfa_device": {"SerialNumber": firm.arn("mfa/phone")},
    }[kind]
    firm.role("deploy", {"Principal": {"AWS": firm.account_id}})
    firm.iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")
    tagger = firm.client("iam", keys)
    tag, untag = getattr(tagger, f"tag_{kind}"), getattr(tagger, f"untag_{kind}")
    tag(**whose, Tags=BLUE)
    assert refusal(tag, **whose, Tags=[*BLUE, {"Key": "cost", "Value": "1"}])[0] == "AccessDenied"
    assert refusal(untag, **whose, TagKeys=["team", "cost"])[0] == "AccessDenied"
    untag(**whose, TagKeys=["team"])
    assert getattr(firm.iam, f"list_{kind}_tags")(**whose)["Tags"] == []


def test_a_role_is_assumed_by_its_tag(firm: Any, refusal: Any) -> None:
    keys = firm.user(
        "alice",
        {"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}},
    )
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}}, Tags=RED)
    sts, request = firm.client("sts", keys), {"RoleArn": arn, "RoleSessionName": "alice"}
    assert refusal(sts.assume_role, **request)[0] == "AccessDenied"
    firm.iam.tag_role(RoleName="deploy", Tags=BLUE)
    sts.assume_role(**request)


def test_devices_and_policies_are_made_under_the_right_tag_alone(
    firm: Any, refusal: Any, document: Any
) -> None:
    keys = firm.user(
        "maker",
        {
            "Action": ["iam:CreateVirtualMFADevice", "iam:CreatePolicy", "iam:CreateRole"],
            "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}},
        },
    )
    maker = firm.client("iam", keys)
    anything = document({"Action": "*"})
    trust = document({"Action": "sts:AssumeRole", "Principal": {"AWS": firm.account_id}})
    for call, parameters in (
        (maker.create_virtual_mfa_device, {"VirtualMFADeviceName": "phone"}),
        (maker.create_policy, {"PolicyName": "all", "PolicyDocument": anything}),
        (maker.create_role, {"RoleName": "deploy", "AssumeRolePolicyDocument": trust}),
    ):
        assert refusal(call, **parameters, Tags=RED)[0] == "AccessDenied"
        call(**parameters, Tags=BLUE)
