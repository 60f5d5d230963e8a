"""Asks policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.service.policy import Decision, Policy, PolicyRequest, evaluate

ALICE = "arn:aws:iam::123456789012:user/alice"


def _ask(
    document: str | Policy, action: str, resource: str, context: Mapping[str, str | Sequence[str]]
) -> Decision:
    asked = document if isinstance(document, Policy) else Policy.parse(document)
    return evaluate([asked], PolicyRequest(action=action, resource=resource, context=context))


def _holds(condition: Mapping[str, Any], context: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether one Condition element holds, seen through the statement that carries it."""
    one = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": one})
    return _ask(document, "iam:GetUser", ALICE, context).allowed


GOOD = {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}


def _statement(**changes: Any) -> dict[str, Any]:
    """A good statement with elements changed, or left out where the change is ``None``."""
    return {name: value for name, value in (GOOD | changes).items() if value is not None}


def _policy(*listed: dict[str, Any]) -> Policy:
    return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": list(listed)}))


@pytest.fixture(scope="session")
def ask() -> Any:
    """``ask(document, action, resource, context)``: the decision."""
    return _ask


@pytest.fixture(scope="session")
def holds() -> Any:
    """``holds(condition, context)``: whether one Condition element holds, seen through its statement."""
    return _holds


@pytest.fixture(scope="session")
def statement() -> Any:
    """``statement(**changes)``: a good one with elements changed, or left out where that is ``None``."""
    return _statement


@pytest.fixture(scope="session")
def policy() -> Any:
    """``policy(*statements)``."""
    return _policy
