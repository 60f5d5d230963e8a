"""Managed policies and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from harness.service.grants import Group, Role
from harness.service.identity import Identity
from harness.service.managed_policies import PolicyInUse
from harness.service.model import Caller, User
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    page,
    policy_answer,
    tag_pairs,
    tagged,
    version_answer,
)


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
    return {"Policy": tagged(policy_answer(PolicyInUse(policy=policy, attachments=0)), policy.tags)}


def _get_policy(identity: Identity, caller: Caller, *, policy_arn: str) -> Answer:
    found = identity.get_policy(caller, policy_arn)
    described = {**policy_answer(found), "Description": found.policy.description}
    return {"Policy": tagged(described, found.policy.tags)}


def _list_policies(
    identity: Identity,
    caller: Caller,
    *,
    scope: Literal["All", "AWS", "Local"] = "All",
    only_attached: bool = False,
    path_prefix: str = "/",
    policy_usage_filter: Literal["PermissionsPolicy", "PermissionsBoundary"] = "PermissionsPolicy",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    found = identity.list_policies(caller, scope, only_attached)
    if policy_usage_filter == "PermissionsBoundary":  # nothing is anyone's boundary here
        found = []
    listed = [one for one in found if one.policy.path.startswith(path_prefix)]
    return page("Policies", [(one.policy.arn, policy_answer(one)) for one in listed], marker, max_items)


def _delete_policy(identity: Identity, caller: Caller, *, policy_arn: str) -> None:
    identity.delete_policy(caller, policy_arn)


def _list_entities_for_policy(
    identity: Identity,
    caller: Caller,
    *,
    policy_arn: str,
    entity_filter: Literal["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"] | None = None,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    holders = [
        holder
        for holder in identity.list_entities_for_policy(caller, policy_arn)
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


def _list_policy_versions(
    identity: Identity, caller: Caller, *, policy_arn: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    policy = identity.list_policy_versions(caller, policy_arn)
    listed = [(f"v{one.number}", version_answer(policy, one)) for one in reversed(policy.versions)]
    return page("Versions", listed, marker, max_items)


def _set_default_policy_version(
    identity: Identity, caller: Caller, *, policy_arn: str, version_id: str
) -> None:
    identity.set_default_policy_version(caller, policy_arn, version_id)


def _delete_policy_version(identity: Identity, caller: Caller, *, policy_arn: str, version_id: str) -> None:
    identity.delete_policy_version(caller, policy_arn, version_id)


IAM: Mapping[str, Operation] = {
    "CreatePolicy": _create_policy,
    "GetPolicy": _get_policy,
    "ListPolicies": _list_policies,
    "DeletePolicy": _delete_policy,
    "ListEntitiesForPolicy": _list_entities_for_policy,
    "CreatePolicyVersion": _create_policy_version,
    "GetPolicyVersion": _get_policy_version,
    "ListPolicyVersions": _list_policy_versions,
    "SetDefaultPolicyVersion": _set_default_policy_version,
    "DeletePolicyVersion": _delete_policy_version,
}
