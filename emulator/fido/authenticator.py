"""The authenticator: a command byte finds its command, and a refusal becomes a status byte here alone."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from emulator.fido import cbor
from emulator.fido.ctap2 import get_info, reset, selection
from emulator.fido.gesture import Command
from emulator.fido.session import Session
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile import Profile
from emulator.store import CredentialStore


class CtapCommand(IntEnum):
    """Command codes (CTAP 2.3 §6, §8.1.1)."""

    MAKE_CREDENTIAL = 0x01
    GET_ASSERTION = 0x02
    GET_INFO = 0x04
    CLIENT_PIN = 0x06
    RESET = 0x07
    GET_NEXT_ASSERTION = 0x08
    SELECTION = 0x0B


class Authenticator:
    """A key without its wire: CTAP2 messages and U2F APDUs in, answers out, gestures asked for in between.

    ``store`` is initialized if no authenticator has used it yet. ``random_bytes(n)`` is the only
    randomness, ``now`` (seconds) the only time.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        store: CredentialStore,
        random_bytes: Callable[[int], bytes],
        now: float,
    ) -> None:
        self.profile = profile
        session = Session(profile.pin_uv_auth_protocols, random_bytes, now)
        self._state = AuthenticatorState(
            profile=profile, store=store, random_bytes=random_bytes, session=session
        )
        if store.master_secret is None:
            self._state.initialize()

    def power_cycle(self, now: float) -> None:
        """Power off and on again at ``now``: the session is forgotten, the time for a reset begins anew."""
        state = self._state
        state.session = Session(self.profile.pin_uv_auth_protocols, state.random_bytes, now)

    def cbor(self, message: bytes, now: float) -> Command:
        """Run a CTAP2 message (command byte, then CBOR); its answer is a status byte, then CBOR.

        CTAP 2.3 §8. Closing it while it waits leaves the store as it was.
        """
        try:
            response = yield from self._run(message, now)
        except CtapError as error:
            return bytes((error.status,))
        return bytes((CtapStatus.SUCCESS,)) + (cbor.encode(response) if response else b"")

    def _run(self, message: bytes, now: float) -> Running:
        state = self._state
        if not message:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        command, data = message[0], message[1:]
        if command != CtapCommand.GET_NEXT_ASSERTION:
            state.session.remembered = None  # §6: any other command ends the stateful one
        if not self._knows(command):
            raise CtapError(CtapStatus.INVALID_COMMAND)
        if len(message) > self.profile.max_message_size:
            raise CtapError(CtapStatus.REQUEST_TOO_LARGE)
        match command:
            case CtapCommand.RESET:
                _no_parameters(data)
                return (yield from reset.run(state, now))
            case CtapCommand.SELECTION:
                _no_parameters(data)
                return (yield from selection.run())
        _no_parameters(data)
        return get_info.run(state)

    def _knows(self, command: int) -> bool:
        """Whether this model of key has the command at all."""
        match command:
            case CtapCommand.SELECTION:
                return self.profile.ctap21
            case CtapCommand.CLIENT_PIN:
                return bool(self.profile.pin_uv_auth_protocols)
            case CtapCommand.GET_INFO | CtapCommand.RESET:
                return self.profile.ctap2
        return False


def _no_parameters(data: bytes) -> None:
    if data:
        raise CtapError(CtapStatus.INVALID_LENGTH)
