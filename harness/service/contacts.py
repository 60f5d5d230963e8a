"""How an account and its users are reached: the account's phone number, and phones that once got codes."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.service.authorization import authorize
from harness.service.directory import target, user_of
from harness.service.environment import Environment
from harness.service.errors import ValidationError
from harness.service.model import Account, Caller, SmsMfaDevice
from harness.service.store import Transaction

_PHONE_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164 §6.2.1
_BETWEEN_DIGITS = re.compile(r"[ ().-]")


class Contacts:
    """The verbs of contact details."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def get_account(self, caller: Caller) -> Account:
        """The caller's account; takes aws-portal:ViewAccount (S4)."""
        authorize(self._environment, caller, "aws-portal:ViewAccount", "*")
        with self._environment.store.transaction() as transaction:
            return _account(transaction, caller)

    def update_phone_number(self, caller: Caller, phone_number: str) -> None:
        """Change the number that root's recovery calls; takes aws-portal:ModifyAccount (S4).

        Spaces, hyphens, dots and parentheses are left out. ValidationError.
        """
        with self._environment.acting("PutContactInformation", caller, "account"):
            authorize(self._environment, caller, "aws-portal:ModifyAccount", "*")
            number = _BETWEEN_DIGITS.sub("", phone_number)
            if not _PHONE_NUMBER.fullmatch(number):
                raise ValidationError(self._profile.say("phone_number_wrong"))
            with self._environment.store.transaction() as transaction:
                transaction.put(replace(_account(transaction, caller), phone_number=number))

    def keep_sms_mfa_device(self, account_id: str, user_name: str, phone_number: str) -> None:
        """Make a user one who enabled SMS codes while that could be done; the operator's. NoSuchEntity."""
        with self._environment.store.transaction() as transaction:
            user = user_of(self._profile, transaction, account_id, user_name)
            transaction.put(
                SmsMfaDevice(account_id=user.account_id, user_name=user.name, phone_number=phone_number)
            )

    def sms_mfa_device(self, caller: Caller, user_name: str | None = None) -> SmsMfaDevice | None:
        """A user's phone for SMS codes, if it has one left from then; takes iam:ListMFADevices."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, user_name, "iam:ListMFADevices")
            return transaction.get(SmsMfaDevice, user.key)


def _account(transaction: Transaction, caller: Caller) -> Account:
    account = transaction.get(Account, caller.account_id)
    assert account is not None, "a caller has an account"
    return account
