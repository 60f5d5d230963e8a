"""What the user of a command asked for cannot be done."""

from __future__ import annotations

import click


class Misuse(click.ClickException):
    """One line on stderr, exit code 2."""

    exit_code = 2
