"""Groups over the API, and what being in one lets a user do."""

from __future__ import annotations

from typing import Any


def test_a_groups_policies_speak_for_its_users_as_long_as_they_are_in_it(
    firm: Any, document: Any, refusal: Any
) -> None:
    alice = firm.client("iam", firm.user("alice"))
    iam = firm.iam
    group = iam.create_group(GroupName="ops", Path="/it/")["Group"]
    assert group["Arn"] == firm.arn("group/it/ops")
    assert group["GroupId"].startswith("AGPA")
    assert refusal(alice.list_users)[0] == "AccessDenied"
    iam.put_group_policy(
        GroupName="ops", PolicyName="own", PolicyDocument=document({"Action": "iam:ListUsers"})
    )
    iam.attach_group_policy(GroupName="ops", PolicyArn="arn:aws:iam::aws:policy/IAMUserChangePassword")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    alice.list_users()
    code = refusal(alice.change_password, OldPassword="Correct-Horse-1", NewPassword="Correct-Horse-2")
    assert code[2] == "The old password was incorrect."  # allowed, and there is none
    assert [user["UserName"] for user in iam.get_group(GroupName="ops")["Users"]] == ["alice"]
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="alice")["Groups"]] == ["ops"]

    iam.update_group(GroupName="ops", NewGroupName="operations", NewPath="/")
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="alice")["Groups"]] == [
        "operations"
    ]
    alice.list_users()
    iam.remove_user_from_group(GroupName="operations", UserName="alice")
    assert refusal(alice.list_users)[0] == "AccessDenied"
    assert iam.get_group(GroupName="operations")["Users"] == []


def test_a_group_is_deleted_once_nothing_hangs_on_it(firm: Any, document: Any, refusal: Any) -> None:
    iam, managed = firm.iam, "arn:aws:iam::aws:policy/AWSDenyAll"
    firm.user("alice")
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    iam.attach_group_policy(GroupName="ops", PolicyArn=managed)
    iam.put_group_policy(GroupName="ops", PolicyName="own", PolicyDocument=document({"Action": "iam:*"}))
    read = iam.get_group_policy(GroupName="ops", PolicyName="own")
    assert (read["GroupName"], read["PolicyDocument"]["Statement"][0]["Action"]) == ("ops", "iam:*")

    def conflict() -> str:
        code, status, message = refusal(iam.delete_group, GroupName="ops")
        assert (code, status) == ("DeleteConflict", 409)
        return message

    assert conflict() == "Cannot delete entity, must remove users from group first."
    iam.remove_user_from_group(GroupName="ops", UserName="alice")
    assert conflict() == "Cannot delete entity, must detach all policies first."
    iam.detach_group_policy(GroupName="ops", PolicyArn=managed)
    assert conflict() == "Cannot delete entity, must delete policies first."
    iam.delete_group_policy(GroupName="ops", PolicyName="own")
    iam.delete_group(GroupName="ops")
    assert iam.list_groups()["Groups"] == []


def test_what_is_missing_or_there_twice_is_said(firm: Any, refusal: Any) -> None:
    iam = firm.iam
    iam.create_group(GroupName="ops")
    iam.create_group(GroupName="dev")
    taken = ("EntityAlreadyExists", 409, "Group with name Ops already exists.")
    assert refusal(iam.create_group, GroupName="Ops") == taken
    assert refusal(iam.update_group, GroupName="dev", NewGroupName="Ops") == taken
    missing = ("NoSuchEntity", 404, "The group with name none cannot be found.")
    for call in (iam.get_group, iam.delete_group, iam.list_group_policies, iam.list_attached_group_policies):
        assert refusal(call, GroupName="none") == missing
    assert refusal(iam.add_user_to_group, GroupName="none", UserName="admin") == missing
    nobody = ("NoSuchEntity", 404, "The user with name nobody cannot be found.")
    assert refusal(iam.add_user_to_group, GroupName="ops", UserName="nobody") == nobody
    assert refusal(iam.remove_user_from_group, GroupName="ops", UserName="root")[0] == "NoSuchEntity"
    assert refusal(iam.get_group_policy, GroupName="ops", PolicyName="none") == (
        "NoSuchEntity",
        404,
        "The group policy with name none cannot be found.",
    )


def test_a_user_is_in_ten_groups_at_most(firm: Any, refusal: Any) -> None:
    for number in range(11):
        firm.iam.create_group(GroupName=f"group{number}")
    for number in range(10):
        firm.iam.add_user_to_group(GroupName=f"group{number}", UserName="admin")
    assert refusal(firm.iam.add_user_to_group, GroupName="group10", UserName="admin") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for GroupsPerUser: 10",
    )
