"""The policy simulator, which agrees with what the API then does."""

from __future__ import annotations

from typing import Any

import pytest

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def entry(key: str, *values: str) -> dict[str, Any]:
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "string"}


def decisions(answer: dict[str, Any]) -> list[str]:
    return [result["EvalDecision"] for result in answer["EvaluationResults"]]


def test_a_users_policies_decide_and_are_named(firm: Any, document: Any) -> None:
    iam = firm.iam
    firm.user("alice", {"Action": ["iam:ListUsers", "iam:GetUser"]})
    iam.create_group(GroupName="ops")
    iam.put_group_policy(
        GroupName="ops",
        PolicyName="careful",
        PolicyDocument=document({"Effect": "Deny", "Action": "iam:GetUser"}),
    )
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/IAMUserChangePassword")
    actions = ["iam:ListUsers", "iam:GetUser", "iam:DeleteUser", "iam:ChangePassword"]
    answer = iam.simulate_principal_policy(
        PolicySourceArn=firm.arn("user/alice"),
        ActionNames=actions,
        ResourceArns=[firm.arn("user/alice")],
    )
    assert decisions(answer) == ["allowed", "explicitDeny", "implicitDeny", "allowed"]
    sources = [
        [statement["SourcePolicyId"] for statement in result["MatchedStatements"]]
        for result in answer["EvaluationResults"]
    ]
    assert sources == [["user_alice_own"], ["group_ops_careful"], [], ["IAMUserChangePassword"]]


def test_the_simulator_says_beforehand_what_mfa_will_change(firm: Any, refusal: Any, keys_of: Any) -> None:
    keys = firm.user("alice", {"Action": "iam:ListUsers", "Condition": MFA})
    device = firm.device("alice")
    ask = {"PolicySourceArn": firm.arn("user/alice"), "ActionNames": ["iam:ListUsers"]}
    without = firm.iam.simulate_principal_policy(**ask)
    assert decisions(without) == ["implicitDeny"]
    assert without["EvaluationResults"][0]["MissingContextValues"] == ["aws:MultiFactorAuthPresent"]
    given = [entry("aws:MultiFactorAuthPresent", "true")]
    assert decisions(firm.iam.simulate_principal_policy(**ask, ContextEntries=given)) == ["allowed"]
    assert refusal(firm.client("iam", keys).list_users)[0] == "AccessDenied"
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    session = firm.client("sts", keys).get_session_token(**proof)["Credentials"]
    firm.client("iam", keys_of(session)).list_users()


def test_custom_policies_are_judged_alone(firm: Any, document: Any, refusal: Any) -> None:
    own = document({"Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:username}"})
    deny = document({"Effect": "Deny", "Action": "iam:Delete*"})
    ask = {
        "PolicyInputList": [own, deny],
        "ActionNames": ["iam:GetUser", "iam:DeleteUser"],
        "ResourceArns": [firm.arn("user/alice"), firm.arn("user/bob")],
        "ContextEntries": [entry("aws:username", "alice")],
    }
    answer = firm.iam.simulate_custom_policy(**ask)
    assert decisions(answer) == ["allowed", "implicitDeny", "explicitDeny", "explicitDeny"]
    assert firm.iam.get_context_keys_for_custom_policy(PolicyInputList=[own])["ContextKeyNames"] == [
        "aws:username"
    ]
    pages = firm.iam.get_paginator("simulate_custom_policy").paginate(**ask, PaginationConfig={"PageSize": 3})
    assert [len(page["EvaluationResults"]) for page in pages] == [3, 1]
    assert refusal(firm.iam.simulate_custom_policy, PolicyInputList=["{"], ActionNames=["iam:GetUser"])[
        :2
    ] == ("MalformedPolicyDocument", 400)


def test_roles_and_groups_can_be_simulated_too(firm: Any, document: Any) -> None:
    arn = firm.role("deploy", {"Principal": "*"}, Tags=[{"Key": "team", "Value": "red"}])
    by_tag = {"Action": "iam:ListUsers", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}
    firm.iam.put_role_policy(RoleName="deploy", PolicyName="own", PolicyDocument=document(by_tag))
    ask = {"ActionNames": ["iam:ListUsers"]}
    assert decisions(firm.iam.simulate_principal_policy(PolicySourceArn=arn, **ask)) == ["allowed"]
    firm.iam.create_group(GroupName="ops")
    group = firm.arn("group/ops")
    assert decisions(firm.iam.simulate_principal_policy(PolicySourceArn=group, **ask)) == ["implicitDeny"]
    keys = firm.iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"]
    assert keys == ["aws:PrincipalTag/team"]


@pytest.mark.parametrize(
    ("resource", "code"),
    [("user/nobody", "NoSuchEntity"), ("group/none", "NoSuchEntity"), ("mfa/device", "InvalidInput")],
)
def test_a_source_that_has_no_policies_is_refused(firm: Any, refusal: Any, resource: str, code: str) -> None:
    ask = {"PolicySourceArn": firm.arn(resource), "ActionNames": ["iam:GetUser"]}
    assert refusal(firm.iam.simulate_principal_policy, **ask)[0] == code
