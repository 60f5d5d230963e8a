"""The outbox: requests to support, and that it keeps no more than the last messages."""

from __future__ import annotations

from typing import Any

from harness.service import outbox


def test_a_request_to_support_says_nothing_of_whether_there_is_the_account(office: Any) -> None:
    cases = [
        office.identity.ask_support(account=account, reach="a@b", language="Japanese", text="lost")
        for account in ("root@example.com", "nobody@example.com")
    ]
    newest, oldest = office.identity.outbox()
    assert [oldest.id, newest.id] == cases
    assert (newest.kind, newest.subject, newest.account_id) == ("support", "nobody@example.com", None)
    assert newest.body == "a@b\nJapanese\n\nlost"
    assert oldest.account_id is None


def test_the_oldest_messages_go(office: Any) -> None:
    cases = [
        office.identity.ask_support(account=str(number), reach="", language="", text="")
        for number in range(outbox._KEPT + 2)
    ]
    assert [message.id for message in office.identity.outbox()] == cases[:1:-1]
