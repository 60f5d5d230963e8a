"""``keyrig faults``: what can be broken in a key on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

import click

from emulator.faults import FAULTS, Fault, Layer

INDENT = " " * 6
WIDTH = 100


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD...]")
@click.option(
    "--layer",
    type=click.Choice([layer.value for layer in Layer], case_sensitive=False),
    help="Of this layer only.",
)
@click.option("--names", is_flag=True, help="Only their names, one a line.")
def faults(words: tuple[str, ...], layer: str | None, names: bool) -> None:
    """List what can be broken in an emulated key, and who should notice.

    With WORDs, only the faults in whose name or description each of them stands. Use one by name: `keyrig run
    --fault NAME`, `keyrig conform --fault NAME`, `keyrig emulate --fault NAME`, or emulated:PROFILE+NAME as a
    key.
    """
    found = [fault for fault in FAULTS if layer in (None, fault.layer.value) and _matches(fault, words)]
    if not found:
        raise click.ClickException("no fault is like that; 'keyrig faults' lists them all")
    for line in _lines(found, names):
        click.echo(line)


def _matches(fault: Fault, words: Iterable[str]) -> bool:
    text = f"{fault.name} {fault.sentence} {fault.caught_by}".lower()
    return all(word.lower() in text for word in words)


def _lines(found: list[Fault], names: bool) -> Iterable[str]:
    if names:
        yield from (fault.name for fault in found)
        return
    for layer in Layer:
        of_layer = [fault for fault in found if fault.layer is layer]
        if not of_layer:
            continue
        yield click.style(f"{layer.value} ({len(of_layer)})", bold=True)
        for fault in of_layer:
            yield f"  {fault.name}"
            yield _told(f"The key {fault.sentence}.")
            yield _told(f"Caught by {fault.caught_by}.")


def _told(text: str) -> str:
    return fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
