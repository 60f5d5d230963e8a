"""The command keyrig. A usage error is one line on stderr and exit code 2."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

# What else a command needs of ours it imports itself: pytest wants to be the first to import it.
from harness.misuse import Misuse

SCENARIOS = Path(__file__).parent / "scenarios"


def version() -> str:
    """keyrig's version; of a checkout that is not installed, ``unknown``."""
    try:
        return importlib.metadata.version("keyrig")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class _Commands(click.Group):
    """Our commands, and the emulator's own, which are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "drift", "emulate", "metadata", "serve"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "drift":
            from harness.drift_lab import drift

            return drift
        if cmd_name == "emulate":
            from emulator.emulate import emulate

            return emulate
        if cmd_name == "metadata":
            from emulator.publish import metadata

            return metadata
        if cmd_name == "serve":
            from harness.serve import serve

            return serve
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="keyrig")
def main() -> None:
    """A rig for testing multi-factor sign-in: keys and tokens against an AWS-style relying party."""


class _PytestCommand(click.Command):
    """A command whose arguments after ``--`` are pytest's, kept as they are in ``ctx.obj``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.obj = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@main.command(
    cls=_PytestCommand, options_metavar="[OPTIONS]", epilog="What follows -- goes to pytest as it is."
)
@click.argument("files", nargs=-1, metavar="[FILE...] [-- PYTEST_ARGS...]")
@click.option("-k", "expression", metavar="EXPR", help="Only scenarios whose names match, as in pytest.")
@click.option("-x", "first_failure", is_flag=True, help="Stop at the first failure.")
@click.option("-v", "verbose", count=True, help="Say more: each scenario's test and how long it took.")
@click.option("-q", "quiet", is_flag=True, help="Only failures and the summary.")
@click.option("--list", "only_list", is_flag=True, help="List the scenarios instead of running them.")
@click.option("--junit-xml", type=click.Path(dir_okay=False), help="Write a JUnit report there.")
@click.option("--key", metavar="KIND:NAME", help="The key that scenarios use: emulated:u2f-only, hid …")
@click.option("--pin-env", metavar="NAME", help="Where its PIN is in the environment, if not KEYRIG_PIN.")
@click.option(
    "--destructive",
    is_flag=True,
    help="Let scenarios change a key in your hand for good: reset it, set its PIN, store and delete "
    "credentials. You are asked which key.",
)
@click.option("--token", metavar="KIND", help="The kind of TOTP token they use.")
@click.option("--seed", metavar="TEXT", help="Seed of every emulated device.")
@click.pass_obj
def run(
    pytest_args: list[str],
    files: Sequence[str],
    expression: str | None,
    first_failure: bool,
    verbose: int,
    quiet: bool,
    only_list: bool,
    junit_xml: str | None,
    key: str | None,
    pin_env: str | None,
    destructive: bool,
    token: str | None,
    seed: str | None,
) -> None:
    """Run scenarios and tell their stories: the packaged ones, or those of your FILEs.

    A FILE is a Python file of pytest tests that use the fixture `world`; FILE::test_name picks one.
    """
    for file in files:
        if not Path(file.partition("::")[0]).exists():
            raise Misuse(f"no such file: {file} (packaged scenarios are chosen with -k)")
    options = {
        "--junit-xml": junit_xml,
        "--keyrig-key": key,
        "--keyrig-pin-env": pin_env,
        "--keyrig-destructive": _confirmed(key) if key and destructive else None,
        "--keyrig-token": token,
        "--keyrig-seed": seed,
    }
    args = [f"{name}={value}" for name, value in options.items() if value is not None]
    args += ["-k", expression] if expression else []
    args += ["-x"] * first_failure + ["-v"] * verbose + ["-q"] * quiet + ["--collect-only"] * only_list
    sys.exit(run_pytest([*(files or packaged()), "--tb=short", *args, *pytest_args]))


def _confirmed(name: str) -> str | None:
    """Which key may be changed for good, as its owner types it; None if keys are only made for the run."""
    from harness.devices.find import HardwareSource, find_key
    from harness.devices.key import DeviceError

    try:
        source = find_key(name)
    except DeviceError as error:
        raise Misuse(str(error)) from None
    if not isinstance(source, HardwareSource):
        return None
    click.echo(f"Scenarios may reset {source.title}, and what is on it will be lost.", err=True)
    try:
        typed: str = click.prompt(f"Type {source.identity} if that is the one you mean", err=True)
    except click.Abort:
        typed = ""
    if typed != source.identity:
        raise Misuse(f"{source} was not confirmed; nothing was done")
    return typed


@main.command("list")
@click.option("--markdown", is_flag=True, help="Instead, what each emulated key can do, as a Markdown table.")
def list_command(markdown: bool) -> None:
    """List the keys, the tokens and the packaged scenarios."""
    if markdown:
        from harness.capabilities import table

        click.echo(table(), nl=False)
        return
    from harness.devices.find import TOKEN_KINDS, find_key, key_names, names_at_hand
    from harness.devices.key import DeviceError

    click.echo("keys, for --key, and what they can do")
    for name in [*key_names(), *names_at_hand()]:
        try:
            click.echo(f"  {name:<24} {' '.join(sorted(find_key(name).capabilities))}")
        except DeviceError as error:
            click.echo(f"  {error}")
    click.echo("\ntokens, for --token")
    for kind in TOKEN_KINDS:
        click.echo(f"  {kind}")
    click.echo("\nscenarios, for -k")
    sys.exit(run_pytest([*packaged(), "--collect-only"]))


@main.command()
@click.option(
    "--for", "parts", multiple=True, metavar="PART", help="Look for this only, and exit 1 if it is missing."
)
def doctor(parts: Sequence[str]) -> None:
    """Say what keyrig can use on this machine, and what mends what it cannot.

    A PART is uhid, gadget, udp, hidraw, udev, pcscd or browser.
    """
    from harness.doctor import PARTS, examine
    from harness.machine import Machine

    for part in parts:
        if part not in PARTS:
            raise Misuse(f"no part is called {part!r}; parts are: {', '.join(PARTS)}")
    missing = False
    for finding in examine(Machine(), parts):
        missing |= finding.missing
        click.echo(f"{finding.part:<8} {'missing' if finding.missing else 'ok':<8} {finding.text}")
        if finding.mend is not None:
            click.echo(f"{'':<17} mend it: {finding.mend}")
    sys.exit(1 if parts and missing else 0)


@main.group()
def udev() -> None:
    """Let people use keyrig's keys without being root."""


@udev.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def install(dry_run: bool) -> None:
    """Install udev rules for /dev/uhid and for keyrig's keys, and the group they name."""
    from harness.machine import Machine
    from harness.udev import GROUP, UdevError, carry_out, steps, this_command

    machine = Machine()
    if not (dry_run or machine.superuser):
        raise Misuse(f"that takes root; run: sudo {this_command()} udev install")
    try:
        for step in steps(machine):
            click.echo(step)
            for line in step.content.splitlines():
                click.echo(f"  {line}".rstrip())
            if not dry_run:
                carry_out(step)
    except UdevError as error:
        raise Misuse(str(error)) from None
    click.echo("nothing was done" if dry_run else "done")
    click.echo(f"who is to plug keys in without being root joins the group: usermod -aG {GROUP} NAME")


def packaged() -> list[str]:
    """pytest's arguments for the packaged scenarios: nothing of the user's directory, nothing written."""
    sys.dont_write_bytecode = True  # pytest would keep what it compiles beside the scenarios
    return [str(SCENARIOS), f"--config-file={SCENARIOS / 'pytest.ini'}", f"--rootdir={SCENARIOS}"]


def plugin_name() -> str:
    """How pytest is to load :mod:`harness.plugin`: as it would by itself where keyrig is installed."""
    installed = importlib.metadata.entry_points(group="pytest11", name="keyrig")
    return "keyrig" if installed else "harness.plugin"


def run_pytest(args: Sequence[str]) -> int:
    """pytest's exit code, with its own for a usage error (4) made ours (2)."""
    ours = ["-p", plugin_name(), "-p", "harness.report"]
    ours += ["-p", "no:sugar"]  # pytest-sugar would put its reporter over ours
    ours += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]  # by this command
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show ✔ shows ?
    code = int(pytest.main([*ours, *args]))
    return 2 if code == pytest.ExitCode.USAGE_ERROR else code
