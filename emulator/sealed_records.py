"""Records of a key's memory, each sealed (AES-256-GCM) to its key and to its own place."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from emulator.fido import cbor
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential
from emulator.sealing import NONCE_LENGTH, StoreError
from emulator.store import Configuration, Fingerprint, UserVerificationState

SEAL_VERSION = 1


class Seal:
    """Seals the records of the store at ``path``, of the key with this serial number, under ``secret``."""

    def __init__(
        self, path: Path, *, serial_number: str, secret: bytes, random_bytes: Callable[[int], bytes]
    ) -> None:
        keys = HKDF(SHA256(), length=64, salt=None, info=b"keyrig key store").derive(secret)
        self._aead, self._owner_key = AESGCM(keys[:32]), keys[32:]
        self._path, self._serial_number, self._random_bytes = path, serial_number, random_bytes

    def owner(self, credential: Credential) -> bytes:
        """A keyed hash of relying party and user, who have one credential at most."""
        return hmac.digest(self._owner_key, credential.rp_id_hash + credential.user_id, "sha256")

    def seal(self, value: Any, name: str | bytes) -> bytes:
        """A record of this name, encrypted."""
        nonce = self._random_bytes(NONCE_LENGTH)
        return nonce + self._aead.encrypt(nonce, cbor.encode(value), self._bound_to(name))

    def unseal(self, sealed: bytes, name: str | bytes) -> Any:
        """What the record of this name says; ``StoreError`` if it was altered or is under another secret."""
        try:
            nonce, ciphertext = sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:]
            return cbor.decode(self._aead.decrypt(nonce, ciphertext, self._bound_to(name)))
        except (InvalidTag, ValueError, TypeError) as error:
            raise StoreError(
                f"{self._path} does not open: its passphrase or key file is another, or the file was altered"
            ) from error

    def _bound_to(self, name: str | bytes) -> bytes:
        """What binds a record to this key and to its own place."""
        return cbor.encode([SEAL_VERSION, self._serial_number, name])


def encoded(record: Credential | UserVerificationState | Configuration | Fingerprint) -> dict[str, Any]:
    """A record as CBOR takes it."""
    values = ((field.name, getattr(record, field.name)) for field in fields(record))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def credential_from(values: dict[str, Any]) -> Credential:
    """A credential that was encoded."""
    return Credential(**{**values, "algorithm": Algorithm(values["algorithm"])})


def configuration_from(values: dict[str, Any]) -> Configuration:
    """Settings that were encoded; those that an older version did not know are as when new."""
    rp_ids = tuple(values.get("min_pin_length_rp_ids", ()))
    return Configuration(**{**values, "min_pin_length_rp_ids": rp_ids})
