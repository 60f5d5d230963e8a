"""Policies decide as AWS documents: the seed policies first, then parsing, then what always holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.errors import MalformedPolicyDocument
from harness.service.policy import Decision, Policy, PolicyRequest, Verdict, evaluate

ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = Verdict.ALLOWED, Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY
ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:iam::123456789012:user/bob"

# Quoted whole from the seed documents: S0 manages one's own U2F key, S2 resyncs one's own token.
S0 = """{ "Version": "2012-10-17", "Statement": [ { "Sid": "AllowManageOwnUserMFA", "Effect": "Allow",
"Action": [ "iam:DeactivateMFADevice", "iam:EnableMFADevice", "iam:GetUser", "iam:ListMFADevices",
"iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}" }, { "Sid":
"DenyAllExceptListedIfNoMFA", "Effect": "Deny", "NotAction": [ "iam:EnableMFADevice", "iam:GetUser",
"iam:ListMFADevices", "iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}",
"Condition": { "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } } } ] }"""
S2 = """{ "Version": "2012-10-17", "Statement": [ { "Sid": "AllowListActions", "Effect": "Allow",
"Action": [ "iam:ListVirtualMFADevices" ], "Resource": "*" }, { "Sid":
"AllowUserToViewAndManageTheirOwnUserMFA", "Effect": "Allow", "Action": [ "iam:ListMFADevices",
"iam:ResyncMFADevice" ], "Resource": "arn:aws:iam::*:user/${aws:username}" }, { "Sid":
"BlockAllExceptListedIfNoMFA", "Effect": "Deny", "NotAction": [ "iam:ListMFADevices",
"iam:ListVirtualMFADevices", "iam:ResyncMFADevice" ], "Resource": "*", "Condition": { "BoolIfExists": {
"aws:MultiFactorAuthPresent": "false" } } } ] }"""

# How the three kinds of credentials carry the MFA condition key.
ACCESS_KEY: dict[str, str] = {"aws:username": "alice"}
CONSOLE_WITHOUT_MFA = {"aws:username": "alice", "aws:MultiFactorAuthPresent": "false"}
WITH_MFA = {"aws:username": "alice", "aws:MultiFactorAuthPresent": "true"}


def ask(
    document: str | Policy, action: str, resource: str, context: Mapping[str, str | Sequence[str]]
) -> Decision:
    policy = document if isinstance(document, Policy) else Policy.parse(document)
    return evaluate([policy], PolicyRequest(action=action, resource=resource, context=context))


def holds(condition: Mapping[str, Any], context: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether one Condition element holds, seen through the statement that carries it."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    return ask(document, "iam:GetUser", ALICE, context).allowed


@pytest.mark.parametrize(
    ("action", "resource", "context", "verdict", "sid"),
    [
        ("iam:EnableMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:EnableMFADevice", ALICE, CONSOLE_WITHOUT_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:EnableMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:ResyncMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowManageOwnUserMFA"),
        # Deactivating is the protected action: BoolIfExists catches the access key too.
        ("iam:DeactivateMFADevice", ALICE, ACCESS_KEY, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
        ("iam:DeactivateMFADevice", ALICE, CONSOLE_WITHOUT_MFA, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
        ("iam:DeactivateMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowManageOwnUserMFA"),
        ("iam:DeactivateMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        ("iam:EnableMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        # The deny is about one's own user only, so what happens elsewhere is merely not allowed.
        ("iam:DeleteUser", BOB, ACCESS_KEY, IMPLICIT_DENY, None),
        ("iam:DeleteUser", ALICE, ACCESS_KEY, EXPLICIT_DENY, "DenyAllExceptListedIfNoMFA"),
    ],
)
def test_the_u2f_seed_policy_lets_a_user_manage_their_own_key(
    action: str, resource: str, context: dict[str, str], verdict: Verdict, sid: str | None
) -> None:
    assert ask(S0, action, resource, context) == Decision(verdict=verdict, sid=sid)


@pytest.mark.parametrize(
    ("action", "resource", "context", "verdict", "sid"),
    [
        ("iam:ListVirtualMFADevices", "*", ACCESS_KEY, ALLOWED, "AllowListActions"),
        ("iam:ResyncMFADevice", ALICE, ACCESS_KEY, ALLOWED, "AllowUserToViewAndManageTheirOwnUserMFA"),
        (
            "iam:ResyncMFADevice",
            ALICE,
            CONSOLE_WITHOUT_MFA,
            ALLOWED,
            "AllowUserToViewAndManageTheirOwnUserMFA",
        ),
        ("iam:ResyncMFADevice", ALICE, WITH_MFA, ALLOWED, "AllowUserToViewAndManageTheirOwnUserMFA"),
        ("iam:ResyncMFADevice", BOB, WITH_MFA, IMPLICIT_DENY, None),
        ("iam:CreateVirtualMFADevice", ALICE, ACCESS_KEY, EXPLICIT_DENY, "BlockAllExceptListedIfNoMFA"),
        (
            "iam:CreateVirtualMFADevice",
            ALICE,
            CONSOLE_WITHOUT_MFA,
            EXPLICIT_DENY,
            "BlockAllExceptListedIfNoMFA",
        ),
        ("iam:CreateVirtualMFADevice", ALICE, WITH_MFA, IMPLICIT_DENY, None),
        ("s3:GetObject", "arn:aws:s3:::bucket/key", ACCESS_KEY, EXPLICIT_DENY, "BlockAllExceptListedIfNoMFA"),
    ],
)
def test_the_resync_seed_policy_lets_a_user_resync_but_not_create(
    action: str, resource: str, context: dict[str, str], verdict: Verdict, sid: str | None
) -> None:
    assert ask(S2, action, resource, context) == Decision(verdict=verdict, sid=sid)


def test_deny_with_bool_misses_access_keys_where_bool_if_exists_catches_them() -> None:
    assert not holds({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, ACCESS_KEY)
    assert holds({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, ACCESS_KEY)


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
    operator: str, policy_value: Any, value: str, expected: bool
) -> None:
    assert holds({operator: {"test:key": policy_value}}, {"test:key": value}) is expected


def test_an_arn_operator_matches_component_by_component_where_a_string_operator_does_not() -> None:
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
def test_an_absent_key_fails_a_positive_operator(operator: str, value: str) -> None:
    assert not holds({operator: {"test:key": value}}, {})
    assert not holds({f"ForAnyValue:{operator}": {"test:key": value}}, {})


@pytest.mark.parametrize(("operator", "value"), NEGATED.items())
def test_an_absent_key_satisfies_a_negated_operator(operator: str, value: str) -> None:
    assert holds({operator: {"test:key": value}}, {})
    assert not holds({f"ForAnyValue:{operator}": {"test:key": value}}, {})


@pytest.mark.parametrize(("operator", "value"), [*POSITIVE.items(), *NEGATED.items()])
def test_an_absent_key_satisfies_if_exists_and_for_all_values(operator: str, value: str) -> None:
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
    operator: str, values: list[str], expected: bool
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
def test_null_asks_whether_a_key_is_absent(asked: Any, context: dict[str, str], expected: bool) -> None:
    assert holds({"Null": {"test:key": asked}}, context) is expected


def test_operators_and_keys_are_joined_by_and() -> None:
    condition = {"StringEquals": {"test:a": "1", "test:b": "2"}, "Bool": {"test:c": "true"}}
    context = {"test:a": "1", "test:b": "2", "test:c": "true"}
    assert holds(condition, context)
    for key in context:
        assert not holds(condition, context | {key: "other"})


def test_condition_keys_are_case_insensitive() -> None:
    assert holds({"Bool": {"AWS:multifactorauthpresent": "true"}}, WITH_MFA)


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
    resource: str, context: dict[str, str | Sequence[str]], expected: bool
) -> None:
    statement = {"Effect": "Allow", "Action": "iam:*", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert ask(document, "iam:GetUser", ALICE, context).allowed is expected


def test_before_2012_a_variable_is_plain_text() -> None:
    document = S0.replace("2012-10-17", "2008-10-17")
    assert ask(document, "iam:GetUser", ALICE, WITH_MFA).verdict is IMPLICIT_DENY
    literal = "arn:aws:iam::123456789012:user/${aws:username}"
    assert ask(document, "iam:GetUser", literal, WITH_MFA).allowed


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
def test_actions_match_in_any_case_with_wildcards(action: str, expected: bool) -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})
    assert ask(document, "iam:GetUser", ALICE, {}).allowed is expected


def test_a_variable_without_a_value_equals_nothing_in_a_condition() -> None:
    assert not holds({"StringEquals": {"test:key": "${test:absent}"}}, {"test:key": "x"})
    assert holds({"StringNotEquals": {"test:key": "${test:absent}"}}, {"test:key": "x"})
    assert holds({"StringEquals": {"test:key": ["${test:absent}", "x"]}}, {"test:key": "x"})


def test_a_variable_in_an_arn_condition_may_hold_a_whole_arn() -> None:
    context = {"aws:PrincipalArn": ALICE, "test:key": ALICE}
    assert holds({"ArnEquals": {"test:key": "${aws:PrincipalArn}"}}, context)
    assert not holds({"ArnEquals": {"test:key": "${aws:PrincipalArn}"}}, context | {"test:key": BOB})


GOOD = {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}


def statement(**changes: Any) -> dict[str, Any]:
    """A good statement with elements changed, or left out where the change is ``None``."""
    return {name: value for name, value in (GOOD | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (statement(Effect=None), "Effect must be 'Allow' or 'Deny'"),
        (statement(Effect="allow"), "Effect must be 'Allow' or 'Deny'"),
        (statement(Effect=["Allow"]), "Effect must be 'Allow' or 'Deny'"),
        (statement(Action=None), "must contain actions: statement 1"),
        (statement(NotAction="iam:GetUser"), "Action and NotAction exclude each other"),
        (statement(Resource=None), "must contain resources: statement 1"),
        (statement(NotResource="*"), "Resource and NotResource exclude each other"),
        (statement(Action=[]), "Action must be a string or a list of strings"),
        (statement(Action=[5]), "Action must be a string or a list of strings"),
        (statement(Action="GetUser"), "prefaced by a vendor, e.g., iam, sdb, ec2, etc.: 'GetUser'"),
        (statement(Action="iam:user:Get"), "prefaced by a vendor"),
        (statement(Resource="user/alice"), "must be in ARN format"),
        (statement(Resource={}), "Resource must be a string or a list of strings"),
        (statement(Sid="with space"), "alpha-numeric"),
        (statement(Sid=7), "alpha-numeric"),
        (statement(Principal="*"), "should not specify a principal"),
        (statement(Actions="iam:*"), "statement 1: unknown element 'Actions'"),
        (statement(Condition=[]), "Condition must be a JSON object"),
        (statement(Condition={"Bool": "true"}), "must be a JSON object of condition keys"),
        (statement(Condition={"Boolean": {"a:b": "true"}}), "unknown condition operator 'Boolean'"),
        (statement(Condition={"NullIfExists": {"a:b": "true"}}), "unknown condition operator"),
        (statement(Condition={":StringEquals": {"a:b": "c"}}), "unknown condition operator"),
        (statement(Condition={"ForSome:StringEquals": {"a:b": "c"}}), "unknown condition operator"),
        (statement(Condition={"StringEquals": {"username": "c"}}), "prefaced by a vendor"),
        (statement(Condition={"StringEquals": {"a:b": None}}), "strings, numbers or Booleans"),
        (statement(Condition={"StringEquals": {"a:b": [["c"]]}}), "strings, numbers or Booleans"),
        (statement(Condition={"DateLessThan": {"a:b": "soon"}}), "needs ISO 8601 or epoch dates"),
        ("iam:GetUser", "statement 1: a JSON object is expected here"),
    ],
)
def test_a_malformed_statement_is_refused_with_the_reason(bad: Any, text: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as caught:
        Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [bad]}))
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("", "invalid Json"),
        ("{", "invalid Json"),
        ("[" * 100_000, "invalid Json"),
        ("1" * 5_000, "invalid Json"),
        ('{"Statement": NaN}', "NaN is not JSON"),
        ("[]", "the document: a JSON object is expected here"),
        ("{}", "it has no Statement"),
        ('{"Statement": []}', "it has no Statement"),
        ('{"Statement": {}, "Statement": {}}', "the same key twice"),
        ('{"Version": "2026-01-01", "Statement": {}}', "valid version string"),
        ('{"Version": [], "Statement": {}}', "valid version string"),
        ('{"Principals": 1, "Statement": {}}', "unknown element 'Principals'"),
        (r'{"\ud800": 1}', r"unknown element '\ud800'"),
        (json.dumps({"Statement": [GOOD | {"Sid": "A"}, GOOD | {"Sid": "A"}]}), "must be unique"),
        (json.dumps({"Statement": [GOOD, statement(Effect="")]}), "statement 2: Effect"),
    ],
)
def test_a_malformed_document_is_refused_with_the_reason(document: str, text: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as caught:
        Policy.parse(document)
    assert text in caught.value.message
    caught.value.message.encode()


def test_a_pattern_of_many_wildcards_is_matched_at_once() -> None:
    pattern = "arn:aws:iam::*:user/" + "*a" * 500 + "b"
    document = json.dumps({"Statement": statement(Resource=pattern)})
    assert not ask(document, "iam:GetUser", "arn:aws:iam::1:user/" + "a" * 5_000, {}).allowed


# Properties over random policies of a small world, so that statements really meet requests.

ACTIONS = ["iam:GetUser", "iam:DeleteUser", "sts:AssumeRole"]
action_patterns = st.sampled_from([*ACTIONS, "iam:*", "*", "iam:*User", "sts:?ssumeRole"])
resource_patterns = st.sampled_from(["*", ALICE, BOB, "arn:aws:iam::*:user/${aws:username}"])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "Bool": st.just({"aws:MultiFactorAuthPresent": "true"}),
        "BoolIfExists": st.just({"aws:MultiFactorAuthPresent": "false"}),
        "StringNotEquals": st.just({"aws:username": "bob"}),
        "NumericLessThan": st.just({"aws:MultiFactorAuthAge": "3600"}),
    },
)


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> dict[str, Any]:
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(
            st.lists(action_patterns, min_size=1, max_size=2)
        ),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(
            st.lists(resource_patterns, min_size=1, max_size=2)
        ),
        "Condition": draw(conditions),
    }


policy_statements = st.lists(statements(), min_size=1, max_size=4)
requests = st.builds(
    PolicyRequest,
    action=st.sampled_from(ACTIONS),
    resource=st.sampled_from([ALICE, BOB]),
    context=st.fixed_dictionaries(
        {"aws:username": st.sampled_from(["alice", "bob"])},
        optional={
            "aws:MultiFactorAuthPresent": st.sampled_from(["true", "false"]),
            "aws:MultiFactorAuthAge": st.sampled_from(["10", "3600"]),
        },
    ),
)


def policy(*listed: dict[str, Any]) -> Policy:
    return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": list(listed)}))


@given(listed=policy_statements, request=requests)
def test_a_deny_that_applies_always_wins(listed: list[dict[str, Any]], request: PolicyRequest) -> None:
    deny_all = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert evaluate([policy(*listed), policy(deny_all)], request).verdict is EXPLICIT_DENY


@given(listed=policy_statements, request=requests, allow=statements(effect="Allow"))
def test_adding_an_allow_never_takes_anything_away(
    listed: list[dict[str, Any]], request: PolicyRequest, allow: dict[str, Any]
) -> None:
    before = evaluate([policy(*listed)], request).verdict
    after = evaluate([policy(*listed), policy(allow)], request).verdict
    assert after is before or (before, after) == (IMPLICIT_DENY, ALLOWED)


@given(listed=policy_statements, request=requests, deny=statements(effect="Deny"))
def test_adding_a_deny_never_gives_anything(
    listed: list[dict[str, Any]], request: PolicyRequest, deny: dict[str, Any]
) -> None:
    before = evaluate([policy(*listed)], request).verdict
    after = evaluate([policy(*listed), policy(deny)], request).verdict
    assert after in (before, EXPLICIT_DENY)


@given(patterns=st.lists(action_patterns, min_size=1, max_size=3), request=requests)
def test_not_action_is_the_complement_of_action(patterns: list[str], request: PolicyRequest) -> None:
    listed = evaluate([policy(statement(Action=patterns))], request).allowed
    others = evaluate([policy(statement(Action=None, NotAction=patterns))], request).allowed
    assert listed is not others


@given(patterns=st.lists(resource_patterns, min_size=1, max_size=3), request=requests)
def test_not_resource_is_the_complement_of_resource(patterns: list[str], request: PolicyRequest) -> None:
    listed = evaluate([policy(statement(Action="*", Resource=patterns))], request).allowed
    others = evaluate([policy(statement(Action="*", Resource=None, NotResource=patterns))], request).allowed
    assert listed is not others


@given(listed=policy_statements, request=requests, data=st.data())
def test_the_order_and_grouping_of_statements_do_not_matter(
    listed: list[dict[str, Any]], request: PolicyRequest, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(listed))
    together = evaluate([policy(*listed)], request).verdict
    assert evaluate([policy(one) for one in shuffled], request).verdict is together


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "Bool", "a:b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(text=st.text(max_size=60) | json_values.map(json.dumps))
def test_any_text_is_a_policy_or_a_malformed_one(text: str) -> None:
    try:
        Policy.parse(text)
    except MalformedPolicyDocument as refusal:
        refusal.message.encode()


@given(value=json_values)
def test_any_condition_is_read_or_refused(value: Any) -> None:
    try:
        policy(statement(Condition=value))
    except MalformedPolicyDocument as refusal:
        refusal.message.encode()
