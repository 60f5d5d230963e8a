"""What a power cycle forgets, and when a pinUvAuthToken runs out (CTAP 2.3 §6.5.2.1)."""

from __future__ import annotations

import random

import pytest

from emulator.fido.cose import Algorithm, generate
from emulator.fido.session import KEYS_AT_HAND, Permission, PinUvAuthToken, Session


def randomness(seed: int):
    return random.Random(seed).randbytes  # noqa: S311  # to be reproducible


def a_token(**given: object) -> PinUvAuthToken:
    permissions = Permission.MC | Permission.GA | Permission.LBW
    token = {"protocol": 2, "value": b"t" * 32, "limited": True, "begun": 100.0, "permissions": permissions}
    return PinUvAuthToken(**(token | given))


@pytest.mark.parametrize(
    ("used", "age", "in_use"),
    [(False, 29.9, True), (False, 30, False), (True, 30, True), (True, 599.9, True), (True, 600, False)],
)
def test_a_token_must_be_used_within_30_s_and_lasts_10_min(used: bool, age: float, in_use: bool) -> None:
    assert a_token(used=used).in_use(100.0 + age) == in_use


def test_presence_lasts_30_s_even_if_the_token_is_in_use() -> None:
    token = a_token(used=True, user_present=True)
    assert token.user_present_flag(129.9)
    assert not token.user_present_flag(130.0)
    assert not a_token(used=True).user_present_flag(100.0)


def test_a_spent_token_keeps_the_permission_to_write_large_blobs_alone() -> None:
    token = a_token(user_present=True)
    token.spend()
    assert token.permissions == Permission.LBW
    assert not token.user_verified
    assert not token.user_present


def test_a_ctap20_token_is_worn_out_by_nothing() -> None:
    token = a_token(limited=False)
    token.spend()
    assert token.permissions == a_token().permissions
    assert token.user_verified
    assert token.in_use(1e9)


def test_a_token_does_not_show_itself() -> None:
    assert "tttt" not in repr(a_token())


def test_a_session_speaks_the_protocols_it_is_given_each_with_a_key_of_its_own() -> None:
    session = Session((2, 1), randomness(0), 0.0)
    assert {number: protocol.number for number, protocol in session.protocols.items()} == {2: 2, 1: 1}
    assert session.protocols[1].public_key() != session.protocols[2].public_key()


def test_the_keys_last_used_are_at_hand() -> None:
    session = Session((), randomness(0), 0.0)
    raws = [generate(Algorithm.EDDSA, randomness(seed)).to_bytes() for seed in range(KEYS_AT_HAND + 1)]
    first = session.load_key(Algorithm.EDDSA, raws[0])
    assert session.load_key(Algorithm.EDDSA, raws[0]) is first
    for raw in raws[1:]:
        session.load_key(Algorithm.EDDSA, raw)
    assert session.load_key(Algorithm.EDDSA, raws[0]) is not first
