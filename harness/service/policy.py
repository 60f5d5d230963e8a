"""Evaluate IAM policies: documents are parsed once, then allow or deny one action on one resource.

Pure. The IAM User Guide's "Grammar of the IAM JSON policy language" and "Policy evaluation logic", for
identity-based policies; what they leave open is marked ``assumed`` where it is decided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from harness.service.errors import MalformedPolicyDocument
from harness.service.policy_conditions import (
    Condition,
    Context,
    NullCondition,
    Template,
    parse_conditions,
    syntax_error,
)

# Variables and their defaults exist from this version on; before it ``${…}`` is plain text.
VERSION_WITH_VARIABLES = "2012-10-17"
VERSIONS = ("2008-10-17", VERSION_WITH_VARIABLES)
STATEMENT_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


class Effect(Enum):
    """What a statement does with a request it applies to."""

    ALLOW = "Allow"
    DENY = "Deny"


class Verdict(Enum):
    """What the policies say. Only ``ALLOWED`` lets a request through."""

    ALLOWED = auto()
    EXPLICIT_DENY = auto()
    IMPLICIT_DENY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, and the Sid of the statement that decided (``None`` if none did, or it has no Sid)."""

    verdict: Verdict
    sid: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may go ahead."""
        return self.verdict is Verdict.ALLOWED


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """One action on one resource. ``context`` maps condition keys (in any case) to their value or values."""

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]]


def evaluate(policies: Iterable[Policy], request: PolicyRequest) -> Decision:
    """What ``policies`` say together: an explicit deny wins over any allow, and no allow is a deny."""
    context = Context(request.context)
    applying = [
        statement
        for policy in policies
        for statement in policy.statements
        if statement.applies(request, context)
    ]
    for effect, verdict in ((Effect.DENY, Verdict.EXPLICIT_DENY), (Effect.ALLOW, Verdict.ALLOWED)):
        for statement in applying:
            if statement.effect is effect:
                return Decision(verdict=verdict, sid=statement.sid)
    return Decision(verdict=Verdict.IMPLICIT_DENY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement: what it applies to, its effect. ``not_…`` makes a list of patterns its complement."""

    sid: str | None
    effect: Effect
    actions: tuple[Template, ...]
    not_action: bool
    resources: tuple[Template, ...]
    not_resource: bool
    conditions: tuple[Condition | NullCondition, ...]

    @classmethod
    def parse(cls, raw: Any, where: str, *, variables: bool) -> Statement:
        """Read a statement from parsed JSON; ``where`` names it in MalformedPolicyDocument."""
        if isinstance(raw, dict) and not raw.keys().isdisjoint({"Principal", "NotPrincipal"}):
            raise MalformedPolicyDocument("Policy document should not specify a principal.")
        _check_elements(raw, where, known=STATEMENT_ELEMENTS)
        sid = raw.get("Sid")
        if sid is not None and (not isinstance(sid, str) or re.fullmatch("[0-9A-Za-z]*", sid) is None):
            raise MalformedPolicyDocument("Statement IDs (SID) must be alpha-numeric.")
        if raw.get("Effect") not in ("Allow", "Deny"):
            raise syntax_error(where, "Effect must be 'Allow' or 'Deny'")
        not_action, actions = _one_of(raw, where, "Action", "NotAction")
        not_resource, resources = _one_of(raw, where, "Resource", "NotResource")
        return cls(
            sid=sid or None,
            effect=Effect(raw["Effect"]),
            actions=tuple(map(_action, actions)),
            not_action=not_action,
            resources=tuple(_resource(resource, variables=variables) for resource in resources),
            not_resource=not_resource,
            conditions=tuple(parse_conditions(raw.get("Condition", {}), where, variables=variables)),
        )

    def applies(self, request: PolicyRequest, context: Context) -> bool:
        """Whether action, resource and every condition match.

        A variable without a value equals nothing, under NotResource too (guide, "Policy variables with no
        value"). Assumed: a wildcard in a resource may match colons wherever it stands (documented for the
        end of a component).
        """
        action = any(pattern.fits(request.action, context, re.IGNORECASE) for pattern in self.actions)
        resource = any(pattern.fits(request.resource, context) for pattern in self.resources)
        return (
            action is not self.not_action
            and resource is not self.not_resource
            and all(condition.holds(context) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An identity-based policy document."""

    version: str
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, json_text: str) -> Policy:
        """Parse a document; MalformedPolicyDocument says which statement breaks which rule of the grammar."""
        try:
            document = json.loads(
                json_text, object_pairs_hook=_without_repetition, parse_constant=_not_a_number
            )
        except (ValueError, RecursionError) as error:
            raise MalformedPolicyDocument(f"This policy contains invalid Json: {error}.") from None
        _check_elements(document, "the document", known={"Version", "Id", "Statement"})
        version = document.get("Version", VERSIONS[0])
        if version not in VERSIONS:
            raise MalformedPolicyDocument(
                f"The policy must contain a valid version string, {' or '.join(VERSIONS)}: {version!r}."
            )
        raws = document.get("Statement", [])
        parsed = tuple(
            Statement.parse(raw, f"statement {number}", variables=version == VERSION_WITH_VARIABLES)
            for number, raw in enumerate(raws if isinstance(raws, list) else [raws], start=1)
        )
        if not parsed:
            raise syntax_error("the document", "it has no Statement")
        sids = [statement.sid for statement in parsed if statement.sid]
        if len(sids) != len(set(sids)):
            raise MalformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.")
        return cls(version=version, statements=parsed)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _not_a_number(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _check_elements(raw: Any, where: str, *, known: set[str]) -> None:
    if not isinstance(raw, dict):
        raise syntax_error(where, "a JSON object is expected here")
    if unknown := sorted(set(raw) - known):
        raise syntax_error(where, f"unknown element {unknown[0]!r}")


def _one_of(raw: Mapping[str, Any], where: str, positive: str, negative: str) -> tuple[bool, list[str]]:
    """Which of the two elements is there, and its strings."""
    present = [name for name in (positive, negative) if name in raw]
    if len(present) == 2:
        raise syntax_error(where, f"{positive} and {negative} exclude each other")
    if not present:
        raise MalformedPolicyDocument(f"Policy statement must contain {positive.lower()}s: {where} has none.")
    strings = raw[present[0]] if isinstance(raw[present[0]], list) else [raw[present[0]]]
    if not strings or not all(isinstance(string, str) for string in strings):
        raise syntax_error(where, f"{present[0]} must be a string or a list of strings")
    return present[0] == negative, strings


def _action(text: str) -> Template:
    if re.fullmatch(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+", text) is None:
        raise MalformedPolicyDocument(
            f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {text!r}."
        )
    return Template.parse(text, wildcards=True)


def _resource(text: str, *, variables: bool) -> Template:
    """A resource pattern: wildcards anywhere, variables only after the ARN's fifth colon."""
    if text != "*" and not text.startswith("arn:"):
        raise MalformedPolicyDocument(f'Resource {text!r} must be in ARN format or "*".')
    *head, last = text.split(":", 5)
    if not variables or len(head) < 5:
        return Template.parse(text, wildcards=True)
    start = Template.parse("".join(f"{component}:" for component in head), wildcards=True)
    end = Template.parse(last, wildcards=True, variables=True)
    return Template(parts=start.parts + end.parts)
