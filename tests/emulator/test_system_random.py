"""Keys from the operating system's randomness: made by the library, otherwise like any other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from emulator.fido import cose
from emulator.fido.cose import Algorithm
from emulator.system_random import SystemRandom

CURVES = [
    (Algorithm.ES256, ec.SECP256R1(), hashes.SHA256()),
    (Algorithm.ES384, ec.SECP384R1(), hashes.SHA384()),
    (Algorithm.ES512, ec.SECP521R1(), hashes.SHA512()),
]


def test_bytes_are_as_many_as_asked_for_and_others_each_time() -> None:
    random_bytes = SystemRandom()
    assert len(random_bytes(40)) == 40
    assert random_bytes(16) != random_bytes(16)


@pytest.mark.parametrize(("algorithm", "curve", "hashed"), CURVES)
def test_keys_sign_and_can_be_loaded_again(
    algorithm: Algorithm, curve: ec.EllipticCurve, hashed: hashes.HashAlgorithm
) -> None:
    made = cose.generate(algorithm, SystemRandom())
    again = cose.load(algorithm, made.to_bytes())
    assert again.cose_key() == made.cose_key()
    x, y = made.cose_key()[cose.X], made.cose_key()[cose.Y]
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + bytes(x) + bytes(y))  # type: ignore[arg-type]
    for key in (made, again):
        public.verify(key.sign(b"message"), b"message", ec.ECDSA(hashed))


def test_an_rsa_key_signs_and_can_be_loaded_again() -> None:
    made = cose.generate(Algorithm.RS256, SystemRandom())
    again = cose.load(Algorithm.RS256, made.to_bytes())
    assert again.cose_key() == made.cose_key()
    modulus = made.cose_key()[cose.N]
    assert isinstance(modulus, bytes)
    assert len(modulus) == 256
    public = rsa.RSAPublicNumbers(65537, int.from_bytes(modulus, "big")).public_key()
    for key in (made, again):
        public.verify(key.sign(b"message"), b"message", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("algorithm", [*(algorithm for algorithm, _, _ in CURVES), Algorithm.RS256])
def test_each_key_is_another(algorithm: Algorithm) -> None:
    random_bytes = SystemRandom()
    assert (
        cose.generate(algorithm, random_bytes).to_bytes() != cose.generate(algorithm, random_bytes).to_bytes()
    )


def test_its_own_keys_are_used_and_none_from_its_bytes() -> None:
    class NoBytes(SystemRandom):
        def __call__(self, n: int) -> bytes:
            raise AssertionError("a key that is made needs no bytes")

    assert cose.generate(Algorithm.ES256, NoBytes()).sign(b"message")
