"""The account: its summary, aliases and credential report."""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import (
    PAGE,
    Answer,
    Operation,
    names_page,
)


def _get_account_summary(identity: Identity, caller: Caller) -> Answer:
    return {"SummaryMap": identity.get_account_summary(caller)}


def _list_account_aliases(
    identity: Identity, caller: Caller, *, marker: str | None = None, max_items: int = PAGE
) -> Answer:
    return names_page("AccountAliases", identity.list_account_aliases(caller), marker, max_items)


def _create_account_alias(identity: Identity, caller: Caller, *, account_alias: str) -> None:
    identity.create_account_alias(caller, account_alias)


def _delete_account_alias(identity: Identity, caller: Caller, *, account_alias: str) -> None:
    identity.delete_account_alias(caller, account_alias)


def _generate_credential_report(identity: Identity, caller: Caller) -> Answer:
    state = identity.generate_credential_report(caller)
    said = identity.profile.say("report_started") if state == "STARTED" else None
    return {"State": state, "Description": said}


def _get_credential_report(identity: Identity, caller: Caller) -> Answer:
    report = identity.get_credential_report(caller)
    return {
        "Content": report.content.encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": report.generated_at,
    }


IAM: Mapping[str, Operation] = {
    "GetAccountSummary": _get_account_summary,
    "ListAccountAliases": _list_account_aliases,
    "CreateAccountAlias": _create_account_alias,
    "DeleteAccountAlias": _delete_account_alias,
    "GenerateCredentialReport": _generate_credential_report,
    "GetCredentialReport": _get_credential_report,
}
