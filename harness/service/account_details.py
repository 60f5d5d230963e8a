"""All users, groups, roles and managed policies of an account at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.service.authorization import authorize
from harness.service.directory import iam_users
from harness.service.environment import Environment
from harness.service.grants import Group, Role
from harness.service.managed_policies import PolicyInUse, policies_in_use
from harness.service.model import Caller, PolicyHolder


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetails:
    """Users, then groups, then roles; and the managed policies that are the customer's or attached."""

    holders: Sequence[PolicyHolder]
    policies: Sequence[PolicyInUse]


class Details:
    """The verb of an account's details."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def get_account_authorization_details(self, caller: Caller) -> AccountDetails:
        """GetAccountAuthorizationDetails: root is not among them."""
        authorize(self._environment, caller, "iam:GetAccountAuthorizationDetails", "*")
        account_id = caller.account_id
        with self._environment.store.transaction() as transaction:
            holders: list[PolicyHolder] = [
                *iam_users(transaction, account_id),
                *transaction.list(Group, account_id=account_id),
                *transaction.list(Role, account_id=account_id),
            ]
            found = policies_in_use(transaction, account_id)
            policies = [
                one
                for one in found
                if one.attachments or one.boundaries or one.policy.account_id == account_id
            ]
            return AccountDetails(holders=holders, policies=policies)
