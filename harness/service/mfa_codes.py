"""A code that comes with a request to STS: whose device it must be of, and what it is answered with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.service import totp_rules
from harness.service.directory import find_device
from harness.service.environment import Environment
from harness.service.errors import AccessDenied
from harness.service.model import FidoSecurityKey, User
from harness.service.refusals import clear_refusals, count_refusal, locked_out
from harness.service.store import Transaction
from harness.service.totp_rules import Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Which text of the profile answers a code, and why, for the trail."""

    text: str
    diagnosis: str


def both_or_neither(environment: Environment, serial_number: str | None, token_code: str | None) -> None:
    """AccessDenied if there is a serial number without a code or a code without a serial number."""
    if (serial_number is None) is not (token_code is None):
        raise AccessDenied(environment.profile.say("sts_code_without_serial"))


def judge(
    environment: Environment, transaction: Transaction, user: User, serial_number: str, token_code: str
) -> Refusal | None:
    """Accept the code and store what it proved, or say what refuses it.

    The caller commits the transaction either way, so that a refusal counts and a code is used up.
    """
    device = find_device(transaction, user.account_id, serial_number)
    if device is None or device.user_name != user.name:
        return Refusal(text="sts_wrong_serial", diagnosis="the device is not this user's")
    if isinstance(device, FidoSecurityKey):
        return Refusal(text="sts_wrong_serial", diagnosis="a FIDO security key has no codes")
    if locked_out(environment, transaction, user, "mfa"):
        return Refusal(text="sts_wrong_code", diagnosis="locked out after too many failures")
    outcome = totp_rules.verify(device.totp, token_code, environment.clock(), environment.totp_limits)
    if not isinstance(outcome, Accepted):
        count_refusal(environment, transaction, user, "mfa")
        return Refusal(text="sts_wrong_code", diagnosis=str(outcome))
    clear_refusals(transaction, user, "mfa")
    transaction.put(replace(device, totp=outcome.state))
    return None
