"""Login profiles and the account's password policy."""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.errors import NotImplementedHere
from harness.service.identity import Identity
from harness.service.model import Caller, PasswordPolicy
from harness.service.operations.answers import Answer, Operation, login_profile_answer
from harness.service.operations.shapes import passed_on


def _create_login_profile(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    password: str | None = None,
    password_reset_required: bool = False,
) -> Answer:
    user = identity.create_login_profile(caller, user_name, _chosen(password, password_reset_required))
    return {"LoginProfile": login_profile_answer(user)}


def _get_login_profile(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Answer:
    return {"LoginProfile": login_profile_answer(identity.get_login_profile(caller, user_name))}


def _update_login_profile(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    password: str | None = None,
    password_reset_required: bool = False,
) -> None:
    identity.update_login_profile(caller, user_name, _chosen(password, password_reset_required))


def _get_account_password_policy(identity: Identity, caller: Caller) -> Answer:
    policy = identity.get_account_password_policy(caller)
    return {
        "PasswordPolicy": {
            "MinimumPasswordLength": policy.minimum_length,
            "RequireSymbols": policy.require_symbols,
            "RequireNumbers": policy.require_numbers,
            "RequireUppercaseCharacters": policy.require_uppercase,
            "RequireLowercaseCharacters": policy.require_lowercase,
            "AllowUsersToChangePassword": policy.allow_users_to_change,
            "ExpirePasswords": policy.max_age_days > 0,
            "MaxPasswordAge": policy.max_age_days or None,
            "PasswordReusePrevention": policy.reuse_prevention or None,
            "HardExpiry": policy.hard_expiry,
        }
    }


def _update_account_password_policy(
    identity: Identity,
    caller: Caller,
    *,
    minimum_password_length: int | None = None,
    require_symbols: bool = False,
    require_numbers: bool = False,
    require_uppercase_characters: bool = False,
    require_lowercase_characters: bool = False,
    allow_users_to_change_password: bool = False,
    max_password_age: int = 0,
    password_reuse_prevention: int = 0,
    hard_expiry: bool = False,
) -> None:
    """IAM API: what is not given is set to its default, not left as it was."""
    if minimum_password_length is None:
        minimum_password_length = identity.profile.password_policy_min_length
    policy = PasswordPolicy(
        minimum_length=minimum_password_length,
        require_symbols=require_symbols,
        require_numbers=require_numbers,
        require_uppercase=require_uppercase_characters,
        require_lowercase=require_lowercase_characters,
        allow_users_to_change=allow_users_to_change_password,
        max_age_days=max_password_age,
        reuse_prevention=password_reuse_prevention,
        hard_expiry=hard_expiry,
    )
    identity.update_account_password_policy(caller, policy)


def _chosen(password: str | None, reset_required: bool) -> str:
    if password is None:
        raise NotImplementedHere("This emulator has no login profile without a password; give Password.")
    if reset_required:
        raise NotImplementedHere("This emulator does not make users reset their password; leave it out.")
    return password


IAM: Mapping[str, Operation] = {
    "CreateLoginProfile": _create_login_profile,
    "GetLoginProfile": _get_login_profile,
    "UpdateLoginProfile": _update_login_profile,
    "GetAccountPasswordPolicy": _get_account_password_policy,
    "UpdateAccountPasswordPolicy": _update_account_password_policy,
    **passed_on(
        {
            "DeleteLoginProfile": ["user_name?"],
            "ChangePassword": ["old_password", "new_password"],
            "DeleteAccountPasswordPolicy": [],
        }
    ),
}
