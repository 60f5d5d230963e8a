"""Actions and resources match by wildcards and variables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

ALICE = "arn:aws:iam::123456789012:user/alice"


@pytest.mark.parametrize(
    ("resource", "context", "expected"),
    [
        ("arn:aws:iam::*:user/${aws:username}", {"aws:username": "alice"}, True),
        ("arn:aws:iam::*:user/${AWS:UserName}", {"aws:username": "alice"}, True),
        ("arn:aws:iam::*:user/${aws:username}", {"aws:username": "bob"}, False),
        ("arn:aws:iam::*:user/${aws:username}", {"aws:username": "al*"}, False),
        ("arn:aws:iam::*:user/${aws:username}", {}, False),
        ("arn:aws:iam::*:user/${aws:username}", {"aws:username": ["alice", "bob"]}, False),
        ("arn:aws:iam::*:user/${aws:username, 'alice'}", {}, True),
        ("arn:aws:iam::*:user/${aws:username, 'alice'}", {"aws:username": "bob"}, False),
        ("arn:aws:iam::*:user/al${test:rest, ''}ice", {}, True),
        ("arn:aws:iam::${test:account}:user/*", {"test:account": "123456789012"}, False),
        ("arn:aws:iam::123456789012:user/alic?", {}, True),
        ("arn:aws:iam::123456789012:user/ALICE", {}, False),
        ("arn:aws:iam::*", {}, True),
        ("arn:aws:s3:::*", {}, False),
    ],
)
def test_a_resource_matches_with_wildcards_and_variables(
    resource: str, context: dict[str, str | Sequence[str]], expected: bool, ask: Any
) -> None:
    one = {"Effect": "Allow", "Action": "iam:*", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [one]})
    assert ask(document, "iam:GetUser", ALICE, context).allowed is expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("iam:GetUser", True),
        ("IAM:getuser", True),
        ("iam:Get*", True),
        ("iam:?etUser", True),
        ("*", True),
        ("*:*", True),
        ("iam:GetUserPolicy", False),
        ("iam:?GetUser", False),
        ("iam:Get", False),
        ("s3:*", False),
    ],
)
def test_actions_match_in_any_case_with_wildcards(action: str, expected: bool, ask: Any) -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})
    assert ask(document, "iam:GetUser", ALICE, {}).allowed is expected


def test_a_pattern_of_many_wildcards_is_matched_at_once(ask: Any, statement: Any) -> None:
    pattern = "arn:aws:iam::*:user/" + "*a" * 500 + "b"
    document = json.dumps({"Statement": statement(Resource=pattern)})
    assert not ask(document, "iam:GetUser", "arn:aws:iam::1:user/" + "a" * 5_000, {}).allowed
