"""The operating system's randomness, for keys that nobody wants to see twice."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import ec


class SystemRandom:
    """``os.urandom`` to call, which can also make elliptic-curve keys.

    The library makes one in half the time that it takes to make one from bytes
    (:class:`emulator.fido.cose.MakesKeys`).
    """

    def __call__(self, n: int) -> bytes:
        """``n`` random bytes."""
        return os.urandom(n)

    def elliptic_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """A new private key on ``curve``."""
        return ec.generate_private_key(curve)
