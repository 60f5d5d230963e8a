"""What a YKOATH applet keeps: accounts, the access key, and the identifier that a reset renews."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from emulator.fido import cbor
from emulator.oath.otp import Algorithm
from emulator.oath.tlv import Property, Tag, demand, take

ALGORITHMS: dict[int, Algorithm] = {1: "SHA1", 2: "SHA256", 3: "SHA512"}
"""By the lower half of the byte that says what a key is for."""

BLOCK_SIZE: dict[Algorithm, int] = {"SHA1": 64, "SHA256": 64, "SHA512": 128}
"""Bytes of the longest secret; whoever has a longer one sends its hash (RFC 2104 §2)."""

LONGEST_NAME = 64
DIGITS = range(6, 9)

_KIND, _ALGORITHM = 0xF0, 0x0F


class Kind(IntEnum):
    """What an account makes codes from; the upper half of the byte that says what a key is for."""

    HOTP = 0x10
    TOTP = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; its ``name`` is UTF-8, of a period other than 30 s as in ``60/issuer:name``.

    ``algorithm`` is a key of :data:`ALGORITHMS`; ``counter`` is HOTP's next.
    """

    name: bytes
    kind: Kind
    algorithm: int
    digits: int
    secret: bytes = field(repr=False)
    touch: bool = False
    counter: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Account:
        """From PUT's data, ``71 name 73 key [78 property] [7A counter]``; else WRONG_DATA.

        A key is kind and algorithm, digits, secret; a property has no length.
        """
        name, rest = take(data, Tag.NAME)
        key, rest = take(rest, Tag.KEY)
        properties, counter = b"\x00", b""
        if rest[:1] == bytes((Tag.PROPERTY,)):
            properties, rest = rest[1:2], rest[2:]
        if rest:
            counter, rest = take(rest, Tag.IMF)
            demand(len(counter) == 4)
        demand(not rest and len(key) > 2 and key[1] in DIGITS)
        demand(properties in (b"\x00", bytes((Property.TOUCH,))))
        return cls(
            name=checked_name(name),
            kind=_kind(key[0]),
            algorithm=_algorithm(key[0], key[2:]),
            digits=key[1],
            secret=key[2:],
            touch=properties != b"\x00",
            counter=int.from_bytes(counter, "big"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What must be known to use the applet once a password is set."""

    algorithm: int
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> AccessKey:
        """From SET CODE's key: kind and algorithm, then the key itself; else WRONG_DATA."""
        _kind(data[0])
        return cls(algorithm=_algorithm(data[0], data[1:]), key=data[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class OathState:
    """All of it; ``salt`` (8 bytes) is what passwords are derived with and the applet is known by."""

    salt: bytes
    access_key: AccessKey | None = None
    accounts: tuple[Account, ...] = ()

    def encode(self) -> bytes:
        """As a store keeps it, secrets and all."""
        access_key = self.access_key and [self.access_key.algorithm, self.access_key.key]
        accounts = [
            [a.name, int(a.kind), a.algorithm, a.digits, a.secret, a.touch, a.counter] for a in self.accounts
        ]
        return cbor.encode([self.salt, access_key, accounts])

    @classmethod
    def decode(cls, kept: bytes) -> OathState:
        """What :meth:`encode` wrote."""
        salt, access_key, accounts = cbor.decode(kept)
        return cls(
            salt=salt,
            access_key=AccessKey(algorithm=access_key[0], key=access_key[1]) if access_key else None,
            accounts=tuple(_account(*account) for account in accounts),
        )


def checked_name(name: bytes) -> bytes:
    """A name that an account may have; else WRONG_DATA."""
    demand(0 < len(name) <= LONGEST_NAME)
    return name


def _kind(key_type: int) -> Kind:
    demand(key_type & _KIND in set(Kind))
    return Kind(key_type & _KIND)


def _algorithm(key_type: int, key: bytes) -> int:
    """The algorithm, whose key must fit it."""
    algorithm = key_type & _ALGORITHM
    demand(algorithm in ALGORITHMS)
    demand(0 < len(key) <= BLOCK_SIZE[ALGORITHMS[algorithm]])
    return algorithm


def _account(
    name: bytes, kind: int, algorithm: int, digits: int, secret: bytes, touch: bool, counter: Any
) -> Account:
    return Account(
        name=name,
        kind=Kind(kind),
        algorithm=algorithm,
        digits=digits,
        secret=secret,
        touch=touch,
        counter=counter,
    )
