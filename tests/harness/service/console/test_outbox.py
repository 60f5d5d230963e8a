"""The outbox for programs: what is sent that is not what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.platform import Browser


def test_an_empty_outbox_says_so(browser: Browser) -> None:
    assert browser.open("/outbox").texts["outbox-empty"] == "Nothing was sent yet."
    assert browser._http.get("/outbox.json").json() == {"messages": []}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"call": "x", "digits": "123456"}', "application/json", 404),
        (b'{"call": "x", "digits": "123456"}', "text/plain", 415),
        (b"call=x&digits=1", "application/x-www-form-urlencoded", 415),
        (b'{"call": 1, "digits": 1}', "application/json", 400),
        (b"[]", "application/json; charset=utf-8", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
    ],
)
def test_what_is_no_answer_to_a_call_is_refused_in_json(
    browser: Browser, content: bytes, kind: str, status: int
) -> None:
    answer = browser._http.post("/outbox.json", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_the_page_answers_no_call_that_is_not_there(browser: Browser, town: Any) -> None:
    csrf = browser.open("/outbox").form("language").fields["csrf"].value
    answer = browser._http.post("/outbox", data={"csrf": csrf, "call": "x", "digits": "1"})
    assert answer.status_code == 404
