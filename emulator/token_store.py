"""Tokens in a file: all of it sealed (AES-256-GCM), of mode 0600, replaced as a whole or not at all."""

from __future__ import annotations

import base64
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from emulator.oath.record import TokenRecord
from emulator.sealing import (
    DAMAGED,
    NONCE_LENGTH,
    StoreError,
    make_private,
    new_salt,
    replace_private,
    secret_of,
)
from emulator.stored_token import StoredToken

FORMAT = "keyrig tokens"
VERSION = 1


class TokenStore:
    """The tokens in the file ``path``, which is made with the first of them.

    It is sealed under a random secret in a key file beside it, or under ``passphrase`` if one is given when
    it is made (scrypt).

    :raises StoreError: in every method, for what stands in the way; the file is then as it was.
    """

    def __init__(
        self, path: Path, *, random_bytes: Callable[[int], bytes], passphrase: str | None = None
    ) -> None:
        self._path = path
        self._random_bytes = random_bytes
        self._passphrase = passphrase
        self._opened: tuple[bytes | None, AESGCM] | None = None

    @property
    def needs_passphrase(self) -> bool:
        """Whether the file is there and sealed under a passphrase."""
        envelope = self._envelope()
        return envelope is not None and envelope[0] is not None

    def tokens(self) -> dict[str, StoredToken]:
        """All tokens by their names, in the order that they were put in."""
        envelope = self._envelope()
        if envelope is None:
            return {}
        salt, sealed = envelope
        aead = self._aead(salt)
        try:
            plain = aead.decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], _associated_data(salt))
            tokens = [_token(values) for values in json.loads(plain)]
        except (InvalidTag, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{self._path} does not open: its passphrase or key file is another, or the file was altered"
            ) from error
        return {token.name: token for token in tokens}

    def token(self, name: str) -> StoredToken:
        """The token of that name."""
        return self.named(self.tokens(), name)

    def named(self, tokens: Mapping[str, StoredToken], name: str) -> StoredToken:
        """The token of that name among these of the store's."""
        if name not in tokens:
            known = f"it has {', '.join(tokens)}" if tokens else "it is empty"
            raise StoreError(f"no token {name!r} is in {self._path}; {known}")
        return tokens[name]

    @contextmanager
    def change(self) -> Iterator[dict[str, StoredToken]]:
        """The tokens, to be changed while a ``with`` block lasts, by one process at a time.

        They are written when the block ends; when it raises, nothing is.
        """
        lock = self._path.with_name(self._path.name + ".lock")
        with _told_in_a_line(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_private(lock)
            held = lock.open("rb")
        with held:
            fcntl.flock(held, fcntl.LOCK_EX)
            tokens = self.tokens()
            yield tokens
            with _told_in_a_line(self._path):
                replace_private(self._path, self._sealed(tokens))

    def _sealed(self, tokens: Mapping[str, StoredToken]) -> bytes:
        envelope = self._envelope()
        salt = envelope[0] if envelope else new_salt(self._path, self._passphrase, self._random_bytes)
        nonce = self._random_bytes(NONCE_LENGTH)
        plain = json.dumps([_values(token) for token in tokens.values()]).encode()
        sealed = nonce + self._aead(salt).encrypt(nonce, plain, _associated_data(salt))
        about = {"format": FORMAT, "version": VERSION, "salt": salt and _base64(salt)}
        return json.dumps({**about, "sealed": _base64(sealed)}).encode()

    def _aead(self, salt: bytes | None) -> AESGCM:
        """Made once: a passphrase takes its time."""
        if self._opened is None or self._opened[0] != salt:
            secret = secret_of(self._path, salt, self._passphrase)
            key = HKDF(SHA256(), length=32, salt=None, info=b"keyrig token store").derive(secret)
            self._opened = salt, AESGCM(key)
        return self._opened[1]

    def _envelope(self) -> tuple[bytes | None, bytes] | None:
        """The salt, and what is sealed; ``None`` if there is no file."""
        with _told_in_a_line(self._path):
            try:
                data = self._path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            envelope = json.loads(data)
        except (ValueError, RecursionError):
            envelope = None
        if not isinstance(envelope, dict) or envelope.get("format") != FORMAT:
            raise StoreError(f"{self._path} holds no tokens of keyrig's, or is damaged; give another --store")
        if envelope.get("version") != VERSION:
            raise StoreError(
                f"{self._path} is a store of version {envelope.get('version')}; this keyrig knows {VERSION}"
            )
        try:
            match envelope:
                case {"salt": None | str() as salt, "sealed": str() as sealed}:
                    return None if salt is None else _bytes(salt), _bytes(sealed)
        except ValueError:
            pass
        raise StoreError(f"{self._path}: {DAMAGED}")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _associated_data(salt: bytes | None) -> bytes:
    return json.dumps([FORMAT, VERSION, salt and _base64(salt)]).encode()


def _values(token: StoredToken) -> dict[str, Any]:
    values = asdict(token)
    values["record"]["secret"] = token.record.secret.hex()
    return values


def _token(values: dict[str, Any]) -> StoredToken:
    record = {**values["record"], "secret": bytes.fromhex(values["record"]["secret"])}
    return StoredToken(**{**values, "record": TokenRecord(**record)})


@contextmanager
def _told_in_a_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {error.strerror}") from error
