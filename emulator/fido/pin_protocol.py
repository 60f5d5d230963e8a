"""PIN/UV auth protocols one and two, the authenticator's side (CTAP 2.3 §6.5.4, §6.5.6, §6.5.7).

A ``key`` below is a shared secret from ``decapsulate`` or, where a MAC is verified, also a pinUvAuthToken.
Which token is in use, and for what, is not known here.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, ClassVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from emulator.fido.status import CtapError, CtapStatus

TOKEN_LENGTH = 32
BLOCK_LENGTH = 16

_KTY, _ALG, _CRV, _X, _Y = 1, 3, -1, -2, -3
_EC2, _ECDH_ES_HKDF_256, _P256 = 2, -25, 1
_CURVE = ec.SECP256R1()
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COORDINATE_LENGTH = 32


class PinProtocolOne:
    """PIN/UV auth protocol one (CTAP 2.3 §6.5.6); the shared secret is 32 bytes."""

    number: ClassVar[int] = 1
    mac_length: ClassVar[int] = 16

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self.regenerate(random_bytes)

    def regenerate(self, random_bytes: Callable[[int], bytes]) -> None:
        """Take a new key agreement key, by extra random bits (FIPS 186-5 A.2.1); the old one is forgotten."""
        scalar = int.from_bytes(random_bytes(40), "big") % (_P256_ORDER - 1) + 1
        self._private_key = ec.derive_private_key(scalar, _CURVE)

    def public_key(self) -> dict[int, int | bytes]:
        """The key agreement key's public half as a COSE_Key (``getPublicKey``)."""
        point = self._private_key.public_key().public_numbers()
        x, y = (n.to_bytes(_COORDINATE_LENGTH, "big") for n in (point.x, point.y))
        # The algorithm's name is as the specification asks, though neither protocol uses that KDF.
        return {_KTY: _EC2, _ALG: _ECDH_ES_HKDF_256, _CRV: _P256, _X: x, _Y: y}

    def decapsulate(self, peer_cose_key: Mapping[Any, Any]) -> bytes:
        """The secret shared with the platform; ``CtapError(INVALID_PARAMETER)`` if its key is unfit."""
        return self._kdf(self._private_key.exchange(ec.ECDH(), _parse_peer(peer_cose_key)))

    def encrypt(self, key: bytes, plaintext: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """``plaintext``, whole blocks of 16 bytes, encrypted under a shared secret."""
        return _aes_cbc_encrypt(key, bytes(BLOCK_LENGTH), plaintext)

    def decrypt(self, key: bytes, ciphertext: bytes) -> bytes:
        """What ``encrypt`` was given; ``CtapError(INVALID_PARAMETER)`` for a length it cannot have made."""
        return _aes_cbc_decrypt(key, bytes(BLOCK_LENGTH), ciphertext)

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is the MAC of ``message`` under ``key``, in constant time."""
        mac = hmac.digest(self._mac_key(key), message, "sha256")[: self.mac_length]
        return hmac.compare_digest(mac, signature)

    def new_token(self, random_bytes: Callable[[int], bytes]) -> bytes:
        """A fresh pinUvAuthToken."""
        return random_bytes(TOKEN_LENGTH)

    def _kdf(self, z: bytes) -> bytes:
        """The shared secret, from the x coordinate of the shared point."""
        return sha256(z).digest()

    def _mac_key(self, key: bytes) -> bytes:
        return key


class PinProtocolTwo(PinProtocolOne):
    """PIN/UV auth protocol two (CTAP 2.3 §6.5.7); the shared secret is 64 bytes, HMAC key ‖ AES key."""

    number = 2
    mac_length = 32

    def encrypt(self, key: bytes, plaintext: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """IV ‖ ``plaintext``, whole blocks of 16 bytes, encrypted under a shared secret."""
        iv = random_bytes(BLOCK_LENGTH)
        return iv + _aes_cbc_encrypt(key[32:], iv, plaintext)

    def decrypt(self, key: bytes, ciphertext: bytes) -> bytes:
        """What ``encrypt`` was given; ``CtapError(INVALID_PARAMETER)`` for a length it cannot have made."""
        if len(ciphertext) < BLOCK_LENGTH:
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        return _aes_cbc_decrypt(key[32:], ciphertext[:BLOCK_LENGTH], ciphertext[BLOCK_LENGTH:])

    def _kdf(self, z: bytes) -> bytes:
        return b"".join(
            HKDF(hashes.SHA256(), 32, salt=bytes(32), info=info).derive(z)
            for info in (b"CTAP2 HMAC key", b"CTAP2 AES key")
        )

    def _mac_key(self, key: bytes) -> bytes:
        return key[:32]  # of a shared secret the HMAC half; a token is no longer than that


def _parse_peer(cose_key: Mapping[Any, Any]) -> ec.EllipticCurvePublicKey:
    """The platform's key; it names its algorithm and has no other optional parameter (CTAP 2.3 §6.5.6)."""
    x, y = cose_key.get(_X), cose_key.get(_Y)
    if (
        cose_key != {_KTY: _EC2, _ALG: _ECDH_ES_HKDF_256, _CRV: _P256, _X: x, _Y: y}
        or not isinstance(x, bytes)
        or not isinstance(y, bytes)
        or not len(x) == len(y) == _COORDINATE_LENGTH
    ):
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + x + y)
    except ValueError as error:  # not on the curve
        raise CtapError(CtapStatus.INVALID_PARAMETER) from error


def _aes_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def _aes_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    if len(ciphertext) % BLOCK_LENGTH:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()
