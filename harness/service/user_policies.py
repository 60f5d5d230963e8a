"""Inline policies of users."""

from __future__ import annotations

from dataclasses import replace

from harness.service.directory import check_name, target
from harness.service.environment import Environment
from harness.service.errors import LimitExceeded, NoSuchEntity
from harness.service.model import Caller, User
from harness.service.policy import Policy


class UserPolicies:
    """The verbs of inline policies. A document is kept as the text it was put as."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def put_user_policy(self, caller: Caller, name: str, policy_name: str, document: str) -> None:
        """PutUserPolicy: add or replace; MalformedPolicyDocument says what is wrong with the document."""
        check_name(self._profile, "policyName", policy_name, self._profile.policy_name_length)
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:PutUserPolicy")
            Policy.parse(document)
            policies = {**user.policies, policy_name: document}
            limit = self._profile.user_policies_size
            if sum(len("".join(text.split())) for text in policies.values()) > limit:
                raise LimitExceeded(self._profile.say("too_large_policies", limit=limit, user_name=name))
            transaction.put(replace(user, policies=policies))

    def get_user_policy(self, caller: Caller, name: str, policy_name: str) -> str:
        """GetUserPolicy: the document as it was put."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:GetUserPolicy")
            return self._policy(user, policy_name)

    def list_user_policies(self, caller: Caller, name: str) -> list[str]:
        """ListUserPolicies: their names, sorted."""
        with self._environment.store.transaction() as transaction:
            return sorted(
                target(self._environment, transaction, caller, name, "iam:ListUserPolicies").policies
            )

    def delete_user_policy(self, caller: Caller, name: str, policy_name: str) -> None:
        """DeleteUserPolicy."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:DeleteUserPolicy")
            self._policy(user, policy_name)
            remaining = {key: text for key, text in user.policies.items() if key != policy_name}
            transaction.put(replace(user, policies=remaining))

    def _policy(self, user: User, policy_name: str) -> str:
        if policy_name not in user.policies:
            raise NoSuchEntity(self._profile.say("policy_not_found", policy_name=policy_name))
        return user.policies[policy_name]
