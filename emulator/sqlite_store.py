"""A key's memory in a file: SQLite, every record sealed, every write on the disk before it returns.

Reads come from a copy in memory. Each method that writes is one transaction, and so is all that a command
writes, before its answer leaves. Two kinds of write stand apart on purpose: the retry that a PIN or a
finger costs, which is written before the PIN is compared and as soon as the finger was, and signature
counts, which are reserved before they are used. So the process may be killed at any instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.fido.credential import Credential
from emulator.sealed_records import Seal, configuration_from, credential_from, encoded
from emulator.sealing import DAMAGED, StoreError, new_salt, secret_of
from emulator.sqlite_file import SqliteFile
from emulator.store import (
    INITIAL_LARGE_BLOB_ARRAY,
    Configuration,
    Fingerprint,
    MemoryStore,
    Snapshot,
    UserVerificationState,
)

APPLICATION_ID = 0x6B666964  # "kfid"
VERSION = 2
"""Version 1 knew neither settings nor fingers, blobs or changes; its records are read as having none."""

SIGN_COUNTS_AHEAD = 64
"""Signature counts that one write reserves, for to wait for the disk costs more than to sign.

Those that a killed process leaves unused are skipped, never repeated.
"""

# In clear: whose store it is and how it is sealed. A credential's owner is a keyed hash of relying party
# and user, who have one credential at most.
_SCHEMA = """
CREATE TABLE about (serial_number TEXT NOT NULL, salt BLOB) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE credential (place INTEGER PRIMARY KEY, owner BLOB UNIQUE, sealed BLOB NOT NULL) STRICT;
"""
_MASTER_SECRET, _USER_VERIFICATION, _SIGN_COUNT, _OPENINGS = (
    "master secret", "user verification", "sign count", "openings",
)  # fmt: skip
_CREDENTIAL_CHANGES, _CONFIGURATION, _FINGERPRINTS, _PERSISTENT_TOKEN, _LARGE_BLOB_ARRAY, _OATH = (
    "credential changes", "configuration", "fingerprints", "persistent token", "large blob array", "oath",
)  # fmt: skip


class SqliteStore:
    """The store in the file ``path``, made if it is not there, for one process at a time.

    It is sealed (AES-256-GCM) under a random secret in a key file beside it, of mode 0600, or under
    ``passphrase`` if one is given when it is made (scrypt). ``serial_number`` is for a new store; what an
    old one has stays. A copy of a closed store and its key file is a clone of the security key.

    :raises StoreError: in every method, for what stands in the way.
    """

    def __init__(
        self,
        path: Path,
        *,
        serial_number: str,
        random_bytes: Callable[[int], bytes],
        passphrase: str | None = None,
    ) -> None:
        self._random_bytes = random_bytes
        self._memory = MemoryStore()
        self._sign_counts_reserved = 0
        self._file = SqliteFile(path)
        try:
            self._open(serial_number, passphrase)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Let go of the file, and of signature counts that were reserved and not used."""
        try:
            if self._sign_counts_reserved != self._memory.sign_count:
                self._reserve_sign_counts(self._memory.sign_count)
        finally:
            self._file.close()

    # The CredentialStore.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before, reserved = self._memory.snapshot(), self._sign_counts_reserved
        try:
            assert not self._file.db.in_transaction, "transactions do not nest"
            with self._file.transaction():
                yield
        except BaseException:
            self._memory.restore(before)
            self._sign_counts_reserved = reserved
            raise

    def initialize(self, master_secret: bytes, user_verification: UserVerificationState) -> None:
        fresh = MemoryStore(Snapshot(oath=self.oath))
        fresh.initialize(master_secret, user_verification)
        self.restore(fresh.snapshot())

    @property
    def master_secret(self) -> bytes | None:
        return self._memory.master_secret

    @property
    def user_verification(self) -> UserVerificationState:
        return self._memory.user_verification

    def set_user_verification(self, user_verification: UserVerificationState) -> None:
        with self._file.transaction():
            self._write(_USER_VERIFICATION, encoded(user_verification))
        self._memory.set_user_verification(user_verification)

    @property
    def sign_count(self) -> int:
        return self._memory.sign_count

    def next_sign_count(self) -> int:
        if self._memory.sign_count >= self._sign_counts_reserved:
            self._reserve_sign_counts(self._memory.sign_count + SIGN_COUNTS_AHEAD)
        return self._memory.next_sign_count()

    def _reserve_sign_counts(self, last: int) -> None:
        with self._file.transaction():
            self._write(_SIGN_COUNT, last)
        self._sign_counts_reserved = last

    def put(self, credential: Credential) -> None:
        with self._file.transaction():
            self._write_credential(credential)
            self._write(_CREDENTIAL_CHANGES, self._memory.credential_changes + 1)
        self._memory.put(credential)

    def update(self, credential: Credential) -> None:
        owner = self._seal.owner(self._memory_of(credential.credential_id))
        with self._file.transaction() as db:
            sealed = self._seal.seal(encoded(credential), owner)
            db.execute("UPDATE credential SET sealed = ? WHERE owner = ?", (sealed, owner))
            self._write(_CREDENTIAL_CHANGES, self._memory.credential_changes + 1)
        self._memory.update(credential)

    def delete(self, credential_id: bytes) -> None:
        owner = self._seal.owner(self._memory_of(credential_id))
        with self._file.transaction() as db:
            db.execute("DELETE FROM credential WHERE owner = ?", (owner,))
            self._write(_CREDENTIAL_CHANGES, self._memory.credential_changes + 1)
        self._memory.delete(credential_id)

    def credential(self, credential_id: bytes) -> Credential | None:
        return self._memory.credential(credential_id)

    def credentials(self, rp_id_hash: bytes) -> Sequence[Credential]:
        return self._memory.credentials(rp_id_hash)

    @property
    def rp_id_hashes(self) -> Sequence[bytes]:
        return self._memory.rp_id_hashes

    @property
    def credential_count(self) -> int:
        return self._memory.credential_count

    @property
    def credential_changes(self) -> int:
        return self._memory.credential_changes

    @property
    def configuration(self) -> Configuration:
        return self._memory.configuration

    def set_configuration(self, configuration: Configuration) -> None:
        with self._file.transaction():
            self._write(_CONFIGURATION, encoded(configuration))
        self._memory.set_configuration(configuration)

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        return self._memory.fingerprints

    def set_fingerprints(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        with self._file.transaction():
            self._write(_FINGERPRINTS, [encoded(fingerprint) for fingerprint in fingerprints])
        self._memory.set_fingerprints(fingerprints)

    @property
    def persistent_token(self) -> bytes | None:
        return self._memory.persistent_token

    def set_persistent_token(self, token: bytes | None) -> None:
        with self._file.transaction():
            self._write(_PERSISTENT_TOKEN, token)
        self._memory.set_persistent_token(token)

    @property
    def large_blob_array(self) -> bytes:
        return self._memory.large_blob_array

    def set_large_blob_array(self, serialized: bytes) -> None:
        with self._file.transaction():
            self._write(_LARGE_BLOB_ARRAY, serialized)
        self._memory.set_large_blob_array(serialized)

    @property
    def oath(self) -> bytes | None:
        return self._memory.oath

    def set_oath(self, state: bytes) -> None:
        with self._file.transaction():
            self._write(_OATH, state)
        self._memory.set_oath(state)

    def snapshot(self) -> Snapshot:
        return self._memory.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        with self._file.transaction() as db:
            db.execute("DELETE FROM credential")
            db.execute("DELETE FROM state WHERE name <> ?", (_OPENINGS,))
            if snapshot.master_secret is not None:
                self._write(_MASTER_SECRET, snapshot.master_secret)
            if snapshot.user_verification is not None:
                self._write(_USER_VERIFICATION, encoded(snapshot.user_verification))
            self._write(_SIGN_COUNT, snapshot.sign_count)
            self._write(_CREDENTIAL_CHANGES, snapshot.credential_changes)
            self._write(_CONFIGURATION, encoded(snapshot.configuration))
            self._write(_FINGERPRINTS, [encoded(fingerprint) for fingerprint in snapshot.fingerprints])
            self._write(_PERSISTENT_TOKEN, snapshot.persistent_token)
            self._write(_LARGE_BLOB_ARRAY, snapshot.large_blob_array)
            self._write(_OATH, snapshot.oath)
            for credential in snapshot.credentials:
                self._write_credential(credential)
        self._memory.restore(snapshot)
        self._sign_counts_reserved = snapshot.sign_count

    # Opening.

    def _open(self, serial_number: str, passphrase: str | None) -> None:
        with self._file.told_in_a_line():
            is_new = self._file.is_new(APPLICATION_ID, VERSION)
            self._file.hold()
            if is_new:
                self._make(serial_number, passphrase)
            about = self._file.db.execute("SELECT serial_number, salt FROM about").fetchall()
        match about:
            case [(str() as name, (None | bytes()) as salt)]:
                self.serial_number = name
            case _:
                raise StoreError(f"{self._file.path}: {DAMAGED}")
        secret = secret_of(self._file.path, salt, passphrase)
        self._seal = Seal(self._file.path, serial_number=name, secret=secret, random_bytes=self._random_bytes)
        self.openings = self._load() + 1
        """How often the store has been opened, this time included."""
        with self._file.transaction() as db:
            self._write(_OPENINGS, self.openings)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _make(self, serial_number: str, passphrase: str | None) -> None:
        salt = new_salt(self._file.path, passphrase, self._random_bytes)
        with self._file.transaction() as db:
            for statement in _SCHEMA.strip().splitlines():
                db.execute(statement)
            db.execute("INSERT INTO about VALUES (?, ?)", (serial_number, salt))
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _load(self) -> int:
        """Copy the file into memory; how often it has been opened."""
        with self._file.told_in_a_line():
            state = dict(self._file.db.execute("SELECT name, sealed FROM state").fetchall())
            rows = self._file.db.execute("SELECT owner, sealed FROM credential ORDER BY place").fetchall()
        values = {name: self._seal.unseal(sealed, name) for name, sealed in state.items()}
        credentials = (credential_from(self._seal.unseal(sealed, owner)) for owner, sealed in rows)
        user_verification = values.get(_USER_VERIFICATION)
        self._memory.restore(
            Snapshot(
                master_secret=values.get(_MASTER_SECRET),
                user_verification=UserVerificationState(**user_verification) if user_verification else None,
                sign_count=values.get(_SIGN_COUNT, 0),
                credential_changes=values.get(_CREDENTIAL_CHANGES, 0),
                configuration=configuration_from(values.get(_CONFIGURATION, {})),
                fingerprints=tuple(Fingerprint(**finger) for finger in values.get(_FINGERPRINTS, ())),
                persistent_token=values.get(_PERSISTENT_TOKEN),
                large_blob_array=values.get(_LARGE_BLOB_ARRAY, INITIAL_LARGE_BLOB_ARRAY),
                credentials=tuple(credentials),
                oath=values.get(_OATH),
            )
        )
        self._sign_counts_reserved = self._memory.sign_count
        return int(values.get(_OPENINGS, 0))

    # Records.

    def _write(self, name: str, value: Any) -> None:
        self._file.db.execute(
            "INSERT OR REPLACE INTO state VALUES (?, ?)", (name, self._seal.seal(value, name))
        )

    def _write_credential(self, credential: Credential) -> None:
        """As the newest, in place of any that its owner has."""
        owner = self._seal.owner(credential)
        self._file.db.execute(
            "INSERT OR REPLACE INTO credential (owner, sealed) VALUES (?, ?)",
            (owner, self._seal.seal(encoded(credential), owner)),
        )

    def _memory_of(self, credential_id: bytes) -> Credential:
        credential = self._memory.credential(credential_id)
        if credential is None:
            raise KeyError(credential_id)
        return credential
