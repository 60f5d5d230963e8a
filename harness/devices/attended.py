"""A request to a key in somebody's hand, who is asked for the touch that it waits for."""

from __future__ import annotations

from collections.abc import Callable

from fido2.ctap import STATUS, CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CTAPHID

from harness.devices.attendant import Attendant
from harness.devices.request import polls_for_touch, purpose, tells_of_long_touch, verifies_user

_TOUCH_AWAITED = b"\x69\x85"  # FIDO U2F Raw Message Formats §3.3: SW_CONDITIONS_NOT_SATISFIED
_CLIENT_PIN = bytes((Ctap2.CMD.CLIENT_PIN,))
_RESET = bytes((Ctap2.CMD.RESET,))
_PIN_REFUSALS = {CtapError.ERR.PIN_INVALID, CtapError.ERR.PIN_BLOCKED, CtapError.ERR.PIN_AUTH_BLOCKED}


def attended(
    attendant: Attendant,
    title: str,
    exchange: Callable[[Callable[[STATUS], None]], bytes],
    cmd: int,
    data: bytes,
    on_keepalive: Callable[[STATUS], None] | None,
) -> bytes:
    """What ``exchange`` answers to the request ``cmd`` with ``data``.

    It calls what it is given at each keepalive. ``attendant`` is asked to touch the key called ``title`` if
    that does not happen by itself, and hears of a PIN that was refused.
    """
    please = f"touch {title}, {purpose(cmd, data)}"
    hold = cmd == CTAPHID.CBOR and data == _RESET and attendant.long_touch

    def heard(status: STATUS) -> None:
        if status == STATUS.UPNEEDED or verifies_user(cmd, data):
            attendant.ask_soon(please, hold=hold)
        if on_keepalive is not None:
            on_keepalive(status)

    touch_awaited = False
    try:
        answer = exchange(heard)
        touch_awaited = answer == _TOUCH_AWAITED and polls_for_touch(cmd, data)
    finally:
        if not touch_awaited:
            attendant.ask_no_more()
    if touch_awaited:
        attendant.ask_soon(please)
    if cmd == CTAPHID.CBOR and data[:1] == _CLIENT_PIN and answer and answer[0] in _PIN_REFUSALS:
        attendant.pin_was_refused()
    if cmd == CTAPHID.CBOR and (told := tells_of_long_touch(data, answer)) is not None:
        attendant.long_touch = told
    return answer
