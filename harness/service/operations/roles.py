"""Roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    Answer,
    Items,
    Operation,
    bounded,
    role_answer,
    tag_pairs,
    tagged,
)
from harness.service.operations.shapes import listing_names, paged, passed_on, tagging


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
    permissions_boundary: str | None = None,
) -> Answer:
    role = identity.create_role(
        caller,
        role_name,
        assume_role_policy_document,
        path,
        description,
        max_session_duration,
        tag_pairs(tags),
        permissions_boundary,
    )
    return {"Role": bounded(tagged(role_answer(role), role.tags), role.boundary)}


def _get_role(identity: Identity, caller: Caller, *, role_name: str) -> Answer:
    role = identity.get_role(caller, role_name)
    answer = bounded(tagged(role_answer(role), role.tags), role.boundary)
    return {"Role": {**answer, "RoleLastUsed": {}}}


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


@paged("Roles")
def _list_roles(identity: Identity, caller: Caller, *, path_prefix: str = "/") -> Items:
    roles = [role for role in identity.list_roles(caller) if role.path.startswith(path_prefix)]
    return [(role.role_id, role_answer(role)) for role in roles]


IAM: Mapping[str, Operation] = {
    "CreateRole": _create_role,
    "GetRole": _get_role,
    "ListRoles": _list_roles,
    "UpdateRole": _update_role,
    "UpdateRoleDescription": _update_role_description,
    **passed_on(
        {
            "UpdateAssumeRolePolicy": ["role_name", "policy_document"],
            "DeleteRole": ["role_name"],
        }
    ),
    **tagging("Role", "role_name"),
    **listing_names({"ListInstanceProfilesForRole": ("InstanceProfiles", "role_name")}),
}
