"""Requests and the policies that judge them: every operator in every form, then whole documents by chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

ALICE = "arn:aws:iam::123456789012:user/alice"
CONTEXT: dict[str, Any] = {
    "aws:username": "alice",
    "aws:userid": "AIDAALICE",
    "aws:MultiFactorAuthPresent": "true",
    "aws:MultiFactorAuthAge": "90",
    "aws:SourceIp": "203.0.113.7",
    "aws:CurrentTime": "2026-03-01T12:00:00Z",
    "aws:PrincipalArn": ALICE,
    "aws:TagKeys": ["team", "cost"],
    "iam:RegisterSecurityKey": "Activate",
    "iam:FIDO-certification": "L1",
}


@dataclass(frozen=True)
class Case:
    """Policies, perhaps a permissions ``boundary``, and a request; ``tags`` say what is peculiar about it."""

    policies: list[dict[str, Any]]
    action: str
    resource: str
    context: dict[str, Any]
    tags: frozenset[str] = field(default=frozenset())
    boundary: dict[str, Any] | None = None

    @property
    def line(self) -> dict[str, Any]:
        return {
            "policies": self.policies,
            "action": self.action,
            "resource": self.resource,
            "context": self.context,
            **({} if self.boundary is None else {"boundary": [self.boundary]}),
        }


# Each family of operators: a key of the context, values that match it, values that do not.
FAMILIES: dict[str, tuple[str, list[str], list[str]]] = {
    "StringEquals": ("aws:username", ["alice", "${aws:username}"], ["bob", "al*", "Alice", ""]),
    "StringNotEquals": ("aws:username", ["bob"], ["alice"]),
    "StringEqualsIgnoreCase": ("aws:username", ["ALICE"], ["bob"]),
    "StringNotEqualsIgnoreCase": ("aws:username", ["bob"], ["aLiCe"]),
    "StringLike": ("aws:username", ["al*", "?????", "*", "a${*}b", "*${aws:username}*"], ["??", "AL*", "*b"]),
    "StringNotLike": ("aws:username", ["b*"], ["a*"]),
    "NumericEquals": ("aws:MultiFactorAuthAge", ["90", "90.0"], ["91", "-90"]),
    "NumericNotEquals": ("aws:MultiFactorAuthAge", ["91"], ["90"]),
    "NumericLessThan": ("aws:MultiFactorAuthAge", ["91", "3600"], ["90", "0"]),
    "NumericLessThanEquals": ("aws:MultiFactorAuthAge", ["90"], ["89"]),
    "NumericGreaterThan": ("aws:MultiFactorAuthAge", ["89"], ["90"]),
    "NumericGreaterThanEquals": ("aws:MultiFactorAuthAge", ["90"], ["91"]),
    "DateEquals": ("aws:CurrentTime", ["2026-03-01T12:00:00Z", "1772366400"], ["2026-03-01T12:00:01Z"]),
    "DateNotEquals": ("aws:CurrentTime", ["2026-03-01"], ["2026-03-01T12:00:00Z"]),
    "DateLessThan": ("aws:CurrentTime", ["2026-03-02"], ["2026-03-01T12:00:00Z", "2026-03-01"]),
    "DateLessThanEquals": ("aws:CurrentTime", ["2026-03-01T12:00:00Z"], ["2026-02-28"]),
    "DateGreaterThan": ("aws:CurrentTime", ["2026-03-01T11:59:59Z"], ["2026-03-02"]),
    "DateGreaterThanEquals": ("aws:CurrentTime", ["2026-03-01T12:00:00Z"], ["2026-03-02"]),
    "Bool": ("aws:MultiFactorAuthPresent", ["true"], ["false"]),
    "BinaryEquals": ("aws:userid", ["AIDAALICE"], ["QUlEQUFMSUNF", "other"]),
    "IpAddress": ("aws:SourceIp", ["203.0.113.0/24", "203.0.113.7"], ["203.0.114.0/24", "2001:db8::/32"]),
    "NotIpAddress": ("aws:SourceIp", ["203.0.114.0/24"], ["203.0.113.0/24"]),
    "ArnEquals": ("aws:PrincipalArn", [ALICE, "arn:aws:iam::*:user/*"], ["arn:aws:iam::*:role/*"]),
    "ArnLike": ("aws:PrincipalArn", ["arn:*:iam::123456789012:user/al?ce"], ["arn:aws:s3:::*"]),
    "ArnNotEquals": ("aws:PrincipalArn", ["arn:aws:iam::*:role/*"], [ALICE]),
    "ArnNotLike": ("aws:PrincipalArn", ["arn:aws:iam::*:role/*"], ["arn:aws:iam::*:user/*"]),
}
MULTIVALUED = {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"}
TAG_VALUES = [["team"], ["team", "cost"], ["team", "cost", "more"], ["other"], ["t*"]]


def condition_cases() -> Iterator[Case]:
    """Every operator, plain, with IfExists and under both set operators, with the key there and not."""
    forms = [*product(("", "ForAllValues:", "ForAnyValue:"), ("", "IfExists"))]
    for base, (key, matching, others) in FAMILIES.items():
        for (prefix, suffix), there in product(forms, (True, False)):
            for values in [[value] for value in matching + others] + [[matching[0], others[0]]]:
                context = CONTEXT if there else {name: at for name, at in CONTEXT.items() if name != key}
                yield conditional(f"{prefix}{base}{suffix}", key, values, context, there=there)
    for base, values, (prefix, suffix) in product(sorted(MULTIVALUED), TAG_VALUES, forms):
        yield conditional(f"{prefix}{base}{suffix}", "aws:TagKeys", values, CONTEXT, there=True)
    for key, value in (("iam:RegisterSecurityKey", "Activate"), ("iam:FIDO-certification", "L1")):
        for asked, (prefix, suffix) in product((value, "other"), forms):
            yield conditional(f"{prefix}StringEquals{suffix}", key, [asked], CONTEXT, there=True)
            yield conditional(f"{prefix}StringEquals{suffix}", key, [asked], {}, there=False)
    for asked, there in product(("true", "false"), (True, False)):
        context = CONTEXT if there else {}
        yield conditional("Null", "aws:MultiFactorAuthAge", [asked], context, there=there)


def conditional(operator: str, key: str, values: list[str], context: dict[str, Any], *, there: bool) -> Case:
    """A policy that allows everything on one condition."""
    statement = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {operator: {key: values}},
    }
    prefix, _, base = operator.rpartition(":")
    tags = {
        f"base {base.removesuffix('IfExists')}",
        f"set operator {prefix or 'none'}",
        "if exists" if base.endswith("IfExists") else "plain",
        "key present" if there else "key absent",
        "negated" if "Not" in base else "positive",
    }
    tags |= {f"value {value}" for value in values}
    tags.add("several values" if isinstance(context.get(key), list) else "one value")
    return Case([document(statement)], "iam:GetUser", ALICE, context, frozenset(tags))


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


ACTIONS = [
    "iam:GetUser",
    "iam:EnableMFADevice",
    "iam:DeactivateMFADevice",
    "iam:ListMFADevices",
    "s3:GetObject",
]
ACTION_PATTERNS = ["*", "iam:*", "iam:*MFADevice", "iam:Get*", "IAM:getuser", "s3:*", "iam:?etUser", *ACTIONS]
RESOURCES = [
    ALICE,
    "arn:aws:iam::123456789012:user/bob",
    "arn:aws:s3:::bucket/alice/file",
    "arn:aws:s3:::bucket",
]
RESOURCE_PATTERNS = [
    *("*", "arn:aws:iam::*:user/*", "arn:aws:iam::*:user/${aws:username}", "arn:aws:s3:::bucket/*"),
    *("arn:aws:s3:::*/${aws:username}/*", "arn:aws:iam::123456789012:user/al?ce", "arn:aws:iam::*:mfa/*"),
    *("arn:aws:iam::*:user/${aws:nobody, 'alice'}", "arn:aws:iam::*:user/${aws:nobody}", *RESOURCES),
]


def document_cases(count: int, seed: str) -> Iterator[Case]:
    """Policies of a few statements each, with every element and its opposite."""
    chance = random.Random(seed)  # noqa: S311 - the same cases every time
    for _ in range(count):
        policies = [
            document(*(_statement(chance) for _ in range(chance.randint(1, 3))))
            for _ in range(chance.randint(1, 2))
        ]
        absent = chance.sample(sorted(CONTEXT), chance.randint(0, 4))
        context = {key: value for key, value in CONTEXT.items() if key not in absent}
        if chance.random() < 0.3:
            context["aws:MultiFactorAuthPresent"] = "false"
        yield Case(
            policies, chance.choice(ACTIONS), chance.choice(RESOURCES), context, _tags(policies, context)
        )


def boundary_cases(count: int, seed: str) -> Iterator[Case]:
    """Policies that say much, and a boundary besides that says something else."""
    for case, other in pairwise(document_cases(count + 1, seed)):
        broad = [
            *case.policies,
            document({"Effect": "Allow", "Action": ["iam:*", "s3:Get*"], "Resource": "*"}),
        ]
        tags = case.tags | _tags(other.policies, case.context)
        yield Case(broad, case.action, case.resource, case.context, tags, boundary=other.policies[0])


def _tags(policies: list[dict[str, Any]], context: dict[str, Any]) -> frozenset[str]:
    statements = [statement for policy in policies for statement in policy["Statement"]]
    unresolved = {"${aws:nobody}"} | ({"${aws:username}"} - {f"${{{key}}}" for key in context})
    tags = {f"base {operator}" for each in statements for operator in each.get("Condition", {})}
    tags |= {
        f"value {at}"
        for each in statements
        for of in each.get("Condition", {}).values()
        for at in of.values()
    }
    if any(
        variable in pattern
        for each in statements
        for pattern in each.get("NotResource", ())
        for variable in unresolved
    ):
        tags.add("variable without a value in NotResource")
    return frozenset(tag.replace("IfExists", "") for tag in tags)


def _statement(chance: random.Random) -> dict[str, Any]:
    action = "NotAction" if chance.random() < 0.25 else "Action"
    resource = "NotResource" if chance.random() < 0.2 else "Resource"
    statement: dict[str, Any] = {
        "Effect": "Deny" if chance.random() < 0.3 else "Allow",
        action: chance.sample(ACTION_PATTERNS, chance.randint(1, 3)),
        resource: chance.sample(RESOURCE_PATTERNS, chance.randint(1, 3)),
    }
    if chance.random() < 0.5:
        conditions: dict[str, Any] = {}
        for base in chance.sample(sorted(FAMILIES), chance.randint(1, 2)):
            key, matching, others = FAMILIES[base]
            operator = base + ("IfExists" if chance.random() < 0.3 else "")
            conditions[operator] = {key: chance.choice(matching if chance.random() < 0.7 else others)}
        statement["Condition"] = conditions
    return statement
