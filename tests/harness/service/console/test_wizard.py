"""The wizard that assigns MFA devices."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import AuthenticatorApp, EmulatedToken
from harness.platform import Browser, SecurityKeyError

PASSWORD = "Correct-horse-1"

Assign = Callable[..., EmulatedToken]


def test_an_app_is_assigned_by_qr_code_and_two_codes(alice: Browser, phone: AuthenticatorApp) -> None:
    shown = alice.assign_authenticator_app("alice-phone")
    token = phone.scan(shown.qr_code)
    assert base64.b32decode(shown.secret) == token.secret
    page = alice.enter_two_codes(*token.read_two())
    assert page.heading == "My security credentials"
    assert page.notices == ("The MFA device is assigned.",)
    assert page.tables["mfa-devices"] == (
        {
            "Name": "alice-phone",
            "Type": "Authenticator app",
            "Identifier": "arn:aws:iam::123456789012:mfa/alice-phone",
            "Assigned": "2026-01-01 00:00 UTC",
            "Actions": "Resync alice-phone Remove alice-phone",
        },
    )


def test_wrong_codes_are_refused_and_the_secret_is_not_shown_again(
    alice: Browser, phone: AuthenticatorApp
) -> None:
    shown = alice.assign_authenticator_app("alice-phone")
    page = alice.enter_two_codes("000000", "111111")
    assert (page.status, page.error) == (403, "Authentication code for device is not valid.")
    assert "qr-code" not in page.images
    assert shown.secret not in page.text
    token = phone.scan(shown.qr_code)
    assert alice.enter_two_codes(*token.read_two()).notices == ("The MFA device is assigned.",)
    for path in ("/security-credentials", "/security-credentials/assign-mfa/authenticator-app"):
        assert shown.secret not in alice.open(path).text


def test_starting_again_gives_another_secret_under_the_same_name(
    alice: Browser, phone: AuthenticatorApp
) -> None:
    first = alice.assign_authenticator_app("alice-phone")
    page = alice.submit("start-again")
    token = phone.scan(page.images["qr-code"])
    assert token.secret != base64.b32decode(first.secret)
    page = alice.enter_two_codes(*token.read_two())
    assert [row["Name"] for row in page.tables["mfa-devices"]] == ["alice-phone"]


def test_cancelling_leaves_nothing_behind(alice: Browser, town: Any) -> None:
    alice.assign_authenticator_app("alice-phone")
    assert "no-mfa-assigned" in alice.submit("cancel").texts
    root = town.identity.root_caller(town.account_id)
    assert town.identity.list_virtual_mfa_devices(root) == []


def test_a_taken_or_impossible_name_is_refused_where_it_was_given(
    alice: Browser, assign_app: Assign, browser: Browser
) -> None:
    assign_app(alice, "taken")
    browser.sign_in_root("root@example.com", PASSWORD)
    browser.security_credentials()
    browser.follow("assign-mfa")
    page = browser.submit("choose-mfa-device", name="taken", type="Authenticator app")
    assert (page.status, page.error) == (409, "MFA device already exists.")
    assert page.form("choose-mfa-device").fields["name"].value == "taken"
    page = browser.submit("choose-mfa-device", name="no spaces", type="authenticator-app")
    assert page.status == 400
    assert page.form("choose-mfa-device").fields["type"].value == "authenticator-app"


def test_a_type_must_be_chosen(alice: Browser) -> None:
    alice.security_credentials()
    alice.follow("assign-mfa")
    page = alice.submit("choose-mfa-device", name="alice-phone")
    assert (page.status, page.error) == (400, "Choose a type of device.")


def test_a_hardware_token_is_assigned_by_serial_number(
    alice: Browser, issue_token: Callable[..., EmulatedToken]
) -> None:
    token = issue_token("GAHT12345678", offset=40)
    page = alice.assign_hardware_token("GAHT12345678", *token.read_two())
    (row,) = page.tables["mfa-devices"]
    assert (row["Name"], row["Type"]) == ("GAHT12345678", "Hardware TOTP token")


def test_an_unknown_serial_number_is_refused_and_kept_in_the_form(alice: Browser) -> None:
    page = alice.assign_hardware_token("GAHT00000000", "000000", "111111")
    assert page.status == 404
    assert page.error == "MFA Device with serial number GAHT00000000 does not exist."
    assert page.form("assign-hardware-token").fields["serial_number"].value == "GAHT00000000"


@pytest.mark.parametrize("profile", ["ctap20", "ctap21", "security-key", "u2f-only"])
def test_a_security_key_is_assigned(alice: Browser, town: Any, profile: str) -> None:
    alice.key = EmulatedKey(profile, clock=town.clock)
    page = alice.assign_security_key("alice-key")
    (row,) = page.tables["mfa-devices"]
    assert (row["Name"], row["Type"], row["Actions"]) == ("alice-key", "Security key", "Remove alice-key")
    assert row["Identifier"].startswith("arn:aws:iam::123456789012:u2f/user/alice/alice-key-")


def test_the_same_key_is_not_assigned_twice_to_one_user(alice: Browser, town: Any) -> None:
    alice.key = EmulatedKey(clock=town.clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    alice.use_security_key()
    with pytest.raises(SecurityKeyError, match="the security key cannot be assigned: "):
        alice.assign_security_key("alice-key-again")


def test_a_registration_is_good_once(alice: Browser, town: Any) -> None:
    alice.sign_in_root("root@example.com", PASSWORD)  # root may add devices without having used one
    alice.key = EmulatedKey(clock=town.clock)
    alice.security_credentials()
    alice.follow("assign-mfa")
    alice.submit("choose-mfa-device", name="first", type="security-key")
    form, answer = alice.page.form("assign-security-key"), alice.answer_challenge()
    alice.send(form, {"response": answer})
    page = alice.send(form, {"response": answer})
    assert page.status in (400, 409)
    assert len(alice.security_credentials().tables["mfa-devices"]) == 1


def test_a_refused_registration_can_be_tried_again(alice: Browser, town: Any) -> None:
    alice.security_credentials()
    alice.follow("assign-mfa")
    alice.submit("choose-mfa-device", name="alice-key", type="security-key")
    page = alice.submit("assign-security-key", response="{}")
    assert page.status == 400
    alice.key = EmulatedKey(clock=town.clock)
    page = alice.submit("assign-security-key", response=alice.answer_challenge())
    assert page.notices == ("The MFA device is assigned.",)


def test_an_administrator_assigns_devices_for_another_user(
    browser: Browser, town: Any, assign_app: Assign
) -> None:
    browser.sign_in("example-corp", "ada", PASSWORD)
    assign_app(browser, "alice-phone", "alice")
    browser.key = EmulatedKey(clock=town.clock)
    page = browser.assign_security_key("alice-key", "alice")
    assert page.heading == "Security credentials of alice"
    assert [row["Name"] for row in page.tables["mfa-devices"]] == ["alice-phone", "alice-key"]
    assert "no-mfa-assigned" in browser.security_credentials().texts


def test_one_key_serves_two_users(alice: Browser, town: Any) -> None:
    key = EmulatedKey(clock=town.clock)
    for user in ("alice", "ada"):
        alice.key = key
        alice.sign_in("example-corp", user, PASSWORD)
        alice.assign_security_key(f"{user}-key")
    for user in ("alice", "ada"):
        alice.sign_in("example-corp", user, PASSWORD)
        assert f"/{user}-key-" in alice.use_security_key().texts["mfa-used"]


def test_root_assigns_its_own_key(browser: Browser, town: Any) -> None:
    browser.sign_in_root("root@example.com", PASSWORD)
    browser.key = EmulatedKey(clock=town.clock)
    browser.assign_security_key("root-key")
    browser.sign_in_root("root@example.com", PASSWORD)
    assert browser.use_security_key().texts["arn"] == "arn:aws:iam::123456789012:root"


def test_whoever_may_not_is_told_by_name_what_they_may_not(alice: Browser) -> None:
    page = alice.open("/users/ada/assign-mfa/security-key?name=trap")
    assert (page.status, page.heading) == (403, "Not allowed")
    assert page.error is not None
    assert "is not authorized to perform: iam:EnableMFADevice on resource: " in page.error


def test_a_key_whose_credentials_are_backed_up_is_a_synced_passkey(alice: Browser, town: Any) -> None:
    alice.key = EmulatedKey("synced-passkey", clock=town.clock)
    page = alice.assign_security_key("alice-passkey")
    (row,) = page.tables["mfa-devices"]
    assert row["Type"] == "Synced passkey"
    alice.sign_in("example-corp", "ada", PASSWORD)
    rows = alice.users().tables["users"]
    assert [row["MFA"] for row in rows if row["User name"] == "alice"] == ["Synced passkey"]


def test_a_second_device_is_recommended_up_to_the_limit(alice: Browser, town: Any) -> None:
    alice.key = EmulatedKey(clock=town.clock)
    page = alice.assign_security_key("alice-key")
    assert "up to 8 can be assigned" in page.texts["second-device"]
