"""One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238), and secrets in base32 (RFC 4648 §6).

These are a token's side: they make codes. Comparing one, in constant time, is the verifier's matter.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import string
import struct
from typing import Literal

Algorithm = Literal["SHA1", "SHA256", "SHA512"]
"""The HMAC's hash, spelt as in an otpauth URI and in PSKC."""

DIGEST_SIZE: dict[Algorithm, int] = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
"""Bytes of HMAC output; RFC 6238 §5.1 wants a secret of the same length."""

_HASH_NAME = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}
_MODULUS = {6: 10**6, 7: 10**7, 8: 10**8}

_counter_bytes = struct.Struct(">Q").pack
_word_at = struct.Struct(">I").unpack_from


def hotp(secret: bytes, counter: int, *, digits: int = 6, algorithm: Algorithm = "SHA1") -> str:
    """The HOTP code for ``counter``, RFC 4226 §5.3, as ``digits`` decimal digits.

    ``counter`` is an integer of 0 to 2⁶⁴ − 1, ``digits`` 6 to 8; anything else is a ``ValueError``.
    """
    try:
        modulus, hash_name = _MODULUS[digits], _HASH_NAME[algorithm]
        mac = hmac.digest(secret, _counter_bytes(counter), hash_name)  # Step 1
    except (KeyError, struct.error):
        raise ValueError(_complaint(counter, digits, algorithm)) from None
    truncated = _word_at(mac, mac[-1] & 0x0F)[0] & 0x7FFF_FFFF  # Step 2
    return str(modulus + truncated % modulus)[1:]  # Step 3; the added modulus keeps the leading zeros


def totp(
    secret: bytes,
    now: float,
    *,
    digits: int = 6,
    algorithm: Algorithm = "SHA1",
    period: int = 30,
    t0: int = 0,
) -> str:
    """The TOTP code at ``now`` (seconds since the epoch), RFC 6238 §4.2; errors as :func:`hotp`'s."""
    return hotp(secret, step_at(now, period=period, t0=t0), digits=digits, algorithm=algorithm)


def step_at(now: float, *, period: int = 30, t0: int = 0) -> int:
    """The time step T of RFC 6238 §4.2 that ``now`` falls in; negative before ``t0``."""
    if period < 1:
        raise ValueError(f"period must be at least 1 s, not {period}")
    return int((now - t0) // period)


def secret_from_base32(text: str) -> bytes:
    """The secret that a person typed or a QR code held, RFC 4648 §6.

    Spaces, lower case and missing padding are forgiven. Anything else is a ``ValueError`` that names the
    position (counted from 1, spaces included) and never the secret.
    """
    letters = text.rstrip("= \t\r\n")
    for position, letter in enumerate(letters, start=1):
        if letter not in _BASE32_ALPHABET and not letter.isspace():
            raise ValueError(
                f"the secret has a character at position {position} that is not base32; use A-Z and 2-7"
            )
    letters = "".join(letters.split()).upper()
    if not letters:
        raise ValueError("the secret is empty; it should be base32, A-Z and 2-7")
    try:
        return base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error:
        raise ValueError(
            f"the secret has {len(letters)} base32 characters, which is not a whole number of bytes; "
            "one is missing or one too many"
        ) from None


_BASE32_ALPHABET = frozenset(string.ascii_letters + "234567")


def _complaint(counter: int, digits: int, algorithm: str) -> str:
    if digits not in _MODULUS:
        return f"digits must be 6, 7 or 8, not {digits}"
    if algorithm not in _HASH_NAME:
        return f"algorithm must be one of {', '.join(_HASH_NAME)}, not {algorithm!r}"
    return f"counter must be an integer of 0 to 2**64 - 1, not {counter!r}"
