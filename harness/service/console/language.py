"""The console's languages: English stands in the templates and the code, others in catalogues beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files

LANGUAGES = {"en": "English", "ja": "日本語"}
"""Each language's tag (RFC 5646) and its name in itself; the first is what the messages are written in."""


def translator(language: str) -> Callable[[str], str]:
    """What says a message in that language, as it stands where the catalogue lacks it."""
    return partial(_translate, catalogue(language))


def counter(language: str) -> Callable[[str, str, int], str]:
    """The same for a message with a number: its form for one, its form for more, the number."""
    messages, first = catalogue(language), next(iter(LANGUAGES))

    def count(one: str, more: str, number: int) -> str:
        return (one if number == 1 else more) if language == first else _translate(messages, one)

    return count


def _translate(messages: Mapping[str, str], message: str) -> str:
    return messages.get(message, message)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """The messages of a language by the English ones; a message with a number by its form for one."""
    if language == next(iter(LANGUAGES)):
        return {}
    from babel.messages.pofile import read_po  # here, for the first language needs no catalogue

    with files("harness.service").joinpath("catalogues", f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    return {
        _first(message.id): _first(message.string) for message in messages if message.id and message.string
    }


def _first(form: str | Sequence[str]) -> str:
    """A message, or of one with a number its form for one: other languages here have a single form."""
    return form if isinstance(form, str) else form[0]


def preferred(chosen: str, accept_language: str) -> str:
    """The language to answer in: what was chosen by the switch, or else what Accept-Language prefers.

    RFC 9110 §12.5.4; a range matches by its first subtag, and what none matches is answered in English.
    """
    if chosen in LANGUAGES:
        return chosen
    best, first = 0.0, next(iter(LANGUAGES))
    for entry in accept_language.split(",")[:_LONGEST]:
        tag, _, parameter = entry.partition(";")
        language = tag.strip().partition("-")[0].lower()
        quality = _quality(parameter)
        if language == "*":
            language = next(iter(LANGUAGES))
        if language in LANGUAGES and quality > best:
            best, first = quality, language
    return first


_LONGEST = 20


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return 1.0 if not name else min(float(value), 1.0) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
