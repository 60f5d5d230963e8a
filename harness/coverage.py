"""Which scenario shows what AWS's documents state: ``scenarios/coverage.toml`` as a table.

Each statement has an id such as ``S1-07`` (``F`` for the collected facts), says what is stated in our own
words, and names the scenarios that show it, or says why none does.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).parent / "scenarios"


class CoverageError(ValueError):
    """The data is not what it should be; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a document states, and ``shown_by`` which scenarios (``resync.by_api``), or else ``why_not``."""

    id: str
    says: str
    shown_by: tuple[str, ...]
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document and its statements, in its order."""

    title: str
    statements: tuple[Statement, ...]


def documents() -> list[Document]:
    """What ``coverage.toml`` holds; CoverageError."""
    found = tomllib.loads((SCENARIOS / "coverage.toml").read_text("utf-8"))["document"]
    return [
        Document(
            title=document["title"],
            statements=tuple(_statement(name, entry) for name, entry in document["states"].items()),
        )
        for document in found
    ]


def _statement(name: str, entry: Any) -> Statement:
    match entry:
        case {"says": str(says), "shown_by": [*names]} if names and len(entry) == 2:
            return Statement(id=name, says=says, shown_by=tuple(map(str, names)), why_not="")
        case {"says": str(says), "why_not": str(why_not)} if len(entry) == 2:
            return Statement(id=name, says=says, shown_by=(), why_not=why_not)
        case _:
            raise CoverageError(f"{name} must say something and have either shown_by or why_not")


def scenario_titles() -> dict[str, str]:
    """The packaged scenarios by name, such as ``resync.by_api``, with their titles; in their files' order."""
    found = {}
    for path in sorted(SCENARIOS.glob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                title = (ast.get_docstring(node) or "").partition("\n")[0].rstrip(".")
                found[f"{path.stem.removeprefix('test_')}.{node.name.removeprefix('test_')}"] = title
    return found


def table() -> str:
    """All statements in Markdown, a document after the other; CoverageError for a scenario there is not."""
    titles = scenario_titles()
    return "\n".join(_section(document, titles) for document in documents())


def _section(document: Document, titles: dict[str, str]) -> str:
    lines = [f"**{document.title}**", "", "| | states | shown by |", "| --- | --- | --- |"]
    for statement in document.statements:
        if missing := [name for name in statement.shown_by if name not in titles]:
            raise CoverageError(f"{statement.id} names {missing[0]}, and there is no such scenario")
        shown = "<br>".join(f"{_group(name)}: {titles[name]}" for name in statement.shown_by)
        lines.append(f"| {statement.id} | {statement.says} | {shown or f'*{statement.why_not}*'} |")
    return "".join(f"{line}\n" for line in lines)


def _group(name: str) -> str:
    return name.partition(".")[0].replace("_", " ")
