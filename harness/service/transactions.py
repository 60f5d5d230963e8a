"""What a store of records promises, whatever it keeps them in.

All access is in a transaction: all of it happens or none, and no two overlap, so that a rule that reads,
decides and writes inside one is atomic.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from harness.service.model import Account, FidoSecurityKey, Record

R = TypeVar("R", bound=Record)


class StoreError(Exception):
    """The store cannot be opened, read or written; the message is one line that says what to do."""


def handles(record: Record) -> tuple[str, ...]:
    """What a record is found by besides its key: an account's names, a security key's credential ID."""
    match record:
        case Account(alias=alias, root_email=email):
            return (f"email {email.lower()}", *(() if alias is None else (f"alias {alias}",)))
        case FidoSecurityKey(credential_id=credential_id):
            return (f"credential {credential_id.hex()}",)
    return ()


class Transaction(Protocol):
    """What can be done inside a transaction. Lists come in the order in which the records were first put."""

    def get(self, kind: type[R], key: str) -> R | None:
        """The record of that kind and key, or ``None``."""

    def find(self, kind: type[R], handle: str) -> R | None:
        """The record of that kind that has this one of :func:`handles`, or ``None``."""

    def list(self, kind: type[R], *, account_id: str | None = None, user_name: str | None = None) -> list[R]:
        """The records of that kind: all of them, an account's, or a user's."""

    def put(self, record: Record) -> None:
        """Keep the record, in place of the one of its kind and key if there is one."""

    def delete(self, record: Record) -> None:
        """Forget the record of that kind and key, if there is one."""


class AccountStore(Protocol):
    """Keeps records. Safe to use from many threads."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a transaction: committed when the ``with`` block ends, undone if an exception leaves it."""

    def close(self) -> None:
        """Let go of what the store holds open."""


class OneAtATime:
    """Serialises transactions among threads, and catches one begun inside another."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._busy = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            assert not self._busy, "a transaction was begun inside a transaction"
            self._busy = True
            try:
                yield
            finally:
                self._busy = False
