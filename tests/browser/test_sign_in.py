"""Signing in with a password, and what stands around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Arrive = Callable[..., Any]


def test_an_iam_user_signs_in_and_the_browser_remembers_the_account(visitor: Any) -> None:
    visitor.open("/")
    assert visitor.path == "/sign-in"
    visitor.submit("choose-account", account="example-corp")
    visitor.submit("sign-in-iam", user_name="alice", password="Alice has 1 password")
    assert visitor.path == "/home"
    assert visitor.has("no-mfa-used")
    visitor.submit("sign-out")
    assert visitor.done
    names = [visitor.page.input_value(f"#{field}") for field in ("account", "user_name", "password")]
    assert names == ["example-corp", "alice", ""]
    visitor.submit("sign-in-iam", password="Alice has 1 password")
    assert visitor.text("arn").endswith(":user/alice")
    visitor.submit("sign-out")
    visitor.follow("different-account")
    assert visitor.page.input_value("#account") == ""
    visitor.open("/sign-in")
    visitor.follow("root-sign-in")
    assert visitor.has("choose-root")


def test_root_has_35_days_to_assign_a_device_and_then_does_nothing_else(visitor: Any) -> None:
    visitor.sign_in("root")
    assert visitor.text("arn").endswith(":root")
    assert "35" in visitor.text("root-mfa-due")
    visitor.world.wait(days=34)
    visitor.sign_in("root")
    notice = visitor.text("root-mfa-due")
    assert "1" in notice
    assert "35" not in notice
    visitor.world.wait(days=2)
    visitor.sign_in("root")
    assert visitor.path == "/security-credentials"
    visitor.follow("users-list")
    assert visitor.path == "/security-credentials"
    visitor.assign_app("root-phone")
    assert not visitor.has("root-mfa-due")
    visitor.follow("users-list")
    assert visitor.path == "/users"


def test_what_was_typed_wrong_is_said_and_leads_to_the_field(visitor: Any) -> None:
    visitor.open("/sign-in/account")
    visitor.submit("choose-account", account="Bad Alias!")
    visitor.page.click("#error-summary a")
    assert visitor.page.evaluate("document.activeElement.id") == "account"
    assert visitor.page.get_attribute("#account", "aria-invalid") == "true"
    visitor.submit("choose-account", account="example-corp")
    visitor.submit("sign-in-iam", user_name="root", password="Root has 1 password")
    assert visitor.has("sign-in-iam")
    assert visitor.alert
    told = []
    for account, user_name in (("example-corp", "alice"), ("example-corp", "nobody"), ("no-corp", "alice")):
        visitor.submit("sign-in-iam", account=account, user_name=user_name, password="wrong")
        told.append(visitor.alert)
    assert len(set(told)) == 1
    visitor.open("/sign-in/account")
    visitor.submit("choose-root", email="root@example.com")
    visitor.submit("sign-in-root", password="wrong")
    assert visitor.alert == told[0]


def test_a_browser_sends_no_form_of_which_something_is_missing(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.open("/sign-in/iam")
    visitor.page.click("#sign-in-iam button")
    assert visitor.page.evaluate("document.activeElement.id") == "account"
    assert visitor.page.locator("#user_name:invalid").count() == 1


def test_the_switch_changes_the_language_and_stays_on_the_page(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("alice")
    visitor.open("/security-credentials/assign-mfa?name=phone")
    visitor.switch_to("ja")
    assert visitor.path == "/security-credentials/assign-mfa"
    assert visitor.page.input_value("#name") == "phone"
    visitor.submit("sign-out")
    visitor.switch_to("en")
    assert visitor.heading == "IAM user sign-in"


def test_a_session_that_has_ended_leads_back_to_the_sign_in(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("alice")
    visitor.world.wait(days=1)
    visitor.open("/security-credentials")
    assert visitor.path == "/sign-in"
    visitor.open("/nowhere")
    assert visitor.alert
    visitor.follow("start")
    assert visitor.path == "/sign-in"


def test_another_tab_s_form_is_out_of_date_once_somebody_else_has_signed_in(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("alice")
    other = visitor.page.context.new_page()
    other.goto(visitor.page.url)
    visitor.sign_in("ada")
    other.click("#sign-out button")
    other.wait_for_load_state()
    assert other.locator(".alert").count() == 1
    other.close()
    visitor.open("/home")
    assert visitor.text("arn").endswith(":user/ada")
