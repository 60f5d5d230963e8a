"""Groups."""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    group_answer,
    page,
    user_answer,
)


def _create_group(identity: Identity, caller: Caller, *, group_name: str, path: str = "/") -> Answer:
    return {"Group": group_answer(identity.create_group(caller, group_name, path))}


def _get_group(
    identity: Identity, caller: Caller, *, group_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    group, users = identity.get_group(caller, group_name)
    members = page("Users", [(user.user_id, user_answer(user)) for user in users], marker, max_items)
    return {"Group": group_answer(group), **members}


def _list_groups(
    identity: Identity,
    caller: Caller,
    *,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    groups = [group for group in identity.list_groups(caller) if group.path.startswith(path_prefix)]
    return page("Groups", [(group.group_id, group_answer(group)) for group in groups], marker, max_items)


def _list_groups_for_user(
    identity: Identity, caller: Caller, *, user_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    groups = identity.list_groups_for_user(caller, user_name)
    return page("Groups", [(group.group_id, group_answer(group)) for group in groups], marker, max_items)


def _update_group(
    identity: Identity,
    caller: Caller,
    *,
    group_name: str,
    new_path: str | None = None,
    new_group_name: str | None = None,
) -> None:
    identity.update_group(caller, group_name, new_group_name, new_path)


def _delete_group(identity: Identity, caller: Caller, *, group_name: str) -> None:
    identity.delete_group(caller, group_name)


def _add_user_to_group(identity: Identity, caller: Caller, *, group_name: str, user_name: str) -> None:
    identity.add_user_to_group(caller, group_name, user_name)


def _remove_user_from_group(identity: Identity, caller: Caller, *, group_name: str, user_name: str) -> None:
    identity.remove_user_from_group(caller, group_name, user_name)


IAM: Mapping[str, Operation] = {
    "CreateGroup": _create_group,
    "GetGroup": _get_group,
    "ListGroups": _list_groups,
    "ListGroupsForUser": _list_groups_for_user,
    "UpdateGroup": _update_group,
    "DeleteGroup": _delete_group,
    "AddUserToGroup": _add_user_to_group,
    "RemoveUserFromGroup": _remove_user_from_group,
}
