"""Tokens that are kept, or told of in seed files, for those who measure them."""

from __future__ import annotations

from pathlib import Path

from emulator.moment import moment as moment
from emulator.oath.record import TokenRecord
from emulator.sealing import StoreError, make_private
from emulator.token_desk import Desk as Desk
from emulator.token_exchange import records_in

__all__ = ["Desk", "TokenRecord", "append_private", "moment", "record_of"]


def record_of(desk: Desk, name: str, seed_file: str | None) -> TokenRecord:
    """The record of the token called ``name`` in the store, or of that serial number in a seed file.

    :raises ValueError: when it is not there.
    """
    if seed_file is None:
        try:
            return desk.store().token(name).record
        except StoreError as error:
            raise ValueError(str(error)) from None
    records, _how = records_in(seed_file)
    for record in records:
        if record.serial_number == name:
            return record
    raise ValueError(
        f"{seed_file} has no token with the serial number {name!r}; it has "
        + ", ".join(record.serial_number for record in records[:5])
    )


def append_private(path: Path, text: str) -> None:
    """Add to a file that, if it is new, is for its owner alone."""
    make_private(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
