"""Every page, in every language: nothing left in English, everything labelled, usable without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import AuthenticatorApp
from harness.page import Element, Page, PlatformError, parse_html
from harness.platform import Browser
from harness.service.console.language import LANGUAGES

PASSWORD = "Correct-horse-1"
EMAIL = "root@example.com"
Shown = tuple[Page, Element]


@pytest.fixture(scope="module", params=list(LANGUAGES))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shown(open_town: Any, language: str) -> list[Shown]:
    """Every page, and most of what can go wrong on them, as a browser of that language is shown it."""
    pages: list[Shown] = []

    def keep(answer: httpx.Response) -> None:
        if answer.headers.get("content-type", "").startswith("text/html"):
            html = answer.read().decode()
            pages.append((Page(str(answer.url), answer.status_code, html), parse_html(html)))

    with open_town() as town, Browser(town.base_url) as browser:
        browser._http.headers["accept-language"] = language
        browser._http.event_hooks["response"] = [keep]
        _walk(browser, town, AuthenticatorApp(town.clock))
    return pages


def _walk(browser: Browser, town: Any, phone: AuthenticatorApp) -> None:
    root = town.identity.root_caller(town.account_id)
    town.identity.update_phone_number(root, "+81312345678")
    town.identity.keep_sms_mfa_device(town.account_id, "ada", "+819012345678")
    browser.key = EmulatedKey(clock=town.clock)
    browser.sign_in("Bad Alias", "alice", PASSWORD)
    browser.sign_in("example-corp", "root", "wrong")
    browser.sign_in("example-corp", "alice", PASSWORD)
    for path in (
        "/nowhere",
        "/users",
        "/events",
        "/account",
        "/security-credentials/assign-mfa/security-key?name=k",
    ):
        browser.open(path)
    with suppress(PlatformError):
        browser.assign_authenticator_app("no spaces")
    token = phone.scan(browser.assign_authenticator_app("alice-phone").qr_code)
    browser.enter_two_codes("000000", "000000")
    browser.enter_two_codes(*token.read_two())
    browser.sign_in("example-corp", "alice", PASSWORD)
    browser.open("/sign-in/mfa/troubleshoot")
    browser.open("/sign-in/mfa")
    for _ in range(3):
        browser.enter_code("000000")
    town.clock.advance(60)
    browser.resync_and_sign_in(*token.read_two())
    browser.assign_security_key("alice-key")
    browser.assign_hardware_token("GAHT00000000", "000000", "000000")
    for page in ("resync", "remove"):
        browser.open(f"/security-credentials/{page}?serial_number=arn:aws:iam::123456789012:mfa/alice-phone")
    browser.sign_out()
    browser.sign_in("example-corp", "alice", PASSWORD)
    browser.open("/sign-in/mfa/security-key")
    browser.sign_in("example-corp", "ada", PASSWORD)
    for path in ("/users", "/users/alice", "/users/nobody", "/events", "/account", "/security-credentials"):
        browser.open(path)
    browser.open("/account")
    browser.submit("change-phone-number", phone_number="1")
    browser.sign_in_root(EMAIL, PASSWORD)
    roots = phone.scan(browser.assign_authenticator_app("root-phone").qr_code)
    browser.enter_two_codes(*roots.read_two())
    browser.sign_in_root(EMAIL, PASSWORD)
    browser.follow("troubleshoot-mfa")
    browser.follow("alternative-factors")
    browser.submit("send-email")
    browser.open("/outbox")
    browser.follow("verify-email")
    digits = browser.submit("call-phone").texts["recovery-code"]
    browser.open("/outbox")
    browser.submit("answer-call", digits=digits)
    browser.open("/sign-in/mfa/recovery")
    browser.submit("finish-recovery")
    browser.open("/support")
    browser.submit("ask-support", account=" ", reach="x", text="x")
    browser.submit("ask-support", account="x", reach="x", text="x")
    browser.open("/outbox")
    browser.submit("answer-support", decision="reset")
    browser.submit("answer-support", decision="refuse")
    browser.open("/outbox")
    browser.open("/support")
    browser.submit("ask-support", account=EMAIL, reach="x", text="x")
    browser.open("/outbox")
    browser.submit("answer-support", decision="reset", note="x")
    browser.open("/events")


# Names, identifiers and abbreviations that stand in every language.
SAME = re.compile(
    r"\S+@\S+|keyrig|AWS Email Verification|AWS|Verify your email address|MFA|IAM|TOTP|FIDO|QR|PIN|SMS|UTC"
    r"|ID\b|JavaScript|English|alice-\w+|alice|ada|root-phone|root|nobody|example-corp|arn:\S+|[A-Z2-7]{20,}"
    r"|GAHT\d+|/outbox\.json|iam:\w+|aws-portal:\w+|cloudtrail:\w+|localhost|HTTPS|(?:Console|Check|Enable|Create"
    r"|Resync|Deactivate|Put|Get|List)[A-Z]\w+|LookupEvents|support\.amazonaws\.com"
    r"|HIDDEN_DUE_TO_SECURITY_REASONS|Bad Alias|Japanese|no spaces"
)


def visible(root: Element) -> Iterator[str]:
    """The texts of a page and the words of its attributes, records of events aside."""
    for element in root.all():
        if element.tag not in ("script", "style", "pre", "html", "head", "body"):
            yield from (child for child in element.children if isinstance(child, str))
        yield from (element.attributes.get(name, "") for name in ("alt", "title", "aria-label"))


def test_no_page_is_left_in_english(shown: list[Shown], language: str) -> None:
    assert len({page.url.partition("?")[0] for page, _ in shown}) > 25
    for page, root in shown:
        assert next(root.all("html")).attributes["lang"] == language, page
        if language != "en":
            left = [text for text in visible(root) if re.search("[A-Za-z]{2}", SAME.sub("", text))]
            assert left == [], page


def test_every_page_can_be_used_by_everyone(shown: list[Shown]) -> None:
    for page, root in shown:
        ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
        assert len(ids) == len(set(ids)), page
        headings = [element.tag for element in root.all("h1", "h2", "h3")]
        assert (headings[0], headings.count("h1")) == ("h1", 1), page
        assert [len(list(root.all(landmark))) for landmark in ("main", "header", "footer")] == [1, 1, 1], page
        labelled = {label.attributes["for"] for label in root.all("label")}
        for control in root.all("input", "select", "textarea"):
            if control.attributes.get("type") != "hidden":
                assert control.attributes["id"] in labelled, (page, control)
        for button in root.all("button", "a", "summary"):
            assert button.text, (page, button)
        for element in root.all():
            for name in ("aria-describedby", "aria-labelledby"):
                assert set(element.attributes.get(name, "").split()) <= set(ids), (page, element)
            anchor = element.attributes.get("href", "")
            assert not anchor.startswith("#") or anchor[1:] in ids, (page, anchor)
        for picture in root.all("img"):
            assert picture.attributes["alt"], page
        for table in root.all("table"):
            assert next(table.all("caption")).text, page
            assert all("scope" in head.attributes for head in table.all("th")), page


def test_every_page_is_a_test_services_and_none_of_awss(shown: list[Shown], language: str) -> None:
    note = {
        "en": "This is a test service, not AWS.",
        "ja": "これはテスト用のサービスであり、AWS ではありません。",
    }
    for page, root in shown:
        notes = [element for element in root.all() if element.attributes.get("role") == "note"]
        assert notes[0].text.startswith(note[language]), page
        assert not any(word in page.title for word in ("Amazon", "AWS")), page


def test_every_form_works_without_a_script_except_a_security_keys(shown: list[Shown]) -> None:
    for page, root in shown:
        for form in root.all("form"):
            assert form.attributes["action"].startswith("/"), page
            fields = {control.attributes.get("name") for control in form.all("input")}
            assert form.attributes["method"] == "get" or "csrf" in fields, page
        scripts = [script for script in root.all("script") if "src" in script.attributes]
        ceremonies = [button for button in root.all("button") if "data-ceremony" in button.attributes]
        assert len(scripts) == len(ceremonies), page
        assert not ceremonies or list(root.all("noscript")), page


# The switch.


def test_the_switch_turns_every_page_that_follows_and_comes_back_to_the_same_page(alice: Browser) -> None:
    alice.open("/security-credentials/assign-mfa?name=a")
    page = alice.submit("language")
    assert page.url.endswith("/security-credentials/assign-mfa?name=a")
    assert (page.heading, page.form("language").button) == ("MFA を割り当てる", "English")
    assert alice.open("/home").heading == "コンソールのホーム"
    assert alice.submit("language").heading == "Console home"


def test_the_switch_on_the_qr_code_leads_to_where_one_can_start_again(alice: Browser) -> None:
    alice.assign_authenticator_app("alice-phone")
    page = alice.submit("language")
    assert "start-again" in page.forms
    assert "assign-authenticator-app" in page.forms


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "",
        "evil",
        "/\r\nX: y",
        "/\t/evil.example",
        "/é",
    ],
)
def test_the_switch_leads_nowhere_else(browser: Browser, town: Any, back: str) -> None:
    form = browser.open("/sign-in/account").form("language")
    page = browser.send(form, {"back": back})
    assert page.url.startswith(town.base_url)
    assert page.heading == "サインイン"


@pytest.mark.parametrize("language", ["", "xx", "en-US", "../ja"])
def test_a_language_that_there_is_not_is_refused(browser: Browser, language: str) -> None:
    form = browser.open("/sign-in/account").form("language")
    assert browser.send(form, {"language": language}).status == 400
    assert browser.open("/sign-in/account").heading == "Sign in"


def test_a_refusal_by_the_service_is_said_in_the_visitors_language(alice: Browser) -> None:
    alice._http.headers["accept-language"] = "ja"
    page = alice.open("/users")
    assert page.error == (
        "ユーザー arn:aws:iam::123456789012:user/alice には、"
        "リソース arn:aws:iam::123456789012:user/ に対して iam:ListUsers を実行する権限がありません "
        "(iam:ListUsers を許可するアイデンティティベースのポリシーがないため)"
    )
