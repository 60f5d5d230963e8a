"""Members of a request: there or not, of the right type or not (CTAP 2.3 §6, §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from emulator.fido.status import CtapError, CtapStatus

PUBLIC_KEY = "public-key"

T = TypeVar("T")


def parameters(data: Any) -> Mapping[Any, Any]:
    """The request's map; members that nobody asks for are ignored (CTAP 2.3 §8)."""
    return typed(data, dict)


def required(data: Mapping[Any, Any], key: int | str, kind: type[T]) -> T:
    """A member that must be there (``MISSING_PARAMETER``)."""
    if key not in data:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    value = data[key]
    return value if type(value) is kind else typed(value, kind)


def optional(data: Mapping[Any, Any], key: int | str, kind: type[T]) -> T | None:
    """A member that may be there."""
    if key not in data:
        return None
    value = data[key]
    return value if type(value) is kind else typed(value, kind)


def typed(value: Any, kind: type[T]) -> T:
    """``value`` if it is of exactly this type (``CBOR_UNEXPECTED_TYPE``; a bool is no integer)."""
    if type(value) is not kind:
        raise CtapError(CtapStatus.CBOR_UNEXPECTED_TYPE)
    return value


def sized(value: bytes, low: int, high: int) -> bytes:
    """``value`` if its length lies between the two (``INVALID_LENGTH``)."""
    if not low <= len(value) <= high:
        raise CtapError(CtapStatus.INVALID_LENGTH)
    return value


def credential_ids(data: Mapping[Any, Any], key: int) -> tuple[bytes, ...] | None:
    """The IDs in an array of PublicKeyCredentialDescriptors.

    One of a type that we do not know counts, and is empty: no credential has it.
    """
    descriptors = optional(data, key, list)
    if descriptors is None:
        return None
    ids = []
    for descriptor in descriptors:
        credential_id = required(typed(descriptor, dict), "id", bytes)
        ids.append(credential_id if required(descriptor, "type", str) == PUBLIC_KEY else b"")
    return tuple(ids)


@lru_cache(maxsize=64)
def rp_id_hash_of(rp_id: str) -> bytes:
    """An RP ID's SHA-256; platforms name the same few again and again."""
    return sha256(rp_id.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of makeCredential and getAssertion; ``None`` is absent, others are ignored."""

    rk: bool | None = None
    up: bool | None = None
    uv: bool | None = None

    @classmethod
    def parse(cls, data: Mapping[Any, Any], key: int) -> Options:
        if key not in data:
            return _NO_OPTIONS
        given = required(data, key, dict)
        return cls(
            rk=optional(given, "rk", bool), up=optional(given, "up", bool), uv=optional(given, "uv", bool)
        )


_NO_OPTIONS = Options()
