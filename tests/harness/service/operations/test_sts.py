"""AssumeRole: trust policies with MFA, sessions and their length, and what a session is then."""

from __future__ import annotations

import json
from typing import Any

import pytest

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ASSUME = {"Action": "sts:AssumeRole"}
WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
WRONG_SERIAL = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is "
    "valid and associated with this user."
)


def denied(arn: str, role_arn: str) -> tuple[str, int, str]:
    text = f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    return "AccessDenied", 403, text


def test_a_role_that_asks_for_mfa_is_assumed_with_a_code_once(firm: Any, refusal: Any) -> None:
    keys, device = firm.user("alice", ASSUME), firm.device("alice")
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}, "Condition": MFA}, Path="/ops/")
    sts = firm.client("sts", keys)
    request = {"RoleArn": arn, "RoleSessionName": "alice-ships"}
    assert refusal(sts.assume_role, **request) == denied(firm.arn("user/alice"), arn)
    assert refusal(sts.assume_role, **request, SerialNumber=device.serial, TokenCode="000000") == (
        "AccessDenied",
        403,
        WRONG_CODE,
    )
    elsewhere = firm.arn("mfa/nobodys")
    assert refusal(sts.assume_role, **request, SerialNumber=elsewhere, TokenCode=device.code()) == (
        "AccessDenied",
        403,
        WRONG_SERIAL,
    )
    assert refusal(sts.assume_role, **request, SerialNumber=device.serial)[2].startswith("MultiFactorAuth")

    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    answer = sts.assume_role(**request, **proof)
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert answer["Credentials"]["Expiration"].timestamp() == firm.clock() + 3600
    session = f"arn:aws:sts::{firm.account_id}:assumed-role/deploy/alice-ships"
    assert answer["AssumedRoleUser"]["Arn"] == session
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":alice-ships")
    assert refusal(sts.assume_role, **request, **proof)[2] == WRONG_CODE
    assert refusal(sts.get_session_token, **proof)[2] == WRONG_CODE
    assert firm.identity.events[-1].additional["diagnosis"] == "code already used"


def test_a_code_is_used_up_even_where_the_role_is_refused(firm: Any, refusal: Any) -> None:
    keys, device = firm.user("alice"), firm.device("alice")
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}})
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    sts = firm.client("sts", keys)
    found = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="ab", **proof)
    assert found == denied(firm.arn("user/alice"), arn)
    assert refusal(sts.get_session_token, **proof)[2] == WRONG_CODE


def test_an_mfa_session_assumes_by_its_age(firm: Any, refusal: Any, keys_of: Any) -> None:
    keys, device = firm.user("alice", ASSUME), firm.device("alice")
    fresh = {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    arn = firm.role("deploy", {"Principal": {"AWS": firm.account_id}, "Condition": fresh})
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    session = firm.client("sts", keys).get_session_token(**proof)["Credentials"]
    sts = firm.client("sts", keys_of(session))
    firm.clock.advance(299)
    sts.assume_role(RoleArn=arn, RoleSessionName="young")
    firm.clock.advance(1)
    found = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="old")
    assert found == denied(firm.arn("user/alice"), arn)


@pytest.mark.parametrize(
    ("trusted", "own", "assumed"),
    [
        ("user/alice", [], True),  # named herself: her own policies need not allow it
        ("user/alice", [{**ASSUME, "Effect": "Deny"}], False),
        ("root", [], False),  # her account is trusted: hers must allow it
        ("root", [ASSUME], True),
        ("root", [{**ASSUME, "Resource": "arn:aws:iam::*:role/other"}], False),
        ("user/bob", [ASSUME], False),
    ],
)
def test_who_may_assume_a_role(
    firm: Any, refusal: Any, trusted: str, own: list[dict[str, Any]], assumed: bool
) -> None:
    firm.user("bob")
    keys = firm.user("alice", *own)
    arn = firm.role("deploy", {"Principal": {"AWS": firm.arn(trusted)}})
    call, request = firm.client("sts", keys).assume_role, {"RoleArn": arn, "RoleSessionName": "ab"}
    if assumed:
        assert call(**request)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/deploy/ab")
    else:
        assert refusal(call, **request) == denied(firm.arn("user/alice"), arn)


def test_a_deny_for_all_but_one_holds(firm: Any, document: Any, refusal: Any) -> None:
    keys, other = firm.user("alice"), firm.user("bob")
    arn = firm.role("deploy", {"Principal": "*"})
    only_alice = {"Effect": "Deny", **ASSUME, "NotPrincipal": {"AWS": firm.arn("user/alice")}}
    trust = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **ASSUME, "Principal": "*"}, only_alice]}
    )
    firm.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust)
    firm.client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="ab")
    found = refusal(firm.client("sts", other).assume_role, RoleArn=arn, RoleSessionName="ab")
    assert found == denied(firm.arn("user/bob"), arn)


def test_an_external_id_and_a_session_name_are_conditions(firm: Any, refusal: Any) -> None:
    keys = firm.user("alice")
    asked = {"StringEquals": {"sts:ExternalId": "7Z", "sts:RoleSessionName": "${aws:username}"}}
    arn = firm.role("deploy", {"Principal": {"AWS": firm.arn("user/alice")}, "Condition": asked})
    sts = firm.client("sts", keys)
    sts.assume_role(RoleArn=arn, RoleSessionName="alice", ExternalId="7Z")
    for wrong in ({"ExternalId": "8Z"}, {"ExternalId": "7Z", "RoleSessionName": "bob"}, {}):
        found = refusal(sts.assume_role, **{"RoleArn": arn, "RoleSessionName": "alice", **wrong})
        assert found == denied(firm.arn("user/alice"), arn)


def test_a_role_that_does_not_exist_is_denied_as_one_that_does(firm: Any, refusal: Any) -> None:
    arn = firm.arn("role/nowhere")
    found = refusal(firm.client("sts").assume_role, RoleArn=arn, RoleSessionName="ab")
    assert found == denied(firm.arn("user/admin"), arn)


def test_root_assumes_no_role(firm: Any, refusal: Any, keys_of: Any) -> None:
    arn = firm.role("deploy", {"Principal": "*"})
    key = firm.identity.create_access_key(firm.identity.root_caller(firm.account_id))
    root = keys_of({"AccessKeyId": key.id, "SecretAccessKey": key.secret})
    assert refusal(firm.client("sts", root).assume_role, RoleArn=arn, RoleSessionName="ab") == (
        "AccessDenied",
        403,
        "Roles may not be assumed by root accounts.",
    )


def test_a_session_lasts_as_long_as_the_role_allows(firm: Any, refusal: Any) -> None:
    sts = firm.client("sts")
    arn = firm.role("deploy", {"Principal": "*"}, MaxSessionDuration=7200)
    request = {"RoleArn": arn, "RoleSessionName": "ab"}
    for seconds in (900, 7200):
        expires = sts.assume_role(**request, DurationSeconds=seconds)["Credentials"]["Expiration"]
        assert expires.timestamp() == firm.clock() + seconds
    assert refusal(sts.assume_role, **request, DurationSeconds=7201) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    code, _, message = refusal(sts.assume_role, **request, DurationSeconds=43201)
    assert code == "ValidationError"
    assert "'durationSeconds' failed to satisfy constraint" in message


def test_a_chained_session_lasts_an_hour_at_most_and_has_no_mfa(
    firm: Any, refusal: Any, keys_of: Any
) -> None:
    keys, device = firm.user("alice"), firm.device("alice")
    first = firm.role(
        "first", {"Principal": {"AWS": firm.arn("user/alice")}, "Condition": MFA}, MaxSessionDuration=43200
    )
    second = firm.role("second", {"Principal": {"AWS": first}}, MaxSessionDuration=43200)
    guarded = firm.role("guarded", {"Principal": {"AWS": first}, "Condition": MFA})
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    answer = firm.client("sts", keys).assume_role(
        RoleArn=first, RoleSessionName="ab", DurationSeconds=43200, **proof
    )
    sts = firm.client("sts", keys_of(answer["Credentials"]))
    chained = sts.assume_role(RoleArn=second, RoleSessionName="cd", DurationSeconds=3600)
    assert chained["Credentials"]["Expiration"].timestamp() == firm.clock() + 3600
    assert refusal(sts.assume_role, RoleArn=second, RoleSessionName="cd", DurationSeconds=3601) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    )
    session = answer["AssumedRoleUser"]["Arn"]
    assert refusal(sts.assume_role, RoleArn=guarded, RoleSessionName="ef") == denied(session, guarded)
    mfa = {"SerialNumber": device.serial, "TokenCode": "123456"}
    assert refusal(sts.assume_role, RoleArn=guarded, RoleSessionName="ef", **mfa)[2] == WRONG_SERIAL


def test_a_session_is_its_role_to_policies(firm: Any, document: Any, refusal: Any, keys_of: Any) -> None:
    arn = firm.role("deploy", {"Principal": "*"}, Tags=[{"Key": "team", "Value": "red"}])
    for number, statement in enumerate(
        [
            {"Action": ["iam:ListUsers", "iam:GetUser", "iam:ListMFADevices"]},
            {"Action": "iam:ListRoles", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}},
            {"Action": "iam:ListGroups", "Condition": {"ArnEquals": {"aws:PrincipalArn": arn}}},
            {"Action": "iam:ListPolicies", "Condition": {"Null": {"aws:username": "false"}}},
            {"Effect": "Deny", "Action": "iam:GetUser", "Condition": {"Bool": MFA["Bool"]}},
            {
                "Effect": "Deny",
                "Action": "iam:ListUsers",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            },
        ]
    ):
        firm.iam.put_role_policy(
            RoleName="deploy", PolicyName=f"policy{number}", PolicyDocument=document(statement)
        )
    answer = firm.client("sts").assume_role(RoleArn=arn, RoleSessionName="ab")
    keys, session = keys_of(answer["Credentials"]), answer["AssumedRoleUser"]
    who = firm.client("sts", keys).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (session["Arn"], session["AssumedRoleId"])
    iam = firm.client("iam", keys)
    iam.list_roles()
    iam.list_groups()
    iam.get_user(UserName="admin")
    assert "with an explicit deny" in refusal(iam.list_users)[2]  # a role's session has no MFA, and says so
    assert refusal(iam.list_policies)[0] == "AccessDenied"  # nor a user name
    assert refusal(iam.get_user) == (
        "ValidationError",
        400,
        "Must specify userName when calling with non-User credentials",
    )
    assert refusal(iam.list_mfa_devices)[0] == "ValidationError"
    assert refusal(iam.change_password, OldPassword="a", NewPassword="b")[0] == "ValidationError"
    assert refusal(firm.client("sts", keys).get_session_token)[:2] == ("AccessDenied", 403)
    firm.clock.advance(3600)
    assert refusal(iam.list_roles)[:2] == ("ExpiredToken", 403)


def test_a_sessions_own_policies_only_take_away(firm: Any, document: Any, refusal: Any, keys_of: Any) -> None:
    arn = firm.role("deploy", {"Principal": "*"})
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    firm.iam.put_role_policy(
        RoleName="deploy", PolicyName="own", PolicyDocument=document({"Action": ["iam:List*", "sts:*"]})
    )
    narrow = document({"Action": ["iam:ListUsers", "iam:CreateUser"]})
    sts, request = firm.client("sts"), {"RoleArn": arn, "RoleSessionName": "ab"}
    answer = sts.assume_role(**request, Policy=narrow)
    assert 0 < answer["PackedPolicySize"] <= 100
    iam = firm.client("iam", keys_of(answer["Credentials"]))
    iam.list_users()
    assert refusal(iam.list_roles)[0] == "AccessDenied"
    assert refusal(iam.create_user, UserName="eve")[0] == "AccessDenied"
    wide = sts.assume_role(**request, PolicyArns=[{"arn": everything}])
    firm.client("iam", keys_of(wide["Credentials"])).list_roles()
    assert refusal(sts.assume_role, **request, Policy="{")[:2] == ("MalformedPolicyDocument", 400)
    missing = [{"arn": firm.arn("policy/none")}]
    assert refusal(sts.assume_role, **request, PolicyArns=missing)[:2] == ("MalformedPolicyDocument", 400)
    large = document({"Action": "iam:*", "Resource": ["arn:aws:iam::*:user/" + "x" * 2000, "*"]})
    assert refusal(sts.assume_role, **request, Policy=large)[:2] == ("PackedPolicyTooLarge", 400)


def test_a_deleted_roles_sessions_are_over(firm: Any, refusal: Any, keys_of: Any) -> None:
    arn = firm.role("deploy", {"Principal": "*"})
    answer = firm.client("sts").assume_role(RoleArn=arn, RoleSessionName="ab")
    firm.iam.delete_role(RoleName="deploy")
    firm.role("deploy", {"Principal": "*"})
    sts = firm.client("sts", keys_of(answer["Credentials"]))
    assert refusal(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
