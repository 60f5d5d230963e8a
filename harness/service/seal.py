"""Sealing what lies in a file: AES-256-GCM, under a key that lies in a file beside it."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12  # NIST SP 800-38D §8.2
_KEY_BYTES = 32


class SealError(Exception):
    """A sealed file or its key is not as it should be; the message is one line that says what to do."""


class Seal:
    """Seals data under names, as associated data, so that one thing cannot be passed off as another."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._digest_key = hmac.digest(key, b"digest", "sha256")  # a key of its own

    def close(self, data: bytes, *names: str | None) -> bytes:
        """The data sealed: nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data, _associated(names))

    def open(self, sealed: bytes, *names: str | None) -> bytes | None:
        """What was sealed under these names, or ``None`` if nothing was, not with this key."""
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _associated(names))
        except (InvalidTag, ValueError):
            return None

    def digest(self, *names: str) -> bytes:
        """What stands for these names where they are looked up: nobody without the key can guess it."""
        return hmac.digest(self._digest_key, _associated(names), "sha256")


def _associated(names: Sequence[str | None]) -> bytes:
    return json.dumps(list(names)).encode()


def key_path(path: Path) -> Path:
    """Where the key of the file at ``path`` lies."""
    return path.with_name(path.name + ".key")


def open_sealed_file(path: Path) -> Seal:
    """The seal of the file at ``path``. Where there is none, an empty file and its key are made, both 0600.

    SealError if either is missing, unreadable, readable by others or not what it should be.
    """
    try:
        if path.is_dir():
            raise SealError(f"{path} is a directory; give the path of a file")
        if not path.exists() and not key_path(path).exists():
            _create(path, b"")
            _create(key_path(path), secrets.token_bytes(_KEY_BYTES))
        elif path.exists() and path.stat().st_size == 0:
            raise SealError(
                f"{path} is empty; restore it from a copy, or remove it and {key_path(path).name}"
            )
        return Seal(_read_key(path))
    except OSError as error:
        raise SealError(f"cannot open the store {path}: {error.strerror or error}") from error


def _read_key(path: Path) -> bytes:
    for file, other in ((path, key_path(path)), (key_path(path), path)):
        if not file.exists():
            raise SealError(f"{file} is missing: restore it, or remove {other.name} to start a new store")
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SealError(f"others may use {file}; run chmod 600 on it")
    key = key_path(path).read_bytes()
    if len(key) != _KEY_BYTES:
        raise SealError(f"{key_path(path)} is not a key: it has {len(key)} bytes, not {_KEY_BYTES}")
    return key


def _create(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
