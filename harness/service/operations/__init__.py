"""IAM's and STS's operations: an operation's parameters to a verb of identity, records to an answer.

An operation is a function of the identity, the caller, and the parameters it supports under the names that
boto3 would give them (``UserName`` is ``user_name``); one without a default is required by the service model.
It returns what the output shape holds, ``None`` where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.service.operations import (
    account,
    details,
    groups,
    managed_policies,
    mfa,
    passwords,
    policies,
    roles,
    simulation,
    sts,
    users,
)
from harness.service.operations.answers import Operation

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "iam": {
        **users.IAM,
        **passwords.IAM,
        **groups.IAM,
        **roles.IAM,
        **policies.IAM,
        **managed_policies.IAM,
        **simulation.IAM,
        **account.IAM,
        **details.IAM,
        **mfa.IAM,
    },
    "sts": sts.STS,
}
