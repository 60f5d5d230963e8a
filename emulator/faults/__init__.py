"""Keys that are broken on purpose: misbehaviour as data, at four layers, to prove that somebody notices."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from emulator.faults import (
    apdu,
    assertion,
    bio,
    blobs,
    config,
    ctaphid_channels,
    ctaphid_messages,
    ctaphid_transactions,
    extensions,
    hmac_secret,
    info,
    management,
    management_access,
    oath,
    pin,
    protection,
    provenance,
    randomness,
    registration,
    reset,
    u2f,
    verification,
)
from emulator.faults.fault import Fault, Layer, broken_card, broken_key

__all__ = ["FAULTS", "Fault", "Layer", "broken_card", "broken_key", "faults_named"]

FAULTS: tuple[Fault, ...] = (
    *ctaphid_channels.FAULTS,
    *ctaphid_messages.FAULTS,
    *ctaphid_transactions.FAULTS,
    *info.FAULTS,
    *registration.FAULTS,
    *assertion.FAULTS,
    *u2f.FAULTS,
    *pin.FAULTS,
    *config.FAULTS,
    *bio.FAULTS,
    *verification.FAULTS,
    *apdu.FAULTS,
    *oath.FAULTS,
    *provenance.FAULTS,
    *randomness.FAULTS,
    *management.FAULTS,
    *management_access.FAULTS,
    *blobs.FAULTS,
    *reset.FAULTS,
    *protection.FAULTS,
    *hmac_secret.FAULTS,
    *extensions.FAULTS,
)
"""Every fault there is, by the part of the specification that it breaks."""


def faults_named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names, in their order.

    :raises ValueError: for a name that no fault has; one sentence that says which are near.
    """
    return tuple(_named(name) for name in names)


def _named(name: str) -> Fault:
    for fault in FAULTS:
        if fault.name == name:
            return fault
    near = get_close_matches(name, [fault.name for fault in FAULTS])
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise ValueError(f"no fault is called {name!r}{hint}; 'keyrig faults' lists them")
