"""IAM users, their tags and access keys: an operation's parameters to a verb, records to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from harness.service.errors import InvalidInput
from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    Answer,
    Items,
    Operation,
    access_key_answer,
    bounded,
    tag_pairs,
    tagged,
    user_answer,
    user_name_answer,
)
from harness.service.operations.shapes import listing_names, paged, passed_on, tagging


def _create_user(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    path: str = "/",
    tags: Sequence[Mapping[str, str]] = (),
    permissions_boundary: str | None = None,
) -> Answer:
    user = identity.create_user(caller, user_name, path, tag_pairs(tags), permissions_boundary)
    return {"User": bounded(tagged(user_answer(user), user.tags), user.boundary)}


def _get_user(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    user = identity.get_user(caller, user_name)
    return {"User": bounded(tagged(user_answer(user), user.tags), user.boundary)}


@paged("Users")
def _list_users(identity: Identity, caller: Caller, *, path_prefix: str = "/") -> Items:
    users = [user for user in identity.list_users(caller) if user.path.startswith(path_prefix)]
    return [(user.user_id, user_answer(user)) for user in users]


# Access keys.


def _create_access_key(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    key = identity.create_access_key(caller, user_name)
    return {"AccessKey": {**access_key_answer(key), "SecretAccessKey": key.secret}}


@paged("AccessKeyMetadata")
def _list_access_keys(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Items:
    return [(key.id, access_key_answer(key)) for key in identity.list_access_keys(caller, user_name)]


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


def _get_access_key_last_used(identity: Identity, caller: Caller, *, access_key_id: str) -> Answer:
    """IAM API, AccessKeyLastUsed: ``N/A`` for a key that never signed."""
    key = identity.get_access_key_last_used(caller, access_key_id)
    used = key.last_used
    return {
        "UserName": user_name_answer(key.user_name),
        "AccessKeyLastUsed": {
            "LastUsedDate": None if used is None else used.at,
            "ServiceName": "N/A" if used is None else used.service,
            "Region": "N/A" if used is None else used.region,
        },
    }


@paged("ServiceSpecificCredentials")
def _list_service_specific_credentials(
    identity: Identity, caller: Caller, *, user_name: str | None = None, service_name: str | None = None
) -> Items:
    """Nobody can have one here."""
    return [(name, name) for name in identity.list_service_specific_credentials(caller, user_name)]


IAM: Mapping[str, Operation] = {
    "CreateUser": _create_user,
    "GetUser": _get_user,
    "ListUsers": _list_users,
    "CreateAccessKey": _create_access_key,
    "ListAccessKeys": _list_access_keys,
    "UpdateAccessKey": _update_access_key,
    "GetAccessKeyLastUsed": _get_access_key_last_used,
    "ListServiceSpecificCredentials": _list_service_specific_credentials,
    **passed_on(
        {
            "UpdateUser": ["user_name", "new_user_name?", "new_path?"],
            "DeleteUser": ["user_name"],
            "DeleteAccessKey": ["user_name?", "access_key_id"],
        }
    ),
    **tagging("User", "user_name"),
    **listing_names(
        {
            "ListSSHPublicKeys": ("SSHPublicKeys", "user_name?"),
            "ListSigningCertificates": ("Certificates", "user_name?"),
        }
    ),
}
