"""The authenticator: a command byte finds its command, and a refusal becomes a status byte here alone."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from emulator.fido import cbor, u2f
from emulator.fido.apdu import CommandApdu, response_apdu
from emulator.fido.attestation import Attestation
from emulator.fido.ctap2 import (
    bio_enrollment,
    client_pin,
    config,
    credential_management,
    get_assertion,
    get_info,
    large_blobs,
    make_credential,
    reset,
    selection,
)
from emulator.fido.gesture import Command
from emulator.fido.session import Session
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import ApduError, CtapError, CtapStatus, StatusWord
from emulator.profile import Profile, ProfileError
from emulator.store import CredentialStore


class CtapCommand(IntEnum):
    """Command codes (CTAP 2.3 §6, §8.1)."""

    MAKE_CREDENTIAL = 0x01
    GET_ASSERTION = 0x02
    GET_INFO = 0x04
    CLIENT_PIN = 0x06
    RESET = 0x07
    GET_NEXT_ASSERTION = 0x08
    BIO_ENROLLMENT = 0x09
    CREDENTIAL_MANAGEMENT = 0x0A
    SELECTION = 0x0B
    LARGE_BLOBS = 0x0C
    CONFIG = 0x0D
    BIO_ENROLLMENT_PREVIEW = 0x40
    CREDENTIAL_MANAGEMENT_PREVIEW = 0x41


WITHOUT_PARAMETERS = frozenset(
    (CtapCommand.GET_INFO, CtapCommand.RESET, CtapCommand.GET_NEXT_ASSERTION, CtapCommand.SELECTION)
)

# To look a member of an enumeration up takes longer than what is done with it here.
_GET_ASSERTION: Final = CtapCommand.GET_ASSERTION
_GET_NEXT_ASSERTION: Final = CtapCommand.GET_NEXT_ASSERTION
_LARGE_BLOBS: Final = CtapCommand.LARGE_BLOBS
_SUCCESS = bytes((CtapStatus.SUCCESS,))


class Authenticator:
    """A key without its wire: CTAP2 messages and U2F APDUs in, answers out, gestures asked for in between.

    ``store`` is initialized if no authenticator has used it yet. ``random_bytes(n)`` is the only
    randomness, ``now`` (seconds) the only time. ``serial_number`` is what enterprise attestation tells.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        store: CredentialStore,
        random_bytes: Callable[[int], bytes],
        now: float,
        serial_number: str = "1",
    ) -> None:
        self.profile = profile
        session = Session(profile.pin_uv_auth_protocols, random_bytes, now)
        self._state = AuthenticatorState(
            profile=profile,
            store=store,
            random_bytes=random_bytes,
            session=session,
            attestation=Attestation.of_model(profile.aaguid, chained=profile.attestation_chain),
            serial_number=serial_number,
        )
        if not self._state.algorithms:
            raise ProfileError(
                f"{profile.title}: the installed cryptography has none of the algorithms that this profile "
                f"asks for ({', '.join(profile.algorithms)}); install a newer one, or add ES256 to algorithms"
            )
        self._commands = _commands_of(profile)
        if store.master_secret is None:
            self._state.initialize()

    @property
    def state(self) -> AuthenticatorState:
        """All that its commands may touch, for what would break it on purpose."""
        return self._state

    def power_cycle(self, now: float) -> None:
        """Power off and on again at ``now``: the session is forgotten, the time for a reset begins anew."""
        state = self._state
        state.session = Session(self.profile.pin_uv_auth_protocols, state.random_bytes, now)

    def cbor(self, message: bytes, now: float) -> Command:
        """Run a CTAP2 message (command byte, then CBOR); its answer is a status byte, then CBOR.

        CTAP 2.3 §8. Closing it while it waits leaves the store as it was, but for the retries that fingers
        not recognised have cost by then.
        """
        try:
            response = yield from self._run(message, now)
        except CtapError as error:
            return bytes((error.status,))
        return _SUCCESS + cbor.encode(response) if response else _SUCCESS

    def msg(self, apdu: bytes, now: float) -> Command:
        """Run a U2F APDU; its answer is data, then a status word (U2F Raw Message Formats v1.2 §3)."""
        self._state.session.remembered = None
        try:
            data = yield from u2f.run(self._state, CommandApdu.parse(apdu))
        except ApduError as error:
            return response_apdu(b"", error.status_word)
        return response_apdu(data, StatusWord.NO_ERROR)

    def _run(self, message: bytes, now: float) -> Running:
        state = self._state
        if not message:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        session = state.session
        begun = session.remembered
        if message[0] != _GET_NEXT_ASSERTION:
            session.remembered = None  # §6: any other command ends the stateful one
        if message[0] != _LARGE_BLOBS:
            session.large_blobs_write = None
        command = self._commands.get(message[0])
        if command is None:
            raise CtapError(CtapStatus.INVALID_COMMAND)
        if len(message) > self.profile.max_message_size:
            raise CtapError(CtapStatus.REQUEST_TOO_LARGE)
        data = message[1:]
        if data and command in WITHOUT_PARAMETERS:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        if command is _GET_ASSERTION:
            assertion = get_assertion.Request.parse(cbor.decode(data))
            return (yield from get_assertion.run(state, assertion, now))
        match command:
            case CtapCommand.MAKE_CREDENTIAL:
                creation = make_credential.Request.parse(cbor.decode(data))
                return (yield from make_credential.run(state, creation, now))
            case CtapCommand.GET_NEXT_ASSERTION:
                return get_assertion.run_next(state, now)
            case CtapCommand.CLIENT_PIN:
                pin = client_pin.Request.parse(cbor.decode(data))
                return (yield from client_pin.run(state, pin, now))
            case CtapCommand.GET_INFO:
                return get_info.run(state)
            case CtapCommand.RESET:
                return (yield from reset.run(state, now))
            case CtapCommand.SELECTION:
                return (yield from selection.run())
            case CtapCommand.CREDENTIAL_MANAGEMENT | CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW:
                preview = command == CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW
                management = credential_management.Request.parse(cbor.decode(data), preview=preview)
                return credential_management.run(state, management, begun, now)
            case CtapCommand.LARGE_BLOBS:
                return large_blobs.run(state, large_blobs.Request.parse(cbor.decode(data)), now)
            case CtapCommand.BIO_ENROLLMENT | CtapCommand.BIO_ENROLLMENT_PREVIEW:
                preview = command == CtapCommand.BIO_ENROLLMENT_PREVIEW
                enrollment = bio_enrollment.Request.parse(cbor.decode(data), preview=preview)
                return (yield from bio_enrollment.run(state, enrollment, now))
            case CtapCommand.CONFIG:
                config.run(state, config.Request.parse(cbor.decode(data)), now)
                return None


def _commands_of(profile: Profile) -> dict[int, CtapCommand]:
    """The commands that this model of key has, by their codes."""
    if not profile.ctap2:
        return {}
    absent = set()
    if not profile.ctap21:
        absent.add(CtapCommand.SELECTION)
    if not profile.pin_uv_auth_protocols:
        absent.add(CtapCommand.CLIENT_PIN)
    if not profile.fingerprints:
        absent.add(CtapCommand.BIO_ENROLLMENT)
    if not profile.bio_enrollment_preview:
        absent.add(CtapCommand.BIO_ENROLLMENT_PREVIEW)
    if not profile.config_commands:
        absent.add(CtapCommand.CONFIG)
    if not profile.credential_management:
        absent.add(CtapCommand.CREDENTIAL_MANAGEMENT)
    if not profile.credential_management_preview:
        absent.add(CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW)
    if not profile.max_large_blob_array:
        absent.add(CtapCommand.LARGE_BLOBS)
    return {int(command): command for command in CtapCommand if command not in absent}
