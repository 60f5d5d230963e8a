"""The command keyrig. A usage error is one line on stderr and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

# What else a command needs of ours it imports itself: pytest wants to be the first to import it.
from harness.misuse import Misuse
from harness.runner import PytestCommand, broken, confirmed, given, packaged, preload, run_pytest, version

LAZY = {
    "conform": "Test a security key for conformance with CTAP.",
    "drift": "Simulate a fleet of drifting tokens under servers' rules: who is refused, who calls, "
    "who can guess.",
    "emulate": "Plug emulated security keys into this machine, until Ctrl-C.",
    "faults": "List what can be broken in an emulated key, and who should notice.",
    "metadata": "Write metadata statements (FIDO MDS3, JSON) and the test certificates to FOLDER.",
    "profile": "Make profiles: models of key for `keyrig emulate --profile` and `--key emulated:FILE.toml`.",
    "serve": "Run the relying party on loopback until it is interrupted.",
    "token": "Keep emulated OATH tokens, press them, program them, and move them as seed files.",
}
"""What the help says of commands that have a module of their own, imported when they are asked for."""


LISTING = ["--collect-only", "--assert=plain"]
"""What pytest is told that is to run nothing, so that no assertion need be rewritten."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *LAZY])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, without importing every command for its line."""
        shown = {**{name: click.Command(name, help=line) for name, line in LAZY.items()}, **self.commands}
        limit = formatter.width - 6 - max(map(len, shown))
        with formatter.section("Commands"):
            formatter.write_dl([(name, shown[name].get_short_help_str(limit)) for name in sorted(shown)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        match cmd_name:
            case "conform":
                from harness.conform import conform

                return conform
            case "drift":
                from harness.drift_lab import drift

                return drift
            case "emulate":
                from emulator.emulate import emulate

                return emulate
            case "faults":
                from emulator.faults.catalogue import faults

                return faults
            case "metadata":
                from emulator.publish import metadata

                return metadata
            case "profile":
                from harness.profile_from import profile

                return profile
            case "serve":
                from harness.serve import serve

                return serve
            case "token":
                from emulator.token_commands import token
                from harness.token_measure import measure_command

                token.add_command(measure_command)
                return token
        return super().get_command(ctx, cmd_name)


def _tell_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"keyrig, version {version()}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_version,
    help="Show the version and exit.",
)
def main() -> None:
    """A rig for testing multi-factor sign-in: keys and tokens against an AWS-style relying party."""


@main.command(
    cls=PytestCommand, options_metavar="[OPTIONS]", epilog="What follows -- goes to pytest as it is."
)
@click.argument("files", nargs=-1, metavar="[FILE...] [-- PYTEST_ARGS...]")
@click.option("-k", "expression", metavar="EXPR", help="Only scenarios whose names match, as in pytest.")
@click.option("-x", "first_failure", is_flag=True, help="Stop at the first failure.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run them in N processes: as many as there are cores if not said, one for your FILEs and wherever "
    "a device is in your hand.",
)
@click.option("-v", "verbose", count=True, help="Say more: each scenario's test and how long it took.")
@click.option("-q", "quiet", is_flag=True, help="Only failures and the summary.")
@click.option("--list", "only_list", is_flag=True, help="List the scenarios instead of running them.")
@click.option("--junit-xml", type=click.Path(dir_okay=False), help="Write a JUnit report there.")
@click.option("--key", metavar="KIND:NAME", help="The key that scenarios use: emulated:u2f-only, hid …")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME", help="Break it, if emulated; see keyrig faults."
)
@click.option("--pin-env", metavar="NAME", help="Where its PIN is in the environment, if not KEYRIG_PIN.")
@click.option(
    "--destructive",
    is_flag=True,
    help="Let scenarios change a key in your hand for good: reset it, set its PIN, store and delete "
    "credentials. You are asked which key.",
)
@click.option("--token", metavar="KIND", help="The kind of TOTP token they use.")
@click.option("--profile", metavar="NAME", help="The AWS that the service plays: aws-2020 … or a .toml file.")
@click.option(
    "--endpoint-url",
    metavar="URL",
    help="Run them at somebody else's IAM and STS, with the AWS credentials of the environment.",
)
@click.option("--coverage", is_flag=True, help="Instead, say what AWS's documents state and what shows it.")
@click.option("--markdown", is_flag=True, help="Instead of the stories, a Markdown table of the results.")
@click.option("--seed", metavar="TEXT", help="Seed of every emulated device.")
@click.pass_obj
def run(
    pytest_args: list[str],
    files: Sequence[str],
    expression: str | None,
    first_failure: bool,
    jobs: int | None,
    verbose: int,
    quiet: bool,
    only_list: bool,
    junit_xml: str | None,
    key: str | None,
    faults: Sequence[str],
    pin_env: str | None,
    destructive: bool,
    token: str | None,
    profile: str | None,
    endpoint_url: str | None,
    coverage: bool,
    markdown: bool,
    seed: str | None,
) -> None:
    """Run scenarios and tell their stories: the packaged ones, or those of your FILEs.

    A FILE is a Python file of pytest tests that use the fixture `world`; FILE::test_name picks one.
    """
    if coverage:
        from harness.coverage import table

        click.echo(table(), nl=False)
        return
    for file in files:
        if not Path(file.partition("::")[0]).exists():
            raise Misuse(f"no such file: {file} (packaged scenarios are chosen with -k)")
    options = {
        "--junit-xml": junit_xml,
        "--keyrig-key": broken(key, faults) if faults else key,
        "--keyrig-pin-env": pin_env,
        "--keyrig-destructive": confirmed(key) if key and destructive else None,
        "--keyrig-token": token,
        "--keyrig-profile": profile,
        "--keyrig-endpoint-url": endpoint_url,
        "--keyrig-seed": seed,
    }
    args = given(options)
    args += ["-k", expression] if expression else []
    args += ["-x"] * first_failure + ["-v"] * verbose + ["-q"] * quiet + LISTING * only_list
    tests = files or packaged("scenarios")
    reporter = "harness.verdicts" if markdown else "harness.report"
    preload("harness.world", reporter, "harness.parallel")
    from harness.parallel import Parallel, cores

    processes = Parallel(jobs or (1 if files else cores()))
    sys.exit(run_pytest([*tests, "--tb=short", *args, *pytest_args], reporter, also=[processes]))


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
    preload("harness.world", "harness.report")
    sys.exit(run_pytest([*packaged("scenarios"), *LISTING], "harness.report"))


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
