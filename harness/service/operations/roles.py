"""Roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    names_page,
    page,
    role_answer,
    tag_pairs,
    tagged,
    tags_page,
)


def _create_role(
    identity: Identity,
    caller: Caller,
    *,
    role_name: str,
    assume_role_policy_document: str,
    path: str = "/",
    description: str | None = None,
    max_session_duration: int | None = None,
    tags: Sequence[Mapping[str, str]] = (),
) -> Answer:
    role = identity.create_role(
        caller,
        role_name,
        assume_role_policy_document,
        path,
        description,
        max_session_duration,
        tag_pairs(tags),
    )
    return {"Role": tagged(role_answer(role), role.tags)}


def _get_role(identity: Identity, caller: Caller, *, role_name: str) -> Answer:
    role = identity.get_role(caller, role_name)
    return {"Role": {**tagged(role_answer(role), role.tags), "RoleLastUsed": {}}}


def _list_roles(
    identity: Identity,
    caller: Caller,
    *,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    roles = [role for role in identity.list_roles(caller) if role.path.startswith(path_prefix)]
    return page("Roles", [(role.role_id, role_answer(role)) for role in roles], marker, max_items)


def _update_role(
    identity: Identity,
    caller: Caller,
    *,
    role_name: str,
    description: str | None = None,
    max_session_duration: int | None = None,
) -> Answer:
    identity.update_role(caller, role_name, description, max_session_duration)
    return {}


def _update_role_description(
    identity: Identity, caller: Caller, *, role_name: str, description: str
) -> Answer:
    return {"Role": role_answer(identity.update_role(caller, role_name, description))}


def _update_assume_role_policy(
    identity: Identity, caller: Caller, *, role_name: str, policy_document: str
) -> None:
    identity.update_assume_role_policy(caller, role_name, policy_document)


def _delete_role(identity: Identity, caller: Caller, *, role_name: str) -> None:
    identity.delete_role(caller, role_name)


def _tag_role(
    identity: Identity, caller: Caller, *, role_name: str, tags: Sequence[Mapping[str, str]]
) -> None:
    identity.tag_role(caller, role_name, tag_pairs(tags))


def _untag_role(identity: Identity, caller: Caller, *, role_name: str, tag_keys: Sequence[str]) -> None:
    identity.untag_role(caller, role_name, tag_keys)


def _list_role_tags(
    identity: Identity, caller: Caller, *, role_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return tags_page(identity.list_role_tags(caller, role_name), marker, max_items)


def _list_instance_profiles_for_role(
    identity: Identity, caller: Caller, *, role_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    profiles = identity.list_instance_profiles_for_role(caller, role_name)
    return names_page("InstanceProfiles", profiles, marker, max_items)


IAM: Mapping[str, Operation] = {
    "CreateRole": _create_role,
    "GetRole": _get_role,
    "ListRoles": _list_roles,
    "UpdateRole": _update_role,
    "UpdateRoleDescription": _update_role_description,
    "UpdateAssumeRolePolicy": _update_assume_role_policy,
    "DeleteRole": _delete_role,
    "TagRole": _tag_role,
    "UntagRole": _untag_role,
    "ListRoleTags": _list_role_tags,
    "ListInstanceProfilesForRole": _list_instance_profiles_for_role,
}
