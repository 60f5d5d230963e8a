"""``keyrig conform``: the conformance suite against any key, and what differs between two."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.misuse import Misuse
from harness.runner import PytestCommand, broken, confirmed, given, packaged, preload, run_pytest

EPILOG = (
    "What follows -- goes to pytest as it is. `keyrig conform diff ONE.json OTHER.json` shows what differs "
    "between two keys."
)
SUITE = "harness.conformance.suite"


class _Conform(click.Group):
    """``diff`` is a command of its own; all else is for the suite."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Conform, context_settings={"help_option_names": ["-h", "--help"]})
def conform() -> None:
    """Test a security key for conformance with CTAP."""


@conform.command(cls=PytestCommand, options_metavar="[OPTIONS]", epilog=EPILOG)
@click.option("--key", default="emulated:ctap23", metavar="KIND:NAME", help="The key: emulated:ctap21, hid …")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME", help="Break an emulated key; see keyrig faults."
)
@click.option("-k", "expression", metavar="EXPR", help="Only tests whose names match, as in pytest.")
@click.option(
    "--spec", "prefix", metavar="PREFIX", help="Only tests whose identifier begins so: CTAPHID, MC-EXCLUDE."
)
@click.option("-x", "first_failure", is_flag=True, help="Stop at the first failure.")
@click.option("-v", "verbose", count=True, help="Say more.")
@click.option(
    "-n", "workers", metavar="NUMBER", help="So many tests at a time, with pytest-xdist; of emulated keys."
)
@click.option(
    "--list", "only_list", is_flag=True, help="List the tests: identifier, section, what must hold."
)
@click.option(
    "--table",
    "only_table",
    is_flag=True,
    help="Print what is tested and what is known not to be, as Markdown.",
)
@click.option("--junit-xml", type=click.Path(dir_okay=False), help="Write a JUnit report there.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the results there.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write them there as a page to look at.")
@click.option(
    "--pin-env", metavar="NAME", help="Where the key's PIN is in the environment, if not KEYRIG_PIN."
)
@click.option(
    "--destructive",
    is_flag=True,
    help="Also what changes a key in your hand for good: reset, PIN, stored credentials. You say which.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Go on where the run stopped whose results are in FILE, and write there; a new FILE begins one.",
)
@click.option(
    "--touch-command",
    metavar="COMMAND",
    help="A robot touches the key: run this, without a shell, each time.",
)
@click.option(
    "--touch-url",
    metavar="URL",
    help='The same by HTTP: post {"touch": "now"}, as keyrig emulate --control '
    "takes it; that one also replugs the key, and makes it as new between tests.",
)
@click.option(
    "--longest-wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Leave out tests that wait for longer than this with a key that lives in real time.",
)
@click.option("--prove", is_flag=True, help="Show instead that each test fails on the broken keys it names.")
@click.option("--seed", metavar="TEXT", help="Seed of every emulated key.")
@click.pass_obj
def run(
    pytest_args: list[str],
    key: str,
    faults: Sequence[str],
    expression: str | None,
    prefix: str | None,
    first_failure: bool,
    verbose: int,
    workers: str | None,
    only_list: bool,
    only_table: bool,
    junit_xml: str | None,
    json_file: str | None,
    html: str | None,
    pin_env: str | None,
    destructive: bool,
    resume: str | None,
    touch_command: str | None,
    touch_url: str | None,
    longest_wait: float | None,
    prove: bool,
    seed: str | None,
) -> None:
    """Test a security key for conformance with CTAP. The exit code is 1 when a test failed.

    A key is emulated:PROFILE or emulated:FILE.toml, and with faults emulated:PROFILE+FAULT; hid, the one
    that is plugged in, or hid:PATH; pcsc:READER; udp:HOST:PORT. On a key in your hand only what leaves it
    as it was is run, unless you say --destructive. You are told how often you will be asked to touch it.
    """
    emulated = key.startswith("emulated:")
    if workers and not emulated:
        raise Misuse(
            "-n is for emulated keys, of which there are several: this one is asked one thing at a time"
        )
    if prove and not emulated:
        raise Misuse(f"only an emulated key can be broken on purpose, and {key} is none")
    if touch_command and touch_url:
        raise Misuse("one robot is enough: say --touch-command or --touch-url")
    options = {
        "--junit-xml": junit_xml,
        "--keyrig-key": broken(key, faults),
        "--keyrig-pin-env": pin_env,
        "--keyrig-destructive": confirmed(key) if destructive else None,
        "--keyrig-seed": seed,
        "--keyrig-json": json_file,
        "--keyrig-html": html,
        "--keyrig-resume": resume,
        "--keyrig-touch-command": touch_command,
        "--keyrig-touch-url": touch_url,
        "--keyrig-longest-wait": None if longest_wait is None else str(longest_wait),
        "--keyrig-spec": prefix,
        "--numprocesses": workers,
    }
    args = given(options) + ["--keyrig-prove"] * prove + ["--keyrig-list"] * only_list
    args += ["--keyrig-table"] * only_table
    args += ["-k", expression] if expression else []
    args += ["-x"] * first_failure + ["-v"] * verbose
    quiet = ["-qq", "--no-header", "--tb=no", "--show-capture=no", "-r", ""]
    preload("harness.devices.find")
    sys.exit(run_pytest([*packaged("conformance"), *quiet, *args, *pytest_args], SUITE))


@conform.command()
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
def diff(one: Path, other: Path) -> None:
    """Show what differs between two keys, from the files that --json wrote.

    The exit code is 1 when anything does.
    """
    from harness.conformance.difference import differences
    from harness.conformance.report import ReportError, read

    try:
        before, after = read(one), read(other)
    except ReportError as error:
        raise Misuse(str(error)) from None
    lines = list(differences(before, after))
    for line in [f"- {before.key} ({before.date})", f"+ {after.key} ({after.date})", *lines]:
        click.echo(line)
    if not lines:
        click.echo("  they do not differ")
    sys.exit(1 if lines else 0)
