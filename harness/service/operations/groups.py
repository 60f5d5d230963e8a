"""Groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.service.grants import Group
from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import PAGE, Answer, Items, Operation, group_answer, page, user_answer
from harness.service.operations.shapes import paged, passed_on


def _create_group(identity: Identity, caller: Caller, *, group_name: str, path: str = "/") -> Answer:
    return {"Group": group_answer(identity.create_group(caller, group_name, path))}


def _get_group(
    identity: Identity, caller: Caller, *, group_name: str, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    group, users = identity.get_group(caller, group_name)
    members = page("Users", [(user.user_id, user_answer(user)) for user in users], marker, max_items)
    return {"Group": group_answer(group), **members}


@paged("Groups")
def _list_groups(identity: Identity, caller: Caller, *, path_prefix: str = "/") -> Items:
    return _items(group for group in identity.list_groups(caller) if group.path.startswith(path_prefix))


@paged("Groups")
def _list_groups_for_user(identity: Identity, caller: Caller, *, user_name: str) -> Items:
    return _items(identity.list_groups_for_user(caller, user_name))


def _items(groups: Iterable[Group]) -> Items:
    return [(group.group_id, group_answer(group)) for group in groups]


IAM: Mapping[str, Operation] = {
    "CreateGroup": _create_group,
    "GetGroup": _get_group,
    "ListGroups": _list_groups,
    "ListGroupsForUser": _list_groups_for_user,
    **passed_on(
        {
            "UpdateGroup": ["group_name", "new_group_name?", "new_path?"],
            "DeleteGroup": ["group_name"],
            "AddUserToGroup": ["group_name", "user_name"],
            "RemoveUserFromGroup": ["group_name", "user_name"],
        }
    ),
}
