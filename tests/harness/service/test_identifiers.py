"""Identifiers have AWS's form, and never come twice."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from harness.service.identifiers import Identifiers
from harness.service.profile import ServiceProfile

FORMS = {
    "account_id": r"[1-9]\d{11}",
    "user_id": r"AIDA[A-Z2-7]{17}",
    "access_key_id": r"AKIA[A-Z2-7]{16}",
    "session_key_id": r"ASIA[A-Z2-7]{16}",
    "secret_access_key": r"[A-Za-z0-9+/]{40}",
    "session_token": r"[A-Za-z0-9+/]{128}",
    "sign_in_session_id": r"[A-Za-z0-9_-]{43}",
    "security_key_suffix": r"[A-Z2-7]{26}",
}


@pytest.mark.parametrize(("kind", "form"), FORMS.items())
def test_an_identifier_has_its_form(kind: str, form: str) -> None:
    new = Identifiers(ServiceProfile.load(), os.urandom)
    made = {getattr(new, kind)() for _ in range(200)}
    assert len(made) == 200
    for identifier in made:
        assert re.fullmatch(form, identifier)


def test_their_sizes_are_the_profiles() -> None:
    profile = replace(ServiceProfile.load(), user_id_prefix="X", user_id_length=5, account_id_digits=3)
    new = Identifiers(profile, os.urandom)
    assert re.fullmatch(r"X[A-Z2-7]{4}", new.user_id())
    assert re.fullmatch(r"\d{3}", new.account_id())


def test_the_same_randomness_makes_the_same_identifiers() -> None:
    one, two = (Identifiers(ServiceProfile.load(), bytes) for _ in range(2))
    assert one.user_id() == two.user_id() == "AIDAAAAAAAAAAAAAAAAAA"
