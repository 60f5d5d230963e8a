"""The account's details: everything about permissions in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.service.grants import Group
from harness.service.identity import Identity
from harness.service.managed_policies import PolicyInUse
from harness.service.model import Caller, PolicyHolder, User
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    attached_answer,
    bounded,
    document_answer,
    group_answer,
    page,
    policy_answer,
    role_answer,
    tagged,
    user_answer,
    version_answer,
)

_LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}


def _get_account_authorization_details(
    identity: Identity,
    caller: Caller,
    *,
    filter: Sequence[str] = (),
    max_items: int = PAGE,
    marker: str | None = None,
) -> Answer:
    details = identity.get_account_authorization_details(caller)
    kinds = [(type(holder).__name__, holder.arn, _holder(holder)) for holder in details.holders]
    for found in details.policies:
        own = found.policy.account_id == caller.account_id
        kinds.append((f"{'Local' if own else 'AWS'}ManagedPolicy", found.policy.arn, _policy(found)))
    listed = [(arn, (kind, answer)) for kind, arn, answer in kinds if not filter or kind in filter]
    answer = page("Entries", listed, marker, max_items)
    lists: Answer = {name: [] for name in _LISTS.values()}
    for kind, entry in answer.pop("Entries"):
        lists[_LISTS[kind]].append(entry)
    return {**lists, **answer}


def _holder(holder: PolicyHolder) -> Answer:
    attached = [attached_answer(arn) for arn in holder.attached]
    inline = [
        {"PolicyName": name, "PolicyDocument": document_answer(document)}
        for name, document in holder.policies.items()
    ]
    match holder:
        case User():
            more = {"UserPolicyList": inline, "GroupList": list(holder.groups)}
            answer = bounded(tagged(user_answer(holder), holder.tags), holder.boundary)
        case Group():
            more, answer = {"GroupPolicyList": inline}, group_answer(holder)
        case _:
            more = {"RolePolicyList": inline, "InstanceProfileList": []}
            answer = bounded(tagged(role_answer(holder), holder.tags), holder.boundary)
    return {**answer, **more, "AttachedManagedPolicies": attached}


def _policy(found: PolicyInUse) -> Answer:
    policy = found.policy
    versions = [version_answer(policy, version, with_document=True) for version in policy.versions]
    return {**policy_answer(found), "Description": policy.description, "PolicyVersionList": versions}


IAM: Mapping[str, Operation] = {"GetAccountAuthorizationDetails": _get_account_authorization_details}
