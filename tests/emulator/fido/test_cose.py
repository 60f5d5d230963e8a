"""Keys and signatures judged by python-fido2's and py_webauthn's COSE keys and the RFCs' known answers."""

from collections.abc import Callable
from functools import cache
from hashlib import shake_256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fido2.cose import CoseKey
from hypothesis import given, settings
from hypothesis import strategies as st
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.verify_signature import verify_signature

from emulator.fido import cbor, cose
from emulator.fido.cose import Algorithm, PrivateKey

ALGORITHMS = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda algorithm: algorithm.name)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# RFC 6979 appendix A.2.5: the private key, its public point, and SHA-256 signatures (r, s).
RFC6979_KEY = bytes.fromhex(
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
RFC6979_SIGNATURES = {
    b"sample": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    b"test": (
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}


ML_DSA = (Algorithm.ML_DSA_44, Algorithm.ML_DSA_65, Algorithm.ML_DSA_87)


def stream(seed: bytes) -> Callable[[int], bytes]:
    return lambda length: shake_256(seed).digest(length)


@cache
def key_of(algorithm: Algorithm, seed: bytes) -> PrivateKey:
    return cose.generate(algorithm, stream(seed))


@ALGORITHMS
@settings(max_examples=20)
@given(seed=st.binary(max_size=8), message=st.binary(max_size=300))
def test_python_fido2_verifies_what_a_key_signs(algorithm: Algorithm, seed: bytes, message: bytes) -> None:
    key = key_of(algorithm, b"7" if algorithm is Algorithm.RS256 else seed)
    public = CoseKey.parse(key.cose_key())
    assert public.ALGORITHM == algorithm == key.algorithm
    signature = key.sign(message)
    public.verify(message, signature)
    with pytest.raises(InvalidSignature):
        public.verify(message + b"!", signature)


@pytest.mark.parametrize("algorithm", sorted(set(Algorithm) - {Algorithm.ES384}))  # which it does not know
def test_py_webauthn_verifies_what_a_key_signs(algorithm: Algorithm) -> None:
    key = key_of(algorithm, b"7")
    decoded = decode_credential_public_key(cbor.encode(key.cose_key()))
    public_key = decoded_public_key_to_cryptography(decoded)
    verify_signature(
        public_key=public_key, signature_alg=decoded.alg, signature=key.sign(b"message"), data=b"message"
    )


@ALGORITHMS
def test_the_same_random_bytes_give_the_same_key(algorithm: Algorithm) -> None:
    one, two = cose.generate(algorithm, stream(b"7")), key_of(algorithm, b"7")
    assert one.to_bytes() == two.to_bytes()
    assert key_of(algorithm, b"8").to_bytes() != one.to_bytes()


@pytest.mark.parametrize("algorithm", sorted(set(Algorithm) - set(ML_DSA)))
def test_the_same_message_gives_the_same_signature(algorithm: Algorithm) -> None:
    key = key_of(algorithm, b"7")
    again = cose.load(algorithm, key.to_bytes())
    assert key.sign(b"message") == key.sign(b"message") == again.sign(b"message")


@ALGORITHMS
def test_a_key_loads_from_its_bytes(algorithm: Algorithm) -> None:
    key = key_of(algorithm, b"7")
    again = cose.load(algorithm, key.to_bytes())
    assert again.cose_key() == key.cose_key()
    assert again.to_bytes() == key.to_bytes()
    CoseKey.parse(key.cose_key()).verify(b"message", again.sign(b"message"))


@ALGORITHMS
def test_bytes_of_another_length_are_no_key(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError):
        cose.load(algorithm, bytes(31))


def test_a_scalar_with_another_key_s_point_is_no_key() -> None:
    other = cose.generate(Algorithm.ES256, stream(b"7")).to_bytes()
    with pytest.raises(ValueError):
        cose.load(Algorithm.ES256, RFC6979_KEY[:32] + other[32:])


def test_es256_signs_as_rfc_6979_appendix_a_2_5() -> None:
    key = cose.load(Algorithm.ES256, RFC6979_KEY)
    for message, (r, s) in RFC6979_SIGNATURES.items():
        assert key.sign(message) == der_signature(r, s)


def test_eddsa_signs_as_rfc_8032_section_7_1_test_2() -> None:
    key = cose.load(
        Algorithm.EDDSA, bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.cose_key()[cose.X] == bytes.fromhex(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert key.sign(b"\x72") == bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize(
    ("drawn", "scalar"),
    [(bytes(40), 1), ((P256_ORDER - 2).to_bytes(40), P256_ORDER - 1), ((P256_ORDER - 1).to_bytes(40), 1)],
)
def test_scalars_run_from_one_to_the_order_less_one(drawn: bytes, scalar: int) -> None:
    assert cose.scalar_from(lambda length: drawn) == scalar
    assert cose.generate(Algorithm.ES256, lambda length: drawn).to_bytes()[:32] == scalar.to_bytes(32)


def test_the_u2f_point_is_the_uncompressed_point() -> None:
    key = cose.load(Algorithm.ES256, RFC6979_KEY)
    assert cose.u2f_point(key.cose_key()) == b"\x04" + RFC6979_KEY[32:]


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES384, Algorithm.ES512])
def test_a_scalar_is_drawn_below_its_curve_s_order(algorithm: Algorithm) -> None:
    curves = {-7: ec.SECP256R1(), -35: ec.SECP384R1(), -36: ec.SECP521R1()}
    order = curves[algorithm].group_order
    for drawn, scalar in ((order - 2, order - 1), (order - 1, 1)):
        raw = cose.generate(algorithm, lambda length, drawn=drawn: drawn.to_bytes(length)).to_bytes()
        assert int.from_bytes(raw[: len(raw) // 3]) == scalar


def test_an_rsa_key_has_two_random_primes_of_1024_bits_and_exponent_65537() -> None:
    key = key_of(Algorithm.RS256, b"7")
    p, q = int.from_bytes(key.to_bytes()[:128]), int.from_bytes(key.to_bytes()[128:])
    assert p.bit_length() == q.bit_length() == 1024
    drawn = stream(b"7")(256)
    for prime, start in ((p, drawn[:128]), (q, drawn[128:])):
        assert 0 <= prime - (int.from_bytes(start) | 3 << 1022 | 1) < 20_000
    public = key.cose_key()
    assert public == {1: 3, 3: -257, -1: (p * q).to_bytes(256), -2: b"\x01\x00\x01"}
    assert rsa.RSAPublicNumbers(65537, p * q).public_key().key_size == 2048


@pytest.mark.parametrize("length", [255, 257, 254])
def test_bytes_that_are_no_two_primes_of_1024_bits_are_no_rsa_key(length: int) -> None:
    with pytest.raises(ValueError, match="an RS256 private key is 256 bytes"):
        cose.load(Algorithm.RS256, bytes(length))


def test_ml_dsa_keys_and_signatures_have_the_lengths_of_fips_204_table_2() -> None:
    lengths = {a: (len(key_of(a, b"7").cose_key()[cose.PUB]), len(key_of(a, b"7").sign(b""))) for a in ML_DSA}
    assert lengths == dict(zip(ML_DSA, [(1312, 2420), (1952, 3309), (2592, 4627)], strict=True))


def test_every_algorithm_of_ours_is_supported_here_and_no_other() -> None:
    assert all(cose.supported(algorithm) for algorithm in Algorithm)
    assert not any(cose.supported(algorithm) for algorithm in (-9, -37, -65535, 0, 7))


@ALGORITHMS
def test_a_key_s_repr_tells_nothing_secret(algorithm: Algorithm) -> None:
    key = key_of(algorithm, b"7")
    assert key.to_bytes()[:4].hex() not in repr(key)
    assert repr(key.to_bytes()[:4])[2:-1] not in repr(key)


def der_signature(r: int, s: int) -> bytes:
    """An Ecdsa-Sig-Value."""
    integers = [n.to_bytes(n.bit_length() // 8 + 1) for n in (r, s)]
    body = b"".join(b"\x02" + bytes((len(integer),)) + integer for integer in integers)
    return b"\x30" + bytes((len(body),)) + body
