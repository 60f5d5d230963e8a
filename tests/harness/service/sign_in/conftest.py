"""Signing in as alice: up to the second page, and refused there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.service.model import AwaitingMfa
from harness.service.sign_in import MfaRefused


@pytest.fixture
def alice(office: Any) -> Any:
    return office.user("alice", office.policy("*"))


@pytest.fixture
def begin() -> Callable[..., AwaitingMfa]:
    """``begin(office)``: the password is given, and MFA asked for."""

    def begin(office: Any, user_name: str = "alice") -> AwaitingMfa:
        session = office.identity.sign_in("example-corp", user_name, office.password)
        assert isinstance(session, AwaitingMfa)
        return session

    return begin


@pytest.fixture
def refuse() -> Callable[..., MfaRefused]:
    """``refuse(office, session)``: a code that is refused."""

    def refuse(
        office: Any, session: AwaitingMfa, code: str = "000000", serial: str | None = None
    ) -> MfaRefused:
        with pytest.raises(MfaRefused) as refused:
            office.identity.present_code(session.id, code, serial)
        return refused.value

    return refuse
