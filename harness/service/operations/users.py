"""IAM users, their tags and access keys: an operation's parameters to a verb, records to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from harness.service.errors import InvalidInput
from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    access_key_answer,
    names_page,
    page,
    tag_pairs,
    tagged,
    tags_page,
    user_answer,
    user_name_answer,
)


def _create_user(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    path: str = "/",
    tags: Sequence[Mapping[str, str]] = (),
) -> Answer:
    user = identity.create_user(caller, user_name, path, tag_pairs(tags))
    return {"User": tagged(user_answer(user), user.tags)}


def _get_user(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    user = identity.get_user(caller, user_name)
    return {"User": tagged(user_answer(user), user.tags)}


def _update_user(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    new_user_name: str | None = None,
    new_path: str | None = None,
) -> None:
    identity.update_user(caller, user_name, new_user_name, new_path)


def _tag_user(
    identity: Identity, caller: Caller, *, user_name: str, tags: Sequence[Mapping[str, str]]
) -> None:
    identity.tag_user(caller, user_name, tag_pairs(tags))


def _untag_user(identity: Identity, caller: Caller, *, user_name: str, tag_keys: Sequence[str]) -> None:
    identity.untag_user(caller, user_name, tag_keys)


def _list_user_tags(
    identity: Identity, caller: Caller, *, user_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return tags_page(identity.list_user_tags(caller, user_name), marker, max_items)


def _list_users(
    identity: Identity,
    caller: Caller,
    *,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    users = [user for user in identity.list_users(caller) if user.path.startswith(path_prefix)]
    return page("Users", [(user.user_id, user_answer(user)) for user in users], marker, max_items)


def _delete_user(identity: Identity, caller: Caller, *, user_name: str) -> None:
    identity.delete_user(caller, user_name)


# Access keys.


def _create_access_key(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    key = identity.create_access_key(caller, user_name)
    return {"AccessKey": {**access_key_answer(key), "SecretAccessKey": key.secret}}


def _list_access_keys(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    keys = [(key.id, access_key_answer(key)) for key in identity.list_access_keys(caller, user_name)]
    return page("AccessKeyMetadata", keys, marker, max_items)


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


# What nobody can have here.


def _list_ssh_public_keys(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    keys = identity.list_ssh_public_keys(caller, user_name)
    return names_page("SSHPublicKeys", keys, marker, max_items)


def _list_signing_certificates(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    certificates = identity.list_signing_certificates(caller, user_name)
    return names_page("Certificates", certificates, marker, max_items)


def _list_service_specific_credentials(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    service_name: str | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    credentials = identity.list_service_specific_credentials(caller, user_name)
    return names_page("ServiceSpecificCredentials", credentials, marker, max_items)


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


IAM: Mapping[str, Operation] = {
    "CreateUser": _create_user,
    "GetUser": _get_user,
    "ListUsers": _list_users,
    "UpdateUser": _update_user,
    "DeleteUser": _delete_user,
    "TagUser": _tag_user,
    "UntagUser": _untag_user,
    "ListUserTags": _list_user_tags,
    "CreateAccessKey": _create_access_key,
    "ListAccessKeys": _list_access_keys,
    "UpdateAccessKey": _update_access_key,
    "DeleteAccessKey": _delete_access_key,
    "GetAccessKeyLastUsed": _get_access_key_last_used,
    "ListSSHPublicKeys": _list_ssh_public_keys,
    "ListSigningCertificates": _list_signing_certificates,
    "ListServiceSpecificCredentials": _list_service_specific_credentials,
}
