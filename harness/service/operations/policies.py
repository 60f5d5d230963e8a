"""Policies of users, groups and roles: inline ones, and managed ones attached."""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    attached_page,
    document_answer,
    names_page,
)


def _put_user_policy(
    identity: Identity, caller: Caller, *, user_name: str, policy_name: str, policy_document: str
) -> None:
    identity.put_user_policy(caller, user_name, policy_name, policy_document)


def _get_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_name: str) -> Answer:
    document = identity.get_user_policy(caller, user_name, policy_name)
    return {
        "UserName": user_name,
        "PolicyName": policy_name,
        "PolicyDocument": document_answer(document),
    }


def _list_user_policies(
    identity: Identity, caller: Caller, *, user_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return names_page("PolicyNames", identity.list_user_policies(caller, user_name), marker, max_items)


def _delete_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_name: str) -> None:
    identity.delete_user_policy(caller, user_name, policy_name)


def _attach_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_arn: str) -> None:
    identity.attach_user_policy(caller, user_name, policy_arn)


def _detach_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_arn: str) -> None:
    identity.detach_user_policy(caller, user_name, policy_arn)


def _list_attached_user_policies(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    arns = identity.list_attached_user_policies(caller, user_name)
    return attached_page(arns, path_prefix, marker, max_items)


def _put_group_policy(
    identity: Identity, caller: Caller, *, group_name: str, policy_name: str, policy_document: str
) -> None:
    identity.put_group_policy(caller, group_name, policy_name, policy_document)


def _get_group_policy(identity: Identity, caller: Caller, *, group_name: str, policy_name: str) -> Answer:
    document = identity.get_group_policy(caller, group_name, policy_name)
    return {
        "GroupName": group_name,
        "PolicyName": policy_name,
        "PolicyDocument": document_answer(document),
    }


def _list_group_policies(
    identity: Identity, caller: Caller, *, group_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return names_page("PolicyNames", identity.list_group_policies(caller, group_name), marker, max_items)


def _delete_group_policy(identity: Identity, caller: Caller, *, group_name: str, policy_name: str) -> None:
    identity.delete_group_policy(caller, group_name, policy_name)


def _attach_group_policy(identity: Identity, caller: Caller, *, group_name: str, policy_arn: str) -> None:
    identity.attach_group_policy(caller, group_name, policy_arn)


def _detach_group_policy(identity: Identity, caller: Caller, *, group_name: str, policy_arn: str) -> None:
    identity.detach_group_policy(caller, group_name, policy_arn)


def _list_attached_group_policies(
    identity: Identity,
    caller: Caller,
    *,
    group_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    arns = identity.list_attached_group_policies(caller, group_name)
    return attached_page(arns, path_prefix, marker, max_items)


def _put_role_policy(
    identity: Identity, caller: Caller, *, role_name: str, policy_name: str, policy_document: str
) -> None:
    identity.put_role_policy(caller, role_name, policy_name, policy_document)


def _get_role_policy(identity: Identity, caller: Caller, *, role_name: str, policy_name: str) -> Answer:
    document = identity.get_role_policy(caller, role_name, policy_name)
    return {
        "RoleName": role_name,
        "PolicyName": policy_name,
        "PolicyDocument": document_answer(document),
    }


def _list_role_policies(
    identity: Identity, caller: Caller, *, role_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return names_page("PolicyNames", identity.list_role_policies(caller, role_name), marker, max_items)


def _delete_role_policy(identity: Identity, caller: Caller, *, role_name: str, policy_name: str) -> None:
    identity.delete_role_policy(caller, role_name, policy_name)


def _attach_role_policy(identity: Identity, caller: Caller, *, role_name: str, policy_arn: str) -> None:
    identity.attach_role_policy(caller, role_name, policy_arn)


def _detach_role_policy(identity: Identity, caller: Caller, *, role_name: str, policy_arn: str) -> None:
    identity.detach_role_policy(caller, role_name, policy_arn)


def _list_attached_role_policies(
    identity: Identity,
    caller: Caller,
    *,
    role_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    arns = identity.list_attached_role_policies(caller, role_name)
    return attached_page(arns, path_prefix, marker, max_items)


IAM: Mapping[str, Operation] = {
    "PutUserPolicy": _put_user_policy,
    "GetUserPolicy": _get_user_policy,
    "ListUserPolicies": _list_user_policies,
    "DeleteUserPolicy": _delete_user_policy,
    "AttachUserPolicy": _attach_user_policy,
    "DetachUserPolicy": _detach_user_policy,
    "ListAttachedUserPolicies": _list_attached_user_policies,
    "PutGroupPolicy": _put_group_policy,
    "GetGroupPolicy": _get_group_policy,
    "ListGroupPolicies": _list_group_policies,
    "DeleteGroupPolicy": _delete_group_policy,
    "AttachGroupPolicy": _attach_group_policy,
    "DetachGroupPolicy": _detach_group_policy,
    "ListAttachedGroupPolicies": _list_attached_group_policies,
    "PutRolePolicy": _put_role_policy,
    "GetRolePolicy": _get_role_policy,
    "ListRolePolicies": _list_role_policies,
    "DeleteRolePolicy": _delete_role_policy,
    "AttachRolePolicy": _attach_role_policy,
    "DetachRolePolicy": _detach_role_policy,
    "ListAttachedRolePolicies": _list_attached_role_policies,
}
