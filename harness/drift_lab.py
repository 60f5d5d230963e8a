"""The command ``keyrig drift``: what a fleet of drifting tokens costs under each server's rule."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from harness.lab.fleet import Fleet, LabError
from harness.service.totp_servers import TotpServer, TotpServerError, find_servers, packaged_servers

if TYPE_CHECKING:
    from harness.lab.answer import Answer, Rate
    from harness.lab.tally import Tally

_PICTURES = (".svg", ".png")


class _Misuse(click.ClickException):
    """One line, exit code 2."""

    exit_code = 2


@click.command()
@click.option("--tokens", default=10_000, show_default=True, help="How many there are.")
@click.option("--years", default=5.0, show_default=True, help="For how long.")
@click.option("--ppm-sigma", default=4.0, show_default=True, help="The deviation of their rates, in ppm.")
@click.option(
    "--profile", default="drawer", show_default=True, help="Where: desk, pocket, car, drawer, none."
)
@click.option(
    "--rule",
    metavar="NAMES",
    help="The servers, with commas between, or a .toml file with rules of your own; else all that there are.",
)
@click.option("--every-days", default=1.0, show_default=True, help="Days from one sign-in to the next.")
@click.option("--delay", default=5.0, show_default=True, help="Seconds on average until a code read arrives.")
@click.option(
    "--ageing-ppm", default=1.0, show_default=True, help="The deviation of the first year's ageing."
)
@click.option("--random-walk-ppm", default=0.01, show_default=True, help="Wander of the rate, ppm/√day.")
@click.option("--tries", default=10, show_default=True, help="An attacker's guesses.")
@click.option("--seed", default=0, show_default=True, help="The same seed is the same fleet.")
@click.option("--shards", type=int, help="In how many parts it is reckoned; the answer is the same.")
@click.option("--workers", type=int, help="How many processes reckon; one a core unless given.")
@click.option(
    "--dask", metavar="ADDRESS", help="Reckon on the Dask cluster of this scheduler, tcp://HOST:8786."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the answer there too, as JSON.")
@click.option("--picture", metavar="FILE", help="Draw it there too: FILE.svg or FILE.png.")
def drift(
    rule: str | None,
    tries: int,
    shards: int | None,
    workers: int | None,
    dask: str | None,
    json_file: str | None,
    picture: str | None,
    **values: int | float | str,
) -> None:
    """Simulate a fleet of drifting tokens under servers' rules: who is refused, who calls, who can guess."""
    try:
        fleet = Fleet(**values)  # type: ignore[arg-type]  # click gives each option its field's type
        servers = find_servers(rule) if rule is not None else packaged_servers()
        _check(tries=tries, shards=shards, workers=workers)
        for needed, extra in [("numpy", "fleet"), *([("distributed", "dask")] if dask else [])]:
            _need(needed, extra)
        files = [_writable(json_file), _writable(picture, _PICTURES)]
        if picture:
            _need("matplotlib", "fleet")
        result = _answer(fleet, servers, tries, shards, workers, dask)
        _write(result, *files)
    except (LabError, TotpServerError) as error:
        raise _Misuse(str(error)) from None
    click.echo(f"{fleet}; per 1,000 tokens a year, with 95 % intervals\n")
    Console().print(_table(result))


def _answer(
    fleet: Fleet,
    servers: list[TotpServer],
    tries: int,
    shards: int | None,
    workers: int | None,
    dask: str | None,
) -> Answer:
    # NumPy is an extra: what needs it is imported where it is used.
    from harness.lab.answer import answer
    from harness.lab.run import run_here, run_on_dask

    with _progress() as progress:
        tally: Tally
        if dask:
            tally = run_on_dask(dask, fleet, servers, shards=shards, progress=progress)
        else:
            tally = run_here(fleet, servers, shards=shards, workers=workers, progress=progress)
    return answer(fleet, servers, tally, tries=tries)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal's standard error while it lasts; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("blocks of tokens", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _check(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and not 1 <= count <= 10**9:
            raise LabError(f"{name} must be 1 to 1000000000, not {count}")


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise LabError(f"this needs {module}; install keyrig's extra {extra}: pip install 'keyrig[{extra}]'")


def _writable(name: str | None, endings: tuple[str, ...] = ()) -> Path | None:
    """The file to be written, looked at before hours of work are lost on a wrong name."""
    if name is None:
        return None
    path = Path(name)
    if endings and path.suffix not in endings:
        raise LabError(f"{name} must end in {' or '.join(endings)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise LabError(
            f"cannot write {name}: {'it is a folder' if path.is_dir() else 'there is no such folder'}"
        )
    return path


def _write(result: Answer, json_file: Path | None, picture: Path | None) -> None:
    try:
        if json_file:
            json_file.write_text(result.to_json(), "utf-8")
        if picture:
            from harness.lab.picture import draw

            draw(result, picture)
    except OSError as error:
        raise LabError(f"cannot write the answer: {error}") from None


def _table(result: Answer) -> Table:
    fleet = result.fleet
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("server")
    for heading in ("refused", "calls", "resyncs", "new\ntokens", "idle\n1 %", "days\n50 %", "codes"):
        table.add_column(heading, justify="right")
    table.add_column(f"odds in\n{result.tries:,} tries", justify="right")
    for server in result.servers:
        table.add_row(
            server.name,
            _rate(server.refused),
            _rate(server.calls),
            _number(server.resyncs_per_1000),
            _number(server.issued_per_1000),
            *(_days(server.idle_days[place], fleet) for place in (0, 2)),
            str(server.codes),
            f"{100 * server.odds:.2g} %",
        )
    return table


def _rate(rate: Rate) -> str:
    margin = rate.high - rate.per_1000
    return f"{_number(rate.per_1000)} ± {_number(margin)}" if rate.per_1000 else f"0 (< {rate.high:.2g})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or not value else f"{value:.3g}"


def _days(days: float | None, fleet: Fleet) -> str:
    return f"> {fleet.sign_ins * fleet.every_days:,.0f}" if days is None else f"{days:,.0f}"
