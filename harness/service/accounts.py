"""AWS accounts: opening one, its root user, its alias and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.service.authorization import authorize
from harness.service.directory import access_keys_of, check_account_id, check_alias, iam_users, user_of
from harness.service.environment import Environment
from harness.service.errors import EntityAlreadyExists, NoSuchEntity
from harness.service.grants import Group, ManagedPolicy, Role
from harness.service.model import (
    ROOT,
    Account,
    Caller,
    FidoSecurityKey,
    HardwareTotpDevice,
    MfaDevice,
    PasswordPolicy,
    User,
    VirtualMfaDevice,
)
from harness.service.passwords import check_password
from harness.service.store import Transaction


class Accounts:
    """The verbs of accounts. The first three are the operator's, who needs no permission."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def create_account(
        self, alias: str | None, root_email: str, root_password: str, account_id: str | None = None
    ) -> Account:
        """Open an account with its root user. The ID is made up unless given.

        EntityAlreadyExists if the alias, the e-mail address or the ID is taken; ValidationError,
        PasswordPolicyViolation.
        """
        if alias is not None:
            check_alias(self._profile, alias)
        if account_id is not None:
            check_account_id(self._profile, account_id)
        check_password(self._profile, root_password)
        password_hash = self._environment.passwords.hash(root_password)
        now = self._environment.clock()
        with self._environment.store.transaction() as transaction:
            account = Account(
                id=account_id or self._environment.new.account_id(),
                alias=alias,
                root_email=root_email,
                created_at=now,
            )
            for other in transaction.list(Account):
                if other.id == account.id or other.root_email.lower() == root_email.lower():
                    raise EntityAlreadyExists(
                        f"There is an account {other.id} of {other.root_email} already."
                    )
                if alias is not None and other.alias == alias:
                    raise EntityAlreadyExists(self._profile.say("alias_exists", alias=alias))
            transaction.put(account)
            transaction.put(
                User(
                    account_id=account.id,
                    name=ROOT,
                    user_id=account.id,
                    created_at=now,
                    password_hash=password_hash,
                    password_created_at=now,
                    root=True,
                )
            )
            return account

    def root_user(self, account_id: str) -> User:
        """An account's root user; NoSuchEntity without such an account."""
        with self._environment.store.transaction() as transaction:
            return user_of(self._profile, transaction, account_id, ROOT)

    def root_caller(self, account_id: str) -> Caller:
        """An account's root user as caller, for setting things up; NoSuchEntity without such an account."""
        return Caller(user=self.root_user(account_id), via="access-key")

    def get_account_summary(self, caller: Caller) -> Mapping[str, int]:
        """GetAccountSummary, as far as this service counts."""
        authorize(self._environment, caller, "iam:GetAccountSummary", "*")
        with self._environment.store.transaction() as transaction:
            account_id = caller.account_id
            root = user_of(self._profile, transaction, account_id, ROOT)
            virtual = transaction.list(VirtualMfaDevice, account_id=account_id)
            others: list[MfaDevice] = [
                *transaction.list(HardwareTotpDevice, account_id=account_id),
                *transaction.list(FidoSecurityKey, account_id=account_id),
            ]
            in_use = [device for device in [*virtual, *others] if device.user_name is not None]
            return {
                "Users": len(iam_users(transaction, account_id)),
                "UsersQuota": self._profile.users_per_account,
                "Groups": len(transaction.list(Group, account_id=account_id)),
                "GroupsQuota": self._profile.groups_per_account,
                "GroupsPerUserQuota": self._profile.groups_per_user,
                "GroupPolicySizeQuota": self._profile.group_policies_size,
                "Roles": len(transaction.list(Role, account_id=account_id)),
                "RolesQuota": self._profile.roles_per_account,
                "RolePolicySizeQuota": self._profile.role_policies_size,
                "AssumeRolePolicySizeQuota": self._profile.trust_policy_size,
                "Policies": len(transaction.list(ManagedPolicy, account_id=account_id)),
                "PoliciesQuota": self._profile.policies_per_account,
                "PolicySizeQuota": self._profile.managed_policy_size,
                "VersionsPerPolicyQuota": self._profile.policy_versions,
                "AttachedPoliciesPerGroupQuota": self._profile.attached_policies,
                "AttachedPoliciesPerRoleQuota": self._profile.attached_policies,
                "AttachedPoliciesPerUserQuota": self._profile.attached_policies,
                "AccessKeysPerUserQuota": self._profile.access_keys_per_user,
                "UserPolicySizeQuota": self._profile.user_policies_size,
                "MFADevices": len(virtual) + len(others),
                "MFADevicesInUse": len(in_use),
                "AccountMFAEnabled": int(any(device.user_name == ROOT for device in in_use)),
                "AccountAccessKeysPresent": int(bool(access_keys_of(transaction, root))),
                "AccountPasswordPresent": int(root.password_hash is not None),
            }

    def list_account_aliases(self, caller: Caller) -> list[str]:
        """ListAccountAliases: one or none."""
        authorize(self._environment, caller, "iam:ListAccountAliases", "*")
        with self._environment.store.transaction() as transaction:
            alias = self._account(transaction, caller.account_id).alias
            return [] if alias is None else [alias]

    def create_account_alias(self, caller: Caller, alias: str) -> None:
        """CreateAccountAlias: in place of the one there is."""
        check_alias(self._profile, alias)
        authorize(self._environment, caller, "iam:CreateAccountAlias", "*")
        with self._environment.store.transaction() as transaction:
            if transaction.find(Account, f"alias {alias}") is not None:
                raise EntityAlreadyExists(self._profile.say("alias_exists", alias=alias))
            transaction.put(replace(self._account(transaction, caller.account_id), alias=alias))

    def delete_account_alias(self, caller: Caller, alias: str) -> None:
        """DeleteAccountAlias."""
        authorize(self._environment, caller, "iam:DeleteAccountAlias", "*")
        with self._environment.store.transaction() as transaction:
            account = self._account(transaction, caller.account_id)
            if account.alias != alias:
                raise NoSuchEntity(self._profile.say("alias_not_found", alias=alias))
            transaction.put(replace(account, alias=None))

    def get_account_password_policy(self, caller: Caller) -> PasswordPolicy:
        """GetAccountPasswordPolicy; NoSuchEntity where AWS's default one holds."""
        authorize(self._environment, caller, "iam:GetAccountPasswordPolicy", "*")
        with self._environment.store.transaction() as transaction:
            return self._password_policy(self._account(transaction, caller.account_id))

    def update_account_password_policy(self, caller: Caller, policy: PasswordPolicy) -> None:
        """UpdateAccountPasswordPolicy: in place of the one there is."""
        authorize(self._environment, caller, "iam:UpdateAccountPasswordPolicy", "*")
        with self._environment.store.transaction() as transaction:
            account = self._account(transaction, caller.account_id)
            transaction.put(replace(account, password_policy=policy))

    def delete_account_password_policy(self, caller: Caller) -> None:
        """DeleteAccountPasswordPolicy: AWS's default one holds again."""
        authorize(self._environment, caller, "iam:DeleteAccountPasswordPolicy", "*")
        with self._environment.store.transaction() as transaction:
            account = self._account(transaction, caller.account_id)
            self._password_policy(account)
            transaction.put(replace(account, password_policy=None))

    def _password_policy(self, account: Account) -> PasswordPolicy:
        if account.password_policy is None:
            raise NoSuchEntity(self._profile.say("password_policy_not_found", account_id=account.id))
        return account.password_policy

    def _account(self, transaction: Transaction, account_id: str) -> Account:
        account = transaction.get(Account, account_id)
        assert account is not None, "a caller has an account"
        return account
