"""Inline policies of users, groups and roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.service.directory import check_name, group_target, role_target, target
from harness.service.environment import Environment
from harness.service.errors import LimitExceeded, NoSuchEntity
from harness.service.model import Caller, PolicyHolder
from harness.service.policy import Policy
from harness.service.profile import ServiceProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Users, groups or roles, as holders of policies: how one is found, and how long its documents may be."""

    word: Literal["User", "Group", "Role"]
    find: Callable[..., Any]
    size: Callable[[ServiceProfile], int]


USER = Kind(word="User", find=target, size=lambda profile: profile.user_policies_size)
GROUP = Kind(word="Group", find=group_target, size=lambda profile: profile.group_policies_size)
ROLE = Kind(word="Role", find=role_target, size=lambda profile: profile.role_policies_size)


def document_size(document: str) -> int:
    """A document's size as quotas count it: in characters, white space left out."""
    return len("".join(document.split()))


class InlinePolicies:
    """The verbs of one kind of holder's inline policies. A document is kept as the text it was put as."""

    def __init__(self, environment: Environment, kind: Kind) -> None:
        self._environment = environment
        self._profile = environment.profile
        self._kind = kind

    def put(self, caller: Caller, name: str, policy_name: str, document: str) -> None:
        """PutUserPolicy …: add or replace; MalformedPolicyDocument says what is wrong with the document."""
        check_name(self._profile, "policyName", policy_name, self._profile.policy_name_length)
        word = self._kind.word
        with self._environment.store.transaction() as transaction:
            holder: PolicyHolder = self._kind.find(
                self._environment, transaction, caller, name, f"iam:Put{word}Policy"
            )
            Policy.parse(document)
            policies = {**holder.policies, policy_name: document}
            limit = self._kind.size(self._profile)
            if sum(map(document_size, policies.values())) > limit:
                raise LimitExceeded(
                    self._profile.say("too_large_policies", limit=limit, kind=word.lower(), name=name)
                )
            transaction.put(replace(holder, policies=policies))

    def get(self, caller: Caller, name: str, policy_name: str) -> str:
        """GetUserPolicy …: the document as it was put."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Get{self._kind.word}Policy"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            return self._document(holder, policy_name)

    def list(self, caller: Caller, name: str) -> list[str]:
        """ListUserPolicies …: their names, sorted."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:List{self._kind.word}Policies"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            return sorted(holder.policies)

    def delete(self, caller: Caller, name: str, policy_name: str) -> None:
        """DeleteUserPolicy …."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Delete{self._kind.word}Policy"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            self._document(holder, policy_name)
            remaining = {key: text for key, text in holder.policies.items() if key != policy_name}
            transaction.put(replace(holder, policies=remaining))

    def _document(self, holder: PolicyHolder, policy_name: str) -> str:
        if policy_name not in holder.policies:
            kind = self._kind.word.lower()
            raise NoSuchEntity(self._profile.say("inline_policy_not_found", kind=kind, name=policy_name))
        return holder.policies[policy_name]
