"""Managed policies: the customer's with their versions, and AWS's own as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.service.authorization import authorize
from harness.service.directory import Tags, check_name, check_path, request_tags, with_tags
from harness.service.environment import Environment
from harness.service.errors import (
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
)
from harness.service.grants import Group, ManagedPolicy, PolicyVersion, Role
from harness.service.inline_policies import document_size
from harness.service.model import Caller, PolicyHolder, User
from harness.service.permissions import AWS_POLICIES, aws_managed_policies
from harness.service.policy import Policy
from harness.service.store import Transaction

Scope = Literal["All", "AWS", "Local"]
Usage = Literal["PermissionsPolicy", "PermissionsBoundary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInUse:
    """A managed policy, how many of the account's users, groups and roles it is attached to, and how many
    users and roles it bounds.
    """

    policy: ManagedPolicy
    attachments: int = 0
    boundaries: int = 0


def policies_in_use(transaction: Transaction, account_id: str, scope: Scope = "All") -> list[PolicyInUse]:
    """The customer's policies by name, then AWS's, and how much each is used in the account."""
    own = transaction.list(ManagedPolicy, account_id=account_id)
    listed = [
        *(sorted(own, key=lambda policy: policy.name.lower()) if scope != "AWS" else ()),
        *(_aws_policies() if scope != "Local" else ()),
    ]
    return [_in_use(transaction, account_id, policy) for policy in listed]


def _in_use(transaction: Transaction, account_id: str, policy: ManagedPolicy) -> PolicyInUse:
    return PolicyInUse(
        policy=policy,
        attachments=len(_holders(transaction, account_id, policy.arn)),
        boundaries=len(_bounded(transaction, account_id, policy.arn)),
    )


class ManagedPolicies:
    """The verbs of managed policies. AWS's own are read only and belong to no account."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_policy(
        self,
        caller: Caller,
        name: str,
        document: str,
        path: str = "/",
        description: str | None = None,
        tags: Tags = (),
    ) -> ManagedPolicy:
        """CreatePolicy, with its first version."""
        check_name(self._profile, "policyName", name, self._profile.policy_name_length)
        check_path(self._profile, path)
        now = self._environment.clock()
        policy = ManagedPolicy(
            account_id=caller.account_id,
            name=name,
            policy_id=self._environment.new.policy_id(),
            path=path,
            description=description,
            created_at=now,
            updated_at=now,
            versions=(PolicyVersion(number=1, document=document, created_at=now),),
            latest=1,
            default=1,
            tags=with_tags(self._profile, {}, tags, "Policy"),
        )
        authorize(self._environment, caller, "iam:CreatePolicy", policy.arn, request_tags(policy.tags))
        self._check(document)
        with self._environment.store.transaction() as transaction:
            others = transaction.list(ManagedPolicy, account_id=caller.account_id)
            if any(other.name.lower() == name.lower() for other in others):
                raise EntityAlreadyExists(self._profile.say("policy_exists", name=name))
            if len(others) >= (limit := self._profile.policies_per_account):
                raise LimitExceeded(self._profile.say("too_many_policies", limit=limit))
            transaction.put(policy)
            return policy

    def get_policy(self, caller: Caller, arn: str) -> PolicyInUse:
        """GetPolicy."""
        with self._environment.store.transaction() as transaction:
            policy = self._find(transaction, caller, arn, "iam:GetPolicy")
            return _in_use(transaction, caller.account_id, policy)

    def list_policies(
        self, caller: Caller, scope: Scope = "All", only_attached: bool = False
    ) -> list[PolicyInUse]:
        """ListPolicies: the customer's by name, then AWS's."""
        authorize(self._environment, caller, "iam:ListPolicies", self._arn(caller, ""))
        with self._environment.store.transaction() as transaction:
            found = policies_in_use(transaction, caller.account_id, scope)
            return [policy for policy in found if policy.attachments or not only_attached]

    def delete_policy(self, caller: Caller, arn: str) -> None:
        """DeletePolicy; DeleteConflict while it is in use, or has versions besides the default."""
        with self._environment.store.transaction() as transaction:
            policy = self._own(transaction, caller, arn, "iam:DeletePolicy")
            in_use = _in_use(transaction, caller.account_id, policy)
            if in_use.attachments or in_use.boundaries:
                raise DeleteConflict(self._profile.say("policy_attached"))
            if len(policy.versions) > 1:
                raise DeleteConflict(self._profile.say("policy_has_versions"))
            transaction.delete(policy)

    def list_entities_for_policy(
        self, caller: Caller, arn: str, usage: Usage | None = None
    ) -> list[PolicyHolder]:
        """ListEntitiesForPolicy: groups, users and roles that it is attached to, bounds, or either."""
        with self._environment.store.transaction() as transaction:
            self._find(transaction, caller, arn, "iam:ListEntitiesForPolicy")
            held = _holders(transaction, caller.account_id, arn) if usage != "PermissionsBoundary" else []
            bound = _bounded(transaction, caller.account_id, arn) if usage != "PermissionsPolicy" else []
            return [*held, *(one for one in bound if one not in held)]

    # Versions.

    def create_policy_version(
        self, caller: Caller, arn: str, document: str, set_as_default: bool = False
    ) -> tuple[ManagedPolicy, PolicyVersion]:
        """CreatePolicyVersion; LimitExceeded if there are as many as there may be."""
        with self._environment.store.transaction() as transaction:
            policy = self._own(transaction, caller, arn, "iam:CreatePolicyVersion")
            self._check(document)
            if len(policy.versions) >= (limit := self._profile.policy_versions):
                raise LimitExceeded(self._profile.say("too_many_versions", limit=limit))
            now = self._environment.clock()
            number = policy.latest + 1
            version = PolicyVersion(number=number, document=document, created_at=now)
            policy = replace(
                policy,
                versions=(*policy.versions, version),
                latest=number,
                updated_at=now,
                default=number if set_as_default else policy.default,
            )
            transaction.put(policy)
            return policy, version

    def get_policy_version(
        self, caller: Caller, arn: str, version_id: str
    ) -> tuple[ManagedPolicy, PolicyVersion]:
        """GetPolicyVersion; ``version_id`` is ``v1`` …."""
        with self._environment.store.transaction() as transaction:
            policy = self._find(transaction, caller, arn, "iam:GetPolicyVersion")
            return policy, self._version(policy, version_id)

    def list_policy_versions(self, caller: Caller, arn: str) -> ManagedPolicy:
        """ListPolicyVersions: the policy, which has them, oldest first."""
        with self._environment.store.transaction() as transaction:
            return self._find(transaction, caller, arn, "iam:ListPolicyVersions")

    def set_default_policy_version(self, caller: Caller, arn: str, version_id: str) -> None:
        """SetDefaultPolicyVersion: the version that is in force."""
        with self._environment.store.transaction() as transaction:
            policy = self._own(transaction, caller, arn, "iam:SetDefaultPolicyVersion")
            number = self._version(policy, version_id).number
            transaction.put(replace(policy, default=number, updated_at=self._environment.clock()))

    def delete_policy_version(self, caller: Caller, arn: str, version_id: str) -> None:
        """DeletePolicyVersion; DeleteConflict for the default."""
        with self._environment.store.transaction() as transaction:
            policy = self._own(transaction, caller, arn, "iam:DeletePolicyVersion")
            version = self._version(policy, version_id)
            if version.number == policy.default:
                raise DeleteConflict(self._profile.say("default_version"))
            remaining = tuple(other for other in policy.versions if other is not version)
            transaction.put(replace(policy, versions=remaining, updated_at=self._environment.clock()))

    def _check(self, document: str) -> None:
        Policy.parse(document)
        if document_size(document) > (limit := self._profile.managed_policy_size):
            raise LimitExceeded(self._profile.say("too_large_policy", limit=limit))

    def _own(self, transaction: Transaction, caller: Caller, arn: str, action: str) -> ManagedPolicy:
        """A policy of the caller's account, to be changed; AccessDenied for AWS's own."""
        policy = self._find(transaction, caller, arn, action)
        if arn.startswith(AWS_POLICIES):
            raise AccessDenied(self._profile.say("aws_policy_unmodifiable", arn=arn))
        return policy

    def _find(self, transaction: Transaction, caller: Caller, arn: str, action: str) -> ManagedPolicy:
        authorize(self._environment, caller, action, arn)
        found = transaction.get(ManagedPolicy, arn)
        if arn.startswith(AWS_POLICIES):
            found = next((policy for policy in _aws_policies() if policy.arn == arn), None)
        elif found is not None and found.account_id != caller.account_id:
            found = None
        if found is None:
            raise NoSuchEntity(self._profile.say("managed_policy_not_found", arn=arn))
        return found

    def _version(self, policy: ManagedPolicy, version_id: str) -> PolicyVersion:
        for version in policy.versions:
            if f"v{version.number}" == version_id:
                return version
        raise NoSuchEntity(
            self._profile.say("policy_version_not_found", arn=policy.arn, version_id=version_id)
        )

    def _arn(self, caller: Caller, name: str) -> str:
        return f"arn:aws:iam::{caller.account_id}:policy/{name}"


def _holders(transaction: Transaction, account_id: str, arn: str) -> list[PolicyHolder]:
    kinds: tuple[type[PolicyHolder], ...] = (Group, User, Role)
    return [
        holder
        for kind in kinds
        for holder in transaction.list(kind, account_id=account_id)
        if arn in holder.attached
    ]


def _bounded(transaction: Transaction, account_id: str, arn: str) -> list[User | Role]:
    kinds: tuple[type[User | Role], ...] = (User, Role)
    return [
        holder
        for kind in kinds
        for holder in transaction.list(kind, account_id=account_id)
        if arn == holder.boundary
    ]


def _aws_policies() -> Iterator[ManagedPolicy]:
    """AWS's own policies as records. Assumed: IDs made of their names, one version, dated the epoch."""
    for arn, document in aws_managed_policies().items():
        name = arn.removeprefix(AWS_POLICIES)
        yield ManagedPolicy(
            account_id="aws",
            name=name,
            policy_id=f"ANPA{name.upper()}",
            created_at=0.0,
            updated_at=0.0,
            versions=(PolicyVersion(number=1, document=document, created_at=0.0),),
            latest=1,
            default=1,
        )
