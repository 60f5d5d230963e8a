"""The home page and the list of users."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser

PASSWORD = "Correct-horse-1"


def test_the_list_of_users_shows_what_mfa_each_has(
    browser: Browser, town: Any, assign_app: Callable[..., EmulatedToken]
) -> None:
    browser.sign_in_root("root@example.com", PASSWORD)
    assign_app(browser, "alice-phone", "alice")
    browser.key = EmulatedKey(clock=town.clock)
    browser.assign_security_key("alice-key", "alice")
    rows = {row["User name"]: row for row in browser.users().tables["users"]}
    assert {name: row["MFA"] for name, row in rows.items()} == {
        "ada": "none",
        "alice": "Security key, Authenticator app",
    }
    assert rows["ada"]["Password last used"] == "never"


def test_a_user_name_with_every_sign_that_iam_allows_leads_to_its_page(browser: Browser, town: Any) -> None:
    name = "a+b=c,d.e@f-g_h"
    town.identity.create_user(town.identity.root_caller(town.account_id), name)
    browser.sign_in("example-corp", "ada", PASSWORD)
    page = browser.security_credentials(name)
    assert page.heading == f"Security credentials of {name}"
    assert browser.follow("assign-mfa").texts["subject"] == name


def test_whoever_may_not_list_users_is_told_so(alice: Browser) -> None:
    page = alice.users()
    assert (page.status, page.heading) == (403, "Not allowed")
    assert page.error is not None
    assert "iam:ListUsers" in page.error


def test_devices_that_may_not_be_seen_are_not_counted_as_none(alice: Browser, town: Any) -> None:
    allow = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    town.identity.put_user_policy(town.identity.root_caller(town.account_id), "alice", "look", policy)
    assert {row["MFA"] for row in alice.users().tables["users"]} == {"none", "not allowed to see"}


def test_the_home_page_asks_whoever_came_without_mfa_to_assign_a_device(alice: Browser) -> None:
    assert "no-mfa-used" in alice.open("/home").texts


def test_a_phone_that_once_got_codes_shows_as_sms(browser: Browser, town: Any) -> None:
    town.identity.keep_sms_mfa_device(town.account_id, "alice", "+819012345678")
    browser.sign_in("example-corp", "ada", PASSWORD)
    rows = {row["User name"]: row["MFA"] for row in browser.users().tables["users"]}
    assert rows == {"ada": "none", "alice": "SMS"}
    assert "+819012345678" in browser.security_credentials("alice").texts["sms"]


# Events.


def test_an_administrator_reads_the_events(browser: Browser, town: Any) -> None:
    browser.sign_in("example-corp", "alice", "Wrong-horse-1")
    browser.sign_in("example-corp", "ada", PASSWORD)
    rows = browser.follow("events-list").tables["events"]
    assert [(row["Event name"], row["User name"], row["Outcome"]) for row in rows[:2]] == [
        ("ConsoleLogin", "ada", "done"),
        ("ConsoleLogin", "alice", "refused"),
    ]
    assert '"eventName": "ConsoleLogin"' in rows[0]["Record"]
    rows = browser.submit("look-up-events", user_name="alice").tables["events"]
    assert {row["User name"] for row in rows} == {"alice"}
    assert browser.submit("look-up-events", name="NoSuchEvent").tables["events"] == ()


def test_whoever_may_not_look_events_up_is_told_so(alice: Browser) -> None:
    page = alice.follow("events-list")
    assert page.status == 403
    assert "cloudtrail:LookupEvents" in (page.error or "")


# Root's 35 days.


def test_root_is_told_how_many_days_are_left_and_then_kept_to_its_credentials(
    browser: Browser, town: Any, assign_app: Callable[..., EmulatedToken]
) -> None:
    page = browser.sign_in_root("root@example.com", PASSWORD)
    assert page.texts["root-mfa-due"] == "The root user must be given an MFA device: 35 days are left."
    town.clock.advance(34 * 86_400)
    page = browser.sign_in_root("root@example.com", PASSWORD)
    assert page.texts["root-mfa-due"] == "The root user must be given an MFA device: 1 day is left."
    assert browser.users().status == 200
    town.clock.advance(86_400)
    browser.sign_in_root("root@example.com", PASSWORD)
    for path in ("/home", "/users", "/events", "/account", "/users/alice"):
        page = browser.open(path)
        assert page.heading == "My security credentials (root user)"
        assert page.texts["root-mfa-due"].endswith("Assign one now to go on.")
    assign_app(browser, "root-phone")
    assert "root-mfa-due" not in browser.open("/home").texts
    assert browser.users().status == 200
