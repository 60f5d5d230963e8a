"""Managed policies: versions, attaching, and AWS's own as data."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def policy(firm: Any, document: Any) -> str:
    """The ARN of a policy that lets users be listed."""
    allowed = document({"Action": "iam:ListUsers"})
    made = firm.iam.create_policy(
        PolicyName="look", PolicyDocument=allowed, Path="/it/", Description="to look"
    )
    return str(made["Policy"]["Arn"])


def test_a_policy_speaks_for_whom_it_is_attached_to_in_its_default_version(
    firm: Any, document: Any, refusal: Any, policy: str
) -> None:
    alice, iam = firm.client("iam", firm.user("alice")), firm.iam
    assert refusal(alice.list_users)[0] == "AccessDenied"
    iam.attach_user_policy(UserName="alice", PolicyArn=policy)
    iam.attach_user_policy(UserName="alice", PolicyArn=policy)
    alice.list_users()
    other = document({"Action": "iam:ListRoles"})
    version = iam.create_policy_version(PolicyArn=policy, PolicyDocument=other)["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v2", False)
    alice.list_users()
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v2")
    assert refusal(alice.list_users)[0] == "AccessDenied"
    alice.list_roles()
    assert iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"] == [
        {"PolicyName": "look", "PolicyArn": policy}
    ]
    iam.detach_user_policy(UserName="alice", PolicyArn=policy)
    assert refusal(alice.list_roles)[0] == "AccessDenied"


def test_a_policy_is_described_with_its_versions(firm: Any, document: Any, policy: str) -> None:
    iam, other = firm.iam, document({"Action": "iam:ListRoles"})
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=other, SetAsDefault=True)
    iam.attach_user_policy(UserName="admin", PolicyArn=policy)
    found = iam.get_policy(PolicyArn=policy)["Policy"]
    assert policy == firm.arn("policy/it/look") == found["Arn"]
    assert (found["DefaultVersionId"], found["AttachmentCount"], found["Description"]) == ("v2", 1, "to look")
    version = iam.get_policy_version(PolicyArn=policy, VersionId="v2")["PolicyVersion"]
    assert version["Document"] == json.loads(other)
    versions = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in versions] == [
        ("v2", True),
        ("v1", False),
    ]
    (local,) = iam.list_policies(Scope="Local")["Policies"]
    assert local["PolicyName"] == "look"
    attached = {each["PolicyName"] for each in iam.list_policies(OnlyAttached=True)["Policies"]}
    assert attached == {"look", "AdministratorAccess"}
    assert iam.list_policies(PathPrefix="/dev/")["Policies"] == []
    assert iam.list_policies(PolicyUsageFilter="PermissionsBoundary")["Policies"] == []


def test_the_entities_of_a_policy_are_listed_by_kind(firm: Any, policy: str) -> None:
    iam = firm.iam
    iam.create_group(GroupName="ops")
    firm.role("deploy", {"Principal": "*"})
    iam.attach_user_policy(UserName="admin", PolicyArn=policy)
    iam.attach_group_policy(GroupName="ops", PolicyArn=policy)
    iam.attach_role_policy(RoleName="deploy", PolicyArn=policy)
    found = iam.list_entities_for_policy(PolicyArn=policy)
    assert [each["GroupName"] for each in found["PolicyGroups"]] == ["ops"]
    assert [each["UserName"] for each in found["PolicyUsers"]] == ["admin"]
    assert [each["RoleName"] for each in found["PolicyRoles"]] == ["deploy"]
    roles = iam.list_entities_for_policy(PolicyArn=policy, EntityFilter="Role")
    assert (roles["PolicyUsers"], len(roles["PolicyRoles"])) == ([], 1)


def test_a_policy_in_use_or_with_versions_is_not_deleted(
    firm: Any, document: Any, refusal: Any, policy: str
) -> None:
    iam, other = firm.iam, document({"Action": "iam:ListRoles"})
    iam.attach_user_policy(UserName="admin", PolicyArn=policy)
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=other)
    attached = ("DeleteConflict", 409, "Cannot delete a policy attached to entities.")
    assert refusal(iam.delete_policy, PolicyArn=policy) == attached
    iam.detach_user_policy(UserName="admin", PolicyArn=policy)
    code, _, message = refusal(iam.delete_policy, PolicyArn=policy)
    assert code == "DeleteConflict"
    assert message.startswith("This policy has more than one version.")
    assert refusal(iam.delete_policy_version, PolicyArn=policy, VersionId="v1") == (
        "DeleteConflict",
        409,
        "Cannot delete the default version of a policy.",
    )
    iam.delete_policy_version(PolicyArn=policy, VersionId="v2")
    again = iam.create_policy_version(PolicyArn=policy, PolicyDocument=other)["PolicyVersion"]
    assert again["VersionId"] == "v3"  # numbers are not used twice
    iam.delete_policy_version(PolicyArn=policy, VersionId="v3")
    iam.delete_policy(PolicyArn=policy)
    missing = ("NoSuchEntity", 404, f"Policy {policy} was not found.")
    assert refusal(iam.get_policy, PolicyArn=policy) == missing
    assert refusal(iam.detach_user_policy, UserName="admin", PolicyArn=policy) == missing


def test_limits_and_duplicates(firm: Any, document: Any, refusal: Any, policy: str) -> None:
    iam, small = firm.iam, document({"Action": "iam:ListUsers"})
    assert refusal(iam.create_policy, PolicyName="Look", PolicyDocument=small) == (
        "EntityAlreadyExists",
        409,
        "A policy called Look already exists. Duplicate names are not allowed.",
    )
    for _ in range(4):
        iam.create_policy_version(PolicyArn=policy, PolicyDocument=small)
    code, status, message = refusal(iam.create_policy_version, PolicyArn=policy, PolicyDocument=small)
    assert (code, status) == ("LimitExceeded", 409)
    assert message.startswith("A managed policy can have up to 5 versions.")
    large = document({"Action": "iam:*", "Resource": ["arn:aws:iam::*:user/" + "x" * 6144]})
    assert refusal(iam.create_policy, PolicyName="large", PolicyDocument=large) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PolicySize: 6144",
    )
    assert refusal(iam.create_policy, PolicyName="bad", PolicyDocument="{")[0] == "MalformedPolicyDocument"
    for number in range(11):
        arn = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=small)["Policy"]["Arn"]
        if number < 9:
            iam.attach_user_policy(UserName="admin", PolicyArn=arn)
    assert refusal(iam.attach_user_policy, UserName="admin", PolicyArn=arn) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PoliciesPerUser: 10",
    )


def test_awss_own_policies_are_there_to_read_and_attach(firm: Any, refusal: Any) -> None:
    iam, administrator = firm.iam, "arn:aws:iam::aws:policy/AdministratorAccess"
    found = iam.get_policy(PolicyArn=administrator)["Policy"]
    assert (found["PolicyName"], found["AttachmentCount"]) == ("AdministratorAccess", 1)
    version = iam.get_policy_version(PolicyArn=administrator, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert refusal(iam.delete_policy, PolicyArn=administrator)[:2] == ("AccessDenied", 403)
    listed = {policy["PolicyName"] for policy in iam.list_policies(Scope="AWS")["Policies"]}
    assert listed >= {"AdministratorAccess", "PowerUserAccess", "IAMUserChangePassword", "IAMReadOnlyAccess"}
    for policy in iam.list_policies(Scope="AWS")["Policies"]:
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"][
            "Document"
        ]
        iam.create_policy(PolicyName=f"copy-of-{policy['PolicyName']}", PolicyDocument=json.dumps(document))


@pytest.mark.parametrize("arn", ["arn:aws:iam::aws:policy/None", "arn:aws:iam::210987654321:policy/look"])
def test_a_policy_that_is_not_there_cannot_be_attached(firm: Any, refusal: Any, arn: str) -> None:
    code, status, message = refusal(firm.iam.attach_user_policy, UserName="admin", PolicyArn=arn)
    assert (code, status) == ("NoSuchEntity", 404)
    assert message.startswith(f"Policy {arn} does not exist or is not attachable.")


def test_another_accounts_policy_is_nobodys_here(firm: Any, document: Any, refusal: Any) -> None:
    other = firm.identity.create_account("other", "root@other.example", "Correct-Horse-1")
    root = firm.identity.root_caller(other.id)
    theirs = firm.identity.create_policy(root, "theirs", document({"Action": "*"}))
    assert refusal(firm.iam.get_policy, PolicyArn=theirs.arn)[:2] == ("NoSuchEntity", 404)
    assert refusal(firm.iam.attach_user_policy, UserName="admin", PolicyArn=theirs.arn)[:2] == (
        "NoSuchEntity",
        404,
    )
