"""IAM's and STS's operations: an operation's parameters to a verb of identity, records to an answer.

An operation is a function of the identity, the caller, and the parameters it supports under the names that
boto3 would give them (``UserName`` is ``user_name``); one without a default is required by the service model.
It returns what the output shape holds, ``None`` where there is none.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import segno

from harness.service.errors import InvalidInput, NotImplementedHere, ValidationError
from harness.service.identity import Identity
from harness.service.model import (
    ROOT,
    AccessKey,
    Caller,
    MfaDevice,
    User,
    VirtualMfaDevice,
)

Answer = dict[str, Any]
Operation = Callable[..., Answer | None]

_PAGE = 100  # IAM API reference, MaxItems: the default


# Users.


def _create_user(identity: Identity, caller: Caller, *, user_name: str, path: str = "/") -> Answer:
    return {"User": _user(identity.create_user(caller, user_name, path))}


def _get_user(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    return {"User": _user(identity.get_user(caller, user_name))}


def _list_users(
    identity: Identity,
    caller: Caller,
    *,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = _PAGE,
) -> Answer:
    users = [user for user in identity.list_users(caller) if user.path.startswith(path_prefix)]
    return _page("Users", [(user.user_id, _user(user)) for user in users], marker, max_items)


def _delete_user(identity: Identity, caller: Caller, *, user_name: str) -> None:
    identity.delete_user(caller, user_name)


# Passwords.


def _create_login_profile(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    password: str | None = None,
    password_reset_required: bool = False,
) -> Answer:
    name = caller.user.name if user_name is None else user_name
    user = identity.create_login_profile(caller, name, _chosen(password, password_reset_required))
    return {"LoginProfile": _login_profile(user)}


def _get_login_profile(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    return {"LoginProfile": _login_profile(identity.get_login_profile(caller, user_name))}


def _update_login_profile(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    password: str | None = None,
    password_reset_required: bool = False,
) -> None:
    identity.update_login_profile(caller, user_name, _chosen(password, password_reset_required))


def _delete_login_profile(identity: Identity, caller: Caller, *, user_name: str | None = None) -> None:
    identity.delete_login_profile(caller, user_name)


def _change_password(identity: Identity, caller: Caller, *, old_password: str, new_password: str) -> None:
    identity.change_password(caller, old_password, new_password)


# Access keys.


def _create_access_key(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    key = identity.create_access_key(caller, user_name)
    return {"AccessKey": {**_access_key(key), "SecretAccessKey": key.secret}}


def _list_access_keys(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = _PAGE,
) -> Answer:
    keys = [(key.id, _access_key(key)) for key in identity.list_access_keys(caller, user_name)]
    return _page("AccessKeyMetadata", keys, marker, max_items)


def _update_access_key(
    identity: Identity,
    caller: Caller,
    *,
    access_key_id: str,
    status: Literal["Active", "Inactive", "Expired"],
    user_name: str | None = None,
) -> None:
    if status == "Expired":
        raise InvalidInput("An access key is made Active or Inactive; it expires by itself.")
    identity.update_access_key(caller, user_name, access_key_id, status)


def _delete_access_key(
    identity: Identity, caller: Caller, *, access_key_id: str, user_name: str | None = None
) -> None:
    identity.delete_access_key(caller, user_name, access_key_id)


# Inline policies.


def _put_user_policy(
    identity: Identity, caller: Caller, *, user_name: str, policy_name: str, policy_document: str
) -> None:
    identity.put_user_policy(caller, user_name, policy_name, policy_document)


def _get_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_name: str) -> Answer:
    """IAM API, GetUserPolicy: the document is percent-encoded (RFC 3986)."""
    document = quote(identity.get_user_policy(caller, user_name, policy_name), safe="")
    return {"UserName": user_name, "PolicyName": policy_name, "PolicyDocument": document}


def _list_user_policies(
    identity: Identity, caller: Caller, *, user_name: str, marker: str | None = None, max_items: int = _PAGE
) -> Answer:
    names = identity.list_user_policies(caller, user_name)
    return _page("PolicyNames", [(name, name) for name in names], marker, max_items)


def _delete_user_policy(identity: Identity, caller: Caller, *, user_name: str, policy_name: str) -> None:
    identity.delete_user_policy(caller, user_name, policy_name)


# The account.


def _get_account_summary(identity: Identity, caller: Caller) -> Answer:
    return {"SummaryMap": identity.get_account_summary(caller)}


def _list_account_aliases(
    identity: Identity, caller: Caller, *, marker: str | None = None, max_items: int = _PAGE
) -> Answer:
    aliases = [(alias, alias) for alias in identity.list_account_aliases(caller)]
    return _page("AccountAliases", aliases, marker, max_items)


def _create_account_alias(identity: Identity, caller: Caller, *, account_alias: str) -> None:
    identity.create_account_alias(caller, account_alias)


def _delete_account_alias(identity: Identity, caller: Caller, *, account_alias: str) -> None:
    identity.delete_account_alias(caller, account_alias)


# MFA devices.


def _create_virtual_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    virtual_mfa_device_name: str,
    path: str = "/",
    tags: Sequence[Mapping[str, str]] = (),
) -> Answer:
    """The one time the seed is told, as text and as a picture."""
    device = identity.create_virtual_mfa_device(caller, virtual_mfa_device_name, path, _pairs(tags))
    picture = io.BytesIO()
    segno.make(identity.provisioning_uri(device), micro=False).save(picture, kind="png", scale=4)
    seed = base64.b32encode(device.totp.secret).rstrip(b"=")
    return {
        "VirtualMFADevice": {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": seed,
            "QRCodePNG": picture.getvalue(),
            "Tags": _tags(device.tags),
        }
    }


def _delete_virtual_mfa_device(identity: Identity, caller: Caller, *, serial_number: str) -> None:
    identity.delete_virtual_mfa_device(caller, serial_number)


def _enable_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> None:
    identity.enable_mfa_device(caller, user_name, serial_number, authentication_code1, authentication_code2)


def _resync_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> None:
    identity.resync_mfa_device(caller, user_name, serial_number, authentication_code1, authentication_code2)


def _deactivate_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, user_name: str | None = None
) -> None:
    identity.deactivate_mfa_device(caller, user_name, serial_number)


def _list_mfa_devices(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = _PAGE,
) -> Answer:
    devices = identity.list_mfa_devices(caller, user_name)
    return _page("MFADevices", [(device.key, _mfa_device(device)) for device in devices], marker, max_items)


def _list_virtual_mfa_devices(
    identity: Identity,
    caller: Caller,
    *,
    assignment_status: Literal["Assigned", "Unassigned", "Any"] = "Any",
    marker: str | None = None,
    max_items: int = _PAGE,
) -> Answer:
    devices = identity.list_virtual_mfa_devices(caller, assignment_status)
    listed = [(device.key, _virtual_mfa_device(identity, device)) for device in devices]
    return _page("VirtualMFADevices", listed, marker, max_items)


def _get_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, user_name: str | None = None
) -> Answer:
    return {**_mfa_device(identity.get_mfa_device(caller, serial_number, user_name)), "Certifications": {}}


def _tag_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, tags: Sequence[Mapping[str, str]]
) -> None:
    identity.tag_mfa_device(caller, serial_number, _pairs(tags))


def _untag_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, tag_keys: Sequence[str]
) -> None:
    identity.untag_mfa_device(caller, serial_number, tag_keys)


def _list_mfa_device_tags(
    identity: Identity,
    caller: Caller,
    *,
    serial_number: str,
    marker: str | None = None,
    max_items: int = _PAGE,
) -> Answer:
    tags = _tags(identity.list_mfa_device_tags(caller, serial_number))
    return _page("Tags", [(tag["Key"], tag) for tag in tags], marker, max_items)


# STS.


def _get_session_token(
    identity: Identity,
    caller: Caller,
    *,
    duration_seconds: int | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Answer:
    credentials = identity.get_session_token(caller, duration_seconds, serial_number, token_code)
    return {
        "Credentials": {
            "AccessKeyId": credentials.id,
            "SecretAccessKey": credentials.secret,
            "SessionToken": credentials.token,
            "Expiration": credentials.expires_at,
        }
    }


def _get_caller_identity(identity: Identity, caller: Caller) -> Answer:
    who = identity.get_caller_identity(caller)
    return {"UserId": who.user_id, "Account": who.account, "Arn": who.arn}


OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "iam": {
        "CreateUser": _create_user,
        "GetUser": _get_user,
        "ListUsers": _list_users,
        "DeleteUser": _delete_user,
        "CreateLoginProfile": _create_login_profile,
        "GetLoginProfile": _get_login_profile,
        "UpdateLoginProfile": _update_login_profile,
        "DeleteLoginProfile": _delete_login_profile,
        "ChangePassword": _change_password,
        "CreateAccessKey": _create_access_key,
        "ListAccessKeys": _list_access_keys,
        "UpdateAccessKey": _update_access_key,
        "DeleteAccessKey": _delete_access_key,
        "PutUserPolicy": _put_user_policy,
        "GetUserPolicy": _get_user_policy,
        "ListUserPolicies": _list_user_policies,
        "DeleteUserPolicy": _delete_user_policy,
        "GetAccountSummary": _get_account_summary,
        "ListAccountAliases": _list_account_aliases,
        "CreateAccountAlias": _create_account_alias,
        "DeleteAccountAlias": _delete_account_alias,
        "CreateVirtualMFADevice": _create_virtual_mfa_device,
        "DeleteVirtualMFADevice": _delete_virtual_mfa_device,
        "EnableMFADevice": _enable_mfa_device,
        "ResyncMFADevice": _resync_mfa_device,
        "DeactivateMFADevice": _deactivate_mfa_device,
        "ListMFADevices": _list_mfa_devices,
        "ListVirtualMFADevices": _list_virtual_mfa_devices,
        "GetMFADevice": _get_mfa_device,
        "TagMFADevice": _tag_mfa_device,
        "UntagMFADevice": _untag_mfa_device,
        "ListMFADeviceTags": _list_mfa_device_tags,
    },
    "sts": {
        "GetSessionToken": _get_session_token,
        "GetCallerIdentity": _get_caller_identity,
    },
}


# Records as answers.


def _user(user: User) -> Answer:
    return {
        "UserName": _name(user.name),
        "Path": None if user.root else user.path,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
        "PasswordLastUsed": user.password_last_used_at,
    }


def _name(user_name: str | None) -> str | None:
    """The root user has no name; assumed: so wherever AWS names whose something is."""
    return None if user_name == ROOT else user_name


def _login_profile(user: User) -> Answer:
    return {
        "UserName": user.name,
        "CreateDate": user.password_created_at,
        "PasswordResetRequired": False,
    }


def _access_key(key: AccessKey) -> Answer:
    return {
        "UserName": _name(key.user_name),
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": key.created_at,
    }


def _mfa_device(device: MfaDevice) -> Answer:
    return {
        "UserName": _name(device.user_name),
        "SerialNumber": device.serial_number,
        "EnableDate": device.enabled_at,
    }


def _virtual_mfa_device(identity: Identity, device: VirtualMfaDevice) -> Answer:
    answer = {"SerialNumber": device.serial_number, "EnableDate": device.enabled_at}
    if device.user_name is None:
        return answer
    # Whoever may list the devices is told whose they are, without being let at the users.
    owner = identity.root_user(device.account_id)
    if device.user_name != ROOT:
        owner = identity.get_user(identity.root_caller(device.account_id), device.user_name)
    return {**answer, "User": _user(owner)}


def _tags(tags: Mapping[str, str]) -> list[Answer]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _pairs(tags: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Tags as they come; a key given twice, in whatever case, is InvalidInput (IAM guide, "Tagging")."""
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return [(tag["Key"], tag["Value"]) for tag in tags]


def _chosen(password: str | None, reset_required: bool) -> str:
    if password is None:
        raise NotImplementedHere("This emulator has no login profile without a password; give Password.")
    if reset_required:
        raise NotImplementedHere("This emulator does not make users reset their password; leave it out.")
    return password


def _page(name: str, items: Sequence[tuple[str, Any]], marker: str | None, max_items: int) -> Answer:
    """The page of ``items``, pairs of key and answer, at ``marker``, which names the first of them.

    IAM API, "Paginating": ValidationError if the marker is none of ours, or what it names is gone.
    """
    marked = {_marker(key): position for position, (key, _) in enumerate(items)}
    if marker is not None and marker not in marked:
        raise ValidationError("Invalid Marker.")
    start = 0 if marker is None else marked[marker]
    rest = items[start + max_items :]
    page = {name: [answer for _, answer in items[start : start + max_items]], "IsTruncated": bool(rest)}
    return page | ({"Marker": _marker(rest[0][0])} if rest else {})


def _marker(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()
