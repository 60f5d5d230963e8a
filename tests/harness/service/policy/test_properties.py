"""What always holds, over random policies of a small world, so that statements really meet requests."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.service.policy import PolicyRequest, Verdict, evaluate

ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = Verdict.ALLOWED, Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY
ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:iam::123456789012:user/bob"
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


@given(listed=policy_statements, request=requests)
def test_a_deny_that_applies_always_wins(
    listed: list[dict[str, Any]], request: PolicyRequest, policy: Any
) -> None:
    deny_all = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert evaluate([policy(*listed), policy(deny_all)], request).verdict is EXPLICIT_DENY


@given(listed=policy_statements, request=requests, allow=statements(effect="Allow"))
def test_adding_an_allow_never_takes_anything_away(
    listed: list[dict[str, Any]], request: PolicyRequest, allow: dict[str, Any], policy: Any
) -> None:
    before = evaluate([policy(*listed)], request).verdict
    after = evaluate([policy(*listed), policy(allow)], request).verdict
    assert after is before or (before, after) == (IMPLICIT_DENY, ALLOWED)


@given(listed=policy_statements, request=requests, deny=statements(effect="Deny"))
def test_adding_a_deny_never_gives_anything(
    listed: list[dict[str, Any]], request: PolicyRequest, deny: dict[str, Any], policy: Any
) -> None:
    before = evaluate([policy(*listed)], request).verdict
    after = evaluate([policy(*listed), policy(deny)], request).verdict
    assert after in (before, EXPLICIT_DENY)


@given(patterns=st.lists(action_patterns, min_size=1, max_size=3), request=requests)
def test_not_action_is_the_complement_of_action(
    patterns: list[str], request: PolicyRequest, statement: Any, policy: Any
) -> None:
    listed = evaluate([policy(statement(Action=patterns))], request).allowed
    others = evaluate([policy(statement(Action=None, NotAction=patterns))], request).allowed
    assert listed is not others


@given(patterns=st.lists(resource_patterns, min_size=1, max_size=3), request=requests)
def test_not_resource_is_the_complement_of_resource(
    patterns: list[str], request: PolicyRequest, statement: Any, policy: Any
) -> None:
    listed = evaluate([policy(statement(Action="*", Resource=patterns))], request).allowed
    others = evaluate([policy(statement(Action="*", Resource=None, NotResource=patterns))], request).allowed
    assert listed is not others


@given(listed=policy_statements, request=requests, data=st.data())
def test_the_order_and_grouping_of_statements_do_not_matter(
    listed: list[dict[str, Any]], request: PolicyRequest, data: st.DataObject, policy: Any
) -> None:
    shuffled = data.draw(st.permutations(listed))
    together = evaluate([policy(*listed)], request).verdict
    assert evaluate([policy(one) for one in shuffled], request).verdict is together
