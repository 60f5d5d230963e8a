"""IAM users."""

from __future__ import annotations

from harness.service.authorization import authorize
from harness.service.directory import access_keys_of, check_name, check_path, devices_of, iam_users, target
from harness.service.environment import Environment
from harness.service.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded
from harness.service.model import (
    AwaitingMfa,
    Caller,
    PendingRegistration,
    RefusalCount,
    SessionCredentials,
    SignedIn,
    User,
)

# What is kept of a user besides what DeleteUser asks to be deleted first.
_GOES_WITH_THE_USER = (AwaitingMfa, SignedIn, SessionCredentials, PendingRegistration, RefusalCount)


class Users:
    """The verbs of users. Each is one transaction and takes the :class:`Caller` that asks."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_user(self, caller: Caller, name: str, path: str = "/") -> User:
        """CreateUser. Two names may not differ by case alone."""
        check_name(self._profile, "userName", name, self._profile.user_name_length)
        check_path(self._profile, path)
        user = User(
            account_id=caller.account_id,
            name=name,
            user_id=self._environment.new.user_id(),
            path=path,
            created_at=self._environment.clock(),
        )
        authorize(self._environment, caller, "iam:CreateUser", user.arn)
        with self._environment.store.transaction() as transaction:
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

    def delete_user(self, caller: Caller, name: str) -> None:
        """DeleteUser; DeleteConflict says what still hangs on the user."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:DeleteUser")
            for text, hangs_on in {
                "user_has_devices": devices_of(transaction, user),
                "user_has_access_keys": access_keys_of(transaction, user),
                "user_has_login_profile": user.password_hash,
                "user_has_policies": user.policies,
            }.items():
                if hangs_on:
                    raise DeleteConflict(self._profile.say(text))
            transaction.delete(user)
            for kind in _GOES_WITH_THE_USER:
                for record in transaction.list(kind, account_id=user.account_id, user_name=user.name):
                    transaction.delete(record)
