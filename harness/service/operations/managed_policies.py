"""Managed policies and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from harness.service.grants import Group, Role
from harness.service.identity import Identity
from harness.service.managed_policies import PolicyInUse, Usage
from harness.service.model import Caller, User
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Items,
    Operation,
    page,
    policy_answer,
    tag_pairs,
    tagged,
    version_answer,
)
from harness.service.operations.shapes import paged, passed_on


def _create_policy(
    identity: Identity,
    caller: Caller,
    *,
    policy_name: str,
    policy_document: str,
    path: str = "/",
    description: str | None = None,
    tags: Sequence[Mapping[str, str]] = (),
) -> Answer:
    policy = identity.create_policy(caller, policy_name, policy_document, path, description, tag_pairs(tags))
    return {"Policy": tagged(policy_answer(PolicyInUse(policy=policy)), policy.tags)}


def _get_policy(identity: Identity, caller: Caller, *, policy_arn: str) -> Answer:
    found = identity.get_policy(caller, policy_arn)
    described = {**policy_answer(found), "Description": found.policy.description}
    return {"Policy": tagged(described, found.policy.tags)}


@paged("Policies")
def _list_policies(
    identity: Identity,
    caller: Caller,
    *,
    scope: Literal["All", "AWS", "Local"] = "All",
    only_attached: bool = False,
    path_prefix: str = "/",
    policy_usage_filter: Usage | None = None,
) -> Items:
    found = identity.list_policies(caller, scope, only_attached)
    listed = [
        one
        for one in found
        if one.policy.path.startswith(path_prefix)
        and (one.boundaries or policy_usage_filter != "PermissionsBoundary")
    ]
    return [(one.policy.arn, policy_answer(one)) for one in listed]


def _list_entities_for_policy(
    identity: Identity,
    caller: Caller,
    *,
    policy_arn: str,
    entity_filter: Literal["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"] | None = None,
    path_prefix: str = "/",
    policy_usage_filter: Usage | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    holders = [
        holder
        for holder in identity.list_entities_for_policy(caller, policy_arn, policy_usage_filter)
        if entity_filter in (None, type(holder).__name__) and holder.path.startswith(path_prefix)
    ]
    found = page("Holders", [(holder.arn, holder) for holder in holders], marker, max_items)
    answer: Answer = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for holder in found.pop("Holders"):
        match holder:
            case Group():
                answer["PolicyGroups"].append({"GroupName": holder.name, "GroupId": holder.group_id})
            case User():
                answer["PolicyUsers"].append({"UserName": holder.name, "UserId": holder.user_id})
            case Role():
                answer["PolicyRoles"].append({"RoleName": holder.name, "RoleId": holder.role_id})
    return {**answer, **found}


def _create_policy_version(
    identity: Identity,
    caller: Caller,
    *,
    policy_arn: str,
    policy_document: str,
    set_as_default: bool = False,
) -> Answer:
    policy, version = identity.create_policy_version(caller, policy_arn, policy_document, set_as_default)
    return {"PolicyVersion": version_answer(policy, version)}


def _get_policy_version(identity: Identity, caller: Caller, *, policy_arn: str, version_id: str) -> Answer:
    policy, version = identity.get_policy_version(caller, policy_arn, version_id)
    return {"PolicyVersion": version_answer(policy, version, with_document=True)}


@paged("Versions")
def _list_policy_versions(identity: Identity, caller: Caller, *, policy_arn: str) -> Items:
    policy = identity.list_policy_versions(caller, policy_arn)
    return [(f"v{one.number}", version_answer(policy, one)) for one in reversed(policy.versions)]


IAM: Mapping[str, Operation] = {
    "CreatePolicy": _create_policy,
    "GetPolicy": _get_policy,
    "ListPolicies": _list_policies,
    "ListEntitiesForPolicy": _list_entities_for_policy,
    "CreatePolicyVersion": _create_policy_version,
    "GetPolicyVersion": _get_policy_version,
    "ListPolicyVersions": _list_policy_versions,
    **passed_on(
        {
            "DeletePolicy": ["policy_arn"],
            "SetDefaultPolicyVersion": ["policy_arn", "version_id"],
            "DeletePolicyVersion": ["policy_arn", "version_id"],
        }
    ),
}
