"""The second page, with a security key: assertions, challenges and sign counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.service.profile import ServiceProfile
from harness.service.sign_in import MfaRefused

SERIAL = "GAHT12345678"


@pytest.fixture
def key(office: Any, alice: Any, software_key: Callable[..., Any]) -> Any:
    """Alice's security key."""
    key = software_key()
    office.register(office.in_console(alice), None, "key", key)
    return key


def test_a_security_key_signs_in_and_its_sign_count_is_kept(
    office: Any, begin: Any, alice: Any, key: Any
) -> None:
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    session = office.identity.finish_assertion(awaiting.id, key.respond(options))
    [device] = office.identity.list_mfa_devices(alice)
    assert session.mfa_serial_number == device.serial_number
    assert session.mfa_authenticated_at == office.clock()
    assert device.sign_count == 2


def test_a_replayed_assertion_is_refused(office: Any, begin: Any, key: Any) -> None:
    first, second = begin(office), begin(office)
    response = key.respond(office.identity.begin_assertion(first.id))
    office.identity.finish_assertion(first.id, response)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(second.id, response)
    assert "no challenge is in play" in refused.value.diagnosis
    office.identity.begin_assertion(second.id)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(second.id, response)
    assert "challenge was not expected" in refused.value.diagnosis


def test_a_challenge_is_spent_by_a_response_that_is_refused(office: Any, begin: Any, key: Any) -> None:
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    for response in ("{}", key.respond(options)):
        with pytest.raises(MfaRefused):
            office.identity.finish_assertion(awaiting.id, response)
    assert office.identity.session(awaiting.id).failures == 2


def test_a_challenge_expires_before_the_page_does(office: Any, begin: Any, key: Any) -> None:
    awaiting = begin(office)
    response = key.respond(office.identity.begin_assertion(awaiting.id))
    office.clock.advance(300)
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(awaiting.id, response)
    assert refused.value.diagnosis == "the challenge has expired"


def test_a_cloned_key_is_refused(office: Any, begin: Any, key: Any) -> None:
    for sign_count, accepted in ((7, True), (7, True), (5, False)):
        awaiting = begin(office)
        key.sign_count = sign_count if accepted is False else key.sign_count + sign_count
        response = key.respond(office.identity.begin_assertion(awaiting.id))
        if accepted:
            office.identity.finish_assertion(awaiting.id, response)
        else:
            with pytest.raises(MfaRefused) as refused:
                office.identity.finish_assertion(awaiting.id, response)
            assert "may have been cloned" in refused.value.diagnosis


def test_another_users_key_is_refused(
    office: Any, begin: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.user("bob")
    office.token(SERIAL, "alice")
    bobs = software_key(credential_id=b"bobs")
    office.register(office.in_console(office.root), "bob", "bobs-key", bobs)
    awaiting = begin(office)
    options = office.identity.begin_assertion(awaiting.id)
    assert options["allowCredentials"] == []
    with pytest.raises(MfaRefused):
        office.identity.finish_assertion(awaiting.id, bobs.respond(options))


def test_a_security_key_has_no_codes_and_no_clock_to_resync(
    office: Any, begin: Any, refuse: Any, alice: Any, key: Any
) -> None:
    [device] = office.identity.list_mfa_devices(alice)
    awaiting = begin(office)
    refuse(office, awaiting, "000000", device.serial_number)
    with pytest.raises(MfaRefused):
        office.identity.resync_and_sign_in(awaiting.id, device.serial_number, "000000", "000001")


def test_a_lockout_holds_for_security_keys_too(office: Any, begin: Any, refuse: Any, key: Any) -> None:
    for number in range(10):
        refuse(office, begin(office), f"{number:06}")
    awaiting = begin(office)
    response = key.respond(office.identity.begin_assertion(awaiting.id))
    with pytest.raises(MfaRefused) as refused:
        office.identity.finish_assertion(awaiting.id, response)
    assert "locked out" in refused.value.diagnosis


def test_a_key_that_may_be_cloned_signs_in_and_is_noted_where_the_profile_says_so(
    open_office: Any, software_key: Any
) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), sign_count_fault="note"))
    key = software_key(sign_count=9)
    office.register(office.in_console(office.user("alice", office.policy("*"))), None, "key", key)
    key.sign_count = 3
    session = office.identity.sign_in("example-corp", "alice", office.password)
    response = key.respond(office.identity.begin_assertion(session.id))
    assert office.identity.finish_assertion(session.id, response).mfa_authenticated_at is not None
    event = office.identity.events[-1]
    assert event.outcome == "Success"
    assert event.additional["diagnosis"] == "sign count 4 is not above 9: the key may have been cloned"
