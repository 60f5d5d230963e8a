"""pytest as our commands run it: its plugins, its exit codes, and whose key may be changed for good."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.misuse import Misuse


def version() -> str:
    """keyrig's version; of a checkout that is not installed, ``unknown``."""
    import importlib.metadata

    try:
        return importlib.metadata.version("keyrig")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class PytestCommand(click.Command):
    """A command whose arguments after ``--`` are pytest's, kept as they are in ``ctx.obj``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.obj = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


def packaged(folder: str) -> list[str]:
    """pytest's arguments for our tests of ``folder``: nothing of the user's directory, nothing written."""
    sys.dont_write_bytecode = True  # pytest would keep what it compiles beside the tests
    path = Path(__file__).parent / folder
    whole = [str(path), f"--config-file={path / 'pytest.ini'}", f"--rootdir={path}"]
    return [*whole, "-p", "no:anyio"]  # a plugin for tests of ours that are none, and slow to load


def given(options: dict[str, str | None]) -> list[str]:
    """pytest's arguments for the options that have a value."""
    return [f"{name}={value}" for name, value in options.items() if value is not None]


def plugin_name() -> str:
    """How pytest is to load :mod:`harness.plugin`: as it would by itself where keyrig is installed."""
    import importlib.metadata

    installed = importlib.metadata.entry_points(group="pytest11", name="keyrig")
    return "keyrig" if installed else "harness.plugin"


def preload(*modules: str) -> None:
    """Import what the tests need, from the compiled files: pytest would compile it all in every run.

    None of it is ever garbage, so that the collector need not look through it, now or later; and seldom at
    what a run of seconds leaves.
    """
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def run_pytest(args: Sequence[str], *plugins: str, also: Sequence[object] = ()) -> int:
    """Run pytest with our plugin, those named and ``also`` these objects.

    Its exit code, with a usage error's (4) made ours (2).
    """
    import pytest

    ours = [word for name in (plugin_name(), *plugins) for word in ("-p", name)]
    ours += ["-p", "no:sugar"]  # pytest-sugar would put its reporter over ours
    ours += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]  # by this command
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show ✔ shows ?
    code = int(pytest.main([*ours, *args], list(also)))
    return 2 if code == pytest.ExitCode.USAGE_ERROR else code


def confirmed(name: str) -> str | None:
    """Which key may be changed for good, as its owner types it; None if keys are only made for the run."""
    from harness.devices.find import HardwareSource, find_key
    from harness.devices.key import DeviceError

    try:
        source = find_key(name)
    except DeviceError as error:
        raise Misuse(str(error)) from None
    if not isinstance(source, HardwareSource):
        return None
    click.echo(f"What is run may reset {source.title}, and what is on it will be lost.", err=True)
    try:
        typed: str = click.prompt(f"Type {source.identity} if that is the one you mean", err=True)
    except click.Abort:
        typed = ""
    if typed != source.identity:
        raise Misuse(f"{source} was not confirmed; nothing was done")
    return typed


def broken(key: str | None, faults: Sequence[str]) -> str:
    """The name of ``key``, or else of the usual one, with these faults."""
    from harness.plugin import DEFAULT_KEY

    key = key or DEFAULT_KEY
    if faults and not key.startswith("emulated:"):
        raise Misuse(f"only an emulated key can be broken on purpose, and {key} is none")
    return "+".join([key, *faults])
