"""Sessions: by when root must have an MFA device. How they begin and end is told with signing in."""

from __future__ import annotations

from typing import Any

EMAIL = "root@example.com"
DAYS_35 = 35 * 86_400


def test_root_has_35_days_from_its_first_sign_in(office: Any) -> None:
    office.clock.advance(86_400)
    first = office.clock()
    session = office.identity.sign_in_root(EMAIL, office.password)
    assert office.identity.root_mfa_due(session) == first + DAYS_35
    office.clock.advance(86_400)
    session = office.identity.sign_in_root(EMAIL, office.password)
    assert office.identity.root_mfa_due(session) == first + DAYS_35


def test_nothing_is_due_of_root_with_a_device_nor_of_users(office: Any) -> None:
    before = office.identity.sign_in_root(EMAIL, office.password)
    token = office.token("GAHT12345678")
    office.identity.enable_mfa_device(
        office.in_console(office.root), None, token.serial_number, *token.pair()
    )
    assert office.identity.root_mfa_due(before) is None
    office.clock.advance(30)
    session = office.identity.sign_in_root(EMAIL, office.password)
    assert office.identity.root_mfa_due(office.identity.present_code(session.id, token.code())) is None
    office.user("alice")
    assert (
        office.identity.root_mfa_due(office.identity.sign_in("example-corp", "alice", office.password))
        is None
    )
