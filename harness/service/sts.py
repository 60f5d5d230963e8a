"""STS: temporary credentials, with MFA or without."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.service import totp_rules
from harness.service.authorization import decide, policy_context
from harness.service.directory import find_device
from harness.service.environment import Environment
from harness.service.errors import AccessDenied, ExpiredToken, InvalidClientTokenId, ValidationError
from harness.service.model import Caller, FidoSecurityKey, SessionCredentials, User
from harness.service.policy import Verdict
from harness.service.refusals import clear_refusals, count_refusal, locked_out
from harness.service.store import Transaction
from harness.service.totp_rules import Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """Who GetCallerIdentity says is calling."""

    account: str
    arn: str
    user_id: str


class Sts:
    """The verbs of STS."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def get_caller_identity(self, caller: Caller) -> CallerIdentity:
        """GetCallerIdentity: needs no permission."""
        self._refuse_expired(caller)
        return CallerIdentity(account=caller.account_id, arn=caller.arn, user_id=caller.user.user_id)

    def get_session_token(
        self,
        caller: Caller,
        duration_s: int | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
    ) -> SessionCredentials:
        """GetSessionToken, with MFA when a serial number and its code are given. Needs no permission.

        A FIDO security key cannot be used (S1). Root's session lasts an hour at most. AccessDenied for a
        wrong serial number or code, and from a session.
        """
        self._refuse_expired(caller)
        if caller.via != "access-key":
            raise AccessDenied(self._profile.say("sts_from_session"))
        if self._profile.deny_blocks_get_session_token:
            self._refuse_denied(caller)
        duration_s = self._duration(caller, duration_s)
        if (serial_number is None) is not (token_code is None):
            raise AccessDenied(self._profile.say("sts_code_without_serial"))
        refusal = None
        with self._environment.store.transaction() as transaction:
            user = transaction.get(User, caller.user.key)
            if user is None:
                raise InvalidClientTokenId
            if serial_number is not None and token_code is not None:
                refusal = self._judge(transaction, user, serial_number, token_code)
            if refusal is None:
                credentials = self._credentials(user, duration_s, with_mfa=token_code is not None)
                transaction.put(credentials)
        if refusal is None:
            self._environment.happened("GetSessionToken", caller.account_id, caller.user.name)
            return credentials
        text, diagnosis = refusal
        self._environment.happened(
            "GetSessionToken", caller.account_id, caller.user.name, refused=True, diagnosis=diagnosis
        )
        raise AccessDenied(self._profile.say(text))

    def _judge(
        self, transaction: Transaction, user: User, serial_number: str, token_code: str
    ) -> tuple[str, str] | None:
        """Accept the code and store what it proved, or say which text answers it and the diagnosis."""
        device = find_device(transaction, user.account_id, serial_number)
        if device is None or device.user_name != user.name:
            return "sts_wrong_serial", "the device is not this user's"
        if isinstance(device, FidoSecurityKey):
            return "sts_wrong_serial", "a FIDO security key has no codes"
        if locked_out(self._environment, transaction, user, "mfa"):
            return "sts_wrong_code", "locked out after too many failures"
        outcome = totp_rules.verify(
            device.totp, token_code, self._environment.clock(), self._environment.totp_limits
        )
        if not isinstance(outcome, Accepted):
            count_refusal(self._environment, transaction, user, "mfa")
            return "sts_wrong_code", str(outcome)
        clear_refusals(transaction, user, "mfa")
        transaction.put(replace(device, totp=outcome.state))
        return None

    def _credentials(self, user: User, duration_s: int, *, with_mfa: bool) -> SessionCredentials:
        now = self._environment.clock()
        return SessionCredentials(
            id=self._environment.new.session_key_id(),
            secret=self._environment.new.secret_access_key(),
            token=self._environment.new.session_token(),
            account_id=user.account_id,
            user_name=user.name,
            expires_at=now + duration_s,
            mfa_authenticated_at=now if with_mfa else None,
        )

    def _duration(self, caller: Caller, duration_s: int | None) -> int:
        profile = self._profile
        if duration_s is None:
            duration_s = profile.sts_default_duration_s
        for bound, word in (
            (
                duration_s < profile.sts_min_duration_s,
                f"greater than or equal to {profile.sts_min_duration_s}",
            ),
            (duration_s > profile.sts_max_duration_s, f"less than or equal to {profile.sts_max_duration_s}"),
        ):
            if bound:
                raise ValidationError(
                    profile.say(
                        "constraint_failed",
                        value=duration_s,
                        member="durationSeconds",
                        constraint=f"Member must have value {word}",
                    )
                )
        return min(duration_s, profile.sts_root_max_duration_s) if caller.user.root else duration_s

    def _refuse_expired(self, caller: Caller) -> None:
        if caller.expires_at is not None and self._environment.clock() >= caller.expires_at:
            raise ExpiredToken

    def _refuse_denied(self, caller: Caller) -> None:
        action = "sts:GetSessionToken"
        context = policy_context(caller, self._environment.clock())
        if not caller.user.root and decide(caller, action, "*", context) is Verdict.EXPLICIT_DENY:
            because = self._profile.say("policy_denies")
            raise AccessDenied(
                self._profile.say(
                    "not_authorized", arn=caller.arn, action=action, resource="*", because=because
                )
            )
