"""Roles: making them, whom they trust, tagging, deleting."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.service.authorization import authorize
from harness.service.boundaries import check_boundary, new_context
from harness.service.directory import (
    Tags,
    check_name,
    check_path,
    role_target,
    with_tags,
)
from harness.service.environment import Environment
from harness.service.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    MalformedPolicyDocument,
)
from harness.service.grants import Role, RoleCredentials
from harness.service.model import Account, Caller, User, user_key
from harness.service.store import Transaction
from harness.service.trust_policy import TrustPolicy

_ENTITY = re.compile(r"arn:aws:iam::(?P<account>[0-9]+):(?P<kind>user|role)/(?:.*/)?(?P<name>[^/]+)")


class Roles:
    """The verbs of roles; assuming one is STS's."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_role(
        self,
        caller: Caller,
        name: str,
        trust_policy: str,
        path: str = "/",
        description: str | None = None,
        max_session_s: int | None = None,
        tags: Tags = (),
        boundary: str | None = None,
    ) -> Role:
        """CreateRole. MalformedPolicyDocument also for a user or role that does not exist."""
        check_name(self._profile, "roleName", name, self._profile.role_name_length)
        check_path(self._profile, path)
        role = Role(
            account_id=caller.account_id,
            name=name,
            role_id=self._environment.new.role_id(),
            path=path,
            created_at=self._environment.clock(),
            trust_policy=trust_policy,
            max_session_s=self._profile.role_session_s if max_session_s is None else max_session_s,
            description=description,
            boundary=boundary,
            tags=with_tags(self._profile, {}, tags, "Role"),
        )
        authorize(self._environment, caller, "iam:CreateRole", role.arn, new_context(boundary, role.tags))
        with self._environment.store.transaction() as transaction:
            check_boundary(self._environment, transaction, caller.account_id, boundary)
            self._check_trust(transaction, trust_policy)
            if transaction.get(Role, role.key) is not None:
                raise EntityAlreadyExists(self._profile.say("role_exists", name=name))
            limit = self._profile.roles_per_account
            if len(transaction.list(Role, account_id=caller.account_id)) >= limit:
                raise LimitExceeded(self._profile.say("too_many_roles", limit=limit))
            transaction.put(role)
            return role

    def get_role(self, caller: Caller, name: str) -> Role:
        """GetRole."""
        with self._environment.store.transaction() as transaction:
            return role_target(self._environment, transaction, caller, name, "iam:GetRole")

    def list_roles(self, caller: Caller) -> list[Role]:
        """ListRoles, by name."""
        authorize(self._environment, caller, "iam:ListRoles", f"arn:aws:iam::{caller.account_id}:role/")
        with self._environment.store.transaction() as transaction:
            roles = transaction.list(Role, account_id=caller.account_id)
            return sorted(roles, key=lambda role: role.name.lower())

    def update_role(
        self, caller: Caller, name: str, description: str | None = None, max_session_s: int | None = None
    ) -> Role:
        """UpdateRole: what is given is changed."""
        with self._environment.store.transaction() as transaction:
            role = role_target(self._environment, transaction, caller, name, "iam:UpdateRole")
            changed = replace(
                role,
                description=role.description if description is None else description,
                max_session_s=role.max_session_s if max_session_s is None else max_session_s,
            )
            transaction.put(changed)
            return changed

    def update_assume_role_policy(self, caller: Caller, name: str, trust_policy: str) -> None:
        """UpdateAssumeRolePolicy: whom the role trusts from now on."""
        with self._environment.store.transaction() as transaction:
            role = role_target(self._environment, transaction, caller, name, "iam:UpdateAssumeRolePolicy")
            self._check_trust(transaction, trust_policy)
            transaction.put(replace(role, trust_policy=trust_policy))

    def delete_role(self, caller: Caller, name: str) -> None:
        """DeleteRole; its sessions end with it. DeleteConflict says what still hangs on the role."""
        with self._environment.store.transaction() as transaction:
            role = role_target(self._environment, transaction, caller, name, "iam:DeleteRole")
            for text, hangs_on in {
                "has_attached_policies": role.attached,
                "has_policies": role.policies,
            }.items():
                if hangs_on:
                    raise DeleteConflict(self._profile.say(text))
            transaction.delete(role)
            for session in transaction.list(RoleCredentials, account_id=role.account_id):
                if session.role_id == role.role_id:
                    transaction.delete(session)

    def list_instance_profiles_for_role(self, caller: Caller, name: str) -> list[str]:
        """ListInstanceProfilesForRole: none, for there are no instances here."""
        with self._environment.store.transaction() as transaction:
            role_target(self._environment, transaction, caller, name, "iam:ListInstanceProfilesForRole")
            return []

    def _check_trust(self, transaction: Transaction, trust_policy: str) -> None:
        """The policy can be read, is not too long, and names nobody who, as far as we know, is nobody."""
        parsed = TrustPolicy.parse(trust_policy)
        if len("".join(trust_policy.split())) > (limit := self._profile.trust_policy_size):
            raise LimitExceeded(self._profile.say("too_large_trust_policy", limit=limit))
        for principal in parsed.principals():
            entity = _ENTITY.fullmatch(principal)
            if entity is None or transaction.get(Account, entity["account"]) is None:
                continue
            kind: type[User | Role] = User if entity["kind"] == "user" else Role
            found = transaction.get(kind, user_key(entity["account"], entity["name"]))
            if found is None or found.arn != principal:
                raise MalformedPolicyDocument(self._profile.say("invalid_principal", principal=principal))
