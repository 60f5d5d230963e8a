"""U2F, also called CTAP1: register, authenticate, version (U2F Raw Message Formats v1.2)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum

from emulator.fido import cose
from emulator.fido.apdu import CommandApdu
from emulator.fido.authdata import Flags
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential, wrap
from emulator.fido.gesture import Command, Gesture, Given
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import ApduError, StatusWord

VERSION = b"U2F_V2"
USER_VERIFICATION_REQUIRED = 3
"""The credProtect level that no U2F command can satisfy (CTAP 2.3 §12.1)."""


class Instruction(IntEnum):
    """§3.1.1, the instruction byte."""

    REGISTER = 0x01
    AUTHENTICATE = 0x02
    VERSION = 0x03


class Control(IntEnum):
    """What an authentication is for, in P1 (§5.1)."""

    ENFORCE_PRESENCE = 0x03
    CHECK_ONLY = 0x07
    DONT_ENFORCE_PRESENCE = 0x08


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRequest:
    """§4.1; both parameters are SHA-256 hashes."""

    challenge: bytes
    application: bytes

    @classmethod
    def parse(cls, command: CommandApdu) -> RegistrationRequest:
        """P1 and P2 are left unread: platforms in use set bits there."""
        data = command.data
        if len(data) != 64:
            raise ApduError(StatusWord.WRONG_LENGTH)
        return cls(challenge=data[:32], application=data[32:])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRequest:
    """§5.1."""

    control: Control
    challenge: bytes
    application: bytes
    key_handle: bytes

    @classmethod
    def parse(cls, command: CommandApdu) -> AuthenticationRequest:
        data = command.data
        if len(data) < 65 or len(data) != 65 + data[64]:
            raise ApduError(StatusWord.WRONG_LENGTH)
        try:
            control = Control(command.p1)
        except ValueError as error:
            raise ApduError(StatusWord.INCORRECT_P1_P2) from error
        return cls(control=control, challenge=data[:32], application=data[32:64], key_handle=data[65:])


def run(state: AuthenticatorState, command: CommandApdu) -> Command:
    """The response data; ``ApduError`` for a request that the specification refuses (§3.3)."""
    if not state.profile.u2f:
        raise ApduError(StatusWord.INS_NOT_SUPPORTED)
    if not state.u2f:
        raise ApduError(StatusWord.COMMAND_NOT_ALLOWED)  # CTAP 2.3 §7.2.4
    if command.cla != 0:
        raise ApduError(StatusWord.CLA_NOT_SUPPORTED)
    match command.ins:
        case Instruction.REGISTER:
            return (yield from register(state, RegistrationRequest.parse(command)))
        case Instruction.AUTHENTICATE:
            return (yield from authenticate(state, AuthenticationRequest.parse(command)))
        case Instruction.VERSION:
            if command.data:
                raise ApduError(StatusWord.WRONG_LENGTH)
            return VERSION
    raise ApduError(StatusWord.INS_NOT_SUPPORTED)


def register(state: AuthenticatorState, request: RegistrationRequest) -> Command:
    """A new key, sealed in its own handle (§4.3)."""
    yield from _wait_for_presence()
    private_key = cose.generate(Algorithm.ES256, state.random_bytes)
    credential = Credential(private_key=private_key.to_bytes(), rp_id_hash=request.application, u2f=True)
    handle = wrap(credential, state.master_secret, state.random_bytes)
    point = cose.u2f_point(private_key.cose_key())
    signature = state.attestation.u2f_signature(request.application, request.challenge, handle, point)
    return b"".join((b"\x05", point, bytes((len(handle),)), handle, state.attestation.certificate, signature))


def authenticate(state: AuthenticatorState, request: AuthenticationRequest) -> Command:
    """A signature by the key of a handle, if the handle is ours and this application's (§5)."""
    credential = _find(state, request)
    if request.control is Control.CHECK_ONLY:
        raise ApduError(StatusWord.CONDITIONS_NOT_SATISFIED)  # §5.1: it is ours
    enforced = request.control is Control.ENFORCE_PRESENCE
    if enforced:
        yield from _wait_for_presence()
    presence = Flags.UP if enforced else Flags(0)
    count = bytes((presence,)) + state.next_sign_count().to_bytes(4, "big")
    key = state.session.load_key(credential.algorithm, credential.private_key)
    return count + key.sign(request.application + count + request.challenge)


def _find(state: AuthenticatorState, request: AuthenticationRequest) -> Credential:
    """The key of the handle, be it made by U2F or by CTAP2 (CTAP 2.3 §10)."""
    credential = state.find(request.key_handle, request.application)
    if (
        credential is None
        or credential.algorithm is not Algorithm.ES256
        or credential.cred_protect == USER_VERIFICATION_REQUIRED
    ):
        raise ApduError(StatusWord.WRONG_DATA)
    return credential


def _wait_for_presence() -> Generator[Gesture, Given, None]:
    """Wait for a touch; without one the platform is to ask again (§3.3)."""
    given = yield Gesture.PRESENCE
    if not given.accepted:
        raise ApduError(StatusWord.CONDITIONS_NOT_SATISFIED)
