"""Managed policies on users, groups and roles: attaching, detaching, listing."""

from __future__ import annotations

from dataclasses import replace

from harness.service.environment import Environment
from harness.service.errors import LimitExceeded, NoSuchEntity
from harness.service.inline_policies import Kind
from harness.service.model import Caller
from harness.service.permissions import AWS_POLICIES, attachable, aws_managed_policies


class Attachments:
    """The verbs of one kind of holder's attached policies."""

    def __init__(self, environment: Environment, kind: Kind) -> None:
        self._environment = environment
        self._profile = environment.profile
        self._kind = kind

    def attach(self, caller: Caller, name: str, policy_arn: str) -> None:
        """AttachUserPolicy …: no matter if it is attached already."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Attach{self._kind.word}Policy"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            if not attachable(transaction, caller.account_id, policy_arn):
                raise NoSuchEntity(self._unknown(policy_arn))
            if policy_arn in holder.attached:
                return
            limit = self._profile.attached_policies
            if len(holder.attached) >= limit:
                kind = self._kind.word
                raise LimitExceeded(self._profile.say("too_many_attached", kind=kind, limit=limit))
            transaction.put(replace(holder, attached=(*holder.attached, policy_arn)))

    def detach(self, caller: Caller, name: str, policy_arn: str) -> None:
        """DetachUserPolicy …; NoSuchEntity if it is not attached."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:Detach{self._kind.word}Policy"
            holder = self._kind.find(self._environment, transaction, caller, name, action)
            if policy_arn not in holder.attached:
                raise NoSuchEntity(self._profile.say("managed_policy_not_found", arn=policy_arn))
            remaining = tuple(arn for arn in holder.attached if arn != policy_arn)
            transaction.put(replace(holder, attached=remaining))

    def list(self, caller: Caller, name: str) -> list[str]:
        """ListAttachedUserPolicies …: their ARNs, in the order of attaching."""
        with self._environment.store.transaction() as transaction:
            action = f"iam:ListAttached{self._kind.word}Policies"
            return list(self._kind.find(self._environment, transaction, caller, name, action).attached)

    def _unknown(self, policy_arn: str) -> str:
        if policy_arn.startswith(AWS_POLICIES):
            known = ", ".join(arn.removeprefix(AWS_POLICIES) for arn in aws_managed_policies())
            return self._profile.say("aws_policy_not_attachable", arn=policy_arn, known=known)
        return self._profile.say("policy_not_attachable", arn=policy_arn)
