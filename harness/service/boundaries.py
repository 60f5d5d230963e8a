"""Permissions boundaries: the managed policy that says what a user or role may be allowed at most.

IAM guide, "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from harness.service.authorization import ContextKeys
from harness.service.directory import request_tags
from harness.service.environment import Environment
from harness.service.errors import NoSuchEntity
from harness.service.inline_policies import Kind
from harness.service.model import Caller
from harness.service.permissions import attachable
from harness.service.store import Transaction


class Boundaries:
    """The verbs of one kind of holder's permissions boundary."""

    def __init__(self, environment: Environment, kind: Kind) -> None:
        self._environment = environment
        self._kind = kind

    def put(self, caller: Caller, name: str, policy_arn: str) -> None:
        """PutUserPermissionsBoundary …: this one, in place of another; NoSuchEntity if there is none such."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Put{self._kind.word}PermissionsBoundary"
            context = new_context(policy_arn)
            holder = self._kind.find(self._environment, transaction, caller, name, action, context)
            check_boundary(self._environment, transaction, caller.account_id, policy_arn)
            transaction.put(replace(holder, boundary=policy_arn))

    def delete(self, caller: Caller, name: str) -> None:
        """DeleteUserPermissionsBoundary …; NoSuchEntity if there is none."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Delete{self._kind.word}PermissionsBoundary"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            if holder.boundary is None:
                profile = self._environment.profile
                raise NoSuchEntity(profile.say("boundary_absent", kind=self._kind.word, name=name))
            transaction.put(replace(holder, boundary=None))


def check_boundary(
    environment: Environment, transaction: Transaction, account_id: str, policy_arn: str | None
) -> None:
    """NoSuchEntity for the ARN of a policy that cannot be a boundary in the account."""
    if policy_arn is not None and not attachable(transaction, account_id, policy_arn):
        raise NoSuchEntity(environment.profile.say("boundary_not_found", arn=policy_arn))


def new_context(policy_arn: str | None, tags: Mapping[str, str] = MappingProxyType({})) -> ContextKeys:
    """The condition keys by which a new boundary, or a new user or role with it, is judged."""
    boundary = {} if policy_arn is None else {"iam:PermissionsBoundary": policy_arn}
    return {**boundary, **request_tags(tags)}
