"""Large primes out of given random bytes, which no library offers: they all draw their own."""

from __future__ import annotations

from itertools import count
from math import gcd, prod

_SMALL_PRIMES = [n for n in range(3, 5000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
_SMALL_FACTORS = prod(_SMALL_PRIMES)
_BASES = (2, 3, 5, 7, 11)
"""Five rounds leave a random odd number of 1024 bits a chance below 2**-112 (FIPS 186-5 table B.1)."""


def next_prime(start: bytes, public_exponent: int) -> int:
    """The first probable prime p from ``start`` on, of as many bits, whose RSA exponent has an inverse.

    ``start`` is random and some 128 bytes long. The two highest bits are set, so that the product of two
    such primes has twice the bits, and the lowest (FIPS 186-5 A.1.3 steps 4.2 and 4.3).
    """
    bits = 8 * len(start)
    first = int.from_bytes(start, "big") | 0b11 << (bits - 2) | 1
    for candidate in count(first, 2):
        if gcd(candidate, _SMALL_FACTORS) == 1 and candidate % public_exponent != 1 and _is_prime(candidate):
            break
    assert candidate.bit_length() == bits, "some thousands from the top of so many: never"
    return candidate


def _is_prime(n: int) -> bool:
    """Miller and Rabin's test of an odd number (FIPS 186-5 B.3.1), with the bases that are small primes."""
    twos = (n - 1 & 1 - n).bit_length() - 1
    return all(_is_witnessed(n, base, twos) for base in _BASES)


def _is_witnessed(n: int, base: int, twos: int) -> bool:
    """Whether ``base`` speaks for ``n`` being prime; n - 1 is an odd number times 2 ** ``twos``."""
    power = pow(base, n - 1 >> twos, n)
    if power == 1:
        return True
    for _ in range(twos):
        if power == n - 1:
            return True
        power = power * power % n
    return False
