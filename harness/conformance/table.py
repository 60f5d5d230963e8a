"""What is tested and what is known not to be, by section of the specifications, as Markdown."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files

import pytest

from harness.conformance.report import chapter, in_order
from harness.conformance.results import identify, said_of

NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Must:
    """What a ``section`` demands, and its ``tests`` by identifier; without any, ``why`` there are none."""

    section: str
    must: str
    tests: tuple[str, ...] = ()
    why: str = ""


def tested(items: Iterable[pytest.Item]) -> list[Must]:
    """What these tests say must hold; those that say the same of the same section are one."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in items:
        identifier, section = identify(item)
        names = found.setdefault((section, said_of(item)[0]), [])
        if (name := identifier.partition("[")[0]) not in names:
            names.append(name)
    return [Must(section=section, must=must, tests=tuple(names)) for (section, must), names in found.items()]


def untested() -> list[Must]:
    """What we know that we do not test: ``untested.toml``."""
    text = files(__package__).joinpath("untested.toml").read_text("utf-8")
    return [Must(**entry) for entry in tomllib.loads(text)["untested"]]


def table(musts: Iterable[Must]) -> Iterator[str]:
    """A table for each chapter, in the specifications' order."""
    chapters: dict[str, list[Must]] = {}
    for must in musts:
        chapters.setdefault(chapter(must.section), []).append(must)
    for name in sorted(chapters, key=in_order):
        yield f"### {name}"
        yield ""
        yield "| section | what must hold | tests |"
        yield "| --- | --- | --- |"
        for must in sorted(chapters[name], key=lambda must: (in_order(must.section), not must.tests)):
            tests = ", ".join(must.tests) or f"{NOT_TESTED}: {must.why}"
            yield (
                "| "
                + " | ".join(cell.replace("|", "\\|") for cell in (_place(must), must.must, tests))
                + " |"
            )
        yield ""
    everything = [must for group in chapters.values() for must in group]
    missing = sum(not must.tests for must in everything)
    yield f"{len(everything) - missing} demands are tested, {missing} are known not to be."


def _place(must: Must) -> str:
    _, sign, place = must.section.partition("§")
    return f"{sign}{place}" or must.section
