"""Messages that can be said again in another language."""

from __future__ import annotations

from harness.service.words import Said, say, spoken

CATALOGUE = {"{user} has no {thing}.": "{thing}は{user}にありません。", "key": "キー", "alice": "wrong"}


def translate(message: str) -> str:
    return CATALOGUE.get(message, message)


def test_a_message_is_the_string_it_says() -> None:
    assert say("{user} has no {thing}.", user="alice", thing="key") == "alice has no key."


def test_a_message_is_said_again_with_what_was_filled_in_left_alone() -> None:
    assert (
        spoken(say("{user} has no {thing}.", user="alice", thing="key"), translate)
        == "keyはaliceにありません。"
    )


def test_a_message_within_a_message_is_said_again_too() -> None:
    message = say("{user} has no {thing}.", user="alice", thing=say("key"))
    assert spoken(message, translate) == "キーはaliceにありません。"


def test_a_plain_string_is_translated_whole_and_braces_in_it_are_left_alone() -> None:
    assert spoken("key", translate) == "キー"
    assert spoken("{user}", translate) == "{user}"


def test_what_was_filled_in_is_never_read_as_a_template() -> None:
    assert (
        spoken(say("{user} has no {thing}.", user="{thing}", thing="key"), translate)
        == "keyは{thing}にありません。"
    )


def test_a_message_is_a_string_to_whoever_does_not_know() -> None:
    message = say("key")
    assert isinstance(message, Said)
    assert "".join([message]) == "key"
    assert str(message).__class__ in (str, Said)
