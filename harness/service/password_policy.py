"""The account's password policy: what it asks of an IAM user's new password."""

from __future__ import annotations

from harness.service.environment import Environment
from harness.service.errors import PasswordPolicyViolation
from harness.service.model import Account, PasswordPolicy, User
from harness.service.passwords import check_password

_SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")  # IAM guide: password policy options


def password_policy_of(environment: Environment, account_id: str) -> PasswordPolicy | None:
    """The account's own policy; ``None`` where AWS's default one holds."""
    with environment.store.transaction() as transaction:
        account = transaction.get(Account, account_id)
        return None if account is None else account.password_policy


def check_new_password(environment: Environment, user: User, password: str) -> None:
    """PasswordPolicyViolation unless the password is as the account's policy asks, and not a former one.

    Takes long where former passwords must not come again: never inside a transaction.
    """
    profile = environment.profile
    policy = password_policy_of(environment, user.account_id)
    if policy is None:
        check_password(profile, password)
        return
    if len(password) < policy.minimum_length:
        raise PasswordPolicyViolation(profile.say("password_too_short", limit=policy.minimum_length))
    for required, text, found in (
        (policy.require_uppercase, "password_needs_uppercase", any(c.isupper() for c in password)),
        (policy.require_lowercase, "password_needs_lowercase", any(c.islower() for c in password)),
        (policy.require_numbers, "password_needs_number", any(c.isdigit() for c in password)),
        (policy.require_symbols, "password_needs_symbol", not _SYMBOLS.isdisjoint(password)),
    ):
        if required and not found:
            raise PasswordPolicyViolation(profile.say(text))
    former = (*filter(None, [user.password_hash]), *user.old_password_hashes)[: policy.reuse_prevention]
    if any(environment.passwords.check(password_hash, password) for password_hash in former):
        raise PasswordPolicyViolation(profile.say("password_reused"))
