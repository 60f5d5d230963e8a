"""Where the readings of a token come from: a file, a person who types, a card in a smart card reader."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import click
import httpx

from harness.devices.emulated_store import TokenRecord, append_private, moment
from harness.devices.pcsc import find_reader
from harness.devices.ykoath import YkOathCard
from harness.measure import MeasureError, Reading

TIME_LIMIT = 10.0
"""Seconds that a server has to say what time it is."""
SECOND = 1.0
"""How late :func:`time_at` may be."""
_POLL = 0.02
_PATIENCE = 5.0
"""Seconds after a period in which a card's code must have changed."""


def read(path: Path) -> list[Reading]:
    """The readings in a file, a line each.

    :raises MeasureError: for a line that is none.
    """
    readings = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise MeasureError(f"{path} is no text") from None
    for number, line in enumerate(lines, start=1):
        match line.partition("#")[0].split():
            case []:
                continue
            case [when, code, *rest] if rest[:1] in ([], ["change"]) and len(rest) < 3:
                try:
                    readings.append(
                        Reading(
                            when=moment(when),
                            code=code,
                            changed=bool(rest),
                            delay=_seconds(rest[1]) if rest[1:] else None,
                        )
                    )
                except ValueError as error:
                    raise MeasureError(f"{path}, line {number}: {error}") from None
            case _:
                raise MeasureError(f"{path}, line {number}: a reading is as in 2026-03-01T12:00:00Z 123456")
    return readings


def type_in(
    record: TokenRecord,
    known: Sequence[Reading],
    file: Path | None,
    *,
    clock: Callable[[], float],
    changed: bool,
) -> list[Reading]:
    """What a person types, each code at once added to the file; an empty line ends it."""
    if not sys.stdin.isatty():
        raise MeasureError(
            "there are no readings: give --readings FILE or --reader, or type codes at a terminal"
        )
    moment_of = "the moment it changes" if changed else "as it stands there"
    click.echo(f"type the code of {record.serial_number}, {moment_of}; Enter alone ends", err=True)
    readings: list[Reading] = []
    while code := click.prompt("code", default="", show_default=False, err=True).replace(" ", ""):
        when = clock()
        last = [*known, *readings][-1:]
        if not (code.isascii() and code.isdigit() and len(code) == record.digits):
            click.echo(f"that is not {record.digits} digits", err=True)
        elif last and last[0].code == code and when - last[0].when < record.period + 5:
            click.echo("that is the code from before; wait until the display changes", err=True)
        else:
            readings.append(_kept(Reading(when=when, code=code, changed=changed), file))
    return readings


def read_off_card(
    record: TokenRecord,
    reader: str,
    account: str,
    file: Path | None,
    *,
    clock: Callable[[], float],
    unsure: float = 0.0,
) -> list[Reading]:
    """Two codes of an account on the card in ``reader``: as it stands, and as it changes.

    The card is asked for the step of this computer's clock. ``clock`` says when that was, ``unsure`` seconds
    late at most.

    :raises MeasureError: when the card has no such account.
    :raises DeviceError: when there is no card, or it refuses.
    """
    with closing(YkOathCard(find_reader(reader))) as card:
        name = _account(card.totp_accounts(), account, record)

        def shown() -> tuple[float, str]:
            while True:
                step, when = _step(record), clock()
                if _step(record) == step:  # else it went by between the two
                    return when, card.code(name, step)

        before, code = shown()
        first = _kept(Reading(when=before, code=code), file)
        click.echo(f"{name}: read; waiting for the next code, {record.period} s at most", err=True)
        until = time.monotonic() + record.period + _PATIENCE
        while (now_and_code := shown())[1] == first.code:
            if time.monotonic() > until:
                raise MeasureError(f"the code of {name} does not change; is this computer's clock stopped?")
            before, _ = now_and_code
            time.sleep(_POLL)
        now, code = now_and_code
        return [first, _kept(Reading(when=now, code=code, changed=True, delay=now - before + unsure), file)]


def _step(record: TokenRecord) -> int:
    """The step of this computer's clock."""
    return int(time.time() // record.period)


def time_at(url: str) -> float:
    """What time the web server at ``url`` says it is, by its Date header; at most a second late.

    :raises MeasureError: when it does not.
    """
    try:
        answer = httpx.head(url, timeout=TIME_LIMIT)
        said = answer.headers["date"]
        return parsedate_to_datetime(said).timestamp() + SECOND
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MeasureError(f"{url} does not say what time it is: {error}") from None
    except (KeyError, ValueError):
        raise MeasureError(f"{url} does not say what time it is: its answer has no Date") from None


def _account(names: Sequence[str], wanted: str, record: TokenRecord) -> str:
    """The one of a card's accounts that is meant: by its name, or by what the token is for."""
    by_label = {_label(name): name for name in names}
    theirs = f"{record.issuer}:{record.account}".strip(":")
    for label in filter(None, (wanted, theirs, record.account, record.serial_number)):
        if label in by_label or label in names:
            return _of_period(by_label.get(label, label), record)
    has = ", ".join(sorted(by_label)) or "no TOTP account"
    raise MeasureError(f"the card has no account {wanted!r}; say --account NAME. It has: {has}")


def _of_period(name: str, record: TokenRecord) -> str:
    period = name[: -len(_label(name))].rstrip("/") or "30"
    if int(period) != record.period:
        raise MeasureError(
            f"the account {_label(name)} changes each {period} s on the card, and the token "
            f"{record.serial_number} each {record.period} s"
        )
    return name


def _label(name: str) -> str:
    """The name without the period that may stand before it."""
    period, slash, label = name.partition("/")
    return label if slash and period.isascii() and period.isdigit() else name


def _kept(reading: Reading, file: Path | None) -> Reading:
    if file is not None:
        stamp = datetime.fromtimestamp(reading.when, UTC).isoformat(timespec="milliseconds")
        words = [stamp, reading.code, *(["change"] if reading.changed else [])]
        if reading.delay is not None:
            words.append(f"{math.ceil(reading.delay * 1000) / 1000:.3f}")  # less would promise too much
        append_private(file, " ".join(words) + "\n")
    return reading


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) <= 3600:
            return seconds
    raise ValueError(f"a code had changed 0 to 3600 s before, not {text!r}")
