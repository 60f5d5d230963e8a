"""Documents that are no policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.errors import MalformedPolicyDocument
from harness.service.policy import Policy

GOOD = {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Effect": None}, "Effect must be 'Allow' or 'Deny'"),
        ({"Effect": "allow"}, "Effect must be 'Allow' or 'Deny'"),
        ({"Effect": ["Allow"]}, "Effect must be 'Allow' or 'Deny'"),
        ({"Action": None}, "must contain actions: statement 1"),
        ({"NotAction": "iam:GetUser"}, "Action and NotAction exclude each other"),
        ({"Resource": None}, "must contain resources: statement 1"),
        ({"NotResource": "*"}, "Resource and NotResource exclude each other"),
        ({"Action": []}, "Action must be a string or a list of strings"),
        ({"Action": [5]}, "Action must be a string or a list of strings"),
        ({"Action": "GetUser"}, "prefaced by a vendor, e.g., iam, sdb, ec2, etc.: 'GetUser'"),
        ({"Action": "iam:user:Get"}, "prefaced by a vendor"),
        ({"Resource": "user/alice"}, "must be in ARN format"),
        ({"Resource": {}}, "Resource must be a string or a list of strings"),
        ({"Sid": "with space"}, "alpha-numeric"),
        ({"Sid": 7}, "alpha-numeric"),
        ({"Principal": "*"}, "should not specify a principal"),
        ({"Actions": "iam:*"}, "statement 1: unknown element 'Actions'"),
        ({"Condition": []}, "Condition must be a JSON object"),
        ({"Condition": {"Bool": "true"}}, "must be a JSON object of condition keys"),
        ({"Condition": {"Boolean": {"a:b": "true"}}}, "unknown condition operator 'Boolean'"),
        ({"Condition": {"NullIfExists": {"a:b": "true"}}}, "unknown condition operator"),
        ({"Condition": {":StringEquals": {"a:b": "c"}}}, "unknown condition operator"),
        ({"Condition": {"ForSome:StringEquals": {"a:b": "c"}}}, "unknown condition operator"),
        ({"Condition": {"StringEquals": {"username": "c"}}}, "prefaced by a vendor"),
        ({"Condition": {"StringEquals": {"a:b": None}}}, "strings, numbers or Booleans"),
        ({"Condition": {"StringEquals": {"a:b": [["c"]]}}}, "strings, numbers or Booleans"),
        ({"Condition": {"DateLessThan": {"a:b": "soon"}}}, "needs ISO 8601 or epoch dates"),
        ("iam:GetUser", "statement 1: a JSON object is expected here"),
    ],
)
def test_a_malformed_statement_is_refused_with_the_reason(changes: Any, text: str, statement: Any) -> None:
    bad = statement(**changes) if isinstance(changes, dict) else changes
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
        (json.dumps({"Statement": [GOOD, {**GOOD, "Effect": ""}]}), "statement 2: Effect"),
    ],
)
def test_a_malformed_document_is_refused_with_the_reason(document: str, text: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as caught:
        Policy.parse(document)
    assert text in caught.value.message
    caught.value.message.encode()


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
def test_any_condition_is_read_or_refused(value: Any, statement: Any, policy: Any) -> None:
    try:
        policy(statement(Condition=value))
    except MalformedPolicyDocument as refusal:
        refusal.message.encode()
