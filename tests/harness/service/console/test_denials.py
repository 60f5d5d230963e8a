"""What the console's pages refuse stands in the audit trail, as what the API refuses does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser
from harness.service.events import Event

PASSWORD = "Correct-horse-1"
ALICE = "arn:aws:iam::123456789012:user/alice"


def refused(town: Any, name: str) -> Event:
    """The last event, which says that this was refused."""
    event: Event = town.identity.events[-1]
    assert (event.name, event.outcome) == (name, "Failure")
    return event


def test_a_page_that_may_not_be_seen(alice: Browser, town: Any) -> None:
    before = len(town.identity.events)
    page = alice.users()
    assert page.status == 403
    event = refused(town, "ListUsers")
    assert len(town.identity.events) == before + 1
    assert (event.user_name, event.error_code) == ("alice", "AccessDenied")
    record = event.record
    assert record["errorMessage"] == page.error
    assert record["userIdentity"]["arn"] == ALICE
    assert record["userIdentity"]["sessionContext"]["attributes"] == {"mfaAuthenticated": "false"}
    assert record["sourceIPAddress"] == "127.0.0.1"
    assert record["eventSource"] == "iam.amazonaws.com"
    assert record["readOnly"] is True


@pytest.mark.parametrize(
    ("path", "name", "source"),
    [
        ("/account", "GetContactInformation", "account.amazonaws.com"),
        ("/events", "LookupEvents", "cloudtrail.amazonaws.com"),
        ("/users/ada/security-credentials", None, None),
        ("/users/ada", "ListMFADevices", "iam.amazonaws.com"),
    ],
)
def test_pages_of_other_services(alice: Browser, town: Any, path: str, name: str | None, source: Any) -> None:
    before = len(town.identity.events)
    status = alice.open(path).status
    if name is None:  # no page: nothing was asked for
        assert (status, len(town.identity.events)) == (404, before)
        return
    assert status == 403
    assert refused(town, name).record["eventSource"] == source


def test_another_users_device_is_not_touched(
    browser: Browser, town: Any, issue_token: Callable[..., EmulatedToken]
) -> None:
    token = issue_token("GAHT12345678")
    browser.sign_in("example-corp", "alice", PASSWORD)
    browser.open("/security-credentials/assign-mfa/hardware-token")
    form = browser.page.form("assign-hardware-token")
    codes = token.read_two()
    answers = {"serial_number": token.serial_number, "code_1": codes[0], "code_2": codes[1]}
    there = form.action.replace("/security-credentials", "/users/ada")
    assert browser.send(replace(form, action=there), answers).status == 403
    event = refused(town, "EnableMFADevice")
    assert event.additional == {"serialNumber": "GAHT12345678", "userName": "ada"}
    assert not set(codes) & set(event.line.split('"'))


def test_what_cannot_be_done_is_told_once(browser: Browser, town: Any, assign_app: Any) -> None:
    browser.sign_in("example-corp", "alice", PASSWORD)
    assign_app(browser, "phone")
    before = len(town.identity.events)
    page = browser.assign_hardware_token("GAHT00000000", "123456", "654321")
    assert page.status == 403  # S1: not without the device there is
    assert len(town.identity.events) == before + 1
    event = refused(town, "EnableMFADevice")
    assert event.error_code == "AccessDenied"
    browser.open("/security-credentials/assign-mfa/security-key?name=key")
    event = refused(town, "EnableMFADevice")
    assert event.error_code == "AccessDenied"
    assert len(town.identity.events) == before + 2


def test_an_unknown_token_and_a_name_that_is_taken(browser: Browser, town: Any, assign_app: Any) -> None:
    browser.sign_in_root("root@example.com", PASSWORD)
    assert browser.assign_hardware_token("GAHT00000000", "123456", "654321").status == 404
    assert refused(town, "EnableMFADevice").error_code == "NoSuchEntity"
    assign_app(browser, "phone", "alice")
    browser.key = EmulatedKey(clock=town.clock)
    browser.open("/users/alice/assign-mfa/security-key?name=phone")
    assert refused(town, "EnableMFADevice").error_code == "EntityAlreadyExists"


def test_a_number_that_may_not_be_changed(browser: Browser, town: Any) -> None:
    view = {"Effect": "Allow", "Action": "aws-portal:ViewAccount", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [view]})
    town.identity.put_user_policy(town.identity.root_caller(town.account_id), "alice", "view", policy)
    browser.sign_in("example-corp", "alice", PASSWORD)
    assert browser.change_phone_number("+81 3 1234 5678").status == 403
    assert refused(town, "PutContactInformation").record["eventSource"] == "account.amazonaws.com"


def test_a_user_who_resyncs_before_signing_in(browser: Browser, town: Any, assign_app: Any) -> None:
    browser.sign_in("example-corp", "alice", PASSWORD)
    token = assign_app(browser, "phone")
    browser.sign_out()
    browser.sign_in_root("root@example.com", PASSWORD)
    root_token = assign_app(browser, "root-phone")
    browser.sign_out()
    browser.sign_in_root("root@example.com", PASSWORD)
    form = browser.open("/sign-in/mfa/troubleshoot").form("resync-before-sign-in")
    browser.open("/sign-in")
    browser.sign_in("example-corp", "alice", PASSWORD)
    csrf = browser.open("/sign-in/mfa/troubleshoot").form("language").fields["csrf"].value
    codes = dict(zip(("code_1", "code_2"), token.read_two(), strict=True))
    page = browser.send(form, {**codes, "csrf": csrf})
    assert page.status == 403
    assert page.error == "Only the root user can resync a device before signing in."
    event = refused(town, "ResyncMFADevice")
    assert (event.user_name, event.error_code) == ("alice", "AccessDenied")
    assert root_token.serial_number != token.serial_number


def test_a_name_that_is_nobodys_is_hidden_in_the_accounts_trail(browser: Browser, town: Any) -> None:
    """CloudTrail User Guide, "AWS Management Console sign-in events": an incorrect user name."""
    page = browser.sign_in("example-corp", PASSWORD, "alice")
    record = refused(town, "ConsoleLogin").record
    assert record["userIdentity"] == {
        "type": "IAMUser",
        "accountId": "123456789012",
        "accessKeyId": "",
        "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }
    assert record["errorMessage"] == "No username found in supplied account"
    assert "errorCode" not in record
    assert record["responseElements"] == {"ConsoleLogin": "Failure"}
    assert record["additionalEventData"]["MFAUsed"] == "No"
    assert PASSWORD not in town.identity.events[-1].line
    known = browser.sign_in("example-corp", "alice", "Wrong-horse-1")
    assert refused(town, "ConsoleLogin").record["errorMessage"] == "Failed authentication"
    assert known.error == page.error


def test_root_on_the_users_page_is_hidden_like_any_name(browser: Browser, town: Any) -> None:
    browser.sign_in("example-corp", "root", PASSWORD)
    assert refused(town, "ConsoleLogin").record["errorMessage"] == "No username found in supplied account"


@pytest.mark.parametrize("account", ["no-such-corp", "999999999999"])
def test_an_unknown_account_has_no_trail(browser: Browser, town: Any, account: str) -> None:
    before = len(town.identity.events)
    browser.sign_in(account, "alice", PASSWORD)
    browser.sign_in_root("nobody@example.com", PASSWORD)
    assert len(town.identity.events) == before


def test_recovery_out_of_turn(browser: Browser, town: Any, assign_app: Any) -> None:
    browser.sign_in_root("root@example.com", PASSWORD)
    assign_app(browser, "phone")
    browser.sign_out()
    browser.sign_in_root("root@example.com", PASSWORD)
    page = browser.alternative_factors()
    finish = replace(page.form("send-email"), action="/sign-in/mfa/recovery/finish")
    assert browser.send(finish, {}).status == 403
    event = refused(town, "ConsoleLogin")
    assert event.user_name == "root"
    assert event.additional["AlternativeFactors"] == "Yes"
    assert "verify the e-mail address" in event.additional["diagnosis"]


def test_an_event_of_a_refusal_shows_on_the_page_of_events(alice: Browser, town: Any) -> None:
    alice.users()
    alice.sign_out()
    alice.sign_in("example-corp", "ada", PASSWORD)
    row = alice.open("/events?name=ListUsers").tables["events"][0]
    assert row["Event name"] == "ListUsers"
    assert (row["User name"], row["Outcome"]) == ("alice", "refused")
    assert "AccessDenied" in row["Record"]
