"""The outbox: what would leave a real service as e-mail, phone call or request to support stays here."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Literal

from harness.service.environment import Environment
from harness.service.errors import InvalidAuthenticationCode, NoSuchEntity
from harness.service.model import OutboxMessage, RootRecovery, User
from harness.service.store import Transaction

_KEPT = 200


class Outbox:
    """What stands for mailbox and phone; open to whoever runs the service."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def outbox(self) -> list[OutboxMessage]:
        """What was sent, the newest first."""
        with self._environment.store.transaction() as transaction:
            return transaction.list(OutboxMessage)[::-1]

    def waiting_calls(self) -> set[str]:
        """The calls that wait for digits."""
        now = self._environment.clock()
        with self._environment.store.transaction() as transaction:
            return {
                recovery.call_id
                for recovery in transaction.list(RootRecovery)
                if recovery.call_id is not None and now < recovery.call_ends_at
            }

    def answer_call(self, call_id: str, digits: str) -> None:
        """Type digits on the phone during a call; wrong ones end it.

        NoSuchEntity if no such call waits, InvalidAuthenticationCode.
        """
        with self._environment.store.transaction() as transaction:
            recovery = next((one for one in transaction.list(RootRecovery) if one.call_id == call_id), None)
            if (
                recovery is None
                or recovery.code is None
                or self._environment.clock() >= recovery.call_ends_at
            ):
                raise NoSuchEntity(self._profile.say("no_such_call"))
            right = hmac.compare_digest(recovery.code.encode(), digits.encode("utf-8", "replace"))
            ended = replace(recovery, call_id=None, code=None)
            transaction.put(replace(ended, phone_verified=True) if right else ended)
        if not right:
            raise InvalidAuthenticationCode(self._profile.say("recovery_wrong_digits"))


def send(
    environment: Environment,
    transaction: Transaction,
    kind: Literal["email", "call", "support", "reply"],
    user: User | None,
    *,
    to: str,
    subject: str = "",
    body: str = "",
    link: str | None = None,
) -> OutboxMessage:
    """Put a message into the outbox, which keeps the last ones."""
    message = OutboxMessage(
        id=environment.new.message_id(),
        kind=kind,
        account_id=None if user is None else user.account_id,
        user_name=None if user is None else user.name,
        to=to,
        subject=str(subject),
        sent_at=environment.clock(),
        body=body,
        link=link,
    )
    transaction.put(message)
    for old in transaction.list(OutboxMessage)[:-_KEPT]:
        transaction.delete(old)
    return message
