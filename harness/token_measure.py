"""The command ``keyrig token measure``: how wrong a real token's clock is, from codes read off it."""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.devices.emulated_store import Desk, TokenRecord, moment, record_of
from harness.devices.key import DeviceError
from harness.measure import Measured, MeasureError, Reading, days_for, measure
from harness.misuse import Misuse
from harness.refusal import Refusal, refusal
from harness.service.totp_servers import TotpServerError, find_servers
from harness.service.totp_state import TotpState
from harness.token_readings import SECOND, read, read_off_card, time_at, type_in

_PICTURES = (".svg", ".png")
_TARGET_PPM = 5.0


@click.command("measure")
@click.argument("name")
@click.option(
    "--readings",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Readings, a line each: TIME CODE, and the word change if the code had just appeared, with the "
    "seconds since, if they are known. What is typed or read off a card is added to it.",
)
@click.option(
    "--reader",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Read two codes now off the card in this smart card reader, or the only one that has a card: as the "
    "code stands, and as it changes. Such a card has no clock of its own: this computer's is measured.",
)
@click.option(
    "--account", metavar="NAME", help="The account on the card; else the one called as the token is."
)
@click.option(
    "--time-from",
    metavar="URL",
    help="This web server's time is the right one, and not this computer's.",
)
@click.option("--type", "typed", is_flag=True, help="Type codes now, also where there is a file.")
@click.option("--at-change", is_flag=True, help="They are typed at the very moment that the display changes.")
@click.option(
    "--seed-file", metavar="FILE", help="The token is in this seed file; NAME is its serial number."
)
@click.option("--rule", default="aws,privacyidea,linotp,freeipa", metavar="NAMES", show_default=True)
@click.option("--enrolled", metavar="TIME", help="When its servers last learned where it stands.")
@click.option(
    "--delay", type=float, default=5.0, show_default=True, help="Seconds from display to note at most."
)
@click.option("--within", type=float, default=24.0, show_default=True, help="Hours that it is wrong at most.")
@click.option("--picture", metavar="FILE", help="Draw it: FILE.svg or FILE.png.")
@click.pass_obj
def measure_command(
    desk: Desk,
    name: str,
    file: Path | None,
    reader: str | None,
    account: str | None,
    time_from: str | None,
    typed: bool,
    at_change: bool,
    seed_file: str | None,
    rule: str,
    enrolled: str | None,
    delay: float,
    within: float,
    picture: str | None,
) -> None:
    """Estimate offset and rate of the real token NAME, whose secret is known, from two or more readings.

    Days apart: the rate is known to ± 5 ppm after some two months, or after nine days with --at-change or
    --reader, which adds to the readings of --readings FILE.
    """
    with _told_in_a_line():
        path = _picture_path(picture)
        _check(delay, within)
        servers = find_servers(rule)
        since = None if enrolled is None else moment(enrolled)
        record = record_of(desk, name, seed_file)
        state = _state(record)
        readings = read(file) if file is not None and file.exists() else []
        clock = _clock(time_from)
        if reader is not None:
            unsure = 0.0 if time_from is None else SECOND
            readings += read_off_card(record, reader, account or name, file, clock=clock, unsure=unsure)
        if typed or not readings:
            readings += type_in(record, readings, file, clock=clock, changed=at_change)
        measured = measure(state, readings, delay=delay, within=within * 3600)
        now = max(desk.clock(), measured.origin)
        refusals = [refusal(measured, server, record.period, now, enrolled=since) for server in servers]
    _say(name, measured, readings, now, record.period + delay)
    if measured.knows_rate:
        Console(width=None if sys.stdout.isatty() else 1000).print(_table(refusals, now), markup=False)
        if any(each.server.limits.learns for each in refusals):
            click.echo("* since its last sign-in; the date is that of a token which is not used until then")
    if path is not None:
        _draw(path, name, measured, readings, refusals, now)


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    try:
        yield
    except (DeviceError, MeasureError, TotpServerError, ValueError) as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        raise Misuse(f"{error.filename}: {error.strerror}") from None


def _clock(time_from: str | None) -> Callable[[], float]:
    """What tells the time of a reading."""
    if time_from is None:
        return time.time
    ahead = time_at(time_from) - time.time()
    return lambda: time.time() + ahead


def _state(record: TokenRecord) -> TotpState:
    if record.kind != "totp":
        raise MeasureError(f"token {record.serial_number} is an HOTP token and has no clock to measure")
    return TotpState(
        secret=record.secret, digits=record.digits, period=record.period, algorithm=record.algorithm
    )


def _check(delay: float, within: float) -> None:
    if not (math.isfinite(delay) and 0 <= delay <= 3600):
        raise MeasureError(f"--delay must be 0 to 3600 s, not {delay:g}")
    if not (math.isfinite(within) and 0 < within <= 24 * 30):
        raise MeasureError(f"--within must be above 0 and at most 720 h, not {within:g}")


def _picture_path(picture: str | None) -> Path | None:
    """Where to draw, looked at before anybody has typed codes in vain."""
    if picture is None:
        return None
    path = Path(picture)
    if path.suffix not in _PICTURES:
        raise MeasureError(f"{picture} must end in {' or '.join(_PICTURES)}")
    if not path.absolute().parent.is_dir() or path.is_dir():
        raise MeasureError(f"{picture} cannot be written there")
    if importlib.util.find_spec("matplotlib") is None:
        raise MeasureError(
            "a picture needs matplotlib; install keyrig's extra fleet: pip install 'keyrig[fleet]'"
        )
    return path


def _say(name: str, measured: Measured, readings: Sequence[Reading], now: float, width: float) -> None:
    first = min(reading.when for reading in readings)
    error, ppm = measured.error(now), measured.ppm
    click.echo(f"{name}: {len(readings)} readings over {(measured.origin - first) / 86_400:.1f} days")
    click.echo(
        f"  ahead by  {error.middle:+8.1f} s    95 %: {error.low:+.1f} to {error.high:+.1f} s, {_day(now)}"
    )
    if measured.knows_rate:
        year = f"{ppm.middle * 31.5576:+.0f} s a year"
        click.echo(
            f"  gains     {ppm.middle:+8.2f} ppm  95 %: {ppm.low:+.2f} to {ppm.high:+.2f} ppm, {year}\n"
        )
    else:
        days = days_for(width, _TARGET_PPM)
        click.echo(f"  its rate cannot be told yet; read it again in {days:.0f} days to know it to ± 5 ppm")
    if measured.others:
        click.echo(
            f"  {measured.others} other clocks, further off, would show these codes too; read it again"
        )


def _table(refusals: Sequence[Refusal], now: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("server", "accepts all from", "first refused", "95 %"):
        table.add_column(heading)
    for each in refusals:
        earliest, latest = _date(each.earliest, now), _date(each.latest, now)
        table.add_row(
            each.server.name,
            f"{each.behind:+.0f} to {each.ahead:+.0f} s{' *' if each.server.limits.learns else ''}",
            _date(each.median, now),
            earliest if earliest == latest else f"{earliest} to {latest}",
        )
    return table


def _date(when: float | None, now: float) -> str:
    if when is None:
        return "beyond 30 years"
    return "already" if when <= now else _day(when)


def _day(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")


def _draw(
    path: Path,
    name: str,
    measured: Measured,
    readings: Sequence[Reading],
    refusals: Sequence[Refusal],
    now: float,
) -> None:
    from harness.measure_picture import draw  # matplotlib is an extra

    error, ppm = measured.error(now), measured.ppm
    title = f"{name}: {error.middle:+.1f} s, {ppm.middle:+.2f} ppm ({ppm.low:+.2f} to {ppm.high:+.2f})"
    try:
        draw(measured, readings, refusals, now, path, title=title)
    except OSError as failure:
        raise Misuse(f"{path} cannot be written: {failure.strerror}") from None
