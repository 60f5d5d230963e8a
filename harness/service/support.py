"""Support's desk: root's request to have its lost MFA devices removed, and the operator's answer (S4).

Whoever runs the service is support, and decides whether a request comes from the account's owner.
"""

from __future__ import annotations

from dataclasses import replace

from harness.service.directory import devices_of, release
from harness.service.environment import Environment
from harness.service.errors import InvalidInput, NoSuchEntity
from harness.service.model import (
    ROOT,
    Account,
    AwaitingMfa,
    OutboxMessage,
    RootRecovery,
    User,
    user_key,
)
from harness.service.outbox import send
from harness.service.refusals import clear_refusals
from harness.service.store import Transaction

_LANGUAGES = {"en": "English", "ja": "Japanese"}
_SERVICE = "support.amazonaws.com"


class Support:
    """The verbs of both sides of the desk."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def ask_support(self, *, account: str, reach: str, language: str, text: str) -> str:
        """Ask support to remove root's devices; the number of the case, be there such an account or not.

        ``account`` is its ID, its alias or root's e-mail address; ``language`` that of the answer, as a tag.
        """
        with self._environment.store.transaction() as transaction:
            message = send(
                self._environment,
                transaction,
                "support",
                None,
                to="support",
                subject=account,
                body=f"{reach}\n{_LANGUAGES.get(language, language)}\n\n{text}",
            )
            transaction.put(replace(message, reach=reach, language=language))
        return message.id

    def support_request(self, case: str) -> OutboxMessage:
        """The request of that number; NoSuchEntity if there is none, or no longer."""
        with self._environment.store.transaction() as transaction:
            return self._request(transaction, case)

    def answer_support(self, case: str, *, reset: bool, subject: str, letter: str) -> None:
        """Answer a request by ``letter``; ``reset`` removes all of root's MFA devices.

        Root then signs in with its password alone. NoSuchEntity if no such request waits; InvalidInput if
        there is no such account.
        """
        removed = []
        with self._environment.store.transaction() as transaction:
            request = self._request(transaction, case)
            if request.answer is not None:
                raise NoSuchEntity(self._profile.say("no_such_request"))
            if reset:
                root = self._root(transaction, request.subject)
                removed = _remove_devices(transaction, root)
            transaction.put(replace(request, answer="reset" if reset else "refused"))
            send(
                self._environment, transaction, "reply", None, to=request.reach, subject=subject, body=letter
            )
        for serial_number in removed:
            self._environment.happened(
                "DeactivateMFADevice",
                root.account_id,
                ROOT,
                who=_SERVICE,
                serialNumber=serial_number,
                userName=ROOT,
            )

    def _request(self, transaction: Transaction, case: str) -> OutboxMessage:
        message = transaction.get(OutboxMessage, case)
        if message is None or message.kind != "support":
            raise NoSuchEntity(self._profile.say("no_such_request"))
        return message

    def _root(self, transaction: Transaction, account: str) -> User:
        found = (
            transaction.get(Account, account)
            or transaction.find(Account, f"alias {account}")
            or transaction.find(Account, f"email {account.lower()}")
        )
        root = None if found is None else transaction.get(User, user_key(found.id, ROOT))
        if root is None:
            raise InvalidInput(self._profile.say("no_such_account"))
        return root


def _remove_devices(transaction: Transaction, root: User) -> list[str]:
    """Release root's devices, and end the sign-ins that wait for one; the devices' serial numbers."""
    devices = devices_of(transaction, root)
    for device in devices:
        release(transaction, device)
    clear_refusals(transaction, root, "mfa")
    for kind in (AwaitingMfa, RootRecovery):
        for record in transaction.list(kind, account_id=root.account_id, user_name=root.name):
            transaction.delete(record)
    return [device.serial_number for device in devices]
