"""The credential report: every user of an account and the state of its credentials, as CSV.

IAM User Guide, "Get credential reports for your AWS account": the columns and what stands in them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from harness.service.authorization import authorize
from harness.service.directory import access_keys_of, devices_of, iam_users, user_of
from harness.service.environment import Environment
from harness.service.errors import ReportExpired, ReportNotPresent
from harness.service.grants import CredentialReport
from harness.service.model import ROOT, AccessKey, Account, Caller, PasswordPolicy, User
from harness.service.store import Transaction

COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used"),
    *("password_last_changed", "password_next_rotation", "mfa_active"),
    *("access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date"),
    *("access_key_1_last_used_region", "access_key_1_last_used_service"),
    *("access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"),
    *("access_key_2_last_used_region", "access_key_2_last_used_service"),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
_NONE, _NEVER, _NOT_SAID = "N/A", "no_information", "not_supported"


class CredentialReports:
    """The verbs of the credential report."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def generate_credential_report(self, caller: Caller) -> Literal["STARTED", "COMPLETE"]:
        """GenerateCredentialReport: a report begun is there at once, but the next call only says so.

        One that is fresh enough is kept, however the account has changed since.
        """
        authorize(self._environment, caller, "iam:GenerateCredentialReport", "*")
        now = self._environment.clock()
        with self._environment.store.transaction() as transaction:
            report = transaction.get(CredentialReport, caller.account_id)
            if report is not None and self._fresh(report):
                return "COMPLETE"
            content = self._content(transaction, caller.account_id)
            transaction.put(CredentialReport(account_id=caller.account_id, content=content, generated_at=now))
            return "STARTED"

    def get_credential_report(self, caller: Caller) -> CredentialReport:
        """GetCredentialReport; ReportNotPresent, or ReportExpired once it is too old."""
        authorize(self._environment, caller, "iam:GetCredentialReport", "*")
        with self._environment.store.transaction() as transaction:
            report = transaction.get(CredentialReport, caller.account_id)
        if report is None:
            raise ReportNotPresent(self._profile.say("no_report"))
        if not self._fresh(report):
            raise ReportExpired(self._profile.say("report_expired"))
        return report

    def _fresh(self, report: CredentialReport) -> bool:
        return self._environment.clock() < report.generated_at + self._profile.credential_report_s

    def _content(self, transaction: Transaction, account_id: str) -> str:
        account = transaction.get(Account, account_id)
        policy = None if account is None else account.password_policy
        root = user_of(self._profile, transaction, account_id, ROOT)
        text = io.StringIO()
        rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for user in [root, *iam_users(transaction, account_id)]:
            rows.writerow(dict(zip(COLUMNS, self._row(transaction, user, policy), strict=True)))
        return text.getvalue().removesuffix("\n")

    def _row(self, transaction: Transaction, user: User, policy: PasswordPolicy | None) -> Iterator[str]:
        yield "<root_account>" if user.root else user.name
        yield user.arn
        yield _date(user.created_at)
        yield from _password(user, policy)
        yield _flag(bool(devices_of(transaction, user)))
        keys = access_keys_of(transaction, user)
        for number in range(self._profile.access_keys_per_user):
            yield from _access_key(keys[number] if number < len(keys) else None)
        yield from ("false", _NONE, "false", _NONE)


def _password(user: User, policy: PasswordPolicy | None) -> tuple[str, str, str, str]:
    """Whether there is one, when it was used and set, and when it must be changed."""
    used = _date(user.password_last_used_at) if user.password_last_used_at else _NEVER
    if user.root:
        return _NOT_SAID, used, _NOT_SAID, _NOT_SAID
    if user.password_created_at is None:
        return "false", _NONE, _NONE, _NONE
    days = timedelta(days=policy.max_age_days if policy else 0).total_seconds()
    due = _date(user.password_created_at + days) if days else _NONE
    return "true", used, _date(user.password_created_at), due


def _access_key(key: AccessKey | None) -> tuple[str, str, str, str, str]:
    """Whether it is active, when it was made, and when, where and for what it signed last."""
    if key is None:
        return "false", _NONE, _NONE, _NONE, _NONE
    made = _flag(key.status == "Active"), _date(key.created_at)
    if key.last_used is None:
        return (*made, _NONE, _NONE, _NONE)
    return (*made, _date(key.last_used.at), key.last_used.region, key.last_used.service)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
