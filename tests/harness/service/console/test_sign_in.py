"""Signing in through the console's pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser
from harness.service.sessions import SessionEnded

PASSWORD = "Correct-horse-1"
REFUSED = "Your authentication information is incorrect. Please try again."

Assign = Callable[..., EmulatedToken]


@pytest.mark.parametrize("account", ["example-corp", "123456789012"])
def test_an_iam_user_signs_in_by_account_id_or_alias(browser: Browser, account: str) -> None:
    page = browser.sign_in(account, "alice", PASSWORD)
    assert page.heading == "Console home"
    assert page.texts["arn"] == "arn:aws:iam::123456789012:user/alice"
    assert page.texts["who"] == "alice @ 123456789012"
    assert page.texts["mfa-used"] == "not used"


def test_root_signs_in_by_email_address(browser: Browser) -> None:
    page = browser.sign_in_root("root@example.com", PASSWORD)
    assert page.texts["arn"] == "arn:aws:iam::123456789012:root"


def test_unknown_account_unknown_user_and_wrong_password_look_the_same(browser: Browser) -> None:
    answers = []
    for account, user, password in [
        ("no-such-corp", "alice", PASSWORD),
        ("example-corp", "mallory", PASSWORD),
        ("example-corp", "alice", "Wrong-horse-1"),
    ]:
        page = browser.sign_in(account, user, password)
        answers.append((page.status, page.heading, page.error, page.text))
    assert set(answers) == {(403, "IAM user sign-in", REFUSED, answers[0][3])}


def test_a_refused_sign_in_keeps_the_names_and_never_the_password(browser: Browser) -> None:
    fields = browser.sign_in("example-corp", "alice", "Wrong-horse-1").form("sign-in-iam").fields
    assert (fields["account"].value, fields["user_name"].value, fields["password"].value) == (
        "example-corp",
        "alice",
        "",
    )


@pytest.mark.parametrize("name", ["root", "root@example.com"])
def test_root_is_told_to_use_its_own_page(browser: Browser, name: str) -> None:
    page = browser.sign_in("example-corp", name, PASSWORD)
    assert page.status == 403
    assert page.error is not None
    assert "The root user cannot sign in on this page" in page.error
    assert "choose-root" in browser.follow("Sign in using root user e-mail").forms


@pytest.mark.parametrize("account", ["", "Example", "exämple", "a--b", "-corp", "ab", "x" * 64])
def test_an_account_that_cannot_be_is_refused_at_once(browser: Browser, account: str) -> None:
    page = browser.sign_in(account, "alice", PASSWORD)
    assert page.status == 400
    assert page.error is not None
    assert page.error.startswith("An account ID has 12 digits")


def test_a_root_email_address_without_an_at_sign_is_refused_at_once(browser: Browser) -> None:
    page = browser.sign_in_root("root", PASSWORD)
    assert (page.status, page.error) == (400, "Enter the e-mail address of the account's root user.")


def test_the_browser_remembers_account_and_user_until_a_different_account_is_chosen(alice: Browser) -> None:
    page = alice.sign_out()
    assert page.notices == ("You are signed out.",)
    fields = page.form("sign-in-iam").fields
    assert (fields["account"].value, fields["user_name"].value) == ("example-corp", "alice")
    assert "choose-account" in alice.follow("Sign in to a different account").forms
    fields = alice.submit("choose-account", account="other-corp").form("sign-in-iam").fields
    assert (fields["account"].value, fields["user_name"].value) == ("other-corp", "")


def test_signing_in_as_another_ends_the_session_before(alice: Browser, town: Any) -> None:
    before = alice._http.cookies["keyrig-session"]
    alice.sign_in("example-corp", "ada", PASSWORD)
    with pytest.raises(SessionEnded):
        town.identity.session(before)


def test_signing_out_ends_the_session_itself(alice: Browser, town: Any) -> None:
    session = alice._http.cookies["keyrig-session"]
    alice.sign_out()
    with pytest.raises(SessionEnded):
        town.identity.session(session)
    assert alice.open("/home").url.endswith("/sign-in")


def test_an_expired_session_leads_back_to_sign_in(alice: Browser, town: Any) -> None:
    form = alice.security_credentials().form("sign-out")
    town.clock.advance(town.identity.profile.sign_in_session_s)
    assert alice.open("/security-credentials").url == f"{town.base_url}/sign-in"
    alice.open("/security-credentials/remove")
    assert alice.send(form, {}).notices == ("You are signed out.",)


def test_a_form_sent_after_the_session_expired_says_so(alice: Browser, town: Any) -> None:
    alice.security_credentials()
    form = alice.follow("assign-mfa").form("choose-mfa-device")
    town.clock.advance(town.identity.profile.sign_in_session_s)
    page = alice.send(form, {"name": "alice-phone", "type": "authenticator-app"})
    assert (page.status, page.heading) == (403, "You are not signed in")


def test_the_start_leads_to_where_one_left_off(alice: Browser, assign_app: Assign) -> None:
    assert alice.open("/").heading == "Console home"
    assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    assert alice.open("/").heading == "Multi-factor authentication"


# The second page.


def test_a_code_completes_the_sign_in_under_a_new_session(
    alice: Browser, assign_app: Assign, town: Any
) -> None:
    token = assign_app(alice, "alice-phone")
    page = alice.sign_in("example-corp", "alice", PASSWORD)
    assert (page.heading, page.texts["device"]) == ("Multi-factor authentication", "alice-phone")
    assert "sign-out" not in page.forms
    before = alice._http.cookies["keyrig-session"]
    page = alice.enter_code(token.read_next())
    assert page.texts["mfa-used"] == "arn:aws:iam::123456789012:mfa/alice-phone"
    assert alice._http.cookies["keyrig-session"] != before
    with pytest.raises(SessionEnded):
        town.identity.session(before)


def test_the_second_page_opens_nothing_else(alice: Browser, assign_app: Assign) -> None:
    assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    for path in ("/home", "/users", "/security-credentials", "/security-credentials/assign-mfa"):
        assert alice.open(path).url.endswith("/sign-in")


def test_one_of_several_devices_can_be_chosen_and_need_not_be(
    alice: Browser, assign_app: Assign, town: Any
) -> None:
    phone = assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    alice.enter_code(phone.read_next())
    tablet = assign_app(alice, "alice-tablet")
    page = alice.sign_in("example-corp", "alice", PASSWORD)
    choices = page.form("mfa-code").fields["device"].choices
    assert list(choices.values()) == ["Any of my devices", "alice-phone", "alice-tablet"]
    assert alice.enter_code(tablet.read_next(), "alice-phone").error == REFUSED
    assert alice.enter_code(tablet.read()).texts["mfa-used"].endswith(":mfa/alice-tablet")


def test_resync_is_offered_after_three_refused_codes(alice: Browser, assign_app: Assign) -> None:
    token = assign_app(alice, "alice-phone")
    token.step_clock(-600)
    alice.sign_in("example-corp", "alice", PASSWORD)
    for _ in range(2):
        page = alice.enter_code(token.read())
        assert (page.status, page.error) == (403, REFUSED)
        assert "resync-and-sign-in" not in page.forms
    page = alice.enter_code(token.read())
    assert page.form("resync-and-sign-in").button == "Resync and sign in"
    assert page.error == REFUSED
    page = alice.resync_and_sign_in("000000", "111111")
    assert (page.status, page.error) == (403, REFUSED)
    assert "resync-and-sign-in" in page.forms


def test_two_consecutive_codes_resync_and_sign_in(alice: Browser, assign_app: Assign) -> None:
    token = assign_app(alice, "alice-phone")
    token.step_clock(600)
    alice.sign_in("example-corp", "alice", PASSWORD)
    for _ in range(3):
        alice.enter_code(token.read())
    assert alice.resync_and_sign_in(*token.read_two()).texts["mfa-used"].endswith(":mfa/alice-phone")


def test_resync_cannot_be_had_before_it_is_offered(alice: Browser, assign_app: Assign) -> None:
    token = assign_app(alice, "alice-phone")
    form = alice.sign_in("example-corp", "alice", PASSWORD).form("mfa-code")
    csrf = form.fields["csrf"]
    field = replace(csrf, name="code_1", value="")
    forged = replace(
        form,
        action=form.action + "/resync",
        fields={"csrf": csrf, "code_1": field, "code_2": replace(field, name="code_2")},
    )
    code_1, code_2 = token.read_two()
    page = alice.send(forged, {"code_1": code_1, "code_2": code_2})
    assert (page.status, page.heading) == (409, "Not offered yet")


def test_root_resyncs_from_the_troubleshooting_page_and_then_signs_in(
    browser: Browser, assign_app: Assign
) -> None:
    browser.sign_in_root("root@example.com", PASSWORD)
    token = assign_app(browser, "root-phone")
    token.step_clock(600)
    browser.sign_in_root("root@example.com", PASSWORD)
    assert browser.enter_code(token.read()).error == REFUSED
    assert browser.resync_before_sign_in("000000", "111111").error == REFUSED
    browser.open("/sign-in/mfa")
    page = browser.resync_before_sign_in(*token.read_two())
    assert page.notices == ("The device is in sync again. Sign in with its next code.",)
    assert page.heading == "Multi-factor authentication"
    assert browser.enter_code(token.read_next()).heading == "Console home"


def test_an_iam_user_gets_advice_and_no_resync_before_sign_in(alice: Browser, assign_app: Assign) -> None:
    assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    form = alice.page.form("mfa-code")
    page = alice.follow("troubleshoot-mfa")
    assert "resync-before-sign-in" not in page.forms
    assert "After 3 refused codes" in page.text
    forged = replace(form, action=page.url)
    assert alice.send(forged, {"code": "000000"}).status == 403


# Security keys.


@pytest.mark.parametrize("profile", ["ctap21", "u2f-only"])
def test_a_user_with_keys_only_is_asked_for_the_key_at_once(alice: Browser, town: Any, profile: str) -> None:
    alice.key = EmulatedKey(profile, clock=town.clock)
    alice.assign_security_key("alice-key")
    page = alice.sign_in("example-corp", "alice", PASSWORD)
    assert page.heading == "Sign in with your security key"
    assert "/alice-key-" in alice.use_security_key().texts["mfa-used"]


def test_an_assertion_is_good_once(alice: Browser, town: Any) -> None:
    alice.key = EmulatedKey(clock=town.clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    answer = alice.answer_challenge()
    alice.submit("mfa-security-key", response=answer)
    alice.sign_in("example-corp", "alice", PASSWORD)
    page = alice.submit("mfa-security-key", response=answer)
    assert (page.status, page.error) == (403, REFUSED)
    assert alice.use_security_key().heading == "Console home"


def test_key_and_code_are_offered_side_by_side(alice: Browser, town: Any, assign_app: Assign) -> None:
    alice.key = EmulatedKey(clock=town.clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    alice.use_security_key()
    token = assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    assert "mfa-security-key" in alice.follow("Use a security key instead").forms
    alice.follow("Use a code instead")
    assert alice.enter_code(token.read_next()).heading == "Console home"


@pytest.mark.parametrize("response", ["", "{}", "[]", "null", "\x00", '{"id": 1}', "{" * 1000])
def test_a_response_that_is_none_is_refused(alice: Browser, town: Any, response: str) -> None:
    alice.key = EmulatedKey(clock=town.clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    page = alice.submit("mfa-security-key", response=response)
    assert (page.status, page.error) == (403, REFUSED)


def test_a_user_without_a_key_is_led_back_to_the_code(alice: Browser, assign_app: Assign) -> None:
    assign_app(alice, "alice-phone")
    alice.sign_in("example-corp", "alice", PASSWORD)
    assert alice.open("/sign-in/mfa/security-key").url.endswith("/sign-in/mfa")
