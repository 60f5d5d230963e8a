"""Groups of users."""

from __future__ import annotations

from dataclasses import replace

from harness.service.authorization import authorize
from harness.service.directory import (
    check_name,
    check_path,
    group_target,
    iam_user_of,
    members_of,
    target,
)
from harness.service.environment import Environment
from harness.service.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded
from harness.service.grants import Group
from harness.service.model import Caller, User, user_key


class Groups:
    """The verbs of groups."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_group(self, caller: Caller, name: str, path: str = "/") -> Group:
        """CreateGroup. Two names may not differ by case alone."""
        check_name(self._profile, "groupName", name, self._profile.group_name_length)
        check_path(self._profile, path)
        group = Group(
            account_id=caller.account_id,
            name=name,
            group_id=self._environment.new.group_id(),
            path=path,
            created_at=self._environment.clock(),
        )
        authorize(self._environment, caller, "iam:CreateGroup", group.arn)
        with self._environment.store.transaction() as transaction:
            if transaction.get(Group, group.key) is not None:
                raise EntityAlreadyExists(self._profile.say("group_exists", name=name))
            limit = self._profile.groups_per_account
            if len(transaction.list(Group, account_id=caller.account_id)) >= limit:
                raise LimitExceeded(self._profile.say("too_many_groups", limit=limit))
            transaction.put(group)
            return group

    def get_group(self, caller: Caller, name: str) -> tuple[Group, list[User]]:
        """GetGroup: the group and its users, by name."""
        with self._environment.store.transaction() as transaction:
            group = group_target(self._environment, transaction, caller, name, "iam:GetGroup")
            return group, members_of(transaction, group)

    def list_groups(self, caller: Caller) -> list[Group]:
        """ListGroups, by name."""
        authorize(self._environment, caller, "iam:ListGroups", f"arn:aws:iam::{caller.account_id}:group/")
        with self._environment.store.transaction() as transaction:
            groups = transaction.list(Group, account_id=caller.account_id)
            return sorted(groups, key=lambda group: group.name.lower())

    def list_groups_for_user(self, caller: Caller, user_name: str) -> list[Group]:
        """ListGroupsForUser, in the order of joining."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, user_name, "iam:ListGroupsForUser")
            keys = [user_key(user.account_id, name) for name in user.groups]
            return [group for key in keys if (group := transaction.get(Group, key)) is not None]

    def update_group(
        self, caller: Caller, name: str, new_name: str | None = None, new_path: str | None = None
    ) -> None:
        """UpdateGroup: another name or path; its users stay in it."""
        if new_name is not None:
            check_name(self._profile, "newGroupName", new_name, self._profile.group_name_length)
        if new_path is not None:
            check_path(self._profile, new_path)
        with self._environment.store.transaction() as transaction:
            group = group_target(self._environment, transaction, caller, name, "iam:UpdateGroup")
            renamed = replace(group, name=new_name or group.name, path=new_path or group.path)
            authorize(self._environment, caller, "iam:UpdateGroup", renamed.arn)
            if renamed.key != group.key and transaction.get(Group, renamed.key) is not None:
                raise EntityAlreadyExists(self._profile.say("group_exists", name=renamed.name))
            for user in members_of(transaction, group):
                names = tuple(renamed.name if other == group.name else other for other in user.groups)
                transaction.put(replace(user, groups=names))
            transaction.delete(group)
            transaction.put(renamed)

    def delete_group(self, caller: Caller, name: str) -> None:
        """DeleteGroup; DeleteConflict says what still hangs on the group."""
        with self._environment.store.transaction() as transaction:
            group = group_target(self._environment, transaction, caller, name, "iam:DeleteGroup")
            for text, hangs_on in {
                "group_has_users": members_of(transaction, group),
                "has_attached_policies": group.attached,
                "has_policies": group.policies,
            }.items():
                if hangs_on:
                    raise DeleteConflict(self._profile.say(text))
            transaction.delete(group)

    def add_user_to_group(self, caller: Caller, group_name: str, user_name: str) -> None:
        """AddUserToGroup: no matter if the user is in it already."""
        with self._environment.store.transaction() as transaction:
            action = "iam:AddUserToGroup"
            group = group_target(self._environment, transaction, caller, group_name, action)
            user = iam_user_of(self._profile, transaction, caller.account_id, user_name)
            if group.name in user.groups:
                return
            limit = self._profile.groups_per_user
            if len(user.groups) >= limit:
                raise LimitExceeded(self._profile.say("too_many_memberships", limit=limit))
            transaction.put(replace(user, groups=(*user.groups, group.name)))

    def remove_user_from_group(self, caller: Caller, group_name: str, user_name: str) -> None:
        """RemoveUserFromGroup: no matter if the user is not in it."""
        with self._environment.store.transaction() as transaction:
            action = "iam:RemoveUserFromGroup"
            group = group_target(self._environment, transaction, caller, group_name, action)
            user = iam_user_of(self._profile, transaction, caller.account_id, user_name)
            remaining = tuple(name for name in user.groups if name != group.name)
            transaction.put(replace(user, groups=remaining))
