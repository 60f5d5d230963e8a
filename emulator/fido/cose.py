"""Signature algorithms by their COSE names: make a key, sign, encode the public half (RFC 9052, RFC 9053)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

KTY, ALG, CRV, X, Y = 1, 3, -1, -2, -3
"""Labels of a COSE_Key's parameters (RFC 9052 §7.1, RFC 9053 §7.1)."""
OKP, EC2 = 1, 2
"""Key types (RFC 9053 §7)."""
P256, ED25519 = 1, 6
"""Curves (RFC 9053 §7.1)."""

COORDINATE_LENGTH = 32
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979


class Algorithm(IntEnum):
    """COSE algorithm identifiers a credential may have (IANA COSE Algorithms; RFC 9053 §2)."""

    ES256 = -7
    EDDSA = -8  # with Ed25519 alone, as WebAuthn Level 3 §5.8.5 has it


class PrivateKey(Protocol):
    """A credential's private key."""

    @property
    def algorithm(self) -> Algorithm: ...

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message`` in WebAuthn's format; the same message gives the same signature."""

    def cose_key(self) -> dict[int, int | bytes]:
        """The public half as a COSE_Key."""

    def to_bytes(self) -> bytes:
        """What :func:`load` makes this key from again; secret."""


def generate(algorithm: Algorithm, random_bytes: Callable[[int], bytes]) -> PrivateKey:
    """A new key of ``algorithm``; the same random bytes give the same key."""
    match algorithm:
        case Algorithm.ES256:
            scalar = scalar_from(random_bytes)
            return Es256Key(scalar.to_bytes(COORDINATE_LENGTH, "big") + _public_point(scalar))
        case Algorithm.EDDSA:
            return Ed25519Key(random_bytes(COORDINATE_LENGTH))


def load(algorithm: Algorithm, raw: bytes) -> PrivateKey:
    """The key that ``raw`` (:meth:`PrivateKey.to_bytes`) stands for; ``ValueError`` if it is none."""
    match algorithm:
        case Algorithm.ES256:
            return Es256Key(raw)
        case Algorithm.EDDSA:
            return Ed25519Key(raw)


def u2f_point(cose_key: Mapping[int, int | bytes]) -> bytes:
    """The uncompressed point of a P-256 COSE_Key, 65 bytes (U2F Raw Message Formats v1.1 §4.3)."""
    x, y = cose_key[X], cose_key[Y]
    assert isinstance(x, bytes)
    assert isinstance(y, bytes)
    return b"\x04" + x + y


def scalar_from(random_bytes: Callable[[int], bytes]) -> int:
    """A P-256 private scalar from 40 random bytes, by extra random bits (FIPS 186-5 A.2.1)."""
    return int.from_bytes(random_bytes(40), "big") % (_P256_ORDER - 1) + 1


class Es256Key:
    """ECDSA on P-256 with SHA-256, nonces by RFC 6979; raw form: scalar ‖ x ‖ y, 96 bytes.

    The public point is kept with the scalar because computing it costs as much as a signature.
    """

    __slots__ = ("_key", "_raw")

    algorithm = Algorithm.ES256

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 3 * COORDINATE_LENGTH:
            raise ValueError(f"an ES256 private key is {3 * COORDINATE_LENGTH} bytes, not {len(raw)}")
        scalar, x, y = (int.from_bytes(raw[i : i + COORDINATE_LENGTH], "big") for i in (0, 32, 64))
        public = ec.EllipticCurvePublicNumbers(x, y, _CURVE)
        self._key = ec.EllipticCurvePrivateNumbers(scalar, public).private_key()
        self._raw = raw

    def sign(self, message: bytes) -> bytes:
        """An ASN.1 DER Ecdsa-Sig-Value (WebAuthn Level 3 §6.5.5)."""
        return self._key.sign(message, _ECDSA)

    def cose_key(self) -> dict[int, int | bytes]:
        """The public point (RFC 9053 §7.1.1)."""
        return {KTY: EC2, ALG: Algorithm.ES256, CRV: P256, X: self._raw[32:64], Y: self._raw[64:]}

    def to_bytes(self) -> bytes:
        """Scalar ‖ x ‖ y."""
        return self._raw


class Ed25519Key:
    """EdDSA on Ed25519 (RFC 8032); raw form: the 32-byte seed."""

    __slots__ = ("_key", "_raw")

    algorithm = Algorithm.EDDSA

    def __init__(self, raw: bytes) -> None:
        self._key = ed25519.Ed25519PrivateKey.from_private_bytes(raw)  # ValueError unless 32 bytes
        self._raw = raw

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature R ‖ S."""
        return self._key.sign(message)

    def cose_key(self) -> dict[int, int | bytes]:
        """The public key (RFC 9053 §7.2)."""
        public = self._key.public_key().public_bytes_raw()
        return {KTY: OKP, ALG: Algorithm.EDDSA, CRV: ED25519, X: public}

    def to_bytes(self) -> bytes:
        """The seed."""
        return self._raw


def _public_point(scalar: int) -> bytes:
    """x ‖ y of the public key of ``scalar``."""
    public = ec.derive_private_key(scalar, _CURVE).public_key().public_numbers()
    return public.x.to_bytes(COORDINATE_LENGTH, "big") + public.y.to_bytes(COORDINATE_LENGTH, "big")
