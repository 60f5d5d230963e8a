"""A web page as a person sees it: headings, alerts, links, forms with their fields, tables, pictures.

Parsed from HTML with the standard library. A page is well formed or is not understood: the console's are.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_UNSEEN = frozenset({"script", "style", "template"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "i", "small", "span", "strong"})


class PlatformError(Exception):
    """What a person at the browser cannot go on from: no such form, link or field, no key, a refusing key."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a page and what stands in it."""

    tag: str
    attributes: Mapping[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """The elements below this one, in order: those of ``tags``, or every one."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        """The text in it, white space run together; without scripts and styles."""
        return " ".join(self._texts().split())

    def _texts(self) -> str:
        if self.tag in _UNSEEN:
            return ""
        within = "".join(child if isinstance(child, str) else child._texts() for child in self.children)
        return within if self.tag in _INLINE else f" {within} "


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        depth = next((n for n in range(len(self._open) - 1, 0, -1) if self._open[n].tag == tag), None)
        if depth is not None:
            del self._open[depth:]

    def updatepos(self, i: int, j: int) -> int:
        """Where in the source it is, by line and column, nobody asks."""
        return j

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing a form asks for; ``choices`` maps value to label where it offers a choice."""

    name: str
    label: str
    type: str
    value: str
    choices: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form, named for its purpose by its ``id``; ``action`` is absolute, ``button`` what submits it."""

    purpose: str
    action: str
    method: str
    fields: Mapping[str, Field]
    button: str

    def filled(self, answers: Mapping[str, str]) -> dict[str, str]:
        """What the form sends once ``answers`` are filled in, by a field's name or label.

        A choice is answered by its value or label. What the form does not ask for, or does not offer, is a
        :class:`PlatformError`.
        """
        sent = {name: asked.value for name, asked in self.fields.items()}
        for key, answer in answers.items():
            asked = self._field(key)
            if asked.choices:
                labels = {label: value for value, label in asked.choices.items()}
                answer = answer if answer in asked.choices else labels.get(answer, answer)
                if answer not in asked.choices:
                    offers = ", ".join(asked.choices.values())
                    raise PlatformError(f"the form {self.purpose!r} offers for {key!r} only: {offers}")
            sent[asked.name] = answer
        return sent

    def _field(self, key: str) -> Field:
        for asked in self.fields.values():
            if key in (asked.name, asked.label):
                return asked
        names = ", ".join(name for name, asked in self.fields.items() if asked.type != "hidden")
        raise PlatformError(f"the form {self.purpose!r} has no field {key!r}; it asks for: {names}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link: ``id`` names its purpose, ``href`` is absolute."""

    id: str
    text: str
    href: str


class Page:
    """One answer of the service as the browser shows it, each part read when it is looked at.

    Forms, tables, data URI images, JSON data and texts go by their ``id``.
    """

    def __init__(self, url: str, status: int, html: str) -> None:
        self.url = url
        self.status = status
        self._html = html

    @cached_property
    def _elements(self) -> Sequence[Element]:
        return list(parse_html(self._html).all())

    @cached_property
    def _named(self) -> Mapping[str, Element]:
        return {element.attributes["id"]: element for element in self._elements if "id" in element.attributes}

    @cached_property
    def title(self) -> str:
        return _first_text(self._elements, "title")

    @cached_property
    def heading(self) -> str:
        return _first_text(self._elements, "h1")

    @cached_property
    def text(self) -> str:
        return _first_text(self._elements, "body")

    @cached_property
    def alerts(self) -> tuple[str, ...]:
        return tuple(found.text for found in self._elements if found.attributes.get("role") == "alert")

    @cached_property
    def notices(self) -> tuple[str, ...]:
        return tuple(found.text for found in self._elements if found.attributes.get("role") == "status")

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        return {form.purpose: form for form in _forms(self._elements, self.url)}

    @cached_property
    def links(self) -> tuple[Link, ...]:
        links = _tagged(self._elements, "a")
        return tuple(_link(found, self.url) for found in links if "href" in found.attributes)

    @cached_property
    def tables(self) -> Mapping[str, tuple[Mapping[str, str], ...]]:
        return {name: _rows(found) for name, found in self._named.items() if found.tag == "table"}

    @cached_property
    def images(self) -> Mapping[str, bytes]:
        return {name: _picture(found) for name, found in self._named.items() if found.tag == "img"}

    @cached_property
    def data(self) -> Mapping[str, Any]:
        return {name: _json(name, found) for name, found in self._named.items() if found.tag == "script"}

    @cached_property
    def texts(self) -> Mapping[str, str]:
        return {name: found.text for name, found in self._named.items()}

    @property
    def error(self) -> str | None:
        """What the page says went wrong, if anything."""
        return " ".join(self.alerts) or None

    def form(self, purpose: str) -> Form:
        """The form for ``purpose``; a page without one is a :class:`PlatformError` that says what it has."""
        if purpose not in self.forms:
            raise PlatformError(f"{self} has no form {purpose!r}; it has: {', '.join(self.forms) or 'none'}")
        return self.forms[purpose]

    def link(self, name: str) -> Link:
        """The first link whose ``id`` or text is ``name``; none is a :class:`PlatformError`."""
        for link in self.links:
            if name in (link.id, link.text):
                return link
        raise PlatformError(
            f"{self} has no link {name!r}; it has: {', '.join(link.text for link in self.links)}"
        )

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        said = f": {self.error}" if self.error else ""
        return f"the page “{self.heading}” ({self.url}, {self.status}{said})"


def parse_html(html: str) -> Element:
    """The nameless element that all of a page's stand in."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root


def _first_text(elements: Iterable[Element], tag: str) -> str:
    found = next(_tagged(elements, tag), None)
    return found.text if found is not None else ""


def _tagged(elements: Iterable[Element], tag: str) -> Iterator[Element]:
    return (element for element in elements if element.tag == tag)


def _forms(elements: Sequence[Element], url: str) -> Iterator[Form]:
    labels = {
        label.attributes["for"]: label.text
        for label in _tagged(elements, "label")
        if "for" in label.attributes
    }
    return (_form(form, labels, url) for form in _tagged(elements, "form"))


def _form(form: Element, labels: Mapping[str, str], url: str) -> Form:
    fields: dict[str, Field] = {}
    for control in form.all("input", "select", "textarea"):
        if name := control.attributes.get("name"):
            fields[name] = _field(control, labels, fields.get(name))
    return Form(
        purpose=form.attributes.get("id", ""),
        action=urljoin(url, form.attributes.get("action", "")),
        method=form.attributes.get("method", "get").upper(),
        fields=fields,
        button=next((button.text for button in form.all("button")), ""),
    )


def _field(control: Element, labels: Mapping[str, str], before: Field | None) -> Field:
    name, kind = control.attributes["name"], control.attributes.get("type", control.tag)
    label = labels.get(control.attributes.get("id", ""), "")
    value = control.text if control.tag == "textarea" else control.attributes.get("value", "")
    choices: dict[str, str] = {}
    match kind:
        case "radio":  # one field of several controls, each with a label of its own
            choices = {**(before.choices if before else {}), value: label}
            checked = value if "checked" in control.attributes else ""
            value, label = (before.value if before else "") or checked, name
        case "select":
            options = list(control.all("option"))
            choices = {option.attributes.get("value", option.text): option.text for option in options}
            chosen = [o for o in options if "selected" in o.attributes] or options[:1]
            value = chosen[0].attributes.get("value", chosen[0].text) if chosen else ""
    return Field(name=name, label=label, type=kind, value=value, choices=choices)


def _link(link: Element, url: str) -> Link:
    return Link(id=link.attributes.get("id", ""), text=link.text, href=urljoin(url, link.attributes["href"]))


def _rows(table: Element) -> tuple[Mapping[str, str], ...]:
    """The rows of a table, each a mapping from column heading to text."""
    head, *body = list(table.all("tr"))
    columns = [cell.text for cell in head.all("th")]
    return tuple(
        dict(zip(columns, (cell.text for cell in row.all("th", "td")), strict=False)) for row in body
    )


def _picture(image: Element) -> bytes:
    kind, _, encoded = image.attributes.get("src", "").partition(";base64,")
    if not kind.startswith("data:image/"):
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise PlatformError(f"the picture {image.attributes['id']!r} is not base64: {error}") from error


def _json(name: str, script: Element) -> Any:
    source = "".join(child for child in script.children if isinstance(child, str))
    try:
        return json.loads(source)
    except ValueError as error:
        raise PlatformError(f"the page's data {name!r} is not JSON: {error}") from error
