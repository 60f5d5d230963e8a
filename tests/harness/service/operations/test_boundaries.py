"""Permissions boundaries: what a user or role may do is what its policies and its boundary both allow."""

from __future__ import annotations

from typing import Any

import pytest

LOOK = {"Action": ["iam:Get*", "iam:List*", "sts:AssumeRole"]}
ALL = {"Action": "*"}


@pytest.fixture
def bounds(firm: Any, document: Any) -> Any:
    """Make a managed policy of these statements; its ARN."""

    def make(name: str, *statements: dict[str, Any]) -> str:
        made = firm.iam.create_policy(PolicyName=name, PolicyDocument=document(*statements))
        return str(made["Policy"]["Arn"])

    return make


def test_a_boundary_takes_away_and_gives_nothing(firm: Any, bounds: Any, refusal: Any) -> None:
    keys, look = firm.user("alice", ALL), bounds("look", LOOK)
    alice = firm.client("iam", keys)
    alice.create_group(GroupName="before")
    firm.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=look)
    alice.list_groups()
    code, status, text = refusal(alice.create_group, GroupName="after")
    assert (code, status) == ("AccessDenied", 403)
    assert text.endswith("because no permissions boundary allows the iam:CreateGroup action")
    firm.iam.delete_user_policy(UserName="alice", PolicyName="own")
    text = refusal(alice.list_groups)[2]
    assert text.endswith("because no identity-based policy allows the iam:ListGroups action")


def test_a_boundary_that_denies_says_so(firm: Any, bounds: Any, refusal: Any) -> None:
    keys = firm.user("alice", ALL)
    arn = bounds("deny", ALL, {"Effect": "Deny", "Action": "iam:ListUsers"})
    firm.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    text = refusal(firm.client("iam", keys).list_users)[2]
    assert text.endswith("with an explicit deny in a permissions boundary")


def test_a_boundary_is_shown_where_aws_shows_it_and_goes_when_deleted(firm: Any, bounds: Any) -> None:
    look = bounds("look", LOOK)
    shown = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": look}
    made = firm.iam.create_user(UserName="alice", PermissionsBoundary=look)
    assert made["User"]["PermissionsBoundary"] == shown
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}}, PermissionsBoundary=look)
    assert firm.iam.get_role(RoleName="deploy")["Role"]["PermissionsBoundary"] == shown
    assert firm.iam.get_user(UserName="alice")["User"]["PermissionsBoundary"] == shown
    assert all("PermissionsBoundary" not in user for user in firm.iam.list_users()["Users"])
    assert firm.iam.get_policy(PolicyArn=look)["Policy"]["PermissionsBoundaryUsageCount"] == 2
    listed = firm.iam.list_policies(Scope="Local", PolicyUsageFilter="PermissionsBoundary")["Policies"]
    assert [policy["Arn"] for policy in listed] == [look]
    held = firm.iam.list_entities_for_policy(PolicyArn=look, PolicyUsageFilter="PermissionsBoundary")
    assert [user["UserName"] for user in held["PolicyUsers"]] == ["alice"]
    assert [role["RoleName"] for role in held["PolicyRoles"]] == ["deploy"]
    assert not firm.iam.list_entities_for_policy(PolicyArn=look, PolicyUsageFilter="PermissionsPolicy")[
        "PolicyUsers"
    ]
    details = firm.iam.get_account_authorization_details()
    assert {"alice": shown} == {
        user["UserName"]: user["PermissionsBoundary"]
        for user in details["UserDetailList"]
        if "PermissionsBoundary" in user
    }
    assert [role["PermissionsBoundary"] for role in details["RoleDetailList"] if role["Arn"] == arn] == [
        shown
    ]
    firm.iam.delete_user_permissions_boundary(UserName="alice")
    firm.iam.delete_role_permissions_boundary(RoleName="deploy")
    assert "PermissionsBoundary" not in firm.iam.get_user(UserName="alice")["User"]
    assert "PermissionsBoundary" not in firm.iam.get_role(RoleName="deploy")["Role"]


def test_a_policy_that_bounds_somebody_is_not_deleted(firm: Any, bounds: Any, refusal: Any) -> None:
    look = bounds("look", LOOK)
    firm.iam.create_user(UserName="alice", PermissionsBoundary=look)
    assert refusal(firm.iam.delete_policy, PolicyArn=look)[0] == "DeleteConflict"
    firm.iam.delete_user(UserName="alice")  # which a boundary does not hold back
    firm.iam.delete_policy(PolicyArn=look)


@pytest.mark.parametrize(
    "arn", ["arn:aws:iam::aws:policy/NoSuchPolicy", "arn:aws:iam::000000000000:policy/x", "x" * 20]
)
def test_what_is_no_policy_bounds_nobody(firm: Any, refusal: Any, arn: str) -> None:
    firm.user("alice")
    text = f"Scope ARN: {arn} does not exist or is not attachable."
    for call, parameters in (
        (firm.iam.put_user_permissions_boundary, {"UserName": "alice"}),
        (firm.iam.create_user, {"UserName": "bob"}),
    ):
        assert refusal(call, **parameters, PermissionsBoundary=arn) == ("NoSuchEntity", 404, text)
    assert [user["UserName"] for user in firm.iam.list_users()["Users"]] == ["admin", "alice"]
    assert refusal(firm.iam.delete_user_permissions_boundary, UserName="alice")[0] == "NoSuchEntity"


def test_a_delegate_may_only_make_users_that_are_bounded(firm: Any, bounds: Any, refusal: Any) -> None:
    """IAM guide, "Delegating responsibility to others using permissions boundaries"."""
    look = bounds("look", LOOK)
    held = {"StringEquals": {"iam:PermissionsBoundary": look}}
    keys = firm.user(
        "delegate",
        {"Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary"], "Condition": held},
        {"Action": ["iam:PutUserPolicy", "iam:AttachUserPolicy"], "Condition": held},
    )
    delegate, admin_policy = firm.client("iam", keys), "arn:aws:iam::aws:policy/AdministratorAccess"
    assert refusal(delegate.create_user, UserName="bob")[0] == "AccessDenied"
    assert (
        refusal(delegate.create_user, UserName="bob", PermissionsBoundary=admin_policy)[0] == "AccessDenied"
    )
    delegate.create_user(UserName="bob", PermissionsBoundary=look)
    delegate.attach_user_policy(UserName="bob", PolicyArn=admin_policy)
    widen = {"UserName": "bob", "PermissionsBoundary": admin_policy}
    assert refusal(delegate.put_user_permissions_boundary, **widen)[0] == "AccessDenied"
    assert refusal(delegate.delete_user_permissions_boundary, UserName="bob")[0] == "AccessDenied"
    assert refusal(delegate.attach_user_policy, UserName="admin", PolicyArn=look)[0] == "AccessDenied"


def test_a_roles_boundary_bounds_its_sessions(firm: Any, bounds: Any, refusal: Any, keys_of: Any) -> None:
    look = bounds("look", LOOK)
    keys = firm.user("alice", {"Action": "sts:AssumeRole"})
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}}, PermissionsBoundary=look)
    firm.iam.attach_role_policy(RoleName="deploy", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    session = firm.client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="alice")["Credentials"]
    deploy = firm.client("iam", keys_of(session))
    deploy.list_users()
    text = refusal(deploy.create_group, GroupName="ops")[2]
    assert text.endswith("because no permissions boundary allows the iam:CreateGroup action")


@pytest.mark.parametrize("bound", ["user", "role"])
def test_a_trust_policy_that_names_a_user_passes_its_boundary_and_a_roles_not(
    firm: Any, bounds: Any, refusal: Any, keys_of: Any, bound: str
) -> None:
    """IAM guide, "Permissions boundaries": evaluation with resource-based policies, within an account."""
    nothing = bounds("nothing", {"Action": "s3:*"})
    keys = firm.user("alice")
    principal = firm.arn("user/alice")
    if bound == "user":
        firm.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=nothing)
    else:
        principal = firm.role("first", {"Principal": {"AWS": principal}}, PermissionsBoundary=nothing)
        request = {"RoleArn": principal, "RoleSessionName": "alice"}
        keys = keys_of(firm.client("sts", keys).assume_role(**request)["Credentials"])
    last = firm.role("last", {"Principal": {"AWS": principal}})
    sts, request = firm.client("sts", keys), {"RoleArn": last, "RoleSessionName": "alice"}
    if bound == "user":
        sts.assume_role(**request)
    else:
        assert refusal(sts.assume_role, **request)[0] == "AccessDenied"
        firm.iam.delete_role_permissions_boundary(RoleName="first")
        sts.assume_role(**request)


def decisions(answer: dict[str, Any]) -> list[tuple[str, bool | None]]:
    return [
        (
            result["EvalDecision"],
            result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary"),
        )
        for result in answer["EvaluationResults"]
    ]


def test_the_simulators_know_boundaries(firm: Any, bounds: Any, document: Any, refusal: Any) -> None:
    firm.user("alice", ALL)
    ask = {"PolicySourceArn": firm.arn("user/alice"), "ActionNames": ["iam:ListUsers", "iam:CreateUser"]}
    assert decisions(firm.iam.simulate_principal_policy(**ask)) == [("allowed", None), ("allowed", None)]
    firm.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=bounds("look", LOOK))
    bounded = [("allowed", True), ("implicitDeny", False)]
    assert decisions(firm.iam.simulate_principal_policy(**ask)) == bounded
    denying = [document({"Effect": "Deny", "Action": "iam:List*"})]
    instead = firm.iam.simulate_principal_policy(**ask, PermissionsBoundaryPolicyInputList=denying)
    assert decisions(instead) == [("explicitDeny", False), ("implicitDeny", False)]
    custom = {"PolicyInputList": [document(ALL)], "ActionNames": ask["ActionNames"]}
    given = {"PermissionsBoundaryPolicyInputList": [document(LOOK)]}
    assert decisions(firm.iam.simulate_custom_policy(**custom, **given)) == bounded
    two = {"PermissionsBoundaryPolicyInputList": [document(LOOK), document(ALL)]}
    assert refusal(firm.iam.simulate_custom_policy, **custom, **two)[0] == "InvalidInput"
