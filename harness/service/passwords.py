"""Passwords: argon2id hashes, and a check that takes as long for a user who does not exist."""

from __future__ import annotations

import argon2

from harness.service.errors import PasswordPolicyViolation
from harness.service.profile import ServiceProfile


class Passwords:
    """Hashes and checks passwords with the parameters of ``hasher``, argon2-cffi's own by default.

    A world with dozens of users may pass ``argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)``
    to save time where nothing needs protecting.
    """

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = argon2.PasswordHasher() if hasher is None else hasher
        self._nobodys_hash = self._hasher.hash("")

    def hash(self, password: str) -> str:
        """The password's salted hash, in PHC string format."""
        return self._hasher.hash(_bytes(password))

    def check(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the hash's. Without a hash never, after as much work."""
        try:
            self._hasher.verify(password_hash or self._nobodys_hash, _bytes(password))
        except argon2.exceptions.VerifyMismatchError:
            return False
        return password_hash is not None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def check_password(profile: ServiceProfile, password: str) -> None:
    """PasswordPolicyViolation unless the password is long and mixed enough (IAM guide, default policy)."""
    if len(password) < (limit := profile.password_min_length):
        raise PasswordPolicyViolation(profile.say("password_too_short", limit=limit))
    types = {_character_type(character) for character in password}
    if len(types) < (limit := profile.password_character_types):
        raise PasswordPolicyViolation(profile.say("password_too_plain", limit=limit))


def _character_type(character: str) -> str:
    if character.isupper():
        return "uppercase"
    if character.islower():
        return "lowercase"
    return "number" if character.isdigit() else "symbol"
