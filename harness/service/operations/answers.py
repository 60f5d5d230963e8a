"""Records as the answers of operations, tags as they are asked for, and pages of long lists."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from harness.service.errors import InvalidInput, ValidationError
from harness.service.grants import Group, ManagedPolicy, PolicyVersion, Role
from harness.service.managed_policies import PolicyInUse
from harness.service.model import ROOT, AccessKey, MfaDevice, User

Answer = dict[str, Any]
Operation = Callable[..., Answer | None]
Items = Sequence[tuple[str, Any]]  # pairs of a key, which a marker may name, and an answer

PAGE = 100  # IAM API reference, MaxItems: the default


def user_answer(user: User) -> Answer:
    return {
        "UserName": user_name_answer(user.name),
        "Path": None if user.root else user.path,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
        "PasswordLastUsed": user.password_last_used_at,
    }


def tagged(answer: Answer, tags: Mapping[str, str]) -> Answer:
    """``answer`` with tags, if there are any."""
    return {**answer, "Tags": tags_answer(tags) if tags else None}


def bounded(answer: Answer, boundary: str | None) -> Answer:
    """``answer`` with a permissions boundary, if there is one; lists of users and roles do without."""
    if boundary is None:
        return answer
    # IAM API, AttachedPermissionsBoundary: "can only have a value of Policy", whatever the model's enum says.
    shown = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    return {**answer, "PermissionsBoundary": shown}


def user_name_answer(user_name: str | None) -> str | None:
    """The root user has no name; assumed: so wherever AWS names whose something is."""
    return None if user_name == ROOT else user_name


def login_profile_answer(user: User) -> Answer:
    return {
        "UserName": user.name,
        "CreateDate": user.password_created_at,
        "PasswordResetRequired": False,
    }


def access_key_answer(key: AccessKey) -> Answer:
    return {
        "UserName": user_name_answer(key.user_name),
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": key.created_at,
    }


def mfa_device_answer(device: MfaDevice) -> Answer:
    return {
        "UserName": user_name_answer(device.user_name),
        "SerialNumber": device.serial_number,
        "EnableDate": device.enabled_at,
    }


def group_answer(group: Group) -> Answer:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.group_id,
        "Arn": group.arn,
        "CreateDate": group.created_at,
    }


def role_answer(role: Role) -> Answer:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role.arn,
        "CreateDate": role.created_at,
        "AssumeRolePolicyDocument": document_answer(role.trust_policy),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
    }


def policy_answer(found: PolicyInUse) -> Answer:
    policy = found.policy
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        "AttachmentCount": found.attachments,
        "PermissionsBoundaryUsageCount": found.boundaries,
        "IsAttachable": True,
        "CreateDate": policy.created_at,
        "UpdateDate": policy.updated_at,
    }


def version_answer(policy: ManagedPolicy, version: PolicyVersion, *, with_document: bool = False) -> Answer:
    return {
        "Document": document_answer(version.document) if with_document else None,
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.default,
        "CreateDate": version.created_at,
    }


def attached_answer(policy_arn: str) -> Answer:
    return {"PolicyName": policy_arn.rpartition("/")[2], "PolicyArn": policy_arn}


def attached_items(arns: Iterable[str], path_prefix: str) -> Items:
    return [
        (arn, attached_answer(arn)) for arn in arns if f"/{arn.partition('/')[2]}".startswith(path_prefix)
    ]


def document_answer(document: str) -> str:
    """A policy document is answered percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def tags_answer(tags: Mapping[str, str]) -> list[Answer]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_pairs(tags: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Tags as they come; a key given twice, in whatever case, is InvalidInput (IAM guide, "Tagging")."""
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return [(tag["Key"], tag["Value"]) for tag in tags]


def page(name: str, items: Items, marker: str | None, max_items: int) -> Answer:
    """The page of ``items``, pairs of key and answer, at ``marker``, which names the first of them.

    IAM API, "Paginating": ValidationError if the marker is none of ours, or what it names is gone.
    """
    marked = {_marker(key): position for position, (key, _) in enumerate(items)}
    if marker is not None and marker not in marked:
        raise ValidationError("Invalid Marker.")
    start = 0 if marker is None else marked[marker]
    rest = items[start + max_items :]
    found = {name: [answer for _, answer in items[start : start + max_items]], "IsTruncated": bool(rest)}
    return found | ({"Marker": _marker(rest[0][0])} if rest else {})


def _marker(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()
