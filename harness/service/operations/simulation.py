"""The policy simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.service.errors import InvalidInput
from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    page,
)
from harness.service.permissions import Grant
from harness.service.policy import Verdict
from harness.service.simulation import Question, Simulated

_DECISIONS = {
    Verdict.ALLOWED: "allowed",
    Verdict.EXPLICIT_DENY: "explicitDeny",
    Verdict.IMPLICIT_DENY: "implicitDeny",
}


def _simulate_custom_policy(
    identity: Identity,
    caller: Caller,
    *,
    policy_input_list: Sequence[str],
    action_names: Sequence[str],
    permissions_boundary_policy_input_list: Sequence[str] = (),
    resource_arns: Sequence[str] = ("*",),
    context_entries: Sequence[Mapping[str, Any]] = (),
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    boundary = _boundary(identity, permissions_boundary_policy_input_list)
    question = _question(action_names, resource_arns, context_entries, boundary)
    found = identity.simulate_custom_policy(caller, policy_input_list, question)
    return _results(found, marker, max_items)


def _simulate_principal_policy(
    identity: Identity,
    caller: Caller,
    *,
    policy_source_arn: str,
    action_names: Sequence[str],
    policy_input_list: Sequence[str] = (),
    permissions_boundary_policy_input_list: Sequence[str] = (),
    resource_arns: Sequence[str] = ("*",),
    context_entries: Sequence[Mapping[str, Any]] = (),
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    boundary = _boundary(identity, permissions_boundary_policy_input_list)
    question = _question(action_names, resource_arns, context_entries, boundary)
    found = identity.simulate_principal_policy(caller, policy_source_arn, policy_input_list, question)
    return _results(found, marker, max_items)


def _get_context_keys_for_custom_policy(
    identity: Identity, caller: Caller, *, policy_input_list: Sequence[str]
) -> Answer:
    keys = identity.get_context_keys_for_custom_policy(caller, policy_input_list)
    return {"ContextKeyNames": keys}


def _get_context_keys_for_principal_policy(
    identity: Identity, caller: Caller, *, policy_source_arn: str, policy_input_list: Sequence[str] = ()
) -> Answer:
    keys = identity.get_context_keys_for_principal_policy(caller, policy_source_arn, policy_input_list)
    return {"ContextKeyNames": keys}


def _question(
    actions: Sequence[str],
    resources: Sequence[str],
    context_entries: Sequence[Mapping[str, Any]],
    boundary: str | None,
) -> Question:
    context = {
        entry["ContextKeyName"]: entry.get("ContextKeyValues", [])
        for entry in context_entries
        if "ContextKeyName" in entry
    }
    return Question(actions=actions, resources=resources or ("*",), context=context, boundary=boundary)


def _boundary(identity: Identity, documents: Sequence[str]) -> str | None:
    if len(documents) > 1:
        raise InvalidInput(identity.profile.say("one_boundary_policy"))
    return documents[0] if documents else None


def _results(found: Sequence[Simulated], marker: str | None, max_items: int) -> Answer:
    results = [
        (
            f"{number}",
            {
                "EvalActionName": one.action,
                "EvalResourceName": one.resource,
                "EvalDecision": _DECISIONS[one.verdict],
                "MatchedStatements": [_statement(grant) for grant in one.matched],
                "MissingContextValues": list(one.missing),
                "PermissionsBoundaryDecisionDetail": _bounded(one),
            },
        )
        for number, one in enumerate(found)
    ]
    return page("EvaluationResults", results, marker, max_items)


def _bounded(one: Simulated) -> Answer | None:
    return None if one.bounded is None else {"AllowedByPermissionsBoundary": one.bounded}


def _statement(grant: Grant) -> Answer:
    """A policy that decided. Assumed: how IAM makes an ID of an inline policy's name."""
    kind, _, name = grant.holder.rpartition(":")[2].partition("/")
    if grant.managed or not grant.holder:
        return {"SourcePolicyId": grant.name, "SourcePolicyType": "IAM Policy"}
    return {
        "SourcePolicyId": f"{kind}_{name.rpartition('/')[2]}_{grant.name}",
        "SourcePolicyType": "IAM Policy",
    }


IAM: Mapping[str, Operation] = {
    "SimulateCustomPolicy": _simulate_custom_policy,
    "SimulatePrincipalPolicy": _simulate_principal_policy,
    "GetContextKeysForCustomPolicy": _get_context_keys_for_custom_policy,
    "GetContextKeysForPrincipalPolicy": _get_context_keys_for_principal_policy,
}
