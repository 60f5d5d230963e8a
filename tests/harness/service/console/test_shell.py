"""What guards every page of the console: cookies, CSRF, bounds, headers, and errors as pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route

from harness.page import Page as ShownPage
from harness.platform import Browser
from harness.service.console.form import MAX_FIELDS, MAX_FORM_BYTES
from harness.service.console.rendering import templates
from harness.service.console.shell import Shell
from harness.service.console.visit import Answer, Page, Show, Visit

PASSWORD = "Correct-horse-1"


@pytest.fixture
def http(town: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=town.base_url, trust_env=False) as client:
        yield client


def csrf_of(answer: httpx.Response, form: str) -> str:
    shown = ShownPage(str(answer.url), answer.status_code, answer.text)
    return shown.form(form).fields["csrf"].value


PATHS = ["/sign-in", "/sign-in/account", "/sign-in/iam", "/sign-in/root", "/nowhere", "/home", "/users"]


@pytest.mark.parametrize("path", [*PATHS, "/static/console.css", "/static/webauthn.js"])
def test_every_answer_carries_the_security_headers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/iam", "/sign-in/root", "/nowhere"])
def test_every_page_says_that_this_is_a_test_service(http: httpx.Client, path: str) -> None:
    assert "This is a test service, not AWS." in http.get(path).text


def test_pages_run_no_script_of_their_own(alice: Browser) -> None:
    for path in ("/home", "/security-credentials", "/security-credentials/assign-mfa/security-key?name=k"):
        html = alice._http.get(path).text
        assert " onclick=" not in html
        assert " style=" not in html
        assert html.count("<script") == html.count("<script src=") + html.count("<script type=")


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(alice: Browser) -> None:
    page = alice.sign_out()
    form = page.form("sign-in-iam")
    answer = alice._http.post(form.action, data=form.filled({"password": PASSWORD}), follow_redirects=False)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "keyrig-session",
        "keyrig-browser",
        "keyrig-account",
    }
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
    assert not any("Max-Age" in cookie for cookie in cookies if cookie.startswith("keyrig-session"))


def test_cookies_are_secure_where_the_service_is(town: Any) -> None:
    page = Page(path="/", show=lambda visit: Show(template="page"))
    assert "Secure" in _get(page, town.identity, "https://localhost/").headers["set-cookie"]
    assert "Secure" not in _get(page, town.identity, "http://localhost/").headers["set-cookie"]


@pytest.mark.parametrize("cookie", ["keyrig-browser=a b\\015", "keyrig-account=%%%:", "keyrig-session=\xe9"])
def test_cookies_that_are_none_of_ours_are_passed_over(http: httpx.Client, cookie: str) -> None:
    answer = http.get("/sign-in", headers={"cookie": cookie.encode("latin-1")})
    assert answer.status_code == 200
    assert len(answer.cookies["keyrig-browser"]) == 64


# CSRF.


def test_a_form_without_its_token_is_refused(http: httpx.Client) -> None:
    http.get("/sign-in/iam")
    answer = http.post("/sign-in/iam", data={"account": "a", "user_name": "b", "password": "c"})
    assert answer.status_code == 403
    assert "This form is out of date" in answer.text


def test_a_form_with_the_token_of_another_browser_is_refused(http: httpx.Client, town: Any) -> None:
    with httpx.Client(base_url=town.base_url, trust_env=False) as other:
        stolen = csrf_of(other.get("/sign-in/account"), "choose-account")
    own = csrf_of(http.get("/sign-in/account"), "choose-account")
    assert http.post("/sign-in/account", data={"csrf": stolen, "account": "abc"}).status_code == 403
    assert http.post("/sign-in/account", data={"csrf": "é", "account": "abc"}).status_code == 403
    assert http.post("/sign-in/account", data={"csrf": own, "account": "abc"}).status_code == 303


def test_a_form_from_before_sign_in_is_refused_after_it(browser: Browser) -> None:
    before = browser.open("/sign-in/account").form("choose-account")
    browser.sign_in("example-corp", "alice", PASSWORD)
    assert browser.send(before, {"account": "example-corp"}).heading == "This form is out of date"


# Forms that are none.


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"--x--", "multipart/form-data; boundary=x", 415),
        (b"a=1", "", 415),
        (b"a=" + b"x" * MAX_FORM_BYTES, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % n for n in range(MAX_FIELDS + 1)), "application/x-www-form-urlencoded", 400),
        (b"a=1&a=2", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded; charset=utf-8", 400),
    ],
)
def test_what_is_no_form_is_refused_with_a_page(
    http: httpx.Client, body: bytes, kind: str, status: int
) -> None:
    answer = http.post("/sign-in/iam", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert 'role="alert"' in answer.text


def test_an_endless_form_is_cut_short(http: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 4096 for _ in range(64))

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert http.post("/sign-in/iam", content=endless(), headers=headers).status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/sign-in", "/home"])
def test_other_methods_are_refused_with_a_page(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 405
    assert f"does not answer {method} requests" in answer.text


def test_a_page_without_a_form_takes_none(alice: Browser) -> None:
    csrf = alice.page.form("sign-out").fields["csrf"].value
    assert alice._http.post("/home", data={"csrf": csrf}).status_code == 405


def test_an_unknown_address_is_a_page(http: httpx.Client) -> None:
    assert http.get("/no/such/page").status_code == 404
    assert "no page at this address" in http.get("/no/such/page").text
    assert http.head("/sign-in").status_code == 200


# What is typed in, what goes wrong.


def test_what_is_typed_in_is_shown_as_text(browser: Browser) -> None:
    page = browser.sign_in("example-corp", '"><script>alert(1)</script>', PASSWORD)
    assert page.form("sign-in-iam").fields["user_name"].value == '"><script>alert(1)</script>'
    assert "alert(1)" not in page.data


def test_a_notice_is_never_taken_from_the_address(http: httpx.Client) -> None:
    answer = http.get("/sign-in?done=boo")
    assert ShownPage(str(answer.url), answer.status_code, answer.text).notices == ()


def _explode(visit: Visit) -> Answer:
    raise RuntimeError("the secret is 12345")


def _get(page: Page, identity: Any, url: str) -> httpx.Response:
    """What a shell around ``page`` answers, without a server."""
    shell = Shell(
        page,
        identity=identity,
        templates=lambda language: jinja2.Environment(
            loader=jinja2.DictLoader({"page": "hello"}), autoescape=True
        ),
        csrf_key=b"k" * 32,
        random_bytes=lambda size: b"r" * size,
    )
    transport = httpx.ASGITransport(app=Starlette(routes=[Route("/", shell)]))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get(url)

    return asyncio.run(get())


def test_a_failure_of_ours_is_a_plain_page_and_a_line_in_the_log(
    town: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = _get(Page(path="/", show=_explode), town.identity, "http://localhost/")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "12345" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "GET / failed" in caplog.text


def test_a_name_left_out_of_a_template_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates("en").from_string("{{ nothing }}").render()


FORMS = [
    "/sign-in/account",
    "/sign-in/email",
    "/sign-in/iam",
    "/sign-in/root",
    "/sign-in/mfa",
    "/sign-in/mfa/resync",
    "/sign-in/mfa/security-key",
    "/sign-in/mfa/troubleshoot",
    "/sign-in/mfa/recovery/send-email",
    "/sign-in/mfa/recovery/call",
    "/sign-in/mfa/recovery/finish",
    "/sign-in/mfa/recovery/verify-email",
    "/support",
    "/outbox/support",
    "/outbox",
    "/account",
    "/events",
    "/language",
    "/security-credentials/assign-mfa",
    "/security-credentials/assign-mfa/authenticator-app",
    "/security-credentials/assign-mfa/authenticator-app/start-again",
    "/security-credentials/assign-mfa/hardware-token",
    "/security-credentials/assign-mfa/security-key",
    "/security-credentials/resync",
    "/security-credentials/remove",
    "/users/{}/remove",
    "/users/{}/assign-mfa",
]
NAMES = [
    "account",
    "user_name",
    "password",
    "email",
    "code",
    "code_1",
    "code_2",
    "device",
    "name",
    "type",
    "serial_number",
    "response",
    "phone_number",
    "token",
    "call",
    "digits",
    "case",
    "decision",
    "note",
    "reach",
    "text",
    "support_language",
    "language",
    "back",
]
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["alice", "root", "example-corp", "authenticator-app", "security-key", "000000", "a@b", "{}"]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(FORMS), in_path=VALUES, form=st.dictionaries(st.sampled_from(NAMES), VALUES))
@pytest.mark.parametrize("signed_in", [False, True])
def test_no_form_whatever_brings_the_console_down(
    browser: Browser, signed_in: bool, path: str, in_path: str, form: dict[str, str]
) -> None:
    page = browser.open("/sign-in/account")
    if signed_in and "sign-out" not in page.forms:
        browser.sign_in("example-corp", "ada", PASSWORD)
        page = browser.open("/sign-in/account")
    csrf = page.form("choose-account").fields["csrf"].value
    url = path.format(quote(in_path.encode("utf-8", "replace"), safe="") or "x")
    sent = {key: value.encode("utf-8", "replace") for key, value in form.items()}
    answer = browser._http.post(url, data={**sent, "csrf": csrf}, follow_redirects=False)
    assert answer.status_code < 500
    assert browser._http.get(url, params=sent).status_code < 500
