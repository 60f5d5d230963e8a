"""Security credentials: resync and removal, by oneself and by an administrator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser

PASSWORD = "Correct-horse-1"

Assign = Callable[..., EmulatedToken]


@pytest.fixture
def phone_of_alice(browser: Browser, assign_app: Assign) -> EmulatedToken:
    """An app of alice's, with which she has signed in."""
    browser.sign_in("example-corp", "alice", PASSWORD)
    token = assign_app(browser, "alice-phone")
    browser.sign_in("example-corp", "alice", PASSWORD)
    browser.enter_code(token.read_next())
    return token


def test_a_user_resyncs_their_own_device(browser: Browser, phone_of_alice: EmulatedToken) -> None:
    phone_of_alice.step_clock(900)
    page = browser.resync_device("alice-phone", *phone_of_alice.read_two())
    assert page.notices == ("The MFA device is in sync again.",)
    browser.sign_in("example-corp", "alice", PASSWORD)
    assert browser.enter_code(phone_of_alice.read_next()).heading == "Console home"


def test_an_administrator_resyncs_anothers_device(browser: Browser, phone_of_alice: EmulatedToken) -> None:
    phone_of_alice.step_clock(900)
    browser.sign_in("example-corp", "ada", PASSWORD)
    page = browser.resync_device("alice-phone", *phone_of_alice.read_two(), user="alice")
    assert page.heading == "Security credentials of alice"
    assert page.notices == ("The MFA device is in sync again.",)


def test_codes_that_are_not_consecutive_resync_nothing(
    browser: Browser, phone_of_alice: EmulatedToken, town: Any
) -> None:
    first = phone_of_alice.read_next()
    town.clock.advance(60)
    page = browser.resync_device("alice-phone", first, phone_of_alice.read())
    assert (page.status, page.error) == (403, "Authentication code for device is not valid.")
    assert "resync-device" in page.forms


def test_a_removed_device_is_gone_and_its_name_free(browser: Browser, phone_of_alice: EmulatedToken) -> None:
    page = browser.remove_device("alice-phone")
    assert page.notices == ("The MFA device is removed.",)
    assert "no-mfa-assigned" in page.texts
    assert browser.sign_in("example-corp", "alice", PASSWORD).heading == "Console home"
    assert browser.assign_authenticator_app("alice-phone").secret


def test_an_administrator_removes_anothers_device(browser: Browser, phone_of_alice: EmulatedToken) -> None:
    browser.sign_in("example-corp", "ada", PASSWORD)
    page = browser.remove_device("alice-phone", user="alice")
    assert (page.heading, page.notices) == ("Security credentials of alice", ("The MFA device is removed.",))


def test_whoever_may_not_delete_a_virtual_device_only_deactivates_it(
    browser: Browser, phone_of_alice: EmulatedToken, town: Any
) -> None:
    deny = {"Effect": "Deny", "Action": "iam:DeleteVirtualMFADevice", "Resource": "*"}
    root = town.identity.root_caller(town.account_id)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    town.identity.put_user_policy(root, "alice", "keep-names", policy)
    page = browser.remove_device("alice-phone")
    assert page.notices == (
        "The MFA device is deactivated, but you may not delete it: its name stays taken.",
    )
    assert "no-mfa-assigned" in page.texts


def test_a_device_that_is_not_the_users_is_not_found(browser: Browser, phone_of_alice: EmulatedToken) -> None:
    browser.sign_in("example-corp", "ada", PASSWORD)
    browser.open("/security-credentials/remove?serial_number=arn:aws:iam::123456789012:mfa/alice-phone")
    assert browser.submit("remove-device").status == 404


def test_a_page_about_no_device_leads_back_to_the_list(alice: Browser) -> None:
    for page in ("resync", "remove", "assign-mfa/authenticator-app"):
        assert alice.open(f"/security-credentials/{page}").heading in (
            "My security credentials",
            "Assign MFA device",
        )


def test_a_user_that_does_not_exist_is_not_found(browser: Browser) -> None:
    browser.sign_in("example-corp", "ada", PASSWORD)
    page = browser.open("/users/nobody")
    assert (page.status, page.error) == (404, "The user with name nobody cannot be found.")


def test_the_root_user_is_no_page_of_an_administrators(browser: Browser) -> None:
    browser.sign_in("example-corp", "ada", PASSWORD)
    assert browser.open("/users/root").status == 404
