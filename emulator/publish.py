"""``keyrig metadata``: write down what a relying party needs to trust, or refuse, exactly these keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from emulator import metadata as statements
from emulator.profile import Profile, ProfileError, profile_names


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--profile",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this one, a name or a .toml file; may be said again.",
)
def metadata(folder: Path, names: Sequence[str]) -> None:
    """Write metadata statements (FIDO MDS3, JSON) and the test certificates to FOLDER.

    For a relying party that is to know emulated keys by their AAGUIDs and certificates. The certificates'
    private keys are published with keyrig: trust them in tests alone.
    """
    try:
        files = statements.files([Profile.load(name) for name in names or profile_names()])
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"cannot write to {folder}: {error.strerror}") from None
    click.echo(f"{folder}: {len(files)} files, {', '.join(sorted(files))}")
