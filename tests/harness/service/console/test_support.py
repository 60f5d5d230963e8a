"""Support's desk: root's request, and the answer of whoever runs the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.platform import Browser
from harness.service.identity import Identity
from harness.service.store import SqliteStore

PASSWORD = "Correct-horse-1"
EMAIL = "root@example.com"
ACCOUNT = "123456789012"


@pytest.fixture
def lost(browser: Browser, town: Any, assign_app: Callable[..., EmulatedToken]) -> Browser:
    """A browser on root's second page, for which root has lost an app and a key."""
    browser.sign_in_root(EMAIL, PASSWORD)
    assign_app(browser, "root-phone")
    browser.sign_out()
    browser.key = EmulatedKey(clock=town.clock)
    browser.sign_in_root(EMAIL, PASSWORD)
    town.clock.advance(60)
    return browser


def ask(browser: Browser, **answers: str) -> str:
    """Send the form; the number of the case."""
    browser.open("/support")
    asked = {"account": ACCOUNT, "reach": "taro@example.net", "text": "Lost.", "support_language": "en"}
    page = browser.submit("ask-support", {**asked, **answers})
    assert page.texts["support-state"] == "It waits for an answer, which comes by e-mail."
    return page.url.partition("case=")[2]


@pytest.mark.parametrize("account", [ACCOUNT, "example-corp", EMAIL, "Root@Example.com"])
def test_support_removes_roots_devices_and_says_so(lost: Browser, town: Any, account: str) -> None:
    case = ask(lost, account=account)
    lost.open("/outbox")
    page = lost.submit("answer-support", decision="reset", note="Welcome back.")
    assert page.notices == ("The answer was sent.",)
    assert "answer-support" not in page.forms
    assert "The root user's MFA devices were removed." in page.text
    reply = town.identity.outbox()[0]
    assert (reply.kind, reply.to) == ("reply", "taro@example.net")
    assert case in reply.subject
    assert reply.body.startswith("We have removed the MFA devices")
    assert reply.body.endswith("Welcome back.")
    assert lost.open(f"/support?case={case}").texts["support-state"] == "It was answered by e-mail."
    assert lost.open("/sign-in/mfa").heading != "Multi-factor authentication"  # that sign-in is over
    page = lost.sign_in_root(EMAIL, PASSWORD)
    assert page.texts["no-mfa-used"]
    assert "mfa-devices" not in lost.security_credentials().tables


def test_the_trail_says_that_support_did_it(lost: Browser, town: Any) -> None:
    ask(lost)
    lost.open("/outbox")
    lost.submit("answer-support", decision="reset")
    event = town.identity.events[-1]
    assert event.name == "DeactivateMFADevice"
    assert event.record["userIdentity"] == {"type": "AWSService", "invokedBy": "support.amazonaws.com"}
    assert event.additional == {"serialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/root-phone", "userName": "root"}
    assert event.account_id == ACCOUNT
    assert event.user_name == "support.amazonaws.com"


def test_a_request_refused_removes_nothing(lost: Browser, town: Any) -> None:
    ask(lost)
    lost.open("/outbox")
    page = lost.submit("answer-support", decision="refuse")
    assert "The request was refused." in page.text
    assert town.identity.outbox()[0].body.endswith("have removed nothing.")
    assert lost.open("/sign-in/mfa").heading == "Multi-factor authentication"
    assert town.identity.events.named("DeactivateMFADevice") == []


def test_the_answer_speaks_the_language_that_was_asked_for(lost: Browser, town: Any) -> None:
    """S4: in Japanese, where “Support language” says so."""
    ask(lost, support_language="ja", text="MFA デバイスを紛失しました。")
    assert "Japanese" in town.identity.outbox()[0].body
    lost.open("/outbox")  # in English, as whoever answers reads it
    lost.submit("answer-support", decision="reset")
    reply = town.identity.outbox()[0]
    assert "MFA デバイスを削除しました" in reply.subject
    assert reply.body.startswith("お客様のアカウント")


def test_a_request_of_no_account_can_only_be_refused(browser: Browser, town: Any) -> None:
    ask(browser, account="999999999999")
    browser.open("/outbox")
    page = browser.submit("answer-support", decision="reset")
    assert (page.status, page.error) == (
        400,
        "There is no such account, so nothing can be removed. The request can be refused.",
    )
    assert "The request was refused." in browser.submit("answer-support", decision="refuse").text


def test_a_request_is_answered_once(lost: Browser, town: Any) -> None:
    case = ask(lost)
    lost.open("/outbox")
    form = lost.page.form("answer-support")
    lost.send(form, {"decision": "refuse"})
    page = lost.send(form, {"decision": "reset"})
    assert page.status == 404
    assert town.identity.support_request(case).answer == "refused"
    assert len(town.identity.outbox()) == 2


@pytest.mark.parametrize("answers", [{"decision": "maybe"}, {"decision": "reset", "note": "x" * 5000}])
def test_nonsense_is_no_answer(lost: Browser, town: Any, answers: dict[str, str]) -> None:
    case = ask(lost)
    csrf = lost.open("/outbox").form("answer-support").fields["csrf"].value
    sent = {"case": case, "csrf": csrf, **answers}
    assert lost._http.post("/outbox/support", data=sent).status_code == 400
    assert town.identity.support_request(case).answer is None


@pytest.mark.parametrize("case", ["nonsense", "%00", ""])
def test_a_number_of_no_request_says_so(browser: Browser, case: str) -> None:
    page = browser.open(f"/support?case={case}")
    assert page.status == (200 if not case else 404)


def test_programs_answer_by_json(lost: Browser, town: Any) -> None:
    case = ask(lost)
    post = lost._http.post
    waiting = lost._http.get("/outbox.json").json()["messages"][0]
    assert (waiting["id"], waiting["kind"], waiting["waiting"], waiting["answer"]) == (
        case,
        "support",
        True,
        None,
    )
    wrong = post("/outbox.json", json={"case": case, "decision": "reset", "note": 7})
    assert wrong.status_code == 400
    assert post("/outbox.json", json={"case": "none", "decision": "reset"}).status_code == 404
    answer = post("/outbox.json", json={"case": case, "decision": "reset", "note": "by a program"})
    assert answer.json() == {"answered": "reset"}
    reply, request = lost._http.get("/outbox.json").json()["messages"]
    assert (reply["kind"], request["answer"], request["waiting"]) == ("reply", "reset", False)
    assert post("/outbox.json", json={"case": case, "decision": "refuse"}).status_code == 404


def test_requests_and_answers_are_kept(tmp_path: Any, town: Any) -> None:
    """In a file, as SQLite keeps them."""
    store = SqliteStore(tmp_path / "rig.db")
    identity = Identity(store, clock=town.clock)
    identity.create_account("acme", "root@acme.example", PASSWORD)
    case = identity.ask_support(account="acme", reach="me", language="ja", text="Lost.")
    identity.answer_support(case, reset=True, subject="s", letter="l")
    store.close()
    again = Identity(SqliteStore(tmp_path / "rig.db"), clock=town.clock)
    assert again.support_request(case).answer == "reset"
    assert [message.kind for message in again.outbox()] == ["reply", "support"]
