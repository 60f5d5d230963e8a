"""Signature algorithms by their COSE names: make a key, sign, encode the public half (RFC 9052, RFC 9053)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from math import lcm
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from emulator.fido.primes import next_prime

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # before cryptography had it
    mldsa = None  # type: ignore[assignment]

KTY, ALG, CRV, X, Y = 1, 3, -1, -2, -3
"""Labels of a COSE_Key's parameters (RFC 9052 §7.1, RFC 9053 §7.1)."""
N, E, PUB = -1, -2, -1
"""Labels of an RSA key's modulus and exponent (RFC 8230 §4), and of ML-DSA's public key (IANA COSE)."""
OKP, EC2, RSA, AKP = 1, 2, 3, 7
"""Key types (IANA COSE Key Types)."""
P256, P384, P521, ED25519 = 1, 2, 3, 6
"""Curves (RFC 9053 §7.1)."""

COORDINATE_LENGTH = 32
SEED_LENGTH = 32
"""Of an Ed25519 and of an ML-DSA private key."""
RSA_PRIME_LENGTH = 128
RSA_EXPONENT = 65537


class Algorithm(IntEnum):
    """COSE algorithm identifiers a credential may have (IANA COSE Algorithms; RFC 9053 §2, RFC 8812 §2)."""

    ES256 = -7
    EDDSA = -8  # with Ed25519 alone, as WebAuthn Level 3 §5.8.5 has it
    ES384 = -35  # with P-384 alone, likewise
    ES512 = -36  # with P-521 alone, likewise
    ML_DSA_44 = -48
    ML_DSA_65 = -49
    ML_DSA_87 = -50
    RS256 = -257

    __hash__ = int.__hash__  # an enumeration's own is by name, and slow


ALGORITHMS = {int(algorithm): algorithm for algorithm in Algorithm}
"""Each by its identifier; asking the enumeration takes longer."""


class PrivateKey(Protocol):
    """A credential's private key."""

    @property
    def algorithm(self) -> Algorithm: ...

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message`` in WebAuthn's format; the same each time, but for ML-DSA's."""

    def cose_key(self) -> dict[int, int | bytes]:
        """The public half as a COSE_Key."""

    def to_bytes(self) -> bytes:
        """What :func:`load` makes this key from again; secret."""


class MakesKeys(Protocol):
    """Randomness that also makes keys by itself, quicker than they follow from bytes."""

    def __call__(self, n: int, /) -> bytes: ...

    def elliptic_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """A new private key on ``curve``."""

    def rsa_key(self, public_exponent: int, bits: int) -> rsa.RSAPrivateKey:
        """A new private key whose modulus has so many ``bits``."""


def generate(algorithm: Algorithm, random_bytes: Callable[[int], bytes] | MakesKeys) -> PrivateKey:
    """A new key of ``algorithm``; the same random bytes give the same key. RS256 takes a second or so then.

    Randomness that makes keys (:class:`MakesKeys`) is asked for one where it can.
    """
    match algorithm:
        case Algorithm.ES256 | Algorithm.ES384 | Algorithm.ES512:
            return EcdsaKey.generate(algorithm, random_bytes)
        case Algorithm.RS256:
            return _generate_rsa(random_bytes)
        case _:
            return load(algorithm, random_bytes(SEED_LENGTH))


def load(algorithm: Algorithm, raw: bytes) -> PrivateKey:
    """The key that ``raw`` (:meth:`PrivateKey.to_bytes`) stands for; ``ValueError`` if it is none."""
    match algorithm:
        case Algorithm.ES256 | Algorithm.ES384 | Algorithm.ES512:
            return EcdsaKey.load(algorithm, raw)
        case Algorithm.EDDSA:
            return Ed25519Key(raw)
        case Algorithm.RS256:
            return Rs256Key(raw)
        case Algorithm.ML_DSA_44 | Algorithm.ML_DSA_65 | Algorithm.ML_DSA_87:
            return MlDsaKey(algorithm, raw)


@cache
def supported(algorithm: int) -> bool:
    """Whether ``algorithm`` is one of ours that the installed cryptography has; older ones lack ML-DSA."""
    if algorithm in (Algorithm.ML_DSA_44, Algorithm.ML_DSA_65, Algorithm.ML_DSA_87):
        try:
            load(Algorithm(algorithm), bytes(SEED_LENGTH))
        except UnsupportedAlgorithm:
            return False
    return algorithm in set(Algorithm)


def u2f_point(cose_key: Mapping[int, int | bytes]) -> bytes:
    """The uncompressed point of a P-256 COSE_Key, 65 bytes (U2F Raw Message Formats v1.1 §4.3)."""
    x, y = cose_key[X], cose_key[Y]
    assert isinstance(x, bytes)
    assert isinstance(y, bytes)
    return b"\x04" + x + y


def scalar_from(random_bytes: Callable[[int], bytes]) -> int:
    """A P-256 private scalar from 40 random bytes, by extra random bits (FIPS 186-5 A.2.1)."""
    return _DOMAINS[Algorithm.ES256].scalar_from(random_bytes)


@dataclass(frozen=True, slots=True)
class _Domain:
    """A curve with the hash that its algorithm signs with, by RFC 6979; ``length`` is a coordinate's."""

    curve: ec.EllipticCurve
    identifier: int
    order: int
    length: int
    ecdsa: ec.ECDSA

    def scalar_from(self, random_bytes: Callable[[int], bytes]) -> int:
        """FIPS 186-5 A.2.1: 64 bits more than the order has."""
        return int.from_bytes(random_bytes(self.length + 8), "big") % (self.order - 1) + 1

    def key_from(self, random_bytes: Callable[[int], bytes] | MakesKeys) -> ec.EllipticCurvePrivateKey:
        """A private key as ``random_bytes`` makes it, or else with a scalar from it."""
        made: Callable[[ec.EllipticCurve], ec.EllipticCurvePrivateKey] | None
        made = getattr(random_bytes, "elliptic_key", None)
        return made(self.curve) if made else ec.derive_private_key(self.scalar_from(random_bytes), self.curve)


# RFC 9053 §2.1; the orders are those of SP 800-186 §3.2.1.
_DOMAINS = {
    Algorithm.ES256: _Domain(
        ec.SECP256R1(),
        P256,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        COORDINATE_LENGTH,
        ec.ECDSA(hashes.SHA256(), deterministic_signing=True),
    ),
    Algorithm.ES384: _Domain(
        ec.SECP384R1(),
        P384,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        48,
        ec.ECDSA(hashes.SHA384(), deterministic_signing=True),
    ),
    Algorithm.ES512: _Domain(
        ec.SECP521R1(),
        P521,
        2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
        66,
        ec.ECDSA(hashes.SHA512(), deterministic_signing=True),
    ),
}


class EcdsaKey:
    """ECDSA on the algorithm's curve, nonces by RFC 6979; raw form: scalar ‖ x ‖ y (ES256: 96 bytes).

    The public point is kept with the scalar because computing it costs as much as a signature.
    """

    __slots__ = ("_domain", "_key", "_raw", "algorithm")

    def __init__(self, algorithm: Algorithm, key: ec.EllipticCurvePrivateKey, raw: bytes) -> None:
        self._key = key
        self._raw = raw
        self._domain = _DOMAINS[algorithm]
        self.algorithm = algorithm

    @classmethod
    def generate(cls, algorithm: Algorithm, random_bytes: Callable[[int], bytes] | MakesKeys) -> EcdsaKey:
        """A key that is ready to sign: it need not be loaded again."""
        domain = _DOMAINS[algorithm]
        key = domain.key_from(random_bytes)
        numbers = key.private_numbers()
        point = numbers.public_numbers
        raw = b"".join(n.to_bytes(domain.length, "big") for n in (numbers.private_value, point.x, point.y))
        return cls(algorithm, key, raw)

    @classmethod
    def load(cls, algorithm: Algorithm, raw: bytes) -> EcdsaKey:
        """``ValueError`` unless ``raw`` is a scalar and its public point."""
        domain = _DOMAINS[algorithm]
        length = domain.length
        if len(raw) != 3 * length:
            raise ValueError(f"an {algorithm.name} private key is {3 * length} bytes, not {len(raw)}")
        x, y = int.from_bytes(raw[length : 2 * length], "big"), int.from_bytes(raw[2 * length :], "big")
        public = ec.EllipticCurvePublicNumbers(x, y, domain.curve)
        scalar = int.from_bytes(raw[:length], "big")
        return cls(algorithm, ec.EllipticCurvePrivateNumbers(scalar, public).private_key(), raw)

    def sign(self, message: bytes) -> bytes:
        """An ASN.1 DER Ecdsa-Sig-Value (WebAuthn Level 3 §6.5.5)."""
        return self._key.sign(message, self._domain.ecdsa)

    def cose_key(self) -> dict[int, int | bytes]:
        """The public point (RFC 9053 §7.1.1)."""
        length = self._domain.length
        x, y = self._raw[length : 2 * length], self._raw[2 * length :]
        return {KTY: EC2, ALG: self.algorithm, CRV: self._domain.identifier, X: x, Y: y}

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


class Rs256Key:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8812 §2), exponent 65537; raw form: p ‖ q, the halves of 256 bytes.

    Loading trusts the primes: a store or a credential ID that was altered does not open in the first place.
    """

    __slots__ = ("_key", "_modulus", "_raw")

    algorithm = Algorithm.RS256

    def __init__(self, raw: bytes) -> None:
        if len(raw) % 2 or len(raw) < 2 * RSA_PRIME_LENGTH:
            raise ValueError(f"an RS256 private key is {2 * RSA_PRIME_LENGTH} bytes or more, not {len(raw)}")
        numbers = _rsa_numbers(raw)
        self._key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        self._modulus = numbers.public_numbers.n
        self._raw = raw

    def sign(self, message: bytes) -> bytes:
        """A signature as long as the modulus."""
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def cose_key(self) -> dict[int, int | bytes]:
        """Modulus and exponent (RFC 8230 §4)."""
        n, e = (k.to_bytes((k.bit_length() + 7) // 8, "big") for k in (self._modulus, RSA_EXPONENT))
        return {KTY: RSA, ALG: Algorithm.RS256, N: n, E: e}

    def to_bytes(self) -> bytes:
        """p ‖ q."""
        return self._raw


class MlDsaKey:
    """ML-DSA (FIPS 204), where the installed cryptography has it; raw form: the 32-byte seed.

    The library signs the hedged way, with randomness of its own: signatures differ from one time to the next.
    """

    __slots__ = ("_key", "_raw", "algorithm")

    def __init__(self, algorithm: Algorithm, raw: bytes) -> None:
        self._key = _ml_dsa_key(algorithm, raw)
        self._raw = raw
        self.algorithm = algorithm

    def sign(self, message: bytes) -> bytes:
        """A signature with the empty context; 2420, 3309 or 4627 bytes."""
        return self._key.sign(message)

    def cose_key(self) -> dict[int, int | bytes]:
        """The public key, 1312, 1952 or 2592 bytes (key type AKP, draft-ietf-cose-dilithium)."""
        return {KTY: AKP, ALG: self.algorithm, PUB: self._key.public_key().public_bytes_raw()}

    def to_bytes(self) -> bytes:
        """The seed."""
        return self._raw


def _ml_dsa_key(
    algorithm: Algorithm, seed: bytes
) -> mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey:
    """``ValueError`` unless the seed is 32 bytes; ``UnsupportedAlgorithm`` where the library lacks it."""
    if mldsa is None:
        raise UnsupportedAlgorithm("the installed cryptography has no ML-DSA")
    match algorithm:
        case Algorithm.ML_DSA_44:
            return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        case Algorithm.ML_DSA_65:
            return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed)
        case _:
            return mldsa.MLDSA87PrivateKey.from_seed_bytes(seed)


def _generate_rsa(random_bytes: Callable[[int], bytes] | MakesKeys) -> Rs256Key:
    """An RSA key of 2048 bits, looked over by the library before it is used."""
    made: Callable[[int, int], rsa.RSAPrivateKey] | None = getattr(random_bytes, "rsa_key", None)
    if made is not None:
        numbers = made(RSA_EXPONENT, 2 * 8 * RSA_PRIME_LENGTH).private_numbers()
        return Rs256Key(b"".join(prime.to_bytes(RSA_PRIME_LENGTH, "big") for prime in (numbers.p, numbers.q)))
    starts = random_bytes(2 * RSA_PRIME_LENGTH)
    halves = starts[:RSA_PRIME_LENGTH], starts[RSA_PRIME_LENGTH:]
    raw = b"".join(next_prime(half, RSA_EXPONENT).to_bytes(RSA_PRIME_LENGTH, "big") for half in halves)
    _rsa_numbers(raw).private_key()
    return Rs256Key(raw)


def _rsa_numbers(raw: bytes) -> rsa.RSAPrivateNumbers:
    """What follows from the primes (RFC 8017 §3.2)."""
    half = len(raw) // 2
    p, q = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    d = pow(RSA_EXPONENT, -1, lcm(p - 1, q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(RSA_EXPONENT, p * q),
    )
