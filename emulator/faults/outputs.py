"""Extension outputs changed in authenticator data, which is signed again (WebAuthn Level 3 §6.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2

from emulator.faults.changes import Members, put
from emulator.faults.fault import Wrap
from emulator.faults.signing import (
    AAGUID,
    CREDENTIAL_ID,
    FLAGS,
    Exchange,
    credential_id_in,
    on_exchange,
    resigned,
)
from emulator.fido import cbor
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand

Outputs = dict[str, Any]
OutputsChange = Callable[[Exchange, Outputs], Outputs]
"""From a request and its answer, and the outputs in that: other outputs."""


def on_outputs(command: CtapCommand, change: OutputsChange) -> Wrap:
    """The extension outputs in successful answers to ``command`` changed."""

    def otherwise(exchange: Exchange) -> Members | None:
        data, outputs = divided(exchange.auth_data)
        changed = change(exchange, dict(outputs))
        return None if changed == outputs else resigned(exchange, joined(data, changed))

    return on_exchange(command, otherwise)


def divided(data: bytes) -> tuple[bytes, Outputs]:
    """authData up to its extension outputs, and these."""
    end = AAGUID
    if data[FLAGS] & Flags.AT:
        end = CREDENTIAL_ID + len(credential_id_in(data))
        end += len(cbor.encode(cbor2.loads(data[end:])))
    return data[:end], cbor2.loads(data[end:]) if data[end:] else {}


def joined(data: bytes, outputs: Outputs) -> bytes:
    """authData of both; the ED flag says whether there are outputs."""
    flags = data[FLAGS] | Flags.ED if outputs else data[FLAGS] & ~Flags.ED
    return put(data, FLAGS, bytes((flags,))) + (cbor.encode(outputs) if outputs else b"")


def dropped(name: str) -> OutputsChange:
    """An output left out."""
    return lambda _, outputs: {key: value for key, value in outputs.items() if key != name}


def replaced(name: str, value: Any) -> OutputsChange:
    """An output, where there is one, that says something else."""
    return lambda _, outputs: {**outputs, name: value} if name in outputs else outputs
