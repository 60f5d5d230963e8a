"""Passwords: argon2id, as much work for nobody as for somebody, and IAM's default policy."""

from __future__ import annotations

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.service.errors import PasswordPolicyViolation
from harness.service.passwords import Passwords, check_password
from harness.service.profile import ServiceProfile

CHEAP = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PROFILE = ServiceProfile.load()


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text())
def test_a_hash_fits_its_own_password_alone(password: str, other: str) -> None:
    password_hash = CHEAP.hash(password)
    assert CHEAP.check(password_hash, password)
    assert CHEAP.check(password_hash, other) is (password == other)


def test_a_lone_surrogate_is_a_wrong_password_and_no_error() -> None:
    assert not CHEAP.check(CHEAP.hash("Correct-horse-1"), "\udcff")


def test_nobodys_password_is_never_right_not_even_the_empty_one() -> None:
    assert not CHEAP.check(None, "")
    assert not CHEAP.check(None, "Correct-horse-1")


def test_the_default_is_argon2id_with_the_librarys_own_parameters() -> None:
    password_hash = Passwords().hash("Correct-horse-1")
    assert password_hash.startswith("$argon2id$")
    assert not argon2.PasswordHasher().check_needs_rehash(password_hash)


def test_as_much_work_is_done_for_a_user_who_does_not_exist() -> None:
    class Counting(argon2.PasswordHasher):
        verified: list[str]

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            self.verified.append(str(hash))
            return super().verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    hasher.verified = []
    passwords = Passwords(hasher)
    assert not passwords.check(None, "Correct-horse-1")
    assert len(hasher.verified) == 1
    assert argon2.extract_parameters(hasher.verified[0]).memory_cost == 8


@pytest.mark.parametrize("password", ["Abcdefg1", "abcdefg-1", "ABCDEFG-1", "Pässwörter-"])
def test_three_types_of_character_in_eight_satisfy_the_policy(password: str) -> None:
    check_password(PROFILE, password)


@pytest.mark.parametrize(
    ("password", "complaint"), [("Abc-1", "minimum length of 8"), ("abcdefg1", "at least 3 of")]
)
def test_a_password_that_is_short_or_plain_is_refused(password: str, complaint: str) -> None:
    with pytest.raises(PasswordPolicyViolation, match=complaint):
        check_password(PROFILE, password)
