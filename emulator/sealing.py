"""What files of secrets are sealed under: a key file beside them, or a passphrase. Both are of mode 0600."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SECRET_LENGTH = 32
SALT_LENGTH = 16
NONCE_LENGTH = 12
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
"""128 MiB and some tenths of a second for each passphrase that is tried."""

PASSPHRASE_VARIABLE = "KEYRIG_STORE_PASSPHRASE"  # noqa: S105  # its name, not itself
DAMAGED = "the file is damaged; restore it from a copy"


class StoreError(Exception):
    """The store cannot be opened, read or written; one line that says why and what to do."""


def key_path(path: Path) -> Path:
    """Where the key file of a store is."""
    return path.with_name(path.name + ".key")


def new_salt(path: Path, passphrase: str | None, random_bytes: Callable[[int], bytes]) -> bytes | None:
    """The salt of a new store at ``path``; ``None``, and a key file beside it, if there is no passphrase."""
    if passphrase is None:
        _make_key_file(key_path(path), random_bytes)
        return None
    return random_bytes(SALT_LENGTH)


def secret_of(path: Path, salt: bytes | None, passphrase: str | None) -> bytes:
    """What the store at ``path`` is sealed under; one that has a salt has a passphrase."""
    if salt is None and passphrase is None:
        return _read_key_file(key_path(path))
    if salt is None:
        raise StoreError(f"{path} has no passphrase, but a key file, {key_path(path)}; give no passphrase")
    if passphrase is None:
        raise StoreError(f"{path} needs its passphrase; set {PASSPHRASE_VARIABLE} to it")
    return Scrypt(salt, length=SECRET_LENGTH, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase.encode())


def make_private(path: Path, content: bytes = b"") -> None:
    """Make a file that only its owner may use, all of it on the disk, unless there is one."""
    with (
        suppress(FileExistsError),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
    ):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_private(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of a file, all of it or nothing, whenever the process is killed."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    make_private(partial, content)
    partial.replace(path)


def _make_key_file(path: Path, random_bytes: Callable[[int], bytes]) -> None:
    """Make a key file; one that is there, of a store that was never finished, will do."""
    if not path.exists():
        replace_private(path, random_bytes(SECRET_LENGTH))


def _read_key_file(path: Path) -> bytes:
    try:
        mode, secret = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing, and with it the key to the store; put it back") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreError(f"{path} can be used by others than its owner; run 'chmod 600 {path}'")
    if len(secret) != SECRET_LENGTH:
        raise StoreError(
            f"{path} is no key file: it has {len(secret)} bytes, not {SECRET_LENGTH}; put the right one back"
        )
    return secret
