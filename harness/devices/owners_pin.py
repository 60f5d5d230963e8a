"""The PIN of a key in somebody's hand, whose tries are its owner's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fido2 import cbor
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.hid import CTAPHID

from harness.devices.attendant import Attendant
from harness.devices.key import PinAtRisk
from harness.devices.request import NONSENSE

FEW = 3
"""So many tries are left to the owner, who may mistype it."""

_PROTOCOL, _SUBCOMMAND, _RETRIES = 1, 2, 3  # CTAP 2.3 §6.5.5


def owners_pin(attendant: Attendant, key: CtapDevice, title: str) -> str:
    """The PIN of ``key``, called ``title``, as its owner says it.

    :raises PinUnknown: when nobody says it.
    :raises PinAtRisk: when it was wrong before, or no more than :data:`FEW` tries are left.
    """
    pin = attendant.pin(title)
    left = _tries_left(key)
    if left is not None and left <= FEW:
        times = "once more" if left == 1 else f"{left} more times"
        raise PinAtRisk(
            f"the PIN of {title} can be tried {times}, and that is not "
            "risked; sign in with it somewhere, which gives all its tries back, and come again"
        )
    return pin


def _tries_left(key: CtapDevice) -> int | None:
    """getPINRetries (§6.5.5.2); ``None`` from a key that does not say."""
    for protocol in (1, 2):
        members = {_PROTOCOL: protocol, _SUBCOMMAND: int(ClientPin.CMD.GET_PIN_RETRIES)}
        with suppress(CtapError, *NONSENSE):
            answer = key.call(CTAPHID.CBOR, bytes((Ctap2.CMD.CLIENT_PIN,)) + cbor.encode(members))
            if answer[0] == CtapError.ERR.SUCCESS:
                told: Any = cbor.decode(answer[1:])
                return int(told[_RETRIES])
    return None
