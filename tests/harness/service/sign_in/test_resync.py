"""The second page, with a token that has drifted: two codes in a row resync it and sign in."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.sign_in import MfaRefused

SERIAL = "GAHT12345678"


@pytest.fixture
def drifted(office: Any, alice: Any) -> Any:
    """A token whose clock has gone an hour wrong since it was enabled."""
    token = office.token(SERIAL, "alice")
    token.offset = -3_600.0
    office.clock.advance(7_200)
    return token


def test_a_drifted_token_is_refused_resynced_and_signs_in(
    office: Any, begin: Any, refuse: Any, drifted: Any
) -> None:
    awaiting = begin(office)
    for _ in range(3):
        refused = refuse(office, awaiting, drifted.code())
    assert refused.offer_resync
    session = office.identity.resync_and_sign_in(awaiting.id, SERIAL, *drifted.pair())
    assert session.mfa_serial_number == SERIAL
    office.clock.advance(30)
    office.identity.present_code(begin(office).id, drifted.code())


def test_resync_without_consecutive_codes_is_refused_and_counted(
    office: Any, begin: Any, drifted: Any
) -> None:
    awaiting = begin(office)
    with pytest.raises(MfaRefused) as refused:
        office.identity.resync_and_sign_in(awaiting.id, None, drifted.code(-2), drifted.code())
    assert refused.value.diagnosis == "codes not consecutive"
    assert office.identity.session(awaiting.id).failures == 1


def test_root_resyncs_before_signing_in_and_signs_in_with_the_next_code(office: Any, refuse: Any) -> None:
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(office.root, None, SERIAL, *token.pair())
    token.offset = -3_600.0
    office.clock.advance(7_200)
    awaiting = office.identity.sign_in_root("root@example.com", office.password)
    refuse(office, awaiting, token.code())
    pair = token.pair()
    resynced = office.identity.resync_before_sign_in(awaiting.id, SERIAL, *pair)
    assert (resynced.id, resynced.failures) == (awaiting.id, 0)
    refuse(office, awaiting, pair[1])
    with pytest.raises(MfaRefused):
        office.identity.resync_before_sign_in(awaiting.id, SERIAL, *pair)
    office.clock.advance(30)
    assert office.identity.present_code(awaiting.id, token.code()).mfa_serial_number == SERIAL
