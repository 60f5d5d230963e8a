"""What differs between two keys, by the reports of their runs."""

from __future__ import annotations

from collections.abc import Iterator

from harness.conformance.report import Report
from harness.conformance.results import Result

NOT_RUN = "not run"


def differences(one: Report, other: Report) -> Iterator[str]:
    """What they say of themselves, which tests failed with either, and which ran with one alone."""
    for name in sorted({*one.info, *other.info}):
        before, after = one.info.get(name), other.info.get(name)
        if before != after:
            yield f"  {name}"
            yield from (
                f"  {sign} {told}" for sign, told in (("-", before), ("+", after)) if told is not None
            )
    first = {result["identifier"]: result for result in one.results}
    second = {result["identifier"]: result for result in other.results}
    alone: dict[tuple[str, str], list[str]] = {}
    for identifier in [*first, *(name for name in second if name not in first)]:
        pair = first.get(identifier), second.get(identifier)
        outcomes = tuple(result["outcome"] if result else NOT_RUN for result in pair)
        if outcomes[0] == outcomes[1]:
            continue
        if "failed" in outcomes:
            yield from _failed(identifier, outcomes, *pair)
        elif "passed" in outcomes:
            ran, lacks = (one, pair[1]) if outcomes[0] == "passed" else (other, pair[0])
            alone.setdefault((ran.key, lacks["reason"] if lacks else NOT_RUN), []).append(identifier)
    for (key, reason), identifiers in alone.items():
        yield f"  {len(identifiers)} passed with {key} alone: {reason}"
        yield f"      {', '.join(identifiers)}"


def _failed(identifier: str, outcomes: tuple[str, ...], *pair: Result | None) -> Iterator[str]:
    """A test that failed with one, what must hold, and what was found."""
    [title, *_] = [result["title"] for result in pair if result]
    yield f"  {identifier}: {outcomes[0]} → {outcomes[1]}  {title}"
    for result in pair:
        if result and result["outcome"] == "failed":
            yield from (f"      {line}" for line in result["reason"].splitlines())
