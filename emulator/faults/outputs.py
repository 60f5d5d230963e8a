"""Extension outputs changed in authenticator data, which is signed again (WebAuthn Level 3 §6.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2

from emulator.faults.fault import Parts
from emulator.faults.wiring import ChangedCommands, Members, members_of, resigned
from emulator.fido import cbor
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

Outputs = dict[str, Any]
Change = Callable[[Parts, Members, Members, Outputs], Outputs]
"""From the parts, a request, the answer to it, and the outputs in that: other outputs."""

_AUTH_DATA, _FLAGS, _HEAD, _CREDENTIAL_ID = 2, 32, 37, 55


def on_outputs(command: CtapCommand, change: Change) -> Callable[[Commands, Parts], Commands]:
    """The extension outputs in successful answers to ``command`` changed."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if message[:1] != bytes((command,)) or answer[0] != CtapStatus.SUCCESS:
                return answer
            members = members_of(answer)
            data, outputs = divided(members[_AUTH_DATA])
            changed = change(parts, members_of(message), members, dict(outputs))
            if changed == outputs:
                return answer
            members = resigned(parts, message, {**members, _AUTH_DATA: joined(data, changed)})
            return answer[:1] + cbor.encode(members)

        return ChangedCommands(inner, answer=answer)

    return wrap


def divided(data: bytes) -> tuple[bytes, Outputs]:
    """authData up to its extension outputs, and these."""
    end = _HEAD
    if data[_FLAGS] & Flags.AT:
        end = _CREDENTIAL_ID + int.from_bytes(data[_CREDENTIAL_ID - 2 : _CREDENTIAL_ID], "big")
        end += len(cbor.encode(cbor2.loads(data[end:])))
    return data[:end], cbor2.loads(data[end:]) if data[end:] else {}


def joined(data: bytes, outputs: Outputs) -> bytes:
    """authData of both; the ED flag says whether there are outputs."""
    flags = data[_FLAGS] | Flags.ED if outputs else data[_FLAGS] & ~Flags.ED
    tail = cbor.encode(outputs) if outputs else b""
    return data[:_FLAGS] + bytes((flags,)) + data[_FLAGS + 1 :] + tail


def dropped(name: str) -> Change:
    """An output left out."""
    return lambda _, __, ___, outputs: {key: value for key, value in outputs.items() if key != name}


def replaced(name: str, value: Any) -> Change:
    """An output, where there is one, that says something else."""
    return lambda _, __, ___, outputs: {**outputs, name: value} if name in outputs else outputs
