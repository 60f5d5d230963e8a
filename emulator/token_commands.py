"""``keyrig token``: emulated OATH tokens that are kept, programmed and pressed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from emulator import token_display
from emulator.clock import SystemClock
from emulator.drift import PLACES
from emulator.moment import moment
from emulator.oath.otp import DIGEST_SIZE, Algorithm
from emulator.oath.record import Kind, TokenRecord
from emulator.stored_token import Programming, StoredToken
from emulator.token_desk import Desk, Misuse, secret_in, told_in_a_line
from emulator.token_exchange import export, import_command
from emulator.totp_token import YEAR

STORE_VARIABLE = "KEYRIG_TOKENS"


def default_store() -> Path:
    """Where tokens are kept unless told: with the user's data (XDG Base Directory Specification)."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "keyrig" / "tokens"


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--store",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=STORE_VARIABLE,
    metavar="FILE",
    help="Where tokens are kept, encrypted under FILE.key or a passphrase; else the variable "
    f"{STORE_VARIABLE}, or keyrig/tokens with your data.",
)
@click.option("--ask-passphrase", is_flag=True, help="Ask for the store's passphrase; a new store gets one.")
@click.pass_context
def token(context: click.Context, path: Path | None, ask_passphrase: bool) -> None:
    """Keep emulated OATH tokens, press them, program them, and move them as seed files.

    A secret is read from a file, standard input or a prompt, never from the command line. The passphrase of
    the store can be in the variable KEYRIG_STORE_PASSPHRASE.
    """
    context.obj = Desk(
        path=path or default_store(),
        ask_passphrase=ask_passphrase,
        clock=SystemClock(),
        random_bytes=os.urandom,
    )


@token.command()
@click.argument("name")
@click.option("--period", type=click.Choice(["30", "60"]), default="30", help="Seconds that a code is shown.")
@click.option("--digits", type=click.Choice(["6", "8"]), default="6")
@click.option("--algorithm", type=click.Choice(list(DIGEST_SIZE)), default="SHA1")
@click.option("--hotp", is_flag=True, help="Codes by a counter instead of a clock.")
@click.option("--serial", "serial_number", metavar="TEXT", help="Its serial number; random unless given.")
@click.option("--issuer", default="", metavar="TEXT")
@click.option("--account", default="", metavar="TEXT")
@click.option(
    "--secret-file", metavar="FILE", help="Its secret, base32 or hex; - is standard input. Else random."
)
@click.option("--offset", type=float, default=0.0, metavar="S", help="Seconds that its clock is ahead.")
@click.option(
    "--drift-ppm", type=float, default=0.0, metavar="PPM", help="What it gains, in parts per million."
)
@click.option(
    "--wander", "place", type=click.Choice(list(PLACES)), help="Where it lies and feels the weather."
)
@click.option("--battery-years", type=float, metavar="YEARS", help="Its display goes dark after that.")
@click.option(
    "--programmable",
    type=click.Choice(["restricted", "unrestricted"]),
    help="It takes a secret and a time; the restricted kind a time only with a secret.",
)
@click.pass_obj
def new(
    desk: Desk,
    *,
    name: str,
    period: str,
    digits: str,
    algorithm: Algorithm,
    hotp: bool,
    serial_number: str | None,
    issuer: str,
    account: str,
    secret_file: str | None,
    offset: float,
    drift_ppm: float,
    place: str | None,
    battery_years: float | None,
    programmable: Programming | None,
) -> None:
    """Make a token called NAME, with a random secret unless one is given."""
    kind: Kind = "hotp" if hotp else "totp"
    with told_in_a_line(), desk.store().change() as tokens:
        if name in tokens:
            raise Misuse(f"there is a token {name!r} already; remove it first, or take another name")
        record = TokenRecord(
            serial_number=serial_number or f"{int.from_bytes(desk.random_bytes(8), 'big') % 10**10:010}",
            secret=secret_in(secret_file) if secret_file else desk.random_bytes(DIGEST_SIZE[algorithm]),
            kind=kind,
            digits=int(digits),
            period=int(period),
            algorithm=algorithm,
            issuer=issuer,
            account=account,
        )
        tokens[name] = made = StoredToken(
            name=name,
            record=record,
            since=desk.clock(),
            offset=offset,
            drift_ppm=drift_ppm,
            place=place,
            battery_life=None if battery_years is None else battery_years * YEAR,
            programming=programmable or "no",
        )
    click.echo(f"{name}: serial number {made.record.serial_number}, kept in {desk.path}")


@token.command("list")
@click.pass_obj
def list_command(desk: Desk) -> None:
    """List the tokens that are kept."""
    with told_in_a_line():
        tokens = desk.store().tokens()
    if not tokens:
        click.echo(f"{desk.path} holds no tokens; make one with 'keyrig token new', or import a seed file")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "serial number", "shows", "for", "traits"):
        table.add_column(heading)
    for each in tokens.values():
        record = each.record
        every = f"each {record.period} s" if record.kind == "totp" else f"from count {record.counter}"
        whom = " ".join(filter(None, (record.issuer, record.account)))
        shows = f"{record.digits} digits {every}, {record.algorithm}"
        table.add_row(each.name, record.serial_number, shows, whom, each.traits())
    Console(width=None if sys.stdout.isatty() else 1000).print(table, markup=False)


@token.command()
@click.argument("name")
@click.option(
    "--at", callback=_moment, metavar="TIME", help="At that time instead of now, 2026-03-01T12:00Z."
)
@click.pass_obj
def press(desk: Desk, name: str, at: float | None) -> None:
    """Press the button of the token NAME, and print the code."""
    with told_in_a_line():
        store = desk.store()
        now = desk.clock() if at is None else at
        kept = store.token(name)
        if kept.record.kind == "totp":
            click.echo(kept.pressed(now)[0])
            return
        if at is not None:
            raise Misuse(f"token {name} is an HOTP token: it counts, and knows no time")
        with store.change() as tokens:  # the counter is on the disk before the code is seen
            code, tokens[name] = store.named(tokens, name).pressed(now)
        click.echo(code)


@token.command()
@click.argument("name")
@click.option("--once", is_flag=True, help="One line, also in a terminal.")
@click.pass_obj
def show(desk: Desk, name: str, once: bool) -> None:
    """Show the display of the token NAME until Ctrl-C: the code large, and the period running out."""
    with told_in_a_line():
        kept = desk.store().token(name)
        if kept.record.kind == "hotp":
            raise Misuse(
                f"token {name} is an HOTP token, which shows a code when pressed: keyrig token press"
            )
        shown = kept.totp(desk.clock)
        console = Console()
        if once or not console.is_terminal:
            click.echo(token_display.line(name, shown, desk.clock()))
        else:
            token_display.live(name, shown, desk.clock, console)


@token.command("set-clock")
@click.argument("name")
@click.option(
    "--to", "reading", callback=_moment, metavar="TIME", help="What it is to show; else the time now."
)
@click.option("--ahead", type=float, metavar="S", help="Instead, so many seconds ahead of the time now.")
@click.option("--dip", type=float, metavar="S", help="Instead, a dip of its voltage: it stands still for S.")
@click.option("--secret-file", metavar="FILE", help="A new secret with it, as a restricted token demands.")
@click.pass_obj
def set_clock(
    desk: Desk,
    name: str,
    reading: float | None,
    ahead: float | None,
    dip: float | None,
    secret_file: str | None,
) -> None:
    """Set the clock of the programmable token NAME."""
    if sum(choice is not None for choice in (reading, ahead, dip)) > 1:
        raise Misuse("--to, --ahead and --dip are three different things; choose one")
    if dip is not None and (dip < 0 or secret_file):
        raise Misuse("a dip makes a clock lose time, 0 s or more, and sets no secret")
    with told_in_a_line():
        store, now = desk.store(), desk.clock()
        secret = secret_in(secret_file) if secret_file else None
        with store.change() as tokens:
            kept = store.named(tokens, name)
            if dip is not None:
                kept = kept.dipped(now, dip)
            else:
                reading = now + (ahead or 0.0) if reading is None else reading
                kept = kept.programmed(now, secret=secret, reading=reading)
            tokens[name] = kept
        click.echo(f"{name}: its clock is {kept.error(now):+.1f} s wrong")


@token.command("set-secret")
@click.argument("name")
@click.option(
    "--secret-file", metavar="FILE", help="In base32 or hex; else it is asked for, or standard input."
)
@click.option("--random", "at_random", is_flag=True, help="A fresh one instead.")
@click.pass_obj
def set_secret(desk: Desk, name: str, secret_file: str | None, at_random: bool) -> None:
    """Give the programmable token NAME another secret; its clock stays as it is."""
    with told_in_a_line():
        store = desk.store()
        algorithm = store.token(name).record.algorithm
        secret = desk.random_bytes(DIGEST_SIZE[algorithm]) if at_random else secret_in(secret_file)
        with store.change() as tokens:
            kept = store.named(tokens, name)
            tokens[name] = kept.programmed(desk.clock(), secret=secret, reading=None)
    click.echo(f"{name}: it has a new secret; its relying party must get it too")


@token.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def remove(desk: Desk, names: tuple[str, ...]) -> None:
    """Forget the tokens with these names, and their secrets."""
    with told_in_a_line(), (store := desk.store()).change() as tokens:
        for name in names:
            store.named(tokens, name)
        for name in names:
            tokens.pop(name, None)
    click.echo(f"removed: {', '.join(names)}")


token.add_command(import_command)
token.add_command(export)
