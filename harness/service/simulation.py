"""The policy simulator: what policies would say of actions, without anyone doing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.service import policy
from harness.service.authorization import authorize, principal_context, strictest
from harness.service.directory import NOT_FOUND
from harness.service.environment import Environment
from harness.service.errors import InvalidInput, NoSuchEntity
from harness.service.grants import Group, Role
from harness.service.model import Caller, PolicyHolder, User, user_key
from harness.service.permissions import Grant, boundary_of, grants_of
from harness.service.policy import Policy, PolicyRequest, Verdict
from harness.service.policy_conditions import Context, Variable
from harness.service.store import Transaction

_ENTITY = re.compile(r"arn:aws:iam::(?P<account>[0-9]+):(?P<kind>user|group|role)/(?:.*/)?(?P<name>[^/]+)")
_KINDS: Mapping[str, type[PolicyHolder]] = {"user": User, "group": Group, "role": Role}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What the policies say of one action on one resource; ``matched`` are those that say so by themselves.

    ``missing`` are condition keys that the policies look at and the simulation was not given. ``bounded``
    says whether the permissions boundary allows it, ``None`` where there is none.
    """

    action: str
    resource: str
    verdict: Verdict
    matched: tuple[Grant, ...]
    missing: tuple[str, ...]
    bounded: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to simulate: each of the actions on each of the resources, in ``context``.

    ``boundary`` is the document of a permissions boundary, in place of the principal's own if it has one.
    """

    actions: Sequence[str]
    resources: Sequence[str] = ("*",)
    context: Mapping[str, Sequence[str]]
    boundary: str | None = None


class Simulation:
    """The verbs of the policy simulator."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def simulate_custom_policy(
        self, caller: Caller, documents: Sequence[str], question: Question
    ) -> list[Simulated]:
        """SimulateCustomPolicy: ``documents`` alone."""
        authorize(self._environment, caller, "iam:SimulateCustomPolicy", "*")
        return list(_simulate(_given(documents), question))

    def simulate_principal_policy(
        self, caller: Caller, source_arn: str, documents: Sequence[str], question: Question
    ) -> list[Simulated]:
        """SimulatePrincipalPolicy: all that speaks for a user, group or role, and ``documents`` besides."""
        grants, known, boundary = self._source(caller, source_arn, "iam:SimulatePrincipalPolicy")
        question = replace(
            question,
            context={**{key: [value] for key, value in known.items()}, **question.context},
            boundary=question.boundary or boundary,
        )
        return list(_simulate([*grants, *_given(documents)], question))

    def get_context_keys_for_custom_policy(self, caller: Caller, documents: Sequence[str]) -> list[str]:
        """GetContextKeysForCustomPolicy: the condition keys and variables in ``documents``."""
        authorize(self._environment, caller, "iam:GetContextKeysForCustomPolicy", "*")
        return _keys(_given(documents))

    def get_context_keys_for_principal_policy(
        self, caller: Caller, source_arn: str, documents: Sequence[str]
    ) -> list[str]:
        """GetContextKeysForPrincipalPolicy: those in all that speaks for a user, group or role."""
        grants, _, _ = self._source(caller, source_arn, "iam:GetContextKeysForPrincipalPolicy")
        return _keys([*grants, *_given(documents)])

    def _source(
        self, caller: Caller, arn: str, action: str
    ) -> tuple[list[Grant], Mapping[str, str], str | None]:
        """A holder's grants, the condition keys that are known of it, and its boundary's document."""
        authorize(self._environment, caller, action, arn)
        with self._environment.store.transaction() as transaction:
            holder = self._holder(transaction, caller, arn)
            known = {} if isinstance(holder, Group) else principal_context(holder)
            return list(grants_of(transaction, holder)), known, boundary_of(transaction, holder)

    def _holder(self, transaction: Transaction, caller: Caller, arn: str) -> PolicyHolder:
        entity = _ENTITY.fullmatch(arn)
        if entity is None or entity["account"] != caller.account_id:
            raise InvalidInput(self._profile.say("invalid_policy_source", arn=arn))
        found = transaction.get(_KINDS[entity["kind"]], user_key(caller.account_id, entity["name"]))
        if found is None or found.arn != arn:
            raise NoSuchEntity(self._profile.say(NOT_FOUND[entity["kind"]], name=entity["name"]))
        return found


def _given(documents: Iterable[str]) -> list[Grant]:
    return [
        Grant(name=f"PolicyInputList.{number}", holder="", managed=False, document=document)
        for number, document in enumerate(documents, start=1)
    ]


def _simulate(grants: Sequence[Grant], question: Question) -> Iterator[Simulated]:
    policies = [(grant, Policy.parse(grant.document)) for grant in grants]
    limits = [] if question.boundary is None else [Policy.parse(question.boundary)]
    known = Context(question.context)
    read = [*grants, *_given([question.boundary] if question.boundary else [])]
    missing = tuple(key for key in _keys(read) if not known.values(key))
    for action in question.actions:
        for resource in question.resources:
            request = PolicyRequest(action=action, resource=resource, context=question.context)
            own = policy.evaluate([parsed for _, parsed in policies], request).verdict
            limit = policy.evaluate(limits, request).verdict if limits else Verdict.ALLOWED
            verdict = strictest(own, limit)
            matched = tuple(
                grant
                for grant, parsed in policies
                if verdict is not Verdict.IMPLICIT_DENY
                and policy.evaluate([parsed], request).verdict is verdict
            )
            yield Simulated(
                action=action,
                resource=resource,
                verdict=verdict,
                matched=matched,
                missing=missing,
                bounded=limit is Verdict.ALLOWED if limits else None,
            )


def _keys(grants: Iterable[Grant]) -> list[str]:
    """The condition keys and variables that the grants' policies look at, each once, in order."""
    found: dict[str, str] = {}
    for grant in grants:
        for statement in Policy.parse(grant.document).statements:
            keys = [condition.key for condition in statement.conditions]
            templates = [*statement.resources]
            for condition in statement.conditions:
                templates += getattr(condition, "values", ())
            keys += [part.key for text in templates for part in text.parts if isinstance(part, Variable)]
            for key in keys:
                found.setdefault(key.lower(), key)
    return list(found.values())
