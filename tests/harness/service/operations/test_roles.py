"""Roles over the API: made, tagged, described, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

ANYONE = {"Principal": {"AWS": "*"}}


def test_a_role_is_made_read_changed_and_deleted(firm: Any, document: Any, refusal: Any) -> None:
    iam = firm.iam
    trust = {
        "Principal": {"AWS": firm.account_id},
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    arn = firm.role(
        "deploy", trust, Path="/ops/", Description="ships it", Tags=[{"Key": "team", "Value": "a"}]
    )
    assert arn == firm.arn("role/ops/deploy")
    role = iam.get_role(RoleName="deploy")["Role"]
    assert role["RoleId"].startswith("AROA")
    assert len(role["RoleId"]) == 21
    assert (role["MaxSessionDuration"], role["Description"]) == (3600, "ships it")
    assert role["Tags"] == [{"Key": "team", "Value": "a"}]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": firm.account_id}
    assert [each["RoleName"] for each in iam.list_roles(PathPrefix="/ops/")["Roles"]] == ["deploy"]
    assert iam.list_roles(PathPrefix="/dev/")["Roles"] == []

    iam.update_role(RoleName="deploy", Description="ships them", MaxSessionDuration=7200)
    changed = iam.update_role_description(RoleName="deploy", Description="ships all")["Role"]
    assert (changed["MaxSessionDuration"], changed["Description"]) == (7200, "ships all")
    other = document({"Action": "sts:AssumeRole", **ANYONE})
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=other)
    assert iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"] == json.loads(other)
    iam.tag_role(RoleName="deploy", Tags=[{"Key": "a", "Value": "b"}])
    iam.untag_role(RoleName="deploy", TagKeys=["team"])
    assert iam.list_role_tags(RoleName="deploy")["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.list_instance_profiles_for_role(RoleName="deploy")["InstanceProfiles"] == []
    assert iam.get_account_summary()["SummaryMap"]["Roles"] == 1

    missing = ("NoSuchEntity", 404, "The role with name deploy cannot be found.")
    iam.delete_role(RoleName="deploy")
    assert refusal(iam.get_role, RoleName="deploy") == missing
    assert refusal(iam.delete_role, RoleName="deploy") == missing


def test_a_role_name_is_taken_whatever_its_case(firm: Any, refusal: Any) -> None:
    firm.role("deploy", ANYONE)
    with pytest.raises(
        firm.iam.exceptions.EntityAlreadyExistsException, match="Role with name Deploy already"
    ):
        firm.role("Deploy", ANYONE)


def test_a_role_with_policies_is_not_deleted(firm: Any, document: Any, refusal: Any) -> None:
    firm.role("deploy", ANYONE)
    policy = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    firm.iam.attach_role_policy(RoleName="deploy", PolicyArn=policy)
    firm.iam.put_role_policy(
        RoleName="deploy", PolicyName="own", PolicyDocument=document({"Action": "iam:*"})
    )
    conflict = "Cannot delete entity, must detach all policies first."
    assert refusal(firm.iam.delete_role, RoleName="deploy") == ("DeleteConflict", 409, conflict)
    firm.iam.detach_role_policy(RoleName="deploy", PolicyArn=policy)
    conflict = "Cannot delete entity, must delete policies first."
    assert refusal(firm.iam.delete_role, RoleName="deploy") == ("DeleteConflict", 409, conflict)
    firm.iam.delete_role_policy(RoleName="deploy", PolicyName="own")
    firm.iam.delete_role(RoleName="deploy")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ({"Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ({"Action": "sts:AssumeRole", "Resource": "*", **ANYONE}, "Has prohibited field Resource"),
        ({"Action": "iam:GetUser", **ANYONE}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "sts:AssumeRole", "Principal": {"AWS": 7}}, "Invalid principal in policy."),
        ({"Action": "sts:AssumeRole", "Principal": {"Zoo": "*"}}, "Invalid principal in policy."),
        ({"Action": "sts:AssumeRole", "Principal": []}, "Invalid principal in policy."),
        ("everyone", "a statement must be a JSON object"),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(firm: Any, refusal: Any, statement: Any, text: str) -> None:
    if isinstance(statement, dict):
        statement = {"Effect": "Allow", **statement}
    whole = json.dumps({"Version": "2012-10-17", "Statement": statement})
    code, status, message = refusal(firm.iam.create_role, RoleName="r", AssumeRolePolicyDocument=whole)
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert text in message


@pytest.mark.parametrize("text", ["{", "[]", "7", '"a"', "{}", '{"Statement": []}', "[" * 5000])
def test_what_is_no_policy_at_all_is_refused(firm: Any, refusal: Any, text: str) -> None:
    found = refusal(firm.iam.create_role, RoleName="r", AssumeRolePolicyDocument=text)
    assert found[:2] == ("MalformedPolicyDocument", 400)


def test_nobody_that_does_not_exist_is_trusted(firm: Any, document: Any, refusal: Any) -> None:
    nobody = firm.arn("user/nobody")
    trust = document({"Action": "sts:AssumeRole", "Principal": {"AWS": ["*", nobody]}})
    assert refusal(firm.iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust) == (
        "MalformedPolicyDocument",
        400,
        f'Invalid principal in policy: "AWS":"{nobody}"',
    )
    firm.role("elsewhere", {"Principal": {"AWS": "arn:aws:iam::210987654321:user/whoever"}})
    firm.role("service", {"Principal": {"Service": "ec2.amazonaws.com"}})
