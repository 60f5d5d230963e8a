"""ECDSA on P-256 with a nonce of one's choice, which no sound library lets one have (SEC 1 §4.1.3)."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sign_with_nonce(private_key: bytes, message: bytes, *, nonce: int) -> bytes:
    """The DER signature of ``message`` (SHA-256) by ``private_key`` (32 bytes), its nonce mod the order."""
    nonce %= ORDER
    point = ec.derive_private_key(nonce, ec.SECP256R1()).public_key().public_numbers()
    r = point.x % ORDER
    hashed = int.from_bytes(sha256(message).digest(), "big")
    s = pow(nonce, -1, ORDER) * (hashed + r * int.from_bytes(private_key, "big")) % ORDER
    return encode_dss_signature(r, s)
