"""Counting refused passwords and MFA attempts, and locking a user out after too many in a row.

By the world's clock; the numbers are the profile's. A lockout ends ``lockout_s`` after the last refusal that
was counted, and the count begins anew. An attempt made while locked out is not counted, so that it does not
prolong the lockout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.service.environment import Environment
from harness.service.model import RefusalCount, User
from harness.service.store import Transaction

Factor = Literal["password", "mfa"]


def refusals(environment: Environment, transaction: Transaction, user: User, factor: Factor) -> int:
    """How often in a row the user's factor has been refused."""
    count = transaction.get(RefusalCount, _count(user, factor).key)
    if count is None:
        return 0
    locked = count.failures >= environment.profile.lockout_failures
    over = environment.clock() >= count.last_at + environment.profile.lockout_s
    return 0 if locked and over else count.failures


def locked_out(environment: Environment, transaction: Transaction, user: User, factor: Factor) -> bool:
    """Whether the user's factor is refused whatever is presented."""
    return refusals(environment, transaction, user, factor) >= environment.profile.lockout_failures


def count_refusal(environment: Environment, transaction: Transaction, user: User, factor: Factor) -> int:
    """Count one more refusal, unless locked out; how many there are now."""
    failures = refusals(environment, transaction, user, factor)
    if failures < environment.profile.lockout_failures:
        failures += 1
        transaction.put(replace(_count(user, factor), failures=failures, last_at=environment.clock()))
    return failures


def clear_refusals(transaction: Transaction, user: User, factor: Factor) -> None:
    """Begin to count anew: the factor was accepted."""
    transaction.delete(_count(user, factor))


def _count(user: User, factor: Factor) -> RefusalCount:
    return RefusalCount(
        account_id=user.account_id, user_name=user.name, factor=factor, failures=0, last_at=0.0
    )
