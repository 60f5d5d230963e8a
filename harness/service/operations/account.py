"""The account: its summary, aliases and credential report."""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import Answer, Items, Operation
from harness.service.operations.shapes import paged, passed_on


def _get_account_summary(identity: Identity, caller: Caller) -> Answer:
    return {"SummaryMap": identity.get_account_summary(caller)}


@paged("AccountAliases")
def _list_account_aliases(identity: Identity, caller: Caller) -> Items:
    return [(alias, alias) for alias in identity.list_account_aliases(caller)]


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
    "GenerateCredentialReport": _generate_credential_report,
    "GetCredentialReport": _get_credential_report,
    **passed_on({"CreateAccountAlias": ["account_alias"], "DeleteAccountAlias": ["account_alias"]}),
}
