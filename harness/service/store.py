"""Where the service keeps its records: in memory, or in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.service.memory_store import MemoryStore
from harness.service.model import Record
from harness.service.record_codec import decode, encode
from harness.service.seal import Seal, SealError, key_path, open_sealed_file
from harness.service.transactions import AccountStore, OneAtATime, R, StoreError, Transaction, handles

__all__ = ["AccountStore", "MemoryStore", "SqliteStore", "StoreError", "Transaction"]

_APPLICATION_ID = 0x6B657972  # "keyr"
_SCHEMA_VERSION = 2
_BUSY_TIMEOUT_S = 10.0
_MEND = "restore it from a copy or start a new file"


class SqliteStore:
    """Keeps records in an SQLite file, each sealed with AES-256-GCM.

    The file is created if there is none, and beside it the key, ``PATH.key``; both are for their owner alone
    (0600). A row's kind, key, account and user are in the clear so that SQLite can find it, and are bound to
    the sealed record as associated data, so that a row cannot be passed off as another. Its other handles are
    kept as keyed digests.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._one_at_a_time = OneAtATime()
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
        sql("CREATE INDEX record_by_user ON record (kind, account_id, user_name, put_order)")
        sql(
            "CREATE TABLE handle (kind TEXT NOT NULL, digest BLOB NOT NULL, key TEXT NOT NULL,"
            " PRIMARY KEY (kind, digest, key)) WITHOUT ROWID"
        )
        sql("CREATE INDEX handle_by_key ON handle (kind, key)")
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

    def find(self, kind: type[R], handle: str) -> R | None:
        keys = self._sql(
            "SELECT key FROM handle WHERE kind = ? AND digest = ?",
            (kind.__name__, self._digest(kind.__name__, handle)),
        ).fetchall()
        records = [record for (key,) in keys if (record := self.get(kind, key)) is not None]
        return next((record for record in records if handle in handles(record)), None)

    def list(self, kind: type[R], *, account_id: str | None = None, user_name: str | None = None) -> list[R]:
        # SQLite uses the index only for conditions that are there.
        asked = {"kind": kind.__name__, "account_id": account_id, "user_name": user_name}
        known = {column: value for column, value in asked.items() if value is not None}
        rows = self._sql(
            "SELECT key, account_id, user_name, sealed FROM record WHERE "  # noqa: S608 - our own names
            + " AND ".join(f"{column} = ?" for column in known)
            + " ORDER BY put_order",
            tuple(known.values()),
        ).fetchall()
        return [self._record(kind, *row) for row in rows]

    def put(self, record: Record) -> None:
        row = (type(record).__name__, record.key, record.account_id, record.user_name)
        self._sql(
            "INSERT INTO record (kind, key, account_id, user_name, sealed) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, key) DO UPDATE SET account_id = excluded.account_id,"
            " user_name = excluded.user_name, sealed = excluded.sealed",
            (*row, self._seal.close(encode(record), *row)),
        )
        if known := handles(record):
            self._forget_handles(record)
            for handle in known:
                digest = self._digest(type(record).__name__, handle)
                self._sql("INSERT INTO handle VALUES (?, ?, ?)", (type(record).__name__, digest, record.key))

    def delete(self, record: Record) -> None:
        self._sql("DELETE FROM record WHERE kind = ? AND key = ?", (type(record).__name__, record.key))
        self._forget_handles(record)

    def _forget_handles(self, record: Record) -> None:
        self._sql("DELETE FROM handle WHERE kind = ? AND key = ?", (type(record).__name__, record.key))

    def _digest(self, kind: str, handle: str) -> bytes:
        return self._seal.digest("handle", kind, handle)

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
