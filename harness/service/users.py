"""IAM users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from harness.service.authorization import authorize
from harness.service.boundaries import check_boundary, new_context
from harness.service.directory import (
    Tags,
    access_keys_of,
    check_name,
    check_path,
    devices_of,
    iam_users,
    target,
    with_tags,
)
from harness.service.environment import Environment
from harness.service.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded
from harness.service.model import (
    AccessKey,
    AwaitingMfa,
    Caller,
    FidoSecurityKey,
    HardwareTotpDevice,
    PendingRegistration,
    Record,
    RefusalCount,
    SessionCredentials,
    SignedIn,
    SmsMfaDevice,
    User,
    VirtualMfaDevice,
)

# What follows a user to another name; and what does, and goes with the user: the rest must be deleted first.
_STAYS_THE_USERS = (AccessKey, VirtualMfaDevice, HardwareTotpDevice, FidoSecurityKey)
_GOES_WITH_THE_USER = (
    AwaitingMfa,
    SignedIn,
    SessionCredentials,
    PendingRegistration,
    RefusalCount,
    SmsMfaDevice,
)


class Users:
    """The verbs of users. Each is one transaction and takes the :class:`Caller` that asks."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_user(
        self, caller: Caller, name: str, path: str = "/", tags: Tags = (), boundary: str | None = None
    ) -> User:
        """CreateUser. Two names may not differ by case alone."""
        check_name(self._profile, "userName", name, self._profile.user_name_length)
        check_path(self._profile, path)
        user = User(
            account_id=caller.account_id,
            name=name,
            user_id=self._environment.new.user_id(),
            path=path,
            created_at=self._environment.clock(),
            boundary=boundary,
            tags=with_tags(self._profile, {}, tags, "User"),
        )
        authorize(self._environment, caller, "iam:CreateUser", user.arn, new_context(boundary, user.tags))
        with self._environment.store.transaction() as transaction:
            check_boundary(self._environment, transaction, caller.account_id, boundary)
            if transaction.get(User, user.key) is not None:
                raise EntityAlreadyExists(self._profile.say("user_exists", user_name=name))
            limit = self._profile.users_per_account
            if len(iam_users(transaction, caller.account_id)) >= limit:
                raise LimitExceeded(self._profile.say("too_many_users", limit=limit))
            transaction.put(user)
            return user

    def get_user(self, caller: Caller, name: str | None = None) -> User:
        """GetUser; without a name the caller itself, root too."""
        with self._environment.store.transaction() as transaction:
            return target(self._environment, transaction, caller, name, "iam:GetUser")

    def list_users(self, caller: Caller) -> list[User]:
        """ListUsers, by name; root is not among them."""
        authorize(self._environment, caller, "iam:ListUsers", f"arn:aws:iam::{caller.account_id}:user/")
        with self._environment.store.transaction() as transaction:
            return iam_users(transaction, caller.account_id)

    def update_user(
        self, caller: Caller, name: str, new_name: str | None = None, new_path: str | None = None
    ) -> None:
        """UpdateUser: another name or path. What is the user's stays the user's."""
        if new_name is not None:
            check_name(self._profile, "newUserName", new_name, self._profile.user_name_length)
        if new_path is not None:
            check_path(self._profile, new_path)
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:UpdateUser")
            renamed = replace(user, name=new_name or user.name, path=new_path or user.path)
            authorize(self._environment, caller, "iam:UpdateUser", renamed.arn)
            if renamed.key != user.key and transaction.get(User, renamed.key) is not None:
                raise EntityAlreadyExists(self._profile.say("user_exists", user_name=renamed.name))
            for kind in (*_STAYS_THE_USERS, *_GOES_WITH_THE_USER):
                for record in transaction.list(kind, account_id=user.account_id, user_name=user.name):
                    transaction.delete(record)
                    transaction.put(_of_another_name(record, renamed.name))
            transaction.delete(user)
            transaction.put(renamed)

    def list_ssh_public_keys(self, caller: Caller, name: str | None = None) -> list[str]:
        """ListSSHPublicKeys: none, for nobody can have one here; likewise the next two."""
        return self._list_none(caller, name, "iam:ListSSHPublicKeys")

    def list_signing_certificates(self, caller: Caller, name: str | None = None) -> list[str]:
        """ListSigningCertificates."""
        return self._list_none(caller, name, "iam:ListSigningCertificates")

    def list_service_specific_credentials(self, caller: Caller, name: str | None = None) -> list[str]:
        """ListServiceSpecificCredentials."""
        return self._list_none(caller, name, "iam:ListServiceSpecificCredentials")

    def _list_none(self, caller: Caller, name: str | None, action: str) -> list[str]:
        with self._environment.store.transaction() as transaction:
            target(self._environment, transaction, caller, name, action)
            return []

    def delete_user(self, caller: Caller, name: str) -> None:
        """DeleteUser; DeleteConflict says what still hangs on the user."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:DeleteUser")
            for text, hangs_on in {
                "user_has_devices": devices_of(transaction, user),
                "user_has_access_keys": access_keys_of(transaction, user),
                "user_has_login_profile": user.password_hash,
                "has_attached_policies": user.attached,
                "has_policies": user.policies,
                "user_has_groups": user.groups,
            }.items():
                if hangs_on:
                    raise DeleteConflict(self._profile.say(text))
            transaction.delete(user)
            for kind in _GOES_WITH_THE_USER:
                for record in transaction.list(kind, account_id=user.account_id, user_name=user.name):
                    transaction.delete(record)


def _of_another_name(record: Record, user_name: str) -> Record:
    renamed: Record = replace(cast(Any, record), user_name=user_name)
    return renamed
