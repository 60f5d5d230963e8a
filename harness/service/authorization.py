"""Whether a caller may do what it asks: its credentials, its policies, and the context they are judged in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from harness.service import policy
from harness.service.environment import Environment
from harness.service.errors import AccessDenied, ExpiredToken, InvalidClientTokenId
from harness.service.events import SENDER
from harness.service.grants import Role, RoleSession
from harness.service.model import Caller, User
from harness.service.policy import Policy, PolicyRequest, Verdict
from harness.service.profile import ServiceProfile

_SEVERITY = (Verdict.ALLOWED, Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY)
_parsed = lru_cache(maxsize=256)(Policy.parse)


def authorize(environment: Environment, caller: Caller, action: str, resource: str, **context: str) -> None:
    """Let the caller do an IAM ``action`` on ``resource``, an ARN, or raise what AWS answers.

    The root user may do everything in its account. ``context`` are condition keys of the action's own, with
    ``_`` for ``:``, such as ``iam_RegisterSecurityKey``. Raises ExpiredToken, InvalidClientTokenId for a
    session without MFA (STS API, GetSessionToken: it may not call IAM), AccessDenied.
    """
    now = environment.clock()
    if caller.expires_at is not None and now >= caller.expires_at:
        raise ExpiredToken
    if caller.via == "session" and caller.mfa_authenticated_at is None:
        raise InvalidClientTokenId
    if caller.user.root:
        return
    own = {key.replace("_", ":", 1): value for key, value in context.items()}
    verdict = decide(caller, action, resource, {**policy_context(caller, now), **own})
    if verdict is not Verdict.ALLOWED:
        raise AccessDenied(_denial(environment.profile, caller, action, resource, verdict))


def decide(caller: Caller, action: str, resource: str, context: Mapping[str, str]) -> Verdict:
    """What the caller's policies say of an action, by itself; a session's own can only take away."""
    request = PolicyRequest(action=action, resource=resource, context=context)
    verdicts = [
        policy.evaluate([_parsed(document) for document in documents], request).verdict
        for documents in (caller.policies, caller.session_policies)
        if documents or documents is caller.policies
    ]
    return max(verdicts, key=_SEVERITY.index)


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
        **principal_context(caller.user.role if isinstance(caller.user, RoleSession) else caller.user),
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


def principal_context(principal: User | Role) -> dict[str, str]:
    """The condition keys that say who asks, whatever it asks for and how."""
    about = {"aws:PrincipalArn": principal.arn}
    match principal:
        case User():
            about |= {"aws:username": principal.name, "aws:PrincipalType": "User"}
        case Role():
            about |= {"aws:PrincipalType": "AssumedRole"}
    return about | {f"aws:PrincipalTag/{key}": value for key, value in principal.tags.items()}


def _denial(profile: ServiceProfile, caller: Caller, action: str, resource: str, verdict: Verdict) -> str:
    because = (
        profile.say("policy_denies")
        if verdict is Verdict.EXPLICIT_DENY
        else profile.say("no_policy_allows", action=action)
    )
    return profile.say("not_authorized", arn=caller.arn, action=action, resource=resource, because=because)
