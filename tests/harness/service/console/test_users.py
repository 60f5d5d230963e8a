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
