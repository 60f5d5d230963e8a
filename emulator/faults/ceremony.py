"""Faults that makeCredential and getAssertion may both have (CTAP 2.3 §6.1, §6.2; WebAuthn Level 3 §6.1)."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.faults.changes import flipped
from emulator.faults.fault import Family, Fault, Layer
from emulator.faults.messages import on_answer, refusing
from emulator.faults.signing import FLAGS, on_auth_data
from emulator.fido import cbor
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus

PLATFORM = "the client, when it reads the answer"


def auth_data_faults(fault: Family, command: CtapCommand) -> Iterator[Fault]:
    """Authenticator data that says what is not so, and is signed."""
    # §6.1.2, §6.2.2
    yield fault(
        "rp-id-hash-wrong",
        "signs for another relying party than it was asked to",
        on_auth_data(command, flipped(0)),
    )
    # §6.1.2 step 14, §6.2.2 step 9
    yield fault(
        "up-not-set",
        "leaves the UP flag away after a touch",
        on_auth_data(command, flipped(FLAGS, Flags.UP)),
    )
    # WebAuthn Level 3 §6.1
    yield fault(
        "uv-claimed",
        "says that it verified a user whom it did not",
        on_auth_data(command, flipped(FLAGS, Flags.UV)),
        caught_by="nobody who does not know the key: the relying party trusts the flag",
    )
    yield fault(
        "reserved-flags",
        "sets flags that nobody has defined",
        on_auth_data(command, flipped(FLAGS, 0x22)),
    )


def unknown_option(fault: Family, command: CtapCommand, options: int) -> Fault:
    """One that does not pass over what it does not know (CTAP 2.3 §6.1.2 step 5, §6.2.2 step 4)."""
    return fault(
        "unknown-option-refused",
        "refuses options that it does not know",
        refusing(command, CtapStatus.UNSUPPORTED_OPTION, lambda members: "fly" in members.get(options, {})),
        caught_by=PLATFORM,
    )


def trailing_bytes(fault: Family, command: CtapCommand) -> Fault:
    """One that goes on when its answer is over (CTAP 2.3 §8)."""
    return fault(
        "trailing-bytes",
        "sends bytes after the CBOR of its answer",
        on_answer(command, lambda members: cbor.encode(members) + b"\x00"),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    )
