"""The operating system's randomness, for keys that nobody wants to see twice."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import ec, rsa


class SystemRandom:
    """``os.urandom`` to call, which can also make keys (:class:`emulator.fido.cose.MakesKeys`).

    The library makes an elliptic-curve key in half the time that it takes to make one from bytes, and an RSA
    key in an eighth.
    """

    def __call__(self, n: int) -> bytes:
        """``n`` random bytes."""
        return os.urandom(n)

    def elliptic_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """A new private key on ``curve``."""
        return ec.generate_private_key(curve)

    def rsa_key(self, public_exponent: int, bits: int) -> rsa.RSAPrivateKey:
        """A new private key whose modulus has so many ``bits``."""
        return rsa.generate_private_key(public_exponent, bits)
