"""A run's results as a summary on the terminal, as JSON, and as one HTML page that needs nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from harness.conformance.results import Outcome, Result

OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "skipped")
MARKS = {"passed": "✔", "failed": "✘", "skipped": "–"}
COLOURS = {"passed": "good", "failed": "bad", "skipped": "skip"}
REASONS = 8
"""Of those for which tests are skipped, how many the terminal tells."""
_OURS = {"clone", "destructive", "power-cycle", "several-keys", "sign-count"}
"""What is in our hands, or known to us, and not a feature of the key."""
FORMAT = 1
"""Of the JSON; another number where its members change their meaning."""


class ReportError(ValueError):
    """A file is no report of ours, or cannot be read; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of one run against one key; ``features`` is what the key has, ``date`` in ISO 8601."""

    key: str
    version: str
    features: Sequence[str]
    results: Sequence[Result]
    info: Mapping[str, Any]
    date: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many tests passed, failed and were skipped."""
        found = Counter(result["outcome"] for result in self.results)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def failures(self) -> list[Result]:
        """Those that failed."""
        return [result for result in self.results if result["outcome"] == "failed"]

    def sections(self) -> list[dict[str, Any]]:
        """The results by section of the specification, as it numbers them."""
        by_name: dict[str, list[Result]] = {}
        for result in self.results:
            by_name.setdefault(chapter(result["section"]), []).append(result)
        return [
            {"name": name, "results": results, **Counter(result["outcome"] for result in results)}
            for name, results in sorted(by_name.items(), key=lambda entry: in_order(entry[0]))
        ]

    def to_json(self) -> str:
        """What :func:`read` reads."""
        return json.dumps(
            {
                "keyrig_conformance": FORMAT,
                "key": self.key,
                "version": self.version,
                "date": self.date,
                "features": list(self.features),
                "info": dict(self.info),
                "counts": dict(self.counts),
                "tests": list(self.results),
            },
            indent=1,
            ensure_ascii=False,
        )

    def to_html(self) -> str:
        """One page, its styles in it, without a script and without anything from elsewhere."""
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined)
        template = environment.from_string(files(__package__).joinpath("report.html").read_text("utf-8"))
        return template.render(
            key=self.key,
            version=self.version,
            date=self.date,
            features=[name for name in self.features if not name.startswith("info-") and name not in _OURS],
            results=self.results,
            counts=self.counts,
            failures=self.failures,
            sections=self.sections(),
            marks=MARKS,
            colours=COLOURS,
        )


def now() -> str:
    """The date of a report made now, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def read(path: Path) -> Report:
    """The report that :meth:`Report.to_json` wrote.

    :raises ReportError: if ``path`` holds none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ReportError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or found.get("keyrig_conformance") != FORMAT:
        raise ReportError(f"{path} is no report of 'keyrig conform --json'")
    try:
        return Report(
            key=found["key"],
            version=found["version"],
            features=found["features"],
            results=found["tests"],
            info=found["info"],
            date=found["date"],
        )
    except KeyError as error:
        raise ReportError(f"{path} has no {error.args[0]!r}; it was cut short or changed") from error


def summary(report: Report) -> Iterator[str]:
    """The lines that a terminal shows: what failed, then how much of each section."""
    for result in report.failures:
        yield f"✘ {result['identifier']}  ({result['section']})"
        yield f"    {result['title']}"
        yield from (f"    {line}" for line in result["reason"].splitlines())
        yield from (f"      {'→' if e['to_key'] else '←'} {_cut(e['text'])}" for e in result["trace"][-6:])
        yield ""
    width = max((len(section["name"]) for section in report.sections()), default=0)
    for section in report.sections():
        told = [f"{section[outcome]} {outcome}" for outcome in OUTCOMES if section.get(outcome)]
        yield f"  {section['name']:<{width}}  {', '.join(told)}"
    reasons = Counter(result["reason"] for result in report.results if result["outcome"] == "skipped")
    if reasons:
        yield ""
        yield from (f"  {count} skipped: {reason}" for reason, count in reasons.most_common(REASONS))
        if others := sum(count for _, count in reasons.most_common()[REASONS:]):
            yield f"  {others} skipped for other reasons, which --json and --html tell"
    counts = report.counts
    yield ""
    yield f"{report.key}: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)


def chapter(section: str) -> str:
    """A section without its subsections and steps: ``CTAP 2.3 §6.1.2 step 14`` is of ``CTAP 2.3 §6.1``."""
    document, sign, place = section.partition("§")
    if not sign:
        return section
    number = place.split(",")[0].split(" ")[0]
    return f"{document}§{'.'.join(number.split('.')[:2])}"


def in_order(section: str) -> tuple[str, list[int]]:
    """By what sections are sorted as a specification numbers them."""
    document, _, place = section.partition("§")
    return document, [int(number) for number in re.findall(r"\d+", place)]


def _cut(text: str, length: int = 160) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def all_passed(results: Iterable[Result]) -> bool:
    """Whether none failed."""
    return all(result["outcome"] != "failed" for result in results)
