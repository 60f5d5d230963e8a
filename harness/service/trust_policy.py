"""Trust policies of roles: who may assume one, under which conditions.

The IAM User Guide's "AWS JSON policy elements: Principal" and "Cross-account policy evaluation logic"; what
they leave open is marked ``assumed`` where it is decided.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from harness.service.errors import MalformedPolicyDocument
from harness.service.grants import RoleSession
from harness.service.model import Caller
from harness.service.policy import Effect, Policy, PolicyRequest, Statement
from harness.service.policy_conditions import Context

_ACTIONS = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity", "sts:*", "*")


class Trust(Enum):
    """What a trust policy says of a caller."""

    DENIED = auto()
    UNKNOWN = auto()
    ACCOUNT = auto()  # its account is trusted: its own policies decide
    NAMED = auto()  # it is trusted itself


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStatement:
    """Whom a statement names (``not_principal``: all but them), and the rest of it as any statement."""

    principals: tuple[str, ...]
    not_principal: bool
    statement: Statement

    def trust(self, caller: Caller) -> Trust:
        """How the statement names the caller."""
        found = {_named_by(principal, caller) for principal in self.principals}
        if self.not_principal:
            return Trust.NAMED if found <= {Trust.UNKNOWN} else Trust.UNKNOWN
        return max(found, key=lambda trust: trust.value, default=Trust.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """A trust policy document."""

    statements: tuple[TrustStatement, ...]

    @classmethod
    def parse(cls, json_text: str) -> TrustPolicy:
        """Parse a document; MalformedPolicyDocument says what is wrong with it."""
        try:
            document = json.loads(json_text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            Policy.parse(json_text)  # which says what this is not
            raise MalformedPolicyDocument("This policy contains invalid Json")
        raws = document.get("Statement", [])
        raws = raws if isinstance(raws, list) else [raws]
        named = [_principals(raw) for raw in raws]
        rest = [{**_without_principal(raw), "Resource": "*"} for raw in raws]
        policy = Policy.parse(json.dumps({**document, "Statement": rest}))
        return cls(
            statements=tuple(
                TrustStatement(principals=tuple(names), not_principal=negated, statement=statement)
                for (negated, names), statement in zip(named, policy.statements, strict=True)
            )
        )

    def trust(self, caller: Caller, action: str, context: Mapping[str, str | Sequence[str]]) -> Trust:
        """Whether the caller may do ``action``, such as ``sts:AssumeRole``, in ``context``."""
        request, known = PolicyRequest(action=action, resource="*", context=context), Context(context)
        applying = [
            (trust, one.statement.effect)
            for one in self.statements
            if (trust := one.trust(caller)) is not Trust.UNKNOWN and one.statement.applies(request, known)
        ]
        if any(effect is Effect.DENY for _, effect in applying):
            return Trust.DENIED
        return max((trust for trust, _ in applying), key=lambda trust: trust.value, default=Trust.UNKNOWN)

    def principals(self) -> Iterator[str]:
        """Every AWS principal that the policy names."""
        for statement in self.statements:
            yield from statement.principals


def _named_by(principal: str, caller: Caller) -> Trust:
    """How ``principal`` names the caller. Assumed: ``*`` names everyone as if by name."""
    if principal == "*":
        return Trust.NAMED
    if principal in (caller.account_id, f"arn:aws:iam::{caller.account_id}:root"):
        return Trust.ACCOUNT
    arns = {caller.arn, caller.user.role.arn if isinstance(caller.user, RoleSession) else caller.arn}
    return Trust.NAMED if principal in arns else Trust.UNKNOWN


def _principals(raw: Any) -> tuple[bool, list[str]]:
    """Whether it is NotPrincipal, and the AWS principals in it; services and federations are nobody here."""
    if not isinstance(raw, dict):
        raise MalformedPolicyDocument("Syntax errors in policy: a statement must be a JSON object.")
    if not raw.keys().isdisjoint({"Resource", "NotResource"}):
        raise MalformedPolicyDocument("Has prohibited field Resource")
    present = [name for name in ("Principal", "NotPrincipal") if name in raw]
    if len(present) != 1:
        raise MalformedPolicyDocument("Missing required field Principal")
    actions = raw.get("Action", [])
    for action in actions if isinstance(actions, list) else [actions]:
        if not str(action).lower().startswith("sts:assumerole") and str(action).lower() not in _ACTIONS:
            raise MalformedPolicyDocument("AssumeRole policy may only specify STS AssumeRole actions.")
    value = raw[present[0]]
    if value == "*":
        return present[0] == "NotPrincipal", ["*"]
    if not isinstance(value, dict) or not value:
        raise MalformedPolicyDocument("Invalid principal in policy.")
    for kind, names in value.items():
        listed = names if isinstance(names, list) else [names]
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser") or not all(
            isinstance(name, str) for name in listed
        ):
            raise MalformedPolicyDocument("Invalid principal in policy.")
    aws = value.get("AWS", [])
    return present[0] == "NotPrincipal", aws if isinstance(aws, list) else [aws]


def _without_principal(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in ("Principal", "NotPrincipal")}
