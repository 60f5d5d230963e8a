"""Login profiles: the passwords that open the console to IAM users."""

from __future__ import annotations

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
from harness.service.model import Caller, User
from harness.service.passwords import check_password


class LoginProfiles:
    """The verbs of passwords. Hashing is slow, so it is done outside any transaction."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_login_profile(self, caller: Caller, name: str, password: str) -> User:
        """CreateLoginProfile: a password for the console."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:CreateLoginProfile")
            if user.password_hash is not None:
                raise EntityAlreadyExists(self._profile.say("login_profile_exists", user_name=name))
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
            user = target(self._environment, transaction, caller, None, "iam:ChangePassword")
        if not self._environment.passwords.check(user.password_hash, old):
            raise AccessDenied(self._profile.say("password_wrong"))
        self._set_password(user, new)

    def _set_password(self, user: User, password: str) -> User:
        """Hash outside any transaction, for it takes long; then set it unless it was changed meanwhile."""
        check_password(self._profile, password)
        password_hash = self._environment.passwords.hash(password)
        with self._environment.store.transaction() as transaction:
            current = user_of(self._profile, transaction, user.account_id, user.name)
            if current.password_hash != user.password_hash:
                raise EntityTemporarilyUnmodifiable(
                    self._profile.say("password_changing", user_name=user.name)
                )
            changed = replace(
                current, password_hash=password_hash, password_created_at=self._environment.clock()
            )
            transaction.put(changed)
            return changed

    def _with_password(self, user: User) -> User:
        if user.password_hash is None or user.root:
            raise NoSuchEntity(self._profile.say("login_profile_not_found", user_name=user.name))
        return user
