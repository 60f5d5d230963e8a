"""All that the service's verbs act in: store, clock, AWS's values, randomness, web address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from emulator.clock import Clock
from harness.service.errors import AwsError
from harness.service.events import SIGN_IN_EVENTS, Trail, new_event
from harness.service.grants import RoleSession
from harness.service.identifiers import Identifiers
from harness.service.key_metadata import KeyMetadata
from harness.service.model import ROOT, Caller, Challenge, User
from harness.service.passwords import Passwords
from harness.service.profile import ServiceProfile
from harness.service.store import AccountStore
from harness.service.totp_rules import TotpLimits
from harness.service.webauthn_rules import Expectations

_REGION = "us-east-1"  # where IAM's events are, being a global service
_ASKED = ("userName", "serialNumber")  # what verbs tell of an event that is a parameter of its operation


@dataclass(slots=True, kw_only=True)
class ApiCall:
    """A call under way: what was asked and answered, and what its verbs have to tell of it."""

    name: str
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)
    answered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    more: dict[str, str] = field(default_factory=dict)


# What the present thread does at a caller's request, once something is to tell of it: an API call, or a verb.
CALL: ContextVar[ApiCall | None] = ContextVar("call", default=None)


@dataclass(slots=True, kw_only=True)
class Environment:
    """Shared by the verbs. ``origins`` is filled by the server once it knows its port."""

    store: AccountStore
    clock: Clock
    profile: ServiceProfile
    random_bytes: Callable[[int], bytes]
    passwords: Passwords
    rp_id: str
    origins: list[str] = field(default_factory=list)
    metadata: KeyMetadata = field(default_factory=KeyMetadata)
    events: Trail = field(default_factory=Trail)
    new: Identifiers = field(init=False)
    totp_limits: TotpLimits = field(init=False)

    def __post_init__(self) -> None:
        profile = self.profile
        self.new = Identifiers(profile, self.random_bytes)
        self.totp_limits = TotpLimits(
            window=profile.totp_window,
            look_ahead=profile.look_ahead,
            learns=profile.totp_learns,
            late_pair=profile.late_pair,
            late_after=profile.late_after,
        )

    def new_challenge(self) -> Challenge:
        """A WebAuthn challenge, good from now on."""
        return Challenge(
            value=self.random_bytes(self.profile.challenge_bytes),
            expires_at=self.clock() + self.profile.challenge_s,
        )

    def expectations(self, user: User, challenge: Challenge | None) -> Expectations:
        """What a WebAuthn response of the user's must answer to, now."""
        return Expectations(
            challenge=challenge,
            now=self.clock(),
            rp_id=self.rp_id,
            origins=tuple(self.origins),
            user_handle=user.user_id.encode(),
            profile=self.profile,
            metadata=self.metadata,
        )

    @contextmanager
    def acting(
        self, name: str, caller: Caller, source: str = "iam", *, ends: bool = True, **asked: str
    ) -> Iterator[dict[str, str]]:
        """Enter in the trail what is done at the caller's request, or that it is refused, as the block ends.

        What the block is given takes what else there is to tell. An API call under way tells of itself.
        ``ends`` is false for what another request will end: now only a refusal is told.
        """
        call = CALL.get()
        if call is not None:
            yield call.more
            return
        more, token = dict(asked), CALL.set(ApiCall(name=name))
        refusal: AwsError | None = None
        try:
            yield more
        except AwsError as error:
            refusal = error
        finally:
            CALL.reset(token)
        if ends or refusal is not None:
            self.happened(name, caller.account_id, caller.user.name, refusal, caller, source, **more)
        if refusal is not None:
            raise refusal

    def happened(
        self,
        name: str,
        account_id: str,
        user_name: str,
        refused: AwsError | str | None = None,
        who: Caller | User | str | None = None,
        source: str = "iam",
        **more: str,
    ) -> None:
        """Add an event to the trail; ``refused`` is the error that answers it, or why a sign-in failed.
        ``who`` is whoever did it, an AWS service by its name.

        What ``more`` says of an API call under way goes into that call's own event.
        """
        call = CALL.get()
        if call is not None and call.name == name:
            call.more |= more
            return
        error = refused if isinstance(refused, AwsError) else None
        asked = {} if name in SIGN_IN_EVENTS else {key: more.pop(key) for key in _ASKED if key in more}
        self.events.append(
            new_event(
                name,
                time=self.clock(),
                account_id=account_id,
                identity=user_identity(account_id, user_name, who),
                region=_REGION,
                error_code=None if error is None else error.code,
                error_message=refused.message if isinstance(refused, AwsError) else refused,
                source=f"{source}.amazonaws.com",
                asked=asked,
                more=more,
            )
        )

    def called(
        self,
        call: ApiCall,
        who: Caller,
        access_key_id: str,
        refusal: AwsError | None,
        *,
        source: str,
        request_id: str,
    ) -> None:
        """Add the event of an API call that has been answered."""
        self.events.append(
            new_event(
                call.name,
                time=self.clock(),
                account_id=who.account_id,
                identity={
                    **user_identity(who.account_id, who.user.name, who),
                    "accessKeyId": access_key_id,
                },
                region=_REGION,
                error_code=None if refusal is None else refusal.code,
                error_message=None if refusal is None else refusal.message,
                source=source,
                asked=call.asked,
                answered=call.answered,
                more={key: text for key, text in call.more.items() if key not in _ASKED},
                request_id=request_id,
            )
        )


def user_identity(account_id: str, user_name: str, who: Caller | User | str | None) -> dict[str, Any]:
    """CloudTrail User Guide, "CloudTrail userIdentity element"; a ``str`` is an AWS service."""
    if isinstance(who, str):
        return {"type": "AWSService", "invokedBy": who}
    principal = who.user if isinstance(who, Caller) else who
    identity: dict[str, Any] = {"accountId": account_id}
    if isinstance(principal, User) and not principal.name:  # nobody
        identity["accessKeyId"] = ""
    elif principal is not None:
        identity |= {"principalId": principal.user_id, "arn": principal.arn}
    session: dict[str, Any] = {}
    if isinstance(principal, RoleSession):
        role = principal.role
        issuer = {"type": "Role", "principalId": role.role_id, "arn": role.arn, "userName": role.name}
        session["sessionIssuer"] = {**issuer, "accountId": account_id}
        identity["type"] = "AssumedRole"
    elif user_name == ROOT:
        identity["type"] = "Root"
    else:
        identity |= {"type": "IAMUser", "userName": user_name}
    if isinstance(who, Caller) and who.via != "access-key":
        mfa = "false" if who.mfa_authenticated_at is None else "true"
        identity["sessionContext"] = {**session, "attributes": {"mfaAuthenticated": mfa}}
    return identity
