"""Sign-in sessions: where each sign-in stands. Their ids are bearer secrets, for a cookie."""

from __future__ import annotations

from dataclasses import replace

from harness.service.directory import devices_of
from harness.service.environment import Environment
from harness.service.model import (
    AwaitingMfa,
    Caller,
    MfaDevice,
    SignedIn,
    SignInSession,
    User,
    session_key,
    user_key,
)
from harness.service.permissions import user_caller
from harness.service.refusals import clear_refusals
from harness.service.store import Transaction
from harness.service.words import say


class SessionEnded(Exception):  # noqa: N818 - what happened
    """There is no such sign-in session, or no longer, or not at the stage for this."""

    def __init__(self) -> None:
        super().__init__(say("Your session has ended. Sign in again."))


class Sessions:
    """The verbs of sessions. Times are the world's clock's."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def session(self, session_id: str) -> SignInSession:
        """Where this sign-in stands; SessionEnded if it has run out or never was."""
        with self._environment.store.transaction() as transaction:
            return live_session(self._environment, transaction, session_id)

    def sign_out(self, session_id: str) -> None:
        """End the session, at whatever stage; no matter if it has ended."""
        with self._environment.store.transaction() as transaction:
            session = _find(transaction, session_id)
            if session is not None:
                transaction.delete(session)

    def console_caller(self, session: SignedIn) -> Caller:
        """Whoever is signed in, as caller."""
        with self._environment.store.transaction() as transaction:
            return user_caller(
                transaction,
                user_of_session(transaction, session),
                via="console",
                mfa_authenticated_at=session.mfa_authenticated_at,
                expires_at=session.expires_at,
            )

    def root_mfa_due(self, session: SignedIn) -> float | None:
        """By when root must have an MFA device; ``None`` for a user or a root user that has one.

        IAM guide: within 35 days of root's first sign-in.
        """
        if session.mfa_authenticated_at is not None:
            return None
        with self._environment.store.transaction() as transaction:
            user = user_of_session(transaction, session)
            if not user.root or user.first_signed_in_at is None or devices_of(transaction, user):
                return None
        return user.first_signed_in_at + self._environment.profile.root_mfa_grace_s


# Inside a transaction.


def live_session(environment: Environment, transaction: Transaction, session_id: str) -> SignInSession:
    """The session of that id; SessionEnded."""
    session = _find(transaction, session_id)
    if session is None or environment.clock() >= session.expires_at:
        raise SessionEnded
    return session


def awaiting_mfa(
    environment: Environment, transaction: Transaction, session_id: str
) -> tuple[AwaitingMfa, User]:
    """The session of that id past its password, and its user; SessionEnded if it stands anywhere else."""
    session = live_session(environment, transaction, session_id)
    if not isinstance(session, AwaitingMfa):
        raise SessionEnded
    return session, user_of_session(transaction, session)


def user_of_session(transaction: Transaction, session: SignInSession) -> User:
    """Whose sign-in it is; SessionEnded if that user is gone."""
    user = transaction.get(User, user_key(session.account_id, session.user_name))
    if user is None:
        raise SessionEnded
    return user


def begin(environment: Environment, transaction: Transaction, user: User, failures: int) -> SignInSession:
    """A session past the password: signed in, or awaiting MFA if the user has devices."""
    now = environment.clock()
    user = replace(user, password_last_used_at=now, first_signed_in_at=user.first_signed_in_at or now)
    transaction.put(user)
    _forget_ended(environment, transaction, user)
    if not devices_of(transaction, user):
        return complete(environment, transaction, user)
    session = AwaitingMfa(
        id=environment.new.sign_in_session_id(),
        account_id=user.account_id,
        user_name=user.name,
        expires_at=now + environment.profile.mfa_page_s,
        failures=failures,
    )
    transaction.put(session)
    return session


def complete(
    environment: Environment,
    transaction: Transaction,
    user: User,
    awaiting: AwaitingMfa | None = None,
    device: MfaDevice | None = None,
) -> SignedIn:
    """The user signed in, under a new id in place of ``awaiting``'s, by the ``device`` if one was used."""
    now = environment.clock()
    session = SignedIn(
        id=environment.new.sign_in_session_id(),
        account_id=user.account_id,
        user_name=user.name,
        signed_in_at=now,
        expires_at=now + environment.profile.sign_in_session_s,
        mfa_authenticated_at=None if device is None else now,
        mfa_serial_number=None if device is None else device.serial_number,
    )
    if awaiting is not None:
        transaction.delete(awaiting)
    if device is not None:
        clear_refusals(transaction, user, "mfa")
    transaction.put(session)
    return session


def _find(transaction: Transaction, session_id: str) -> SignInSession | None:
    key = session_key(session_id)
    return transaction.get(SignedIn, key) or transaction.get(AwaitingMfa, key)


def _forget_ended(environment: Environment, transaction: Transaction, user: User) -> None:
    now = environment.clock()
    owner = {"account_id": user.account_id, "user_name": user.name}
    sessions: list[SignInSession] = [
        *transaction.list(AwaitingMfa, **owner),
        *transaction.list(SignedIn, **owner),
    ]
    for session in sessions:
        if now >= session.expires_at:
            transaction.delete(session)
