"""Tokens as files tell of them: seed files, and the store of ``keyrig token``."""

from __future__ import annotations

import json
from pathlib import Path

from emulator.oath.record import TokenRecord
from emulator.token_desk import contents, opened_store, told_in_a_line
from emulator.token_exchange import records_in
from emulator.token_store import FORMAT

__all__ = ["TokenRecord", "tokens_in"]


def tokens_in(file: str, *, key_file: str | None = None) -> tuple[list[TokenRecord], str]:
    """The tokens in a file, PSKC, a vendor's CSV, otpauth URIs, a QR code or a store, and which it is.

    ``-`` is standard input. A store's passphrase and PSKC's password come from the environment or a prompt,
    PSKC's pre-shared key from ``key_file``.

    :raises click.ClickException: one line, for what cannot be read.
    """
    with told_in_a_line():
        if file != "-" and _is_store(contents(file)):
            store = opened_store(Path(file), ask=False)
            return [token.record for token in store.tokens().values()], "kept by keyrig token"
        return records_in(file, key_file=key_file)


def _is_store(data: bytes) -> bool:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT
