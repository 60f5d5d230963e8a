"""``python -m harness``: the same as the command ``keyrig``."""

from harness.cli import main

main(prog_name="keyrig")
