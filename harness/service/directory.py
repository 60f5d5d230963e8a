"""Finding users and devices inside a transaction, for the verbs that act on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from harness.service.authorization import NO_KEYS, ContextKeys, authorize
from harness.service.environment import Environment
from harness.service.errors import LimitExceeded, NoSuchEntity, ValidationError
from harness.service.grants import Group, Role, RoleSession
from harness.service.model import (
    ROOT,
    AccessKey,
    Caller,
    FidoSecurityKey,
    HardwareTotpDevice,
    MfaDevice,
    PolicyHolder,
    User,
    VirtualMfaDevice,
    user_key,
)
from harness.service.profile import ServiceProfile
from harness.service.store import Transaction

Tags = Mapping[str, str] | Iterable[tuple[str, str]]
E = TypeVar("E", Group, Role)

# The texts that say that there is no such user, group or role.
NOT_FOUND = {"user": "user_not_found", "group": "group_not_found", "role": "role_not_found"}

_SEES_BOUNDARY = {
    f"iam:{verb}{kind}{what}"
    for kind in ("User", "Role")
    for what, verbs in {
        "Policy": ("Attach", "Detach", "Put", "Delete"),
        "PermissionsBoundary": ("Delete",),
    }.items()
    for verb in verbs
}

_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)  # IAM API: userNameType, virtualMFADeviceName, policyNameType
_PATH = re.compile(r"/|/[!-~]+/")  # IAM API: pathType
_SERIAL_NUMBER = re.compile(r"[\w+=/:,.@-]+", re.ASCII)  # IAM API: serialNumberType
_ALIAS = re.compile(r"[a-z0-9](-?[a-z0-9])+")  # IAM API: accountAliasType
_DIGITS = re.compile(r"[0-9]+")


def target(
    environment: Environment,
    transaction: Transaction,
    caller: Caller,
    user_name: str | None,
    action: str,
    context: ContextKeys = NO_KEYS,
) -> User:
    """The user that ``caller`` means, once it is allowed ``action`` on that user.

    Without a name it is the caller. The root user is found only by itself, and by its name only in the
    console (S0: not by API or CLI). Raises as :func:`authorize` does, then NoSuchEntity.
    """
    name = own_user(environment.profile, caller).name if user_name is None else user_name
    found = transaction.get(User, user_key(caller.account_id, name))
    if found is not None and found.root and not _may_mean_root(caller, user_name):
        found = None
    resource = f"arn:aws:iam::{caller.account_id}:user/{name}" if found is None else found.arn
    authorize(environment, caller, action, resource, {**_about(found, action), **context})
    if found is None:
        raise NoSuchEntity(environment.profile.say("user_not_found", name=name))
    return found


def own_user(profile: ServiceProfile, caller: Caller) -> User:
    """The caller itself, where a request names no user; ValidationError for a role's session."""
    if isinstance(caller.user, RoleSession):
        raise ValidationError(profile.say("must_name_user"))
    return caller.user


def group_target(
    environment: Environment, transaction: Transaction, caller: Caller, name: str, action: str
) -> Group:
    """The account's group of that name, as :func:`target` finds users."""
    return _entity(environment, transaction, caller, Group, name, action)


def role_target(
    environment: Environment,
    transaction: Transaction,
    caller: Caller,
    name: str,
    action: str,
    context: ContextKeys = NO_KEYS,
) -> Role:
    """The account's role of that name, as :func:`target` finds users."""
    return _entity(environment, transaction, caller, Role, name, action, context)


def _entity(
    environment: Environment,
    transaction: Transaction,
    caller: Caller,
    kind: type[E],
    name: str,
    action: str,
    context: ContextKeys = NO_KEYS,
) -> E:
    word = kind.__name__.lower()
    found = transaction.get(kind, user_key(caller.account_id, name))
    resource = f"arn:aws:iam::{caller.account_id}:{word}/{name}" if found is None else found.arn
    authorize(environment, caller, action, resource, {**_about(found, action), **context})
    if found is None:
        raise NoSuchEntity(environment.profile.say(NOT_FOUND[word], name=name))
    return found


def _about(found: PolicyHolder | None, action: str) -> dict[str, str]:
    """Service Authorization Reference, "Condition keys for AWS IAM": of whom an action is done to."""
    if found is None or isinstance(found, Group):
        return {}
    seen = found.boundary is not None and action in _SEES_BOUNDARY
    boundary = {"iam:PermissionsBoundary": found.boundary or ""} if seen else {}
    return {**boundary, **resource_tags(found.tags)}


def resource_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The condition keys of the tags that a user, a role or a device has."""
    return {f"{of}:ResourceTag/{key}": value for of in ("aws", "iam") for key, value in tags.items()}


def request_tags(tags: Mapping[str, str] | Iterable[tuple[str, str]]) -> ContextKeys:
    """The condition keys of tags that a request gives."""
    given = dict(tags)
    if not given:
        return {}
    return {**{f"aws:RequestTag/{key}": value for key, value in given.items()}, "aws:TagKeys": tuple(given)}


def _may_mean_root(caller: Caller, user_name: str | None) -> bool:
    return caller.user.root and (user_name is None or (user_name == ROOT and caller.via == "console"))


def user_of(profile: ServiceProfile, transaction: Transaction, account_id: str, name: str) -> User:
    """An account's user of that name, root too; NoSuchEntity."""
    user = transaction.get(User, user_key(account_id, name))
    if user is None:
        raise NoSuchEntity(profile.say("user_not_found", name=name))
    return user


def iam_user_of(profile: ServiceProfile, transaction: Transaction, account_id: str, name: str) -> User:
    """An account's IAM user of that name; NoSuchEntity, for root too."""
    user = user_of(profile, transaction, account_id, name)
    if user.root:
        raise NoSuchEntity(profile.say("user_not_found", name=name))
    return user


def iam_users(transaction: Transaction, account_id: str) -> list[User]:
    """An account's IAM users, by name."""
    users = transaction.list(User, account_id=account_id)
    return sorted((user for user in users if not user.root), key=lambda user: user.name.lower())


def members_of(transaction: Transaction, group: Group) -> list[User]:
    """The group's users, by name."""
    return [user for user in iam_users(transaction, group.account_id) if group.name in user.groups]


def access_keys_of(transaction: Transaction, user: User) -> list[AccessKey]:
    """The user's long-term access keys, oldest first."""
    return transaction.list(AccessKey, account_id=user.account_id, user_name=user.name)


def devices_of(transaction: Transaction, user: User) -> list[MfaDevice]:
    """The user's MFA devices, by kind, each kind in the order in which they were made."""
    owner = {"account_id": user.account_id, "user_name": user.name}
    return [
        *transaction.list(VirtualMfaDevice, **owner),
        *transaction.list(HardwareTotpDevice, **owner),
        *transaction.list(FidoSecurityKey, **owner),
    ]


def release(transaction: Transaction, device: MfaDevice) -> None:
    """Make the device nobody's; a security key's credential is forgotten."""
    match device:
        case FidoSecurityKey():
            transaction.delete(device)
        case VirtualMfaDevice():
            transaction.put(replace(device, user_name=None, enabled_at=None))
        case HardwareTotpDevice():
            transaction.put(replace(device, account_id=None, user_name=None, enabled_at=None))


def find_device(transaction: Transaction, account_id: str, serial_number: str) -> MfaDevice | None:
    """The device of that serial number: one of the account's, or a hardware token that is nobody's yet."""
    device: MfaDevice | None = (
        transaction.get(VirtualMfaDevice, serial_number)
        or transaction.get(HardwareTotpDevice, serial_number)
        or transaction.get(FidoSecurityKey, serial_number)
    )
    return device if device is not None and device.account_id in (None, account_id) else None


def device_of(profile: ServiceProfile, transaction: Transaction, user: User, serial_number: str) -> MfaDevice:
    """The user's device of that serial number; NoSuchEntity says whether it exists at all."""
    device = find_device(transaction, user.account_id, serial_number)
    if device is None:
        raise NoSuchEntity(profile.say("device_not_found", serial_number=serial_number))
    if device.account_id != user.account_id or device.user_name != user.name:
        raise NoSuchEntity(profile.say("device_not_users", serial_number=serial_number, user_name=user.name))
    return device


def with_tags(
    profile: ServiceProfile, old: Mapping[str, str], new: Tags, of: str = "MFADevice"
) -> Mapping[str, str]:
    """``old`` tags with the ``new`` ones; LimitExceeded if they are more than a thing may have."""
    tags = {**old, **dict(new)}
    if len(tags) > profile.max_tags:
        raise LimitExceeded(profile.say("too_many_tags", limit=profile.max_tags, of=of))
    return tags


def without_tags(tags: Mapping[str, str], keys: Iterable[str]) -> Mapping[str, str]:
    """``tags`` without those of ``keys``; keys that are not there are passed over."""
    gone = set(keys)
    return {key: value for key, value in tags.items() if key not in gone}


def check_name(profile: ServiceProfile, member: str, name: str, length: int) -> None:
    """ValidationError unless ``name`` is one IAM takes: up to ``length`` word characters and ``+=,.@-``."""
    check_value(profile, member, name, _NAME, 1, length)


def check_path(profile: ServiceProfile, path: str) -> None:
    """ValidationError unless ``path`` begins and ends with a slash and is printable ASCII."""
    check_value(profile, "path", path, _PATH, 1, profile.path_length)


def check_serial_number(profile: ServiceProfile, serial_number: str) -> None:
    """ValidationError unless ``serial_number`` is one IAM takes."""
    shortest, longest = profile.serial_number_min_length, profile.serial_number_length
    check_value(profile, "serialNumber", serial_number, _SERIAL_NUMBER, shortest, longest)


def check_account_id(profile: ServiceProfile, account_id: str) -> None:
    """ValidationError unless ``account_id`` is twelve digits."""
    check_value(
        profile, "accountId", account_id, _DIGITS, profile.account_id_digits, profile.account_id_digits
    )


def check_alias(profile: ServiceProfile, alias: str) -> None:
    """ValidationError unless ``alias`` is lower-case letters, digits and single inner hyphens, and no ID."""
    check_value(profile, "accountAlias", alias, _ALIAS, profile.alias_min_length, profile.alias_length)
    if len(alias) == profile.account_id_digits and _DIGITS.fullmatch(alias):
        _refuse(profile, "accountAlias", alias, "Member must not be an account ID")


def check_value(
    profile: ServiceProfile, member: str, value: str, pattern: re.Pattern[str], shortest: int, longest: int
) -> None:
    """ValidationError unless ``value`` is as long as it may be and all of it fits ``pattern``."""
    if len(value) < shortest:
        _refuse(profile, member, value, f"Member must have length greater than or equal to {shortest}")
    if len(value) > longest:
        _refuse(profile, member, value, f"Member must have length less than or equal to {longest}")
    if not pattern.fullmatch(value):
        regex = f"Member must satisfy regular expression pattern: {pattern.pattern}"
        _refuse(profile, member, value, regex)


def _refuse(profile: ServiceProfile, member: str, value: str, constraint: str) -> None:
    raise ValidationError(profile.say("constraint_failed", value=value, member=member, constraint=constraint))
