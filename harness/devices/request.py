"""What a request asks of a key, read from its bytes: what it needs a touch for, and what it changes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from fido2 import cbor
from fido2.ctap1 import Ctap1
from fido2.ctap2.base import Ctap2
from fido2.ctap2.bio import FPBioEnrollment
from fido2.ctap2.credman import CredentialManagement
from fido2.ctap2.pin import ClientPin
from fido2.hid import CTAPHID

_CMD = Ctap2.CMD

_READ_PIN = set(ClientPin.CMD) - {ClientPin.CMD.SET_PIN, ClientPin.CMD.CHANGE_PIN}
_READ_CREDENTIALS = set(CredentialManagement.CMD) - {
    CredentialManagement.CMD.DELETE_CREDENTIAL,
    CredentialManagement.CMD.UPDATE_USER_INFO,
}
_READ_FINGERPRINTS = {FPBioEnrollment.CMD.ENUMERATE_ENROLLMENTS, FPBioEnrollment.CMD.GET_SENSOR_INFO}

_ENABLE_LONG_TOUCH, _LONG_TOUCH_FOR_RESET = 4, 0x18
_SELECT = 0xA4
_ENFORCE_TOUCH = 0x03  # FIDO U2F Raw Message Formats §5.1
_VENDOR_FIRST = 0x40

NONSENSE = (ValueError, TypeError, LookupError, AttributeError, struct.error, RecursionError)
"""What python-fido2 raises of answers that make no sense."""


def purpose(command: int, data: bytes) -> str:
    """What the user's touch would be for, to be read after "touch the key"."""
    match command:
        case CTAPHID.MSG:
            return "to register with a site" if data[1:2] == b"\x01" else "to sign in"
        case CTAPHID.CBOR if data:
            parameters = _parameters(data)
            match data[0]:
                case _CMD.MAKE_CREDENTIAL:  # §6.1: 2 is the relying party
                    return f"to register with {_map(parameters.get(2)).get('id')}"
                case _CMD.GET_ASSERTION:  # §6.2: 1 is the relying party's ID
                    return f"to sign in to {parameters.get(1)}"
                case _CMD.CLIENT_PIN:
                    return "so that it verifies you"
                case _CMD.RESET:
                    return "to erase all that is on it"
    return "to go on"


def verifies_user(command: int, data: bytes) -> bool:
    """Whether the key itself is to verify its user, by a finger or a PIN pad: §6.5.5.7.3, §6.1, §6.2.

    Meanwhile some keys say that they wait for their user, and others that they are at work.
    """
    if command != CTAPHID.CBOR or not data:
        return False
    parameters = _parameters(data)
    match data[0]:
        case _CMD.CLIENT_PIN:
            return parameters.get(2) == ClientPin.CMD.GET_TOKEN_USING_UV
        case _CMD.MAKE_CREDENTIAL:
            return bool(_map(parameters.get(7)).get("uv"))
        case _CMD.GET_ASSERTION:
            return bool(_map(parameters.get(5)).get("uv"))
        case _:
            return False


def polls_for_touch(command: int, data: bytes) -> bool:
    """Whether this is a U2F request that is repeated until the user touches the key."""
    if command != CTAPHID.MSG or len(data) < 4:
        return False
    instruction, control = data[1], data[2]
    return instruction == Ctap1.INS.REGISTER or (
        instruction == Ctap1.INS.AUTHENTICATE and control == _ENFORCE_TOUCH
    )


def change(command: int, data: bytes) -> str | None:
    """The name of what would change the key, beyond its counters; ``None`` for what leaves it as it was.

    What cannot be read, or is the vendor's own, is taken to change it.
    """
    match command:
        case CTAPHID.CBOR if data:
            return _change_by_ctap2(data)
        case CTAPHID.MSG if data[1:2] and data[1] not in {*Ctap1.INS, _SELECT}:
            return f"U2F instruction 0x{data[1]:02X}"
        case _ if command >= _VENDOR_FIRST:
            return f"vendor command 0x{command:02X}"
        case _:
            return None


def tells_of_long_touch(request: bytes, answer: bytes) -> bool | None:
    """Whether a key, by how it answered a CTAP2 request, is to be reset by a long touch alone from now on.

    ``None`` if that is not to be told from it. CTAP 2.3 §6.4, §6.6, §6.11.5.
    """
    if not request or answer[:1] != b"\x00":
        return None
    match request[0]:
        case _CMD.RESET:
            return False
        case _CMD.CONFIG if _parameters(request).get(1) == _ENABLE_LONG_TOUCH:
            return True
        case _CMD.GET_INFO:
            return bool(_parameters(answer).get(_LONG_TOUCH_FOR_RESET))
        case _:
            return None


def _change_by_ctap2(data: bytes) -> str | None:
    """CTAP 2.3 §6: each command, with the parameter that says whether it reads or writes."""
    parameters = _parameters(data)
    match data[0]:
        case _CMD.GET_ASSERTION | _CMD.GET_INFO | _CMD.GET_NEXT_ASSERTION | _CMD.SELECTION:
            harmless = True
        case _CMD.MAKE_CREDENTIAL:  # §6.1: 7 is options
            harmless = bool(parameters) and not _map(parameters.get(7)).get("rk")
        case _CMD.CLIENT_PIN:  # §6.5.5: 2 is subCommand
            harmless = parameters.get(2) in _READ_PIN
        case _CMD.BIO_ENROLLMENT | _CMD.BIO_ENROLLMENT_PRE:  # §6.7: 2 is subCommand, 6 is getModality
            harmless = parameters.get(2) in _READ_FINGERPRINTS or (2 not in parameters and 6 in parameters)
        case _CMD.CREDENTIAL_MGMT | _CMD.CREDENTIAL_MGMT_PRE:  # §6.8: 1 is subCommand
            harmless = parameters.get(1) in _READ_CREDENTIALS
        case _CMD.LARGE_BLOBS:  # §6.10: 2 is set
            harmless = bool(parameters) and 2 not in parameters
        case _:
            harmless = False
    if harmless:
        return None
    return _NAMES.get(data[0], f"command 0x{data[0]:02X}")


_NAMES: dict[int, str] = {
    _CMD.MAKE_CREDENTIAL: "storing a discoverable credential",
    _CMD.CLIENT_PIN: "setting its PIN",
    _CMD.RESET: "a reset",
    _CMD.BIO_ENROLLMENT: "changing its fingerprints",
    _CMD.BIO_ENROLLMENT_PRE: "changing its fingerprints",
    _CMD.CREDENTIAL_MGMT: "changing its credentials",
    _CMD.CREDENTIAL_MGMT_PRE: "changing its credentials",
    _CMD.LARGE_BLOBS: "writing large blobs",
    _CMD.CONFIG: "changing its configuration",
}


def _parameters(data: bytes) -> Mapping[Any, Any]:
    """The parameters of a CTAP2 request; none if they cannot be read."""
    try:
        value = cbor.decode(data[1:])
    except NONSENSE:
        return {}
    return _map(value)


def _map(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}
