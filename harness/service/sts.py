"""STS: a user's temporary credentials, with MFA or without, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from harness.service.authorization import decide, policy_context
from harness.service.environment import Environment
from harness.service.errors import AccessDenied, ExpiredToken, InvalidClientTokenId, ValidationError
from harness.service.mfa_codes import both_or_neither, judge
from harness.service.model import Caller, SessionCredentials, User
from harness.service.policy import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """Who GetCallerIdentity says is calling."""

    account: str
    arn: str
    user_id: str


class Sts:
    """The verbs of STS that are about the caller itself."""

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
        both_or_neither(self._environment, serial_number, token_code)
        refusal = None
        with self._environment.store.transaction() as transaction:
            user = transaction.get(User, caller.user.key)
            if user is None:
                raise InvalidClientTokenId
            if serial_number is not None and token_code is not None:
                refusal = judge(self._environment, transaction, user, serial_number, token_code)
            if refusal is None:
                credentials = self._credentials(user, duration_s, with_mfa=token_code is not None)
                transaction.put(credentials)
        if refusal is None:
            self._environment.happened("GetSessionToken", caller.account_id, caller.user.name, who=caller)
            return credentials
        error = AccessDenied(self._profile.say(refusal.text))
        self._environment.happened(
            "GetSessionToken", caller.account_id, caller.user.name, error, caller, diagnosis=refusal.diagnosis
        )
        raise error

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
