"""Registering security keys: for oneself, for another, for root; each challenge good once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.service.errors import (
    AccessDenied,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
    ValidationError,
)


@pytest.fixture
def alice(office: Any) -> Any:
    """Alice, who may do everything, in the console."""
    return office.in_console(office.user("alice", office.policy("*")))


def test_a_key_is_registered_for_oneself(office: Any, alice: Any, software_key: Callable[..., Any]) -> None:
    key = office.register(alice, None, "my-key", software_key(attestation_format="packed", sign_count=3))
    assert re.fullmatch(r"arn:aws:iam::123456789012:u2f/user/alice/my-key-[A-Z2-7]{26}", key.serial_number)
    assert (key.user_name, key.attestation_format, key.sign_count) == ("alice", "packed", 3)
    assert office.identity.list_mfa_devices(alice) == [key]
    event = office.identity.events[-1]
    assert (event.name, event.outcome) == ("EnableMFADevice", "Success")


def test_a_key_is_registered_for_another_by_an_administrator_and_for_root(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.user("bob")
    bobs = office.register(alice, "bob", "bobs-key", software_key(credential_id=b"bob"))
    assert ":u2f/user/bob/bobs-key-" in bobs.serial_number
    assert office.identity.list_mfa_devices(alice) == []
    roots = office.register(
        office.in_console(office.root), None, "roots-key", software_key(credential_id=b"root")
    )
    assert ":u2f/root/roots-key-" in roots.serial_number


def test_only_the_users_own_keys_are_excluded(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.register(alice, None, "one", software_key())
    office.user("bob")
    begin = office.identity.begin_security_key_registration
    assert len(begin(office.in_console(alice, mfa=True), None, "two")["excludeCredentials"]) == 1
    assert begin(alice, "bob", "two")["excludeCredentials"] == []


def test_the_same_credential_is_not_registered_twice(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.register(alice, None, "one", software_key())
    office.user("bob")
    with pytest.raises(InvalidInput):
        office.register(alice, "bob", "two", software_key())


def test_a_challenge_is_good_once(office: Any, alice: Any, software_key: Callable[..., Any]) -> None:
    key = software_key()
    response = key.register(office.identity.begin_security_key_registration(alice, None, "key"))
    registered = office.identity.finish_security_key_registration(alice, None, "key", response)
    office.identity.deactivate_mfa_device(office.in_console(alice, mfa=True), None, registered.serial_number)
    with pytest.raises(InvalidInput, match="could not be registered"):
        office.identity.finish_security_key_registration(alice, None, "key", response)
    assert "no challenge is in play" in office.identity.events[-1].additional["diagnosis"]


def test_a_challenge_is_spent_by_a_response_that_is_refused(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    options = office.identity.begin_security_key_registration(alice, None, "key")
    for key in (software_key(origin="http://evil.example"), software_key()):
        with pytest.raises(InvalidInput):
            office.identity.finish_security_key_registration(alice, None, "key", key.register(options))
    assert office.identity.list_mfa_devices(alice) == []


def test_a_challenge_expires(office: Any, alice: Any, software_key: Callable[..., Any]) -> None:
    options = office.identity.begin_security_key_registration(alice, None, "key")
    office.clock.advance(300)
    with pytest.raises(InvalidInput):
        office.identity.finish_security_key_registration(alice, None, "key", software_key().register(options))
    assert office.identity.events[-1].additional["diagnosis"] == "the challenge has expired"


def test_beginning_again_makes_the_first_challenge_void(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    first = office.identity.begin_security_key_registration(alice, None, "key")
    office.identity.begin_security_key_registration(alice, None, "key")
    with pytest.raises(InvalidInput):
        office.identity.finish_security_key_registration(alice, None, "key", software_key().register(first))


def test_a_response_serves_only_who_asked_for_whom_and_what(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.user("bob")
    ada = office.in_console(office.administrator())
    options = office.identity.begin_security_key_registration(alice, None, "key")
    response = software_key().register(options)
    for caller, user_name, name in ((ada, "alice", "key"), (alice, "bob", "key"), (alice, None, "other")):
        with pytest.raises(InvalidInput):
            office.identity.finish_security_key_registration(caller, user_name, name, response)


def test_two_administrators_may_register_keys_for_one_user_at_the_same_time(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    ada = office.in_console(office.administrator())
    office.user("bob")
    begun = [
        (caller, name, office.identity.begin_security_key_registration(caller, "bob", name))
        for caller, name in ((alice, "one"), (ada, "two"))
    ]
    for caller, name, options in begun:
        key = software_key(credential_id=name.encode())
        office.identity.finish_security_key_registration(caller, "bob", name, key.register(options))
    assert len(office.identity.list_mfa_devices(alice, "bob")) == 2


def test_a_device_name_is_given_once_among_all_devices_of_the_account(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    office.identity.create_virtual_mfa_device(alice, "phone")
    with pytest.raises(EntityAlreadyExists):
        office.identity.begin_security_key_registration(alice, None, "phone")
    office.register(alice, None, "key", software_key())
    with pytest.raises(EntityAlreadyExists):
        office.identity.create_virtual_mfa_device(alice, "key")


def test_what_was_free_when_it_began_is_asked_again_when_it_ends(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    options = office.identity.begin_security_key_registration(alice, None, "key")
    office.identity.create_virtual_mfa_device(alice, "key")
    with pytest.raises(EntityAlreadyExists):
        office.identity.finish_security_key_registration(alice, None, "key", software_key().register(options))
    assert office.identity.list_mfa_devices(alice) == []


def test_the_last_free_place_cannot_be_taken_twice(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    for number in range(7):
        office.token(f"GAHT1000000{number}", "alice")
    console = office.in_console(alice, mfa=True)
    options = office.identity.begin_security_key_registration(console, None, "key")
    office.token("GAHT10000007", "alice")
    with pytest.raises(LimitExceeded):
        office.identity.finish_security_key_registration(
            console, None, "key", software_key().register(options)
        )


def test_security_keys_are_registered_in_the_console_alone(office: Any) -> None:
    ada = office.administrator()
    for caller in (ada, office.root):
        with pytest.raises(AccessDenied, match="only in the console"):
            office.identity.begin_security_key_registration(caller, None, "key")
        with pytest.raises(AccessDenied, match="only in the console"):
            office.identity.finish_security_key_registration(caller, None, "key", "{}")


def test_a_policy_may_tell_beginning_from_ending_a_registration(
    office: Any, software_key: Callable[..., Any]
) -> None:
    document = json.loads(office.policy("iam:EnableMFADevice"))
    document["Statement"][0]["Condition"] = {"StringEquals": {"iam:RegisterSecurityKey": "Create"}}
    bob = office.in_console(office.user("bob", json.dumps(document)))
    options = office.identity.begin_security_key_registration(bob, None, "key")
    with pytest.raises(AccessDenied):
        office.identity.finish_security_key_registration(bob, None, "key", software_key().register(options))


def test_a_name_iam_would_not_take_and_a_user_that_does_not_exist_are_refused(
    office: Any, alice: Any
) -> None:
    with pytest.raises(ValidationError):
        office.identity.begin_security_key_registration(alice, None, "my key")
    with pytest.raises(NoSuchEntity):
        office.identity.begin_security_key_registration(alice, "nobody", "key")
    mallory = office.in_console(office.user("mallory"))
    with pytest.raises(AccessDenied):
        office.identity.begin_security_key_registration(mallory, None, "key")
