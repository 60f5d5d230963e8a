"""Console sign-in: password, then a second page for MFA, with resync where codes keep being refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.service import sessions, totp_rules, webauthn_rules
from harness.service.directory import devices_of
from harness.service.environment import Environment
from harness.service.errors import AccessDenied
from harness.service.events import FAILED, HIDDEN, UNKNOWN
from harness.service.model import (
    ROOT,
    Account,
    AwaitingMfa,
    FidoSecurityKey,
    HardwareTotpDevice,
    MfaDevice,
    SignedIn,
    SignInSession,
    TotpDevice,
    User,
    VirtualMfaDevice,
    user_key,
)
from harness.service.refusals import clear_refusals, count_refusal, locked_out, refusals
from harness.service.store import Transaction
from harness.service.totp_rules import Accepted, Outcome
from harness.service.words import say

_FOR_ROOT = say("Only the root user can resync a device before signing in.")
_REFUSED = say("Your authentication information is incorrect. Please try again.")


class SignInFailed(Exception):  # noqa: N818 - what happened, like the next two
    """Account, user name or password are wrong, or locked out: deliberately not said which."""

    def __init__(self) -> None:
        super().__init__(_REFUSED)


class MfaRefused(Exception):  # noqa: N818
    """The MFA code or the security key was refused.

    ``offer_resync``: refused often enough for the page to offer resync. ``diagnosis`` is for the log alone.
    """

    def __init__(self, *, offer_resync: bool, diagnosis: str) -> None:
        super().__init__(_REFUSED)
        self.offer_resync = offer_resync
        self.diagnosis = diagnosis


# CloudTrail's MfaType: AWS Management Console sign-in events. Assumed: that of hardware TOTP tokens.
_MFA_TYPES: dict[type[MfaDevice], str] = {
    VirtualMfaDevice: "Virtual MFA",
    HardwareTotpDevice: "Hardware MFA",
    FidoSecurityKey: "U2F MFA",
}

# Whoever signs in under a name that does not exist.
_NOBODY = User(account_id="", name="", user_id="", created_at=0.0)


class SignIn:
    """The verbs of signing in; :mod:`~harness.service.sessions` has those of the sessions themselves."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    # The first page.

    def sign_in(self, account_id_or_alias: str, user_name: str, password: str) -> SignInSession:
        """Sign an IAM user in as far as the password goes: to the MFA page, or all the way without devices.

        SignInFailed for whatever is wrong. The root user does not exist here (S0).
        """

        def wanted(transaction: Transaction) -> User:
            account = transaction.get(Account, account_id_or_alias) or transaction.find(
                Account, f"alias {account_id_or_alias}"
            )
            if account is None:
                return _NOBODY
            user = transaction.get(User, user_key(account.id, user_name))
            return replace(_NOBODY, account_id=account.id) if user is None or user.root else user

        return self._sign_in(wanted, password)

    def sign_in_root(self, email: str, password: str) -> SignInSession:
        """Sign an account's root user in, by the account's e-mail address."""

        def wanted(transaction: Transaction) -> User:
            account = transaction.find(Account, f"email {email.lower()}")
            root = None if account is None else transaction.get(User, user_key(account.id, ROOT))
            return root or _NOBODY

        return self._sign_in(wanted, password)

    def _sign_in(self, wanted: Callable[[Transaction], User], password: str) -> SignInSession:
        with self._environment.store.transaction() as transaction:
            claimed = wanted(transaction)
        # Outside any transaction, for it takes long; and as long for a user that does not exist.
        right = self._environment.passwords.check(claimed.password_hash, password)
        with self._environment.store.transaction() as transaction:
            session = self._judge_password(transaction, claimed, right)
        if session is None:
            self._tell_of_failure(claimed)
            raise SignInFailed
        if isinstance(session, SignedIn):
            self._console_login(claimed)
        else:
            self._check_mfa(claimed, self.mfa_methods(session))
        return session

    def _tell_of_failure(self, claimed: User) -> None:
        """In the account's trail; a name that is no user's is hidden there, for it may be a password."""
        if claimed.name:
            self._console_login(claimed, refused=FAILED)
        elif claimed.account_id:
            self._environment.happened(
                "ConsoleLogin", claimed.account_id, HIDDEN, UNKNOWN, claimed, MFAUsed="No"
            )

    def _judge_password(self, transaction: Transaction, claimed: User, right: bool) -> SignInSession | None:
        user = transaction.get(User, claimed.key)
        if user is None:
            # Write as much as for a user who exists, so that time does not tell them apart.
            clear_refusals(transaction, claimed, "password")
            count_refusal(self._environment, transaction, claimed, "password")
            return None
        if user.password_hash != claimed.password_hash:
            return None
        if locked_out(self._environment, transaction, user, "password"):
            return None
        if not right:
            count_refusal(self._environment, transaction, user, "password")
            return None
        clear_refusals(transaction, user, "password")
        failures = refusals(self._environment, transaction, user, "mfa")
        return sessions.begin(self._environment, transaction, user, failures)

    # The second page.

    def mfa_methods(self, session: AwaitingMfa) -> list[MfaDevice]:
        """The devices, any one of which completes this sign-in."""
        with self._environment.store.transaction() as transaction:
            return devices_of(transaction, sessions.user_of_session(transaction, session))

    def present_code(self, session_id: str, code: str, serial_number: str | None = None) -> SignedIn:
        """Complete a sign-in with a code, of the device named or of any TOTP device of the user.

        The session returned has a new id. MfaRefused counts a failure; SessionEnded.
        """
        return self._try_devices(
            session_id,
            serial_number,
            lambda device: totp_rules.verify(
                device.totp, code, self._environment.clock(), self._environment.totp_limits
            ),
        )

    def resync_and_sign_in(
        self,
        session_id: str,
        serial_number: str | None,
        authentication_code_1: str,
        authentication_code_2: str,
    ) -> SignedIn:
        """Resync a device of the user with two consecutive codes and complete the sign-in with them (S3)."""
        return self._try_devices(
            session_id, serial_number, self._resync(authentication_code_1, authentication_code_2)
        )

    def resync_before_sign_in(
        self,
        session_id: str,
        serial_number: str | None,
        authentication_code_1: str,
        authentication_code_2: str,
    ) -> AwaitingMfa:
        """Resync a device without signing in, as root can (S2); the next code then signs in.

        AccessDenied for anybody else.
        """
        with self._environment.store.transaction() as transaction:
            session, user = sessions.awaiting_mfa(self._environment, transaction, session_id)
            if not user.root:
                raise self._for_root_alone(user)
            accepted, diagnosis = self._judge(
                transaction, user, serial_number, self._resync(authentication_code_1, authentication_code_2)
            )
            if accepted is None:
                session = self._failed(transaction, session, user)
            else:
                clear_refusals(transaction, user, "mfa")
                session = replace(session, failures=0)
                transaction.put(session)
        if accepted is None:
            raise self._refused(user, session, diagnosis, "ResyncMFADevice")
        self._environment.happened(
            "ResyncMFADevice", user.account_id, user.name, serialNumber=accepted.serial_number
        )
        return session

    def _for_root_alone(self, user: User) -> AccessDenied:
        denial = AccessDenied(_FOR_ROOT)
        self._environment.happened("ResyncMFADevice", user.account_id, user.name, denial, user)
        return denial

    def _resync(self, code_1: str, code_2: str) -> Callable[[TotpDevice], Outcome]:
        return lambda device: totp_rules.resync(
            device.totp, code_1, code_2, self._environment.clock(), self._environment.totp_limits
        )

    def _try_devices(
        self, session_id: str, serial_number: str | None, rule: Callable[[TotpDevice], Outcome]
    ) -> SignedIn:
        with self._environment.store.transaction() as transaction:
            awaiting, user = sessions.awaiting_mfa(self._environment, transaction, session_id)
            accepted, diagnosis = self._judge(transaction, user, serial_number, rule)
            if accepted is None:
                awaiting = self._failed(transaction, awaiting, user)
            else:
                signed_in = sessions.complete(self._environment, transaction, user, awaiting, accepted)
        if accepted is None:
            raise self._refused(user, awaiting, diagnosis, "ConsoleLogin")
        self._console_login(user, accepted)
        return signed_in

    def _judge(
        self,
        transaction: Transaction,
        user: User,
        serial_number: str | None,
        rule: Callable[[TotpDevice], Outcome],
    ) -> tuple[TotpDevice | None, str]:
        """The first device that the rule accepts, its new state stored; or ``None`` and why not."""
        if locked_out(self._environment, transaction, user, "mfa"):
            return None, "locked out after too many failures"
        diagnoses = []
        for device in devices_of(transaction, user):
            if isinstance(device, FidoSecurityKey) or serial_number not in (None, device.serial_number):
                continue
            outcome = rule(device)
            if isinstance(outcome, Accepted):
                transaction.put(replace(device, totp=outcome.state))
                return device, ""
            diagnoses.append(str(outcome))
        return None, ", ".join(diagnoses) or "no such TOTP device"

    # A FIDO security key on the second page.

    def begin_assertion(self, session_id: str) -> dict[str, Any]:
        """WebAuthn request options for any of the user's security keys; a challenge given before is void."""
        challenge = self._environment.new_challenge()
        with self._environment.store.transaction() as transaction:
            session, user = sessions.awaiting_mfa(self._environment, transaction, session_id)
            transaction.put(replace(session, challenge=challenge))
            keys = self._security_keys(transaction, user)
        return webauthn_rules.request_options(self._environment.expectations(user, challenge), keys)

    def finish_assertion(self, session_id: str, response_json: str) -> SignedIn:
        """Complete a sign-in with a security key's response; the challenge is spent, whatever comes of it."""
        with self._environment.store.transaction() as transaction:
            awaiting, user = sessions.awaiting_mfa(self._environment, transaction, session_id)
            outcome = self._judge_assertion(transaction, awaiting, user, response_json)
            awaiting = replace(awaiting, challenge=None)
            if isinstance(outcome, webauthn_rules.Refused):
                awaiting = self._failed(transaction, awaiting, user)
            else:
                transaction.put(outcome.key)
                signed_in = sessions.complete(self._environment, transaction, user, awaiting, outcome.key)
        if isinstance(outcome, webauthn_rules.Refused):
            raise self._refused(user, awaiting, outcome.diagnosis, "ConsoleLogin")
        self._console_login(user, outcome.key, note=outcome.note)
        return signed_in

    def _judge_assertion(
        self, transaction: Transaction, session: AwaitingMfa, user: User, response_json: str
    ) -> webauthn_rules.Asserted | webauthn_rules.Refused:
        if locked_out(self._environment, transaction, user, "mfa"):
            return webauthn_rules.Refused(diagnosis="locked out after too many failures")
        return webauthn_rules.check_assertion(
            self._security_keys(transaction, user),
            response_json,
            self._environment.expectations(user, session.challenge),
        )

    def _failed(self, transaction: Transaction, session: AwaitingMfa, user: User) -> AwaitingMfa:
        failures = count_refusal(self._environment, transaction, user, "mfa")
        session = replace(session, failures=failures)
        transaction.put(session)
        return session

    def _refused(self, user: User, session: AwaitingMfa, diagnosis: str, event: str) -> MfaRefused:
        used = {"MFAUsed": "Yes"} if event == "ConsoleLogin" else {}
        self._environment.happened(
            event,
            user.account_id,
            user.name,
            FAILED,
            user,
            **used,
            diagnosis=diagnosis,
        )
        return MfaRefused(
            offer_resync=session.failures >= self._profile.failures_before_resync, diagnosis=diagnosis
        )

    def _security_keys(self, transaction: Transaction, user: User) -> list[FidoSecurityKey]:
        return transaction.list(FidoSecurityKey, account_id=user.account_id, user_name=user.name)

    def _console_login(
        self, user: User, device: MfaDevice | None = None, refused: str | None = None, note: str = ""
    ) -> None:
        more = {"MFAUsed": "No" if device is None else "Yes"}
        if device is not None:
            more["MFAIdentifier"] = device.serial_number
        if note:
            more["diagnosis"] = note
        self._environment.happened("ConsoleLogin", user.account_id, user.name, refused, user, **more)

    def _check_mfa(self, user: User, devices: list[MfaDevice]) -> None:
        kinds = {_MFA_TYPES[type(device)] for device in devices}
        kind = kinds.pop() if len(kinds) == 1 else "Multiple MFA Devices"
        self._environment.happened("CheckMfa", user.account_id, user.name, None, user, MfaType=kind)
