"""What happened, for the operator and for tests: who did what, when, and why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the audit trail; ``time`` is the world's.

    ``name`` is the operation's or CloudTrail's (ConsoleLogin, CheckMfa, EnableMFADevice …), ``additional``
    says more, such as the device or the diagnosis of a refusal. Never a secret, a password or a code.
    """

    time: float
    name: str
    account_id: str
    user_name: str
    outcome: Literal["Success", "Failure"]
    additional: Mapping[str, str] = field(default_factory=dict)
