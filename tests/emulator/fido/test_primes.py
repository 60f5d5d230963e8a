"""Primes judged by trial division and by the RSA key check of the library that uses them."""

from hashlib import shake_256
from math import gcd

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import assume, example, given
from hypothesis import strategies as st

from emulator.fido.primes import next_prime

CARMICHAEL_16_BITS = 62745  # 3 * 5 * 47 * 89
STRONG_PSEUDOPRIME = 3215031751  # to the bases 2, 3, 5 and 7, with no factor below 151


def is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


@given(start=st.binary(min_size=4, max_size=4))
@example(start=bytes(4))
def test_it_is_the_next_prime_from_where_the_search_starts(start: bytes) -> None:
    first = int.from_bytes(start) | 0xC0000001
    assume(first < 0xFFFFF000)  # after which there may be none of 32 bits
    found = next_prime(start, 65537)
    assert is_prime(found)
    assert not any(is_prime(n) and n % 65537 != 1 for n in range(first, found, 2))


def test_a_prime_whose_predecessor_shares_the_exponent_is_passed_over() -> None:
    start = 0xFFFFFFFF - 2**20
    found = next_prime(start.to_bytes(4), 65537)
    assert gcd(found - 1, 65537) == 1
    passed = next(n for n in range(start | 1, 2**32, 2) if is_prime(n))
    assert next_prime(start.to_bytes(4), (passed - 1) // 2) > passed


def test_a_strong_pseudoprime_to_four_bases_is_none() -> None:
    for start in (CARMICHAEL_16_BITS | 0xC0000000, STRONG_PSEUDOPRIME):
        assert is_prime(next_prime(start.to_bytes(4), 65537))
    assert next_prime((STRONG_PSEUDOPRIME | 0xC0000000).to_bytes(4), 3) != STRONG_PSEUDOPRIME


@pytest.mark.parametrize("seed", [b"one", b"two"])
def test_the_library_s_key_check_finds_primes_of_1024_bits_prime(seed: bytes) -> None:
    p, q = (next_prime(shake_256(seed + half).digest(128), 65537) for half in (b"p", b"q"))
    d = rsa.rsa_recover_private_exponent(65537, p, q)
    parts = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    numbers = rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(65537, p * q))
    assert numbers.private_key().key_size == 2048
