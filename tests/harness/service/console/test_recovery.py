"""Root's way in without its MFA device, from page to page (S4), and the form to support."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser

PASSWORD = "Correct-horse-1"
EMAIL = "root@example.com"


@pytest.fixture
def phone_number(town: Any) -> str:
    number = "+81312345678"
    town.identity.update_phone_number(town.identity.root_caller(town.account_id), number)
    return number


@pytest.fixture
def lost(browser: Browser, assign_app: Callable[..., EmulatedToken]) -> Browser:
    """A browser at root's MFA page; the app is lost."""
    browser.sign_in_root(EMAIL, PASSWORD)
    assign_app(browser, "root-phone")
    browser.sign_in_root(EMAIL, PASSWORD)
    return browser


def alternative_factors(browser: Browser) -> Browser:
    browser.follow("troubleshoot-mfa")
    browser.follow("alternative-factors")
    return browser


def verified_email(browser: Browser) -> Browser:
    alternative_factors(browser).submit("send-email")
    browser.open("/outbox")
    browser.follow("verify-email")
    return browser


def test_the_lost_device_is_removed_in_the_end(lost: Browser, phone_number: str) -> None:
    page = alternative_factors(lost).page
    assert page.texts["masked-email"] == "r*****@example.com"
    assert phone_number not in page.text
    page = lost.submit("send-email")
    assert page.notices == ("The e-mail was sent.",)
    assert page.form("send-email").button == "Resend the e-mail"
    page = lost.open("/outbox")
    assert "E-mail: AWS Email Verification" in page.text
    page = lost.follow("Verify your email address")
    assert page.texts["email-verified"] == "The e-mail address is verified."
    assert page.texts["masked-phone"] == "*****5678"
    page = lost.submit("call-phone")
    digits = page.texts["recovery-code"]
    lost.open("/outbox")
    page = lost.submit("answer-call", digits=digits)
    assert page.notices[0].startswith("Thank you.")
    assert "answer-call" not in page.forms
    lost.open("/sign-in/mfa/recovery")
    page = lost.submit("finish-recovery")
    assert page.heading == "My security credentials (root user)"
    assert page.notices == (
        "You are signed in without your MFA device. Remove it if it was lost or is broken.",
    )
    assert lost.remove_device("root-phone").notices == ("The MFA device is removed.",)
    assert lost.sign_in_root(EMAIL, PASSWORD).heading == "Console home"


def test_the_phone_can_be_answered_by_a_program(lost: Browser, phone_number: str) -> None:
    digits = verified_email(lost).submit("call-phone").texts["recovery-code"]
    (call,) = [one for one in lost._http.get("/outbox.json").json()["messages"] if one["waiting"]]
    assert (call["kind"], call["to"]) == ("call", phone_number)
    answer = lost._http.post("/outbox.json", json={"call": call["id"], "digits": digits})
    assert (answer.status_code, answer.json()) == (200, {"verified": True})
    assert "phone-verified" in lost.follow("continue").texts


def test_wrong_digits_are_refused_on_the_outbox(lost: Browser, phone_number: str) -> None:
    verified_email(lost).submit("call-phone")
    lost.open("/outbox")
    page = lost.submit("answer-call", digits="abcdef")
    assert (page.status, page.error) == (
        403,
        "These are not the digits on the screen. The call has ended; ask for another.",
    )
    assert "recovery-code" not in lost.open("/sign-in/mfa/recovery").texts


def test_the_link_counts_only_in_the_browser_that_gave_the_password(lost: Browser, town: Any) -> None:
    alternative_factors(lost).submit("send-email")
    with Browser(town.base_url) as other:
        other.open("/outbox")
        page = other.follow("verify-email")
        assert (page.status, page.heading) == (403, "This link cannot be used here")
    assert "email-verified" not in lost.open("/sign-in/mfa/recovery").texts


def test_an_administrator_enters_the_phone_number_first(lost: Browser, town: Any) -> None:
    assert "no-phone" in verified_email(lost).page.texts
    with Browser(town.base_url) as ada:
        ada.sign_in("example-corp", "ada", PASSWORD)
        ada.follow("account-page")
        page = ada.submit("change-phone-number", phone_number="03-1234")
        assert (page.status, page.form("change-phone-number").fields["phone_number"].value) == (
            400,
            "03-1234",
        )
        page = ada.submit("change-phone-number", phone_number="+81 3 1234 5678")
        assert page.notices == ("The phone number is changed.",)
        assert page.texts["phone"] == "+81312345678"
    lost.open("/sign-in/mfa/recovery")
    assert "recovery-code" in lost.submit("call-phone").texts


def test_whoever_may_not_see_the_account_is_told_so(alice: Browser) -> None:
    page = alice.follow("account-page")
    assert page.status == 403
    assert "aws-portal:ViewAccount" in (page.error or "")


def test_iam_users_are_offered_no_other_factors(
    alice: Browser, assign_app: Callable[..., EmulatedToken]
) -> None:
    assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    page = alice.follow("troubleshoot-mfa")
    assert "alternative-factors" not in page.texts
    assert alice.open("/sign-in/mfa/recovery").status == 403


def test_recovery_is_for_whoever_gave_the_password(browser: Browser) -> None:
    for path in ("/sign-in/mfa/recovery", "/sign-in/mfa/recovery/finish"):
        assert browser.open(path).heading == "Sign in"


# Neither e-mail nor phone.


def test_support_is_asked_with_a_form(lost: Browser) -> None:
    alternative_factors(lost)
    page = lost.follow("ask-for-support")
    assert page.form("ask-support").fields["support_language"].value == "en"
    page = lost.submit(
        "ask-support", account=EMAIL, reach="me@example.com", support_language="ja", text="Lost."
    )
    assert page.notices[0].startswith("Your request was sent.")
    assert "me@example.com Japanese Lost." in lost.open("/outbox").text


@pytest.mark.parametrize(
    ("field", "value"), [("account", ""), ("reach", " "), ("text", ""), ("text", "x" * 5000)]
)
def test_a_request_that_lacks_something_is_shown_again(browser: Browser, field: str, value: str) -> None:
    browser.open("/support")
    answers = {"account": "123456789012", "reach": "me@example.com", "text": "Lost.", field: value}
    page = browser.submit("ask-support", answers)
    assert page.status == 400
    assert any(link.href.endswith(f"#{field}") for link in page.links)
    assert page.form("ask-support").fields["account"].value == answers["account"]
