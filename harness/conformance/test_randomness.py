"""Secrets that cannot be guessed, and that do not tell of each other (CTAP 2.3 §6.5.6, FIPS 186-5)."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from harness.conformance.ceremony import RP_ID, Ceremony
from harness.conformance.pin import GET_KEY_AGREEMENT, MC, PinAuth
from harness.conformance.probe import Probe

PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
"""Of P-256's field (SP 800-186 §3.2.1.3)."""
STEPS = 257
"""Its square is how many private keys are tried, by giant steps after baby steps."""

Point = tuple[int, int] | None
"""A point of P-256; ``None`` is the one at infinity."""


@pytest.mark.spec("RANDOM-AGREEMENT-01", "CTAP 2.3 §6.5.6")
@pytest.mark.needs("clientPin", "power-cycle")
@pytest.mark.touches(0)
@pytest.mark.catches("random-few-bits", "random-counted")
def test_key_agreement(probe: Probe, pin_auth: PinAuth) -> None:
    """Key agreement keys cannot be guessed, neither one by itself nor the next from the one before.

    Whoever guesses it reads the PIN's hash and the token that go over the wire.
    """
    keys = []
    for _ in range(2):
        key = pin_auth.command(GET_KEY_AGREEMENT).succeeded()[1]
        keys.append((int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big")))
        probe.power_cycle()
    _not_to_be_guessed(*keys)


@pytest.mark.spec("RANDOM-CREDENTIAL-01", "FIPS 186-5 §A.2")
@pytest.mark.needs("ctap2")
@pytest.mark.touches(2)
@pytest.mark.catches("random-few-bits", "random-counted")
def test_credentials_keys(ceremony: Ceremony) -> None:
    """Credentials' private keys cannot be guessed, neither one by itself nor the next from the one before."""
    found = [ceremony.register(user_id=name).public_key for name in (b"one", b"two")]
    _not_to_be_guessed(*[(int.from_bytes(k[-2], "big"), int.from_bytes(k[-3], "big")) for k in found])


@pytest.mark.spec("RANDOM-CREDENTIAL-02", "WebAuthn Level 3 §4")
@pytest.mark.needs("ctap2", "rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(2)
@pytest.mark.catches("random-few-bits", "random-counted")
def test_credential_ids(ceremony: Ceremony) -> None:
    """IDs of discoverable credentials have little in common: nobody can tell one by another."""
    one, two = (ceremony.register(rk=True, user_id=name).credential_id for name in (b"one", b"two"))
    _unlike(one, two)


@pytest.mark.spec("RANDOM-TOKEN-01", "CTAP 2.3 §6.5.2.1")
@pytest.mark.needs("clientPin", "pinUvAuthToken")
@pytest.mark.destructive("sets a PIN where there is none")
@pytest.mark.touches(0)
@pytest.mark.catches("random-few-bits", "random-counted")
def test_tokens(pin_auth: PinAuth, pin: str) -> None:
    """pinUvAuthTokens have little in common, so that one does not tell the next."""
    _unlike(pin_auth.token(pin, MC, RP_ID), pin_auth.token(pin, MC, RP_ID))


@pytest.mark.spec("RANDOM-TOKEN-02", "CTAP 2.3 §6.5.7")
@pytest.mark.needs("clientPin", "pin-protocol-two", "pinUvAuthToken")
@pytest.mark.destructive("sets a PIN where there is none")
@pytest.mark.touches(0)
@pytest.mark.catches("random-few-bits", "random-counted")
def test_initialization_vectors(probe: Probe, pin: str) -> None:
    """By protocol two each answer is encrypted from another random initialization vector."""
    auth = PinAuth(probe, 2)
    one, two = (auth.ask_token(pin, MC, RP_ID)[0].succeeded()[2][:16] for _ in range(2))
    _unlike(one, two)


def _unlike(one: bytes, two: bytes) -> None:
    same = sum(a == b for a, b in zip(one, two, strict=False))
    assert same <= len(one) // 2, f"{same} of {len(one)} bytes are the same: {one.hex()} and {two.hex()}"


def _not_to_be_guessed(one: tuple[int, int], two: tuple[int, int]) -> None:
    assert one != two, "the same key is given twice"
    for key in (one, two):
        assert not _is_small(key), "its private key is a small number"
    for difference in (_added(two, _negated(one)), _added(one, _negated(two))):
        assert not _is_small(difference), "from one private key to the next it is a small step"


def _is_small(point: Point) -> bool:
    """Whether it is the base point times some number up to the square of :data:`STEPS`."""
    giant = _negated(_times_base(STEPS))
    for _ in range(STEPS):
        if point is None or point in _baby_steps():
            return True
        point = _added(point, giant)
    return False


@cache
def _baby_steps() -> frozenset[Point]:
    return frozenset(_times_base(number) for number in range(1, STEPS + 1))


def _times_base(number: int) -> Point:
    point = ec.derive_private_key(number, ec.SECP256R1()).public_key().public_numbers()
    return point.x, point.y


def _negated(point: Point) -> Point:
    return None if point is None else (point[0], -point[1] % PRIME)


def _added(one: Point, two: Point) -> Point:
    """The chord-and-tangent rule (SP 800-186 §A.1.1.1)."""
    if one is None or two is None:
        return two if one is None else one
    (x1, y1), (x2, y2) = one, two
    if x1 == x2 and (y1 + y2) % PRIME == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, PRIME) if one == two else (y2 - y1) * pow(x2 - x1, -1, PRIME)
    x = (slope * slope - x1 - x2) % PRIME
    return x, (slope * (x1 - x) - y1) % PRIME
