"""Condition operators compare as AWS documents."""

from __future__ import annotations

from typing import Any

import pytest

ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:iam::123456789012:user/bob"
WITH_MFA = {"aws:username": "alice", "aws:MultiFactorAuthPresent": "true"}
ROLE = "arn:aws:iam::123456789012:role/team/deployer"


@pytest.mark.parametrize(
    ("operator", "policy_value", "value", "expected"),
    [
        ("StringEquals", "alice", "alice", True),
        ("StringEquals", "Alice", "alice", False),
        ("StringEquals", "al*", "alice", False),
        ("StringEquals", ["bob", "alice"], "alice", True),
        ("StringNotEquals", "alice", "bob", True),
        ("StringNotEquals", ["bob", "alice"], "alice", False),
        ("StringEqualsIgnoreCase", "ALICE", "alice", True),
        ("StringNotEqualsIgnoreCase", "ALICE", "alice", False),
        ("StringLike", "al?c*", "alice", True),
        ("StringLike", "AL*", "alice", False),
        ("StringLike", ["", "home/"], "", True),
        ("StringLike", "a*c?e", "a\nbc\ne", True),
        ("StringLike", "a${*}b", "a*b", True),
        ("StringLike", "a${*}b", "aXb", False),
        ("StringLike", "a${?}${$}", "a?$", True),
        ("StringNotLike", "al*", "alice", False),
        ("StringNotLike", "bo*", "alice", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 10, "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "3600", "3599", True),
        ("NumericLessThan", "3600", "3600", False),
        ("NumericLessThanEquals", "3600", "3600", True),
        ("NumericGreaterThan", "3600", "3601.5", True),
        ("NumericGreaterThanEquals", "3600", "3599", False),
        ("NumericLessThan", "3600", "soon", False),
        ("NumericLessThan", "soon", "1", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", False),
        ("DateLessThan", "2026", "2025-12-31T23:59:59.999Z", True),
        ("DateLessThanEquals", "2026-01", "2026-01-01", True),
        ("DateGreaterThan", "2026-01-01", "2026-01-01T00:00Z", False),
        ("DateGreaterThanEquals", 1767225600, "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "2026-01-01", "yesterday", False),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "true", "false", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7", "203.0.113.8", False),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "203.0.113.0/24", "2001:db8::1", False),
        ("IpAddress", "nowhere", "203.0.113.7", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.7", True),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", False),
        ("ArnEquals", "arn:aws:iam::*:role/team/*", ROLE, True),
        ("ArnLike", "arn:aws:iam::*:role/team/*", ROLE, True),
        ("ArnLike", "arn:aws:iam::1234567890??:role/*", ROLE, True),
        ("ArnLike", "arn:aws:iam:*:role/team/*", ROLE, False),
        ("ArnLike", "*", ROLE, False),
        ("ArnNotEquals", "arn:aws:iam::*:role/team/*", ROLE, False),
        ("ArnNotLike", "arn:aws:iam::999999999999:role/*", ROLE, True),
        ("stringequals", "alice", "alice", True),
    ],
)
def test_an_operator_compares_as_documented(
    operator: str, policy_value: Any, value: str, expected: bool, holds: Any
) -> None:
    assert holds({operator: {"test:key": policy_value}}, {"test:key": value}) is expected


def test_an_arn_operator_matches_component_by_component_where_a_string_operator_does_not(holds: Any) -> None:
    # The IAM User Guide's own example.
    pattern = "arn:aws:someservice:*:111122223333:finance/*"
    value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert holds({"StringLike": {"test:key": pattern}}, {"test:key": value})
    assert not holds({"ArnLike": {"test:key": pattern}}, {"test:key": value})


POSITIVE = {
    "StringEquals": "a", "StringEqualsIgnoreCase": "a", "StringLike": "a", "Bool": "true",
    "NumericEquals": "1", "NumericLessThan": "1", "DateEquals": "2026", "DateGreaterThan": "2026",
    "ArnEquals": ALICE, "ArnLike": ALICE, "IpAddress": "10.0.0.1", "BinaryEquals": "YQ==",
}  # fmt: skip
NEGATED = {
    "StringNotEquals": "a", "StringNotEqualsIgnoreCase": "a", "StringNotLike": "a", "NumericNotEquals": "1",
    "DateNotEquals": "2026", "ArnNotEquals": ALICE, "ArnNotLike": ALICE, "NotIpAddress": "10.0.0.1",
}  # fmt: skip


@pytest.mark.parametrize(("operator", "value"), POSITIVE.items())
def test_an_absent_key_fails_a_positive_operator(operator: str, value: str, holds: Any) -> None:
    assert not holds({operator: {"test:key": value}}, {})
    assert not holds({f"ForAnyValue:{operator}": {"test:key": value}}, {})


@pytest.mark.parametrize(("operator", "value"), NEGATED.items())
def test_an_absent_key_satisfies_a_negated_operator(operator: str, value: str, holds: Any) -> None:
    assert holds({operator: {"test:key": value}}, {})
    assert not holds({f"ForAnyValue:{operator}": {"test:key": value}}, {})


@pytest.mark.parametrize(("operator", "value"), [*POSITIVE.items(), *NEGATED.items()])
def test_an_absent_key_satisfies_if_exists_and_for_all_values(operator: str, value: str, holds: Any) -> None:
    assert holds({f"{operator}IfExists": {"test:key": value}}, {})
    assert holds({f"ForAllValues:{operator}": {"test:key": value}}, {})
    assert holds({f"ForAnyValue:{operator}IfExists": {"test:key": value}}, {})


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "x"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAllValues:StringEquals", [""], True),
        ("ForAnyValue:StringEquals", ["a", "x"], True),
        ("ForAnyValue:StringEquals", ["x", "y"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAllValues:StringNotEquals", ["x", "y"], True),
        ("ForAllValues:StringNotEquals", ["a", "x"], False),
        ("ForAnyValue:StringNotEquals", ["a", "x"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", [""], False),
        # Without a set operator, several values satisfy nothing.
        ("StringEquals", ["x", "a"], False),
        ("StringNotEquals", ["x", "y"], False),
        ("StringEqualsIfExists", ["a", "b"], False),
    ],
)
def test_a_set_operator_asks_every_or_any_value_of_the_request(
    operator: str, values: list[str], expected: bool, holds: Any
) -> None:
    assert holds({operator: {"test:key": ["a", "b"]}}, {"test:key": values}) is expected


@pytest.mark.parametrize(
    ("asked", "context", "expected"),
    [
        ("true", {}, True),
        ("true", {"test:key": "x"}, False),
        (False, {"test:key": "x"}, True),
        ("false", {}, False),
        ("false", {"test:key": ""}, False),
        (["true", "false"], {"test:key": "x"}, True),
    ],
)
def test_null_asks_whether_a_key_is_absent(
    asked: Any, context: dict[str, str], expected: bool, holds: Any
) -> None:
    assert holds({"Null": {"test:key": asked}}, context) is expected


def test_operators_and_keys_are_joined_by_and(holds: Any) -> None:
    condition = {"StringEquals": {"test:a": "1", "test:b": "2"}, "Bool": {"test:c": "true"}}
    context = {"test:a": "1", "test:b": "2", "test:c": "true"}
    assert holds(condition, context)
    for key in context:
        assert not holds(condition, context | {key: "other"})


def test_condition_keys_are_case_insensitive(holds: Any) -> None:
    assert holds({"Bool": {"AWS:multifactorauthpresent": "true"}}, WITH_MFA)


def test_a_variable_without_a_value_equals_nothing_in_a_condition(holds: Any) -> None:
    assert not holds({"StringEquals": {"test:key": "${test:absent}"}}, {"test:key": "x"})
    assert holds({"StringNotEquals": {"test:key": "${test:absent}"}}, {"test:key": "x"})
    assert holds({"StringEquals": {"test:key": ["${test:absent}", "x"]}}, {"test:key": "x"})


def test_a_variable_in_an_arn_condition_may_hold_a_whole_arn(holds: Any) -> None:
    context = {"aws:PrincipalArn": ALICE, "test:key": ALICE}
    assert holds({"ArnEquals": {"test:key": "${aws:PrincipalArn}"}}, context)
    assert not holds({"ArnEquals": {"test:key": "${aws:PrincipalArn}"}}, context | {"test:key": BOB})
