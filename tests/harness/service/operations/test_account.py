"""The credential report and the account's summary."""

from __future__ import annotations

import csv
from typing import Any

HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated"
)


def test_a_report_is_begun_then_complete_and_made_anew_after_four_hours(firm: Any, refusal: Any) -> None:
    iam = firm.iam
    assert refusal(iam.get_credential_report)[:2] == ("ReportNotPresent", 410)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    first = iam.get_credential_report()
    assert (first["ReportFormat"], first["GeneratedTime"].timestamp()) == ("text/csv", firm.clock())
    firm.user("alice")
    assert iam.get_credential_report()["Content"] == first["Content"]  # not yet
    firm.clock.advance(14_400)
    assert refusal(iam.get_credential_report)[:2] == ("ReportExpired", 410)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert b"\nalice," in iam.get_credential_report()["Content"]


def test_the_report_says_of_each_user_what_aws_says(firm: Any) -> None:
    iam = firm.iam
    iam.update_account_password_policy(MaxPasswordAge=90)
    keys, device = firm.user("alice"), firm.device("alice")
    iam.create_login_profile(UserName="alice", Password="Correct-Horse-1")
    second = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="alice", AccessKeyId=second, Status="Inactive")
    firm.client("sts", keys).get_caller_identity()
    session = firm.identity.sign_in("acme", "alice", "Correct-Horse-1")
    firm.identity.present_code(session.id, device.code())
    iam.generate_credential_report()
    content = iam.get_credential_report()["Content"].decode()
    assert content.splitlines()[0] == HEADER
    root, admin, alice = csv.DictReader(content.splitlines())
    assert (root["user"], root["password_enabled"], root["mfa_active"]) == (
        "<root_account>",
        "not_supported",
        "false",
    )
    assert (admin["password_enabled"], admin["password_last_used"], admin["access_key_2_active"]) == (
        "false",
        "N/A",
        "false",
    )
    assert alice["arn"] == firm.arn("user/alice")
    assert alice["mfa_active"] == alice["password_enabled"] == alice["access_key_1_active"] == "true"
    assert alice["password_last_used"] == alice["password_last_changed"] == "2026-01-01T00:01:00+00:00"
    assert alice["password_next_rotation"] == "2026-04-01T00:01:00+00:00"
    assert alice["access_key_1_last_used_service"] == "sts"
    assert alice["access_key_1_last_used_region"] == "us-east-1"
    assert (alice["access_key_2_active"], alice["access_key_2_last_used_date"]) == ("false", "N/A")
    assert alice["cert_1_active"] == "false"


def test_the_summary_counts_what_there_is_beside_what_there_may_be(firm: Any, document: Any) -> None:
    firm.role("deploy", {"Principal": "*"})
    firm.iam.create_group(GroupName="ops")
    firm.iam.create_policy(PolicyName="look", PolicyDocument=document({"Action": "iam:List*"}))
    summary = firm.iam.get_account_summary()["SummaryMap"]
    counted = {name: summary[name] for name in ("Users", "Groups", "Roles", "Policies")}
    assert counted == {"Users": 1, "Groups": 1, "Roles": 1, "Policies": 1}
    assert (summary["GroupsQuota"], summary["AttachedPoliciesPerUserQuota"]) == (300, 10)


def test_the_details_tell_of_everyones_permissions_at_once(firm: Any, document: Any) -> None:
    iam, allowed = firm.iam, document({"Action": "iam:ListUsers"})
    firm.user("alice", {"Action": "iam:ListUsers"})
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    iam.put_group_policy(GroupName="ops", PolicyName="own", PolicyDocument=allowed)
    firm.role("deploy", {"Principal": "*"}, Tags=[{"Key": "team", "Value": "red"}])
    local = iam.create_policy(PolicyName="look", PolicyDocument=allowed)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="deploy", PolicyArn=local)
    found = iam.get_account_authorization_details()
    admin, alice = found["UserDetailList"]
    assert admin["AttachedManagedPolicies"][0]["PolicyName"] == "AdministratorAccess"
    assert (alice["GroupList"], alice["UserPolicyList"][0]["PolicyName"]) == (["ops"], "own")
    assert found["GroupDetailList"][0]["GroupPolicyList"][0]["PolicyDocument"]["Statement"]
    (role,) = found["RoleDetailList"]
    assert (role["Tags"][0]["Value"], role["AttachedManagedPolicies"][0]["PolicyArn"]) == ("red", local)
    assert [policy["PolicyName"] for policy in found["Policies"]] == ["look", "AdministratorAccess"]
    assert found["Policies"][0]["PolicyVersionList"][0]["Document"]["Statement"]
    only = iam.get_account_authorization_details(Filter=["Group", "LocalManagedPolicy"])
    counts = [len(only[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")]
    assert counts == [0, 1, 0, 1]
