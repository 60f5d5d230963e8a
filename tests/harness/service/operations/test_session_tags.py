"""Session tags: passed with AssumeRole, looked at by policies, and carried on through a chain of roles."""

from __future__ import annotations

import json
from typing import Any

import pytest

TAG = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
TEAM = [{"Key": "team", "Value": "blue"}]


def statement(**more: Any) -> dict[str, Any]:
    return {**TAG, **more}


@pytest.fixture
def trusted(firm: Any) -> Any:
    """A role that anyone in the account may assume, with tags; its ARN."""

    def make(name: str, **trust: Any) -> str:
        return str(firm.role(name, {**TAG, "Principal": {"AWS": firm.account_id}, **trust}))

    return make


def test_a_tag_decides_what_the_session_may_do(
    firm: Any, trusted: Any, document: Any, refusal: Any, keys_of: Any
) -> None:
    arn, keys = trusted("deploy"), firm.user("alice", TAG)
    blue = {"StringEquals": {"aws:PrincipalTag/Team": "blue"}}
    firm.iam.put_role_policy(
        RoleName="deploy",
        PolicyName="blue",
        PolicyDocument=document({"Action": "iam:ListUsers", "Condition": blue}),
    )
    firm.iam.tag_role(RoleName="deploy", Tags=[{"Key": "Team", "Value": "red"}])
    sts = firm.client("sts", keys)
    plain = sts.assume_role(RoleArn=arn, RoleSessionName="plain")
    assert "PackedPolicySize" not in plain
    assert refusal(firm.client("iam", keys_of(plain["Credentials"])).list_users)[0] == "AccessDenied"
    tagged = sts.assume_role(RoleArn=arn, RoleSessionName="tagged", Tags=TEAM)
    assert tagged["PackedPolicySize"] >= 1
    firm.client("iam", keys_of(tagged["Credentials"])).list_users()
    asked = firm.identity.events.named("AssumeRole")[-1].additional
    assert asked["tags"] == [{"key": "team", "value": "blue"}]


@pytest.mark.parametrize(("own", "role"), [(True, False), (False, True)])
def test_passing_tags_takes_tag_session_on_both_sides(firm: Any, refusal: Any, own: bool, role: bool) -> None:
    assume = {"Action": "sts:AssumeRole"}
    keys = firm.user("alice", TAG if own else assume)
    trust = {**(TAG if role else assume), "Principal": {"AWS": firm.account_id}}
    arn = firm.role("deploy", trust)
    sts = firm.client("sts", keys)
    sts.assume_role(RoleArn=arn, RoleSessionName="plain")
    found = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="tagged", Tags=TEAM)
    who = firm.arn("user/alice")
    text = f"User: {who} is not authorized to perform: sts:TagSession on resource: {arn}"
    assert found == ("AccessDenied", 403, text)


def test_a_trust_policy_says_which_tags_and_which_values(firm: Any, trusted: Any, refusal: Any) -> None:
    condition = {
        "StringEquals": {"aws:RequestTag/team": ["blue", "red"]},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"], "sts:TransitiveTagKeys": ["team"]},
    }
    arn, keys = trusted("deploy", Condition=condition), firm.user("alice", TAG)
    sts, request = firm.client("sts", keys), {"RoleArn": arn, "RoleSessionName": "alice"}
    cost = {"Key": "cost", "Value": ""}
    sts.assume_role(**request, Tags=[*TEAM, cost], TransitiveTagKeys=["team"])
    for wrong in (
        {},
        {"Tags": [{"Key": "team", "Value": "green"}]},
        {"Tags": [*TEAM, {"Key": "more", "Value": "1"}]},
        {"Tags": [*TEAM, cost], "TransitiveTagKeys": ["cost"]},
    ):
        assert refusal(sts.assume_role, **request, **wrong)[0] == "AccessDenied"


def test_transitive_tags_go_on_through_a_chain_and_the_others_stay_behind(
    firm: Any, trusted: Any, document: Any, refusal: Any, keys_of: Any
) -> None:
    roles = [trusted(name) for name in ("first", "second", "third")]
    for name in ("first", "second", "third"):
        firm.iam.put_role_policy(RoleName=name, PolicyName="on", PolicyDocument=document(TAG))
    by_tag = {
        "StringEquals": {"aws:PrincipalTag/team": "blue"},
        "Null": {"aws:PrincipalTag/cost": "true"},
    }
    firm.iam.put_role_policy(
        RoleName="third",
        PolicyName="by-tag",
        PolicyDocument=document({"Action": "iam:ListUsers", "Condition": by_tag}),
    )
    keys = firm.user("alice", TAG)
    tags = {"Tags": [*TEAM, {"Key": "cost", "Value": "7"}], "TransitiveTagKeys": ["Team"]}
    for arn in roles:
        sts = firm.client("sts", keys)
        keys = keys_of(sts.assume_role(RoleArn=arn, RoleSessionName="on", **tags)["Credentials"])
        tags = {}
    firm.client("iam", keys).list_users()
    sts = firm.client("sts", keys)
    found = refusal(
        sts.assume_role, RoleArn=roles[0], RoleSessionName="on", Tags=[{"Key": "TEAM", "Value": "red"}]
    )
    assert found == (
        "InvalidParameterValue",
        400,
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag "
        "key from the calling session.",
    )


def test_a_role_that_takes_no_tags_takes_no_session_that_carries_some(
    firm: Any, trusted: Any, document: Any, refusal: Any, keys_of: Any
) -> None:
    first = trusted("first")
    firm.iam.put_role_policy(RoleName="first", PolicyName="on", PolicyDocument=document(TAG))
    last = firm.role("last", {"Principal": {"AWS": firm.account_id}})
    sts = firm.client("sts", firm.user("alice", TAG))
    for transitive, allowed in ([], True), (["team"], False):
        tags = {"Tags": TEAM, "TransitiveTagKeys": transitive}
        answer = sts.assume_role(RoleArn=first, RoleSessionName="on", **tags)
        chained = firm.client("sts", keys_of(answer["Credentials"]))
        if allowed:
            chained.assume_role(RoleArn=last, RoleSessionName="on")
        else:
            text = refusal(chained.assume_role, RoleArn=last, RoleSessionName="on")[2]
            assert "sts:TagSession" in text


@pytest.mark.parametrize(
    ("tags", "transitive", "text"),
    [
        ([("a", "1"), ("A", "2")], [], "Duplicate tag keys found"),
        ([("aws:x", "1")], [], "reserved"),
        ([("a", "1")], ["b"], "The specified transitive tag key must be included in the requested tags."),
        ([], ["b"], "The specified transitive tag key must be included in the requested tags."),
    ],
)
def test_tags_that_cannot_be_are_refused_and_use_no_code_up(
    firm: Any, trusted: Any, refusal: Any, tags: Any, transitive: Any, text: str
) -> None:
    arn, keys, device = trusted("deploy"), firm.user("alice", TAG), firm.device("alice")
    sts = firm.client("sts", keys)
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    code, status, message = refusal(
        sts.assume_role,
        RoleArn=arn,
        RoleSessionName="on",
        Tags=[{"Key": key, "Value": value} for key, value in tags],
        TransitiveTagKeys=transitive,
        **proof,
    )
    assert (code, status) == ("InvalidParameterValue", 400)
    assert text in message
    sts.assume_role(RoleArn=arn, RoleSessionName="on", **proof)


@pytest.mark.parametrize("tag", [{"Key": "k" * 129, "Value": ""}, {"Key": "k", "Value": "v" * 257}])
def test_tags_are_as_long_as_the_service_model_has_it(
    firm: Any, trusted: Any, refusal: Any, tag: dict[str, str]
) -> None:
    arn, keys = trusted("deploy"), firm.user("alice", TAG)
    request = {"RoleArn": arn, "RoleSessionName": "on", "Tags": [tag]}
    assert refusal(firm.client("sts", keys).assume_role, **request)[0] == "ValidationError"


def test_a_policy_with_the_tag_as_variable_is_each_sessions_own(
    firm: Any, trusted: Any, keys_of: Any, refusal: Any
) -> None:
    """IAM tutorial, "Define permissions to access AWS resources based on tags"."""
    arn, keys = trusted("deploy"), firm.user("alice", TAG)
    own = {
        "Effect": "Allow",
        "Action": "iam:GetGroup",
        "Resource": firm.arn("group/${aws:PrincipalTag/team}"),
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [own]})
    firm.iam.put_role_policy(RoleName="deploy", PolicyName="own", PolicyDocument=document)
    for name in ("blue", "red"):
        firm.iam.create_group(GroupName=name)
    session = firm.client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="on", Tags=TEAM)
    iam = firm.client("iam", keys_of(session["Credentials"]))
    iam.get_group(GroupName="blue")
    assert refusal(iam.get_group, GroupName="red")[0] == "AccessDenied"
