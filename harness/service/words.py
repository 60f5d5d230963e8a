"""Messages that remember how they were made, so that the console can say them in another language."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Said(str):
    """A message in English; ``template`` and ``names`` are what it was made of."""

    __slots__ = ("names", "template")

    template: str
    names: Mapping[str, object]


def say(template: str, /, **names: object) -> Said:
    """``template`` with the names in braces filled in. The catalogues translate the template."""
    said = Said(template.format(**names))
    said.template, said.names = template, names
    return said


def spoken(message: str, translate: Callable[[str], str]) -> str:
    """``message`` as ``translate`` says it; what was filled in stays, unless it was said too."""
    if not isinstance(message, Said):
        return translate(message)
    names = {
        name: spoken(value, translate) if isinstance(value, Said) else value
        for name, value in message.names.items()
    }
    return translate(message.template).format(**names)
