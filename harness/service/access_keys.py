"""Access keys: who signs requests, with a long-term key or a session's."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Literal

from harness.service.authorization import authorize
from harness.service.directory import access_keys_of, target, user_of
from harness.service.environment import Environment
from harness.service.errors import ExpiredToken, InvalidClientTokenId, LimitExceeded, NoSuchEntity
from harness.service.grants import Role, RoleCredentials, RoleSession
from harness.service.model import AccessKey, Caller, KeyUse, SessionCredentials, User, user_key
from harness.service.permissions import role_caller, user_caller
from harness.service.store import Transaction


class AccessKeys:
    """Whose a key is, which the API asks of every request, and the verbs of long-term keys."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def secret_of_access_key(self, access_key_id: str) -> str | None:
        """The secret that signs for this access key ID, long-term or temporary; ``None`` if none may."""
        with self._environment.store.transaction() as transaction:
            key = transaction.get(AccessKey, access_key_id)
            if key is not None:
                return key.secret if key.status == "Active" else None
            session = self._session(transaction, access_key_id)
            return None if session is None else session.secret

    def caller_for_access_key(
        self,
        access_key_id: str,
        session_token: str | None = None,
        *,
        signed_for: tuple[str, str] | None = None,
    ) -> Caller:
        """Whoever signed with this access key ID, the signature having been verified.

        ``signed_for`` is the region and service of a request, to be remembered of a long-term key.
        InvalidClientTokenId for a key that is unknown or inactive or a token that is not its own (a long-term
        key has none), ExpiredToken for a session that is over.
        """
        with self._environment.store.transaction() as transaction:
            if session := self._session(transaction, access_key_id):
                return self._session_caller(transaction, session, session_token)
            key = transaction.get(AccessKey, access_key_id)
            if key is None or key.status != "Active" or session_token is not None:
                raise InvalidClientTokenId
            user = user_of(self._profile, transaction, key.account_id, key.user_name)
            if signed_for is not None:
                self._remember_use(transaction, key, *signed_for)
            return user_caller(transaction, user, via="access-key")

    def _session(
        self, transaction: Transaction, access_key_id: str
    ) -> SessionCredentials | RoleCredentials | None:
        return transaction.get(SessionCredentials, access_key_id) or transaction.get(
            RoleCredentials, access_key_id
        )

    def _session_caller(
        self,
        transaction: Transaction,
        session: SessionCredentials | RoleCredentials,
        session_token: str | None,
    ) -> Caller:
        if not hmac.compare_digest(session.token.encode(), (session_token or "").encode()):
            raise InvalidClientTokenId
        if self._environment.clock() >= session.expires_at:
            raise ExpiredToken
        if isinstance(session, RoleCredentials):
            role = transaction.get(Role, user_key(session.account_id, session.role_name))
            if role is None or role.role_id != session.role_id:
                raise InvalidClientTokenId
            return role_caller(
                transaction,
                RoleSession(
                    role=role,
                    session_name=session.session_name,
                    tags=session.tags,
                    transitive=session.transitive,
                ),
                expires_at=session.expires_at,
                session_policies=session.policies,
            )
        user = transaction.get(User, user_key(session.account_id, session.user_name))
        if user is None:
            raise InvalidClientTokenId
        return user_caller(
            transaction,
            user,
            via="session",
            mfa_authenticated_at=session.mfa_authenticated_at,
            expires_at=session.expires_at,
        )

    def _remember_use(self, transaction: Transaction, key: AccessKey, region: str, service: str) -> None:
        """Not of every request, as AWS does not either: another region or service, or some time later."""
        use = KeyUse(at=self._environment.clock(), service=service, region=region)
        last = key.last_used
        known = last is not None and replace(last, at=use.at) == use
        if not known or last is None or use.at - last.at >= self._profile.access_key_last_used_s:
            transaction.put(replace(key, last_used=use))

    def get_access_key_last_used(self, caller: Caller, access_key_id: str) -> AccessKey:
        """GetAccessKeyLastUsed: the key, of whichever user of the account; its secret is left empty."""
        with self._environment.store.transaction() as transaction:
            key = transaction.get(AccessKey, access_key_id)
            owner = None if key is None or key.account_id != caller.account_id else key.user_name
            resource = f"arn:aws:iam::{caller.account_id}:user/{owner or ''}"
            if owner is not None:
                resource = user_of(self._profile, transaction, caller.account_id, owner).arn
            authorize(self._environment, caller, "iam:GetAccessKeyLastUsed", resource)
            if key is None or owner is None:
                raise NoSuchEntity(self._profile.say("access_key_not_found", access_key_id=access_key_id))
            return replace(key, secret="")

    def create_access_key(self, caller: Caller, name: str | None = None) -> AccessKey:
        """CreateAccessKey: the one time its secret is told."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:CreateAccessKey")
            limit = self._profile.access_keys_per_user
            if len(access_keys_of(transaction, user)) >= limit:
                raise LimitExceeded(self._profile.say("too_many_access_keys", limit=limit))
            key = AccessKey(
                id=self._environment.new.access_key_id(),
                secret=self._environment.new.secret_access_key(),
                account_id=user.account_id,
                user_name=user.name,
                created_at=self._environment.clock(),
            )
            transaction.put(key)
            return key

    def list_access_keys(self, caller: Caller, name: str | None = None) -> list[AccessKey]:
        """ListAccessKeys; their secrets are left empty."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:ListAccessKeys")
            return [replace(key, secret="") for key in access_keys_of(transaction, user)]

    def update_access_key(
        self, caller: Caller, name: str | None, access_key_id: str, status: Literal["Active", "Inactive"]
    ) -> None:
        """UpdateAccessKey: an inactive key signs nothing."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:UpdateAccessKey")
            transaction.put(replace(self._access_key(transaction, user, access_key_id), status=status))

    def delete_access_key(self, caller: Caller, name: str | None, access_key_id: str) -> None:
        """DeleteAccessKey."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, name, "iam:DeleteAccessKey")
            transaction.delete(self._access_key(transaction, user, access_key_id))

    def _access_key(self, transaction: Transaction, user: User, access_key_id: str) -> AccessKey:
        for key in access_keys_of(transaction, user):
            if key.id == access_key_id:
                return key
        raise NoSuchEntity(self._profile.say("access_key_not_found", access_key_id=access_key_id))
