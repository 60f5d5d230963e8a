"""Whether a caller may do what it asks: its credentials, its policies, and the context they are judged in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

from harness.service import policy
from harness.service.environment import CALL, Environment
from harness.service.errors import AccessDenied, ExpiredToken, InvalidClientTokenId
from harness.service.events import SENDER
from harness.service.grants import Role, RoleSession
from harness.service.model import Caller, User
from harness.service.policy import Policy, PolicyRequest, Verdict

ContextKeys = Mapping[str, str | Sequence[str]]
"""Condition keys and their value, or values."""

NO_KEYS: ContextKeys = MappingProxyType({})
_SEVERITY = (Verdict.ALLOWED, Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY)
_TEXTS = {
    Verdict.IMPLICIT_DENY: ("no_policy_allows", "no_boundary_allows", "no_session_policy_allows"),
    Verdict.EXPLICIT_DENY: ("policy_denies", "boundary_denies", "session_policy_denies"),
}
# What the trail calls an action that is no operation of its name.
_EVENTS = {
    "aws-portal:ViewAccount": "account:GetContactInformation",
    "aws-portal:ModifyAccount": "account:PutContactInformation",
}
_parsed = lru_cache(maxsize=256)(Policy.parse)


def authorize(
    environment: Environment,
    caller: Caller,
    action: str,
    resource: str,
    context: ContextKeys = NO_KEYS,
) -> None:
    """Let the caller do an IAM ``action`` on ``resource``, an ARN, or raise what AWS answers.

    The root user may do everything in its account. ``context`` are condition keys of the action's own. Raises
    ExpiredToken, InvalidClientTokenId for a session without MFA (STS API, GetSessionToken: it may not call
    IAM), AccessDenied.
    """
    now = environment.clock()
    if caller.expires_at is not None and now >= caller.expires_at:
        raise ExpiredToken
    if caller.via == "session" and caller.mfa_authenticated_at is None:
        raise InvalidClientTokenId
    if caller.user.root:
        return
    verdicts = _verdicts(caller, action, resource, {**policy_context(caller, now), **context})
    verdict = strictest(*verdicts)
    if verdict is not Verdict.ALLOWED:
        because = environment.profile.say(_TEXTS[verdict][verdicts.index(verdict)], action=action)
        denial = AccessDenied(
            environment.profile.say(
                "not_authorized", arn=caller.arn, action=action, resource=resource, because=because
            )
        )
        if CALL.get() is None and caller.via == "console":  # nobody else tells of what a page asks for
            source, _, name = _EVENTS.get(action, action).partition(":")
            environment.happened(name, caller.account_id, caller.user.name, denial, caller, source)
        raise denial


def strictest(*verdicts: Verdict) -> Verdict:
    """What kinds of policies say together, each of which must allow: an explicit deny wins."""
    return max(verdicts, key=_SEVERITY.index)


def decide(caller: Caller, action: str, resource: str, context: ContextKeys) -> Verdict:
    """What the caller's policies say of an action; a boundary and a session's own can only take away."""
    return strictest(*_verdicts(caller, action, resource, context))


def decide_granted(caller: Caller, action: str, resource: str, context: ContextKeys) -> Verdict:
    """What they say of an action that the resource's own policy grants to the caller by name.

    IAM guide, "Permissions boundaries" and "Policy evaluation logic", within an account: that is not limited
    by an implicit deny of identity-based policies, nor by a user's boundary; by a role's boundary, and by a
    session's policies, it is.
    """
    own, boundary, session = _verdicts(caller, action, resource, context)
    limits = [boundary, session] if isinstance(caller.user, RoleSession) else [session]
    denials = [verdict for verdict in (own, boundary) if verdict is Verdict.EXPLICIT_DENY]
    return strictest(*limits, *denials)


def _verdicts(
    caller: Caller, action: str, resource: str, context: ContextKeys
) -> tuple[Verdict, Verdict, Verdict]:
    """Of the identity-based policies, of the boundary, and of the session's own; what there is not allows."""
    request = PolicyRequest(action=action, resource=resource, context=context)

    def verdict(documents: Iterable[str]) -> Verdict:
        return policy.evaluate(map(_parsed, documents), request).verdict

    return (
        verdict(caller.policies),
        Verdict.ALLOWED if caller.boundary is None else verdict([caller.boundary]),
        verdict(caller.session_policies) if caller.session_policies else Verdict.ALLOWED,
    )


def policy_context(caller: Caller, now: float) -> dict[str, str]:
    """The global condition keys of a request (IAM guide: AWS global condition context keys).

    ``aws:MultiFactorAuthPresent`` is absent for a long-term access key, and ``false`` for a session or the
    console without MFA; ``aws:MultiFactorAuthAge`` is there only after MFA.
    """
    context = {
        "aws:userid": caller.user.user_id,
        "aws:PrincipalAccount": caller.account_id,
        "aws:CurrentTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now)),
        **principal_context(caller.user),
    }
    if (sender := SENDER.get()) is not None and sender.source_ip_address:
        context["aws:SourceIp"] = sender.source_ip_address
        context["aws:UserAgent"] = sender.user_agent
        context["aws:SecureTransport"] = "true" if sender.login_to.startswith("https:") else "false"
    if caller.mfa_authenticated_at is not None:
        context["aws:MultiFactorAuthPresent"] = "true"
        context["aws:MultiFactorAuthAge"] = str(int(now - caller.mfa_authenticated_at))
    elif caller.via != "access-key":
        context["aws:MultiFactorAuthPresent"] = "false"
    return context


def principal_context(principal: User | Role | RoleSession) -> dict[str, str]:
    """The condition keys that say who asks, whatever it asks for and how.

    IAM guide, "Pass session tags in AWS STS": a session's tag stands before the role's of the same key.
    """
    match principal:
        case User():
            about = {"aws:username": principal.name, "aws:PrincipalType": "User"}
        case Role() | RoleSession():
            about = {"aws:PrincipalType": "AssumedRole"}
    role = principal.role if isinstance(principal, RoleSession) else principal
    tags = [*role.tags.items(), *(principal.tags.items() if role is not principal else ())]
    return {
        "aws:PrincipalArn": role.arn,
        **about,
        **{f"aws:PrincipalTag/{key}": value for key, value in tags},
    }
