"""Login profiles: the passwords that open the console to IAM users."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.service.directory import target, user_of
from harness.service.environment import Environment
from harness.service.errors import (
    AccessDenied,
    EntityAlreadyExists,
    EntityTemporarilyUnmodifiable,
    InvalidUserType,
    NoSuchEntity,
)
from harness.service.model import Account, Caller, User
from harness.service.password_policy import check_new_password
from harness.service.store import Transaction


class LoginProfiles:
    """The verbs of passwords. Hashing is slow, so it is done outside any transaction."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_login_profile(self, caller: Caller, name: str | None, password: str) -> User:
        """CreateLoginProfile: a password for the console; without a name for the caller itself."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:CreateLoginProfile")
            if user.password_hash is not None:
                raise EntityAlreadyExists(self._profile.say("login_profile_exists", user_name=user.name))
        return self._set_password(user, password)

    def get_login_profile(self, caller: Caller, name: str | None = None) -> User:
        """GetLoginProfile: the user, whose ``password_created_at`` is the profile's date."""
        with self._environment.store.transaction() as transaction:
            return self._with_password(
                target(self._environment, transaction, caller, name, "iam:GetLoginProfile")
            )

    def update_login_profile(self, caller: Caller, name: str, password: str) -> None:
        """UpdateLoginProfile: another password, set by an administrator."""
        with self._environment.store.transaction() as transaction:
            user = self._with_password(
                target(self._environment, transaction, caller, name, "iam:UpdateLoginProfile")
            )
        self._set_password(user, password)

    def delete_login_profile(self, caller: Caller, name: str | None = None) -> None:
        """DeleteLoginProfile: the console is closed to the user."""
        with self._environment.store.transaction() as transaction:
            user = self._with_password(
                target(self._environment, transaction, caller, name, "iam:DeleteLoginProfile")
            )
            transaction.put(replace(user, password_hash=None, password_created_at=None))

    def change_password(self, caller: Caller, old: str, new: str) -> None:
        """ChangePassword: one's own. AccessDenied if ``old`` is wrong; InvalidUserType for root."""
        if caller.user.root:
            raise InvalidUserType(self._profile.say("password_users_only"))
        with self._environment.store.transaction() as transaction:
            user = self._may_change(transaction, caller)
        if not self._environment.passwords.check(user.password_hash, old):
            raise AccessDenied(self._profile.say("password_wrong"))
        self._set_password(user, new)

    def _may_change(self, transaction: Transaction, caller: Caller) -> User:
        """The caller, whom a policy or the account's password policy lets change its own password."""
        account = transaction.get(Account, caller.account_id)
        policy = account and account.password_policy
        if policy and policy.allow_users_to_change and isinstance(caller.user, User):
            caller = replace(caller, policies=(*caller.policies, self._change_own(caller.user)))
        return target(self._environment, transaction, caller, None, "iam:ChangePassword")

    @staticmethod
    def _change_own(user: User) -> str:
        statement = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": user.arn}
        return json.dumps({"Version": "2012-10-17", "Statement": statement})

    def _set_password(self, user: User, password: str) -> User:
        """Hash outside any transaction, for it takes long; then set it unless it was changed meanwhile."""
        check_new_password(self._environment, user, password)
        password_hash = self._environment.passwords.hash(password)
        with self._environment.store.transaction() as transaction:
            current = user_of(self._profile, transaction, user.account_id, user.name)
            if current.password_hash != user.password_hash:
                raise EntityTemporarilyUnmodifiable(
                    self._profile.say("password_changing", user_name=user.name)
                )
            former = (*filter(None, [current.password_hash]), *current.old_password_hashes)
            changed = replace(
                current,
                password_hash=password_hash,
                password_created_at=self._environment.clock(),
                old_password_hashes=former[: self._profile.password_reuse_max],
            )
            transaction.put(changed)
            return changed

    def _with_password(self, user: User) -> User:
        if user.password_hash is None or user.root:
            raise NoSuchEntity(self._profile.say("login_profile_not_found", user_name=user.name))
        return user
