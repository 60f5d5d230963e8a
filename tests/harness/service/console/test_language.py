"""The console's languages: which one is answered in, and that nothing is left in the wrong one."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import jinja2
import pytest
from babel.messages.extract import extract
from jinja2 import nodes

import harness.service
from harness.service import errors
from harness.service.console.language import LANGUAGES, catalogue, counter, preferred, translator
from harness.service.console.rendering import templates
from harness.service.profile import ServiceProfile

SERVICE = Path(harness.service.__file__).parent
TEMPLATES = sorted((SERVICE / "templates").glob("*.html"))
KEYWORDS = {"say": None, "_": None, "gettext": None, "ngettext": (1, 2)}
SAYING = [
    *(SERVICE / "console").glob("*.py"),
    *(SERVICE / f"{name}.py" for name in ("sign_in", "sessions")),
]


def said_in_code() -> Iterator[str]:
    for path in SAYING:
        for _, message, _, _ in extract("python", BytesIO(path.read_bytes()), KEYWORDS):
            yield message if isinstance(message, str) else message[0]


def said_in_templates() -> Iterator[str]:
    options = {"trimmed": "true", "encoding": "utf-8"}
    for path in TEMPLATES:
        for _, message, _, _ in extract(
            "jinja2.ext:babel_extract", BytesIO(path.read_bytes()), KEYWORDS, options=options
        ):
            yield message if isinstance(message, str) else message[0]


# The texts of the profile that a visitor can come to see; programs alone see the others.
REACHED_IN = ("contacts", "device_limits", "mfa_devices", "outbox", "recovery", "security_keys", "support")
REACHED = {
    *("constraint_failed", "device_not_found", "device_not_users", "no_policy_allows", "not_authorized"),
    *("policy_denies", "user_not_found", "boundary_denies", "no_boundary_allows"),
}


def said_by_the_service() -> Iterator[str]:
    """AWS's wordings, and what its errors always say."""
    texts = ServiceProfile.load().texts
    sources = [ast.parse((SERVICE / f"{name}.py").read_text("utf-8")) for name in REACHED_IN]
    names = {node.value for tree in sources for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    yield from (text for name, text in texts.items() if name in names | REACHED)
    yield errors.InvalidAuthenticationCode.default_message


def messages() -> set[str]:
    return {*said_in_code(), *said_in_templates(), *said_by_the_service()}


def placeholders(message: str) -> set[str]:
    python = set(re.findall(r"%\((\w+)\)s", message))
    braces = {name for _, name, _, _ in string.Formatter().parse(message) if name} if not python else set()
    return python | braces


LATER = [tag for tag in LANGUAGES if tag != "en"]


@pytest.mark.parametrize("language", LATER)
def test_every_message_is_translated_and_no_other(language: str) -> None:
    assert len(messages()) > 150
    assert messages() - catalogue(language).keys() == set()
    assert catalogue(language).keys() - messages() - set(ServiceProfile.load().texts.values()) == set()


@pytest.mark.parametrize("language", LATER)
def test_every_placeholder_stands_in_the_translation_too(language: str) -> None:
    for message, translation in catalogue(language).items():
        assert placeholders(message) == placeholders(translation), message


@pytest.mark.parametrize("language", LATER)
def test_translations_are_translations(language: str) -> None:
    same = {message for message, translation in catalogue(language).items() if message == translation}
    assert same <= {"MFA", "SMS", "Verify your email address", "AWS Email Verification"}


_WORD = re.compile(r"[^\W\d_]{2}")
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"|^ (selected|checked)$')


class Words(HTMLParser):
    """The words that stand in a piece of HTML, text and spoken attributes alike."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style")
        spoken = ("alt", "title", "aria-label", "placeholder")
        self.found += [value or "" for name, value in attrs if name in spoken]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def hard_coded(source: str) -> set[str]:
    """What a template would show in every language: words outside of its messages."""
    tree = templates("en").parse(source)
    words = Words()
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            words.feed(
                node.data if isinstance(node, nodes.TemplateData) else "\N{OBJECT REPLACEMENT CHARACTER}"
            )
    words.close()
    # Strings in expressions: those that are not messages, tests, names or attributes of HTML.
    texts = {text for found in words.found if _WORD.search(text := _ATTRIBUTE.sub("", found).strip())}
    said = {id(part) for call in tree.find_all(nodes.Call) for part in call.find_all(nodes.Const)}
    for condition in tree.find_all(nodes.CondExpr):
        for part in (condition.expr1, condition.expr2):
            if isinstance(part, nodes.Const) and id(part) not in said and isinstance(part.value, str):
                texts |= {part.value} if _WORD.search(_ATTRIBUTE.sub("", part.value)) else set()
    return texts


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_pages_hold_no_words_of_one_language(path: Path) -> None:
    assert hard_coded(path.read_text("utf-8")) <= {"keyrig", "· keyrig", "/outbox.json"}


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        '<img alt="A picture">',
        '<p>{{ "none" if a else _("some") }}</p>',
        "<p>{% trans %}Fine{% endtrans %} not</p>",
    ],
)
def test_a_planted_word_is_found(source: str) -> None:
    assert hard_coded(source)


def test_the_code_says_nothing_to_visitors_that_is_not_said_by_say() -> None:
    """Headings, messages and alerts are ``say(…)`` or come from elsewhere; none is a bare string."""
    for path in (SERVICE / "console").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id == "PageError":
                    assert not any(isinstance(part, (ast.Constant, ast.JoinedStr)) for part in node.args[1:])
                if node.func.id == "FieldError":
                    assert not isinstance(node.args[1], (ast.Constant, ast.JoinedStr))


# Which language.


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr,ja;q=0.5", "ja"),
        ("de, fr", "en"),
        ("*", "en"),
        ("ja;q=0", "en"),
        ("ja;q=0,en;q=0", "en"),
        ("JA-jp", "ja"),
        ("ja;q=x,,;;=,\x00", "en"),
        ("ja;q=nan", "en"),
        ("ja;q=9999,en", "ja"),
        ("," * 100_000 + "ja", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(accept: str, language: str) -> None:
    assert preferred("", accept) == language


def test_the_switch_goes_before_what_the_browser_prefers() -> None:
    assert preferred("en", "ja") == "en"
    assert preferred("ja", "en") == "ja"
    assert preferred("xx", "ja") == "ja"


def test_a_message_that_the_catalogue_lacks_is_said_in_english() -> None:
    assert translator("ja")("Nobody says this.") == "Nobody says this."


def test_numbers_are_counted_as_the_language_does() -> None:
    assert counter("en")("one", "more", 1) == "one"
    assert counter("en")("one", "more", 2) == "more"
    assert counter("ja")("one", "more", 2) == "one"


def test_the_catalogue_is_a_part_of_the_package() -> None:
    assert files("harness.service").joinpath("catalogues", "ja.po").is_file()


def test_a_template_has_its_own_environment_for_each_language() -> None:
    source = "{{ _('Sign out') }}"
    assert templates("en").from_string(source).render() == "Sign out"
    assert templates("ja").from_string(source).render() == "サインアウト"
    assert isinstance(templates("en"), jinja2.Environment)
