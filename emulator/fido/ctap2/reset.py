"""authenticatorReset (CTAP 2.3 §6.6): back to the state the key left the factory in."""

from __future__ import annotations

from emulator.fido.ctap2.verification import wait_for_presence
from emulator.fido.gesture import Gesture
from emulator.fido.session import Session
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus

TIME_LIMIT = 10.0
"""Seconds after power-up within which a reset must come."""


def run(state: AuthenticatorState, now: float) -> Running:
    """All credentials gone, with them the PIN and everything the session knew; ``NOT_ALLOWED`` if late."""
    powered_up = state.session.powered_up
    if now - powered_up > TIME_LIMIT:
        raise CtapError(CtapStatus.NOT_ALLOWED)
    long_touch = state.store.configuration.long_touch_for_reset
    yield from wait_for_presence(Gesture.LONG_TOUCH if long_touch else Gesture.PRESENCE)
    state.initialize()
    state.session = Session(state.profile.pin_uv_auth_protocols, state.random_bytes, powered_up)
    return None
