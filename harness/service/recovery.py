"""Root without its MFA device: in by e-mail and phone instead, after the password (S4)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from harness.service import outbox, sessions
from harness.service.environment import Environment
from harness.service.errors import AccessDenied, AwsError, InvalidInput, LimitExceeded
from harness.service.events import FAILED
from harness.service.model import Account, AwaitingMfa, RootRecovery, SignedIn, User, session_key
from harness.service.refusals import clear_refusals
from harness.service.store import Transaction

_ALTERNATIVE = {"MFAUsed": "No", "AlternativeFactors": "Yes"}

VERIFY_EMAIL = "/sign-in/mfa/recovery/verify-email"
"""The console's path that an e-mail leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryState:
    """How far root has come. ``email`` and ``phone`` are masked; without a phone number it is ``None``.

    ``code`` is what to type on the phone while a call waits for it.
    """

    email: str
    emails: int
    email_verified: bool
    phone: str | None
    code: str | None = field(repr=False)
    phone_verified: bool


class Recovery:
    """The steps of S4, in the sign-in session that the right password began, and in no other.

    Each raises SessionEnded as the sign-in does, and AccessDenied out of turn or where it is turned off.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def _refused(self, user: User, error: AwsError) -> AwsError:
        """``error``, told in the trail."""
        more = {**_ALTERNATIVE, "diagnosis": f"{error.message}"}
        self._environment.happened("ConsoleLogin", user.account_id, user.name, FAILED, user, **more)
        return error

    def recovery(self, session_id: str) -> RecoveryState:
        """Where it stands."""
        with self._environment.store.transaction() as transaction:
            _, user, recovery = self._begun(transaction, session_id)
            account = _account(transaction, user)
            waiting = recovery.call_id is not None and self._environment.clock() < recovery.call_ends_at
        return RecoveryState(
            email=_masked_email(account.root_email),
            emails=recovery.emails,
            email_verified=recovery.email_verified,
            phone=None if account.phone_number is None else _masked_phone(account.phone_number),
            code=recovery.code if waiting else None,
            phone_verified=recovery.phone_verified,
        )

    def send_recovery_email(self, session_id: str) -> None:
        """Step 1: send a link to root's e-mail address; one sent before is void. LimitExceeded."""
        token = self._environment.new.sign_in_session_id()
        with self._environment.store.transaction() as transaction:
            session, user, recovery = self._begun(transaction, session_id)
            if recovery.emails >= self._profile.recovery_emails:
                raise self._refused(user, LimitExceeded(self._profile.say("recovery_limit")))
            if recovery.emails == 0:
                until = self._environment.clock() + self._profile.recovery_s
                transaction.put(replace(session, expires_at=until))
            transaction.put(replace(recovery, emails=recovery.emails + 1, email_token_key=session_key(token)))
            outbox.send(
                self._environment,
                transaction,
                "email",
                user,
                to=_account(transaction, user).root_email,
                subject=self._profile.say("recovery_email_subject"),
                link=f"{VERIFY_EMAIL}?{urlencode({'token': token})}",
            )

    def verify_recovery_email(self, session_id: str, token: str) -> None:
        """The link of the last e-mail was followed, in the browser that gave the password."""
        with self._environment.store.transaction() as transaction:
            _, user, recovery = self._begun(transaction, session_id)
            sent = recovery.email_token_key or ""
            if not hmac.compare_digest(session_key(token), sent):
                raise self._refused(user, AccessDenied(self._profile.say("recovery_wrong_link")))
            transaction.put(replace(recovery, email_verified=True))

    def call_recovery_phone(self, session_id: str) -> None:
        """Step 2: call the account's phone; a call under way ends. LimitExceeded, InvalidInput."""
        with self._environment.store.transaction() as transaction:
            _, user, recovery = self._begun(transaction, session_id)
            if not recovery.email_verified:
                raise self._refused(user, AccessDenied(self._profile.say("recovery_out_of_turn")))
            phone_number = _account(transaction, user).phone_number
            if phone_number is None:
                raise self._refused(user, InvalidInput(self._profile.say("recovery_no_phone")))
            if recovery.calls >= self._profile.recovery_calls:
                raise self._refused(user, LimitExceeded(self._profile.say("recovery_limit")))
            call = outbox.send(self._environment, transaction, "call", user, to=phone_number)
            transaction.put(
                replace(
                    recovery,
                    calls=recovery.calls + 1,
                    call_id=call.id,
                    call_ends_at=self._environment.clock() + self._profile.recovery_call_s,
                    code=self._environment.new.recovery_code(),
                )
            )

    def finish_recovery(self, session_id: str) -> SignedIn:
        """Step 3: sign in, without MFA; the session has a new id."""
        with self._environment.store.transaction() as transaction:
            session, user, recovery = self._begun(transaction, session_id)
            if not (recovery.email_verified and recovery.phone_verified):
                raise self._refused(user, AccessDenied(self._profile.say("recovery_out_of_turn")))
            transaction.delete(recovery)
            clear_refusals(transaction, user, "mfa")
            signed_in = sessions.complete(self._environment, transaction, user, session)
        self._environment.happened("ConsoleLogin", user.account_id, user.name, None, user, **_ALTERNATIVE)
        return signed_in

    def _begun(self, transaction: Transaction, session_id: str) -> tuple[AwaitingMfa, User, RootRecovery]:
        session, user = sessions.awaiting_mfa(self._environment, transaction, session_id)
        if not user.root or not self._profile.alternative_factors:
            raise self._refused(user, AccessDenied(self._profile.say("alternative_factors_off")))
        found = transaction.get(RootRecovery, session.key)
        if found is not None:
            return session, user, found
        for other in transaction.list(RootRecovery, account_id=user.account_id):
            if transaction.get(AwaitingMfa, other.session_key) is None:
                transaction.delete(other)
        fresh = RootRecovery(session_key=session.key, account_id=user.account_id, user_name=user.name)
        return session, user, fresh


def _account(transaction: Transaction, user: User) -> Account:
    account = transaction.get(Account, user.account_id)
    assert account is not None, "a user has an account"
    return account


def _masked_email(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}*****@{domain}"


def _masked_phone(number: str) -> str:
    shown = len(number) // 3
    return f"*****{number[-shown:]}"
