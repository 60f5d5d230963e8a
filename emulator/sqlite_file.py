"""A SQLite file of ours: every write on the disk before it returns, and errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.sealing import DAMAGED, StoreError, make_private


class SqliteFile:
    """The file ``path``, made if it is not there, of mode 0600, for one process at a time.

    :raises StoreError: in every method, for what stands in the way.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.told_in_a_line():
            make_private(path)
            self.db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """Let go of it."""
        self.db.close()

    def is_new(self, application_id: int, version: int) -> bool:
        """Whether nothing has been written yet; a file that is not ours is refused before it is touched."""
        ((found,),) = self.db.execute("PRAGMA application_id")
        ((of_version,),) = self.db.execute("PRAGMA user_version")
        ((tables,),) = self.db.execute("SELECT count(*) FROM sqlite_schema")
        if found == 0 and of_version == 0 and tables == 0:
            return True
        if found != application_id:
            raise StoreError(f"{self.path} is another program's file; give another --store")
        if not 1 <= of_version <= version:
            raise StoreError(f"{self.path} is a store of version {of_version}; this keyrig knows {version}")
        return False

    def hold(self) -> None:
        """Keep others out, and have every write on the disk before it returns."""
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One of its own, or a part of the one that there is."""
        if self.db.in_transaction:
            yield self.db
            return
        with self.told_in_a_line():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def told_in_a_line(self) -> Iterator[None]:
        """What goes wrong meanwhile is a ``StoreError``."""
        try:
            yield
        except OSError as error:
            raise StoreError(f"{error.filename or self.path}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_in_plain_words(error)}") from error
        except UnicodeDecodeError as error:  # SQLite's message quotes what it found
            raise StoreError(f"{self.path}: {DAMAGED}") from error


def _in_plain_words(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process has the store open; stop it first"
        case sqlite3.SQLITE_NOTADB:
            return "this is another kind of file; give another --store"
        case sqlite3.SQLITE_CORRUPT:
            return DAMAGED
        case sqlite3.SQLITE_FULL:
            return "the disk is full"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "the file cannot be opened for writing; check its permissions and those of its folder"
        case _:
            return str(error)
