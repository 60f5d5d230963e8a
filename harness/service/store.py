"""Where the service keeps its records: one protocol, in memory or in an SQLite file.

All access is in a transaction: all of it happens or none, and no two overlap, so that a rule that reads,
decides and writes inside one is atomic.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from harness.service.model import Record
from harness.service.record_codec import decode, encode
from harness.service.seal import Seal, SealError, key_path, open_sealed_file

R = TypeVar("R", bound=Record)

_APPLICATION_ID = 0x6B657972  # "keyr"
_SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 10.0
_MEND = "restore it from a copy or start a new file"


class StoreError(Exception):
    """The store cannot be opened, read or written; the message is one line that says what to do."""


class Transaction(Protocol):
    """What can be done inside a transaction. Lists come in the order in which the records were first put."""

    def get(self, kind: type[R], key: str) -> R | None:
        """The record of that kind and key, or ``None``."""

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


class _OneAtATime:
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


class MemoryStore:
    """Keeps records for as long as the process lives."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}
        self._one_at_a_time = _OneAtATime()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._one_at_a_time():
            before = dict(self._records)
            try:
                yield _MemoryTransaction(self._records)
            except BaseException:
                self._records = before
                raise

    def close(self) -> None:
        pass


class _MemoryTransaction:
    def __init__(self, records: dict[tuple[str, str], Record]) -> None:
        self._records = records

    def get(self, kind: type[R], key: str) -> R | None:
        record = self._records.get((kind.__name__, key))
        assert record is None or isinstance(record, kind)
        return record

    def list(self, kind: type[R], *, account_id: str | None = None, user_name: str | None = None) -> list[R]:
        return [
            record
            for record in self._records.values()
            if isinstance(record, kind)
            and account_id in (None, record.account_id)
            and user_name in (None, record.user_name)
        ]

    def put(self, record: Record) -> None:
        self._records[type(record).__name__, record.key] = record

    def delete(self, record: Record) -> None:
        self._records.pop((type(record).__name__, record.key), None)


class SqliteStore:
    """Keeps records in an SQLite file, each sealed with AES-256-GCM.

    The file is created if there is none, and beside it the key, ``PATH.key``; both are for their owner alone
    (0600). A row's kind, key, account and user are in the clear so that SQLite can find it, and are bound to
    the sealed record as associated data, so that a row cannot be passed off as another.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._one_at_a_time = _OneAtATime()
        try:
            self._seal = open_sealed_file(self._path)
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except SealError as error:
            raise StoreError(str(error)) from error
        except sqlite3.Error as error:
            raise _store_error(self._path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._one_at_a_time():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield _SqliteTransaction(self._connection, self._seal, self._path)
                self._connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _store_error(self._path, error) from error
                raise

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        """Check that the file is a store of ours and whole, or lay out an empty one."""
        sql = self._connection.execute
        application_id = sql("PRAGMA application_id").fetchone()[0]
        empty = sql("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty and application_id == 0:
            self._lay_out()
        elif application_id != _APPLICATION_ID:
            raise StoreError(f"{self._path} is an SQLite file of some other program; give another path")
        version = sql("PRAGMA user_version").fetchone()[0]
        if version != _SCHEMA_VERSION:
            raise StoreError(f"{self._path} has layout {version}, not {_SCHEMA_VERSION}; start a new file")
        if (verdict := sql("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise StoreError(f"{self._path} is damaged ({' '.join(verdict.split())}); {_MEND}")
        sql("PRAGMA journal_mode=WAL")
        sql("PRAGMA synchronous=FULL")  # an acknowledged change survives a power cut
        (check,) = sql("SELECT sealed FROM key_check").fetchone()
        if self._seal.open(check, "key_check") is None:
            raise StoreError(
                f"{key_path(self._path)} is not the key of {self._path}; put the right key file beside it"
            )

    def _lay_out(self) -> None:
        sql = self._connection.execute
        sql("BEGIN IMMEDIATE")
        sql(f"PRAGMA application_id={_APPLICATION_ID}")
        sql(f"PRAGMA user_version={_SCHEMA_VERSION}")
        sql("CREATE TABLE key_check (sealed BLOB NOT NULL)")
        sql("INSERT INTO key_check VALUES (?)", (self._seal.close(b"", "key_check"),))
        sql(
            "CREATE TABLE record (put_order INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,"
            " account_id TEXT, user_name TEXT, sealed BLOB NOT NULL, UNIQUE (kind, key))"
        )
        sql("CREATE INDEX record_by_user ON record (kind, account_id, user_name)")
        sql("COMMIT")


class _SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection, seal: Seal, path: Path) -> None:
        self._sql = connection.execute
        self._seal = seal
        self._path = path

    def get(self, kind: type[R], key: str) -> R | None:
        row = self._sql(
            "SELECT key, account_id, user_name, sealed FROM record WHERE kind = ? AND key = ?",
            (kind.__name__, key),
        ).fetchone()
        return None if row is None else self._record(kind, *row)

    def list(self, kind: type[R], *, account_id: str | None = None, user_name: str | None = None) -> list[R]:
        rows = self._sql(
            "SELECT key, account_id, user_name, sealed FROM record WHERE kind = ?"
            " AND (? IS NULL OR account_id = ?) AND (? IS NULL OR user_name = ?) ORDER BY put_order",
            (kind.__name__, account_id, account_id, user_name, user_name),
        )
        return [self._record(kind, *row) for row in rows]

    def put(self, record: Record) -> None:
        row = (type(record).__name__, record.key, record.account_id, record.user_name)
        self._sql(
            "INSERT INTO record (kind, key, account_id, user_name, sealed) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, key) DO UPDATE SET account_id = excluded.account_id,"
            " user_name = excluded.user_name, sealed = excluded.sealed",
            (*row, self._seal.close(encode(record), *row)),
        )

    def delete(self, record: Record) -> None:
        self._sql("DELETE FROM record WHERE kind = ? AND key = ?", (type(record).__name__, record.key))

    def _record(
        self, kind: type[R], key: str, account_id: str | None, user_name: str | None, sealed: bytes
    ) -> R:
        data = self._seal.open(sealed, kind.__name__, key, account_id, user_name)
        if data is None:
            raise StoreError(f"{self._path}: the row of {kind.__name__} {key} has been altered; {_MEND}")
        try:
            return decode(kind, data)
        except ValueError as error:
            raise StoreError(f"{self._path}: {error}; it was written by another version of keyrig") from error


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    match error.sqlite_errorname if hasattr(error, "sqlite_errorname") else "":
        case "SQLITE_NOTADB" | "SQLITE_CORRUPT":
            advice = f"it is not a store, or damaged; {_MEND}"
        case "SQLITE_BUSY" | "SQLITE_LOCKED":
            advice = "another process is using it; stop that one first"
        case _:
            advice = "see that its directory is writable and the disk not full"
    return StoreError(f"cannot use the store {path} ({error}): {advice}")
