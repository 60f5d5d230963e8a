"""authenticatorClientPIN (CTAP 2.3 §6.5.5): set and change a PIN, and turn PIN or finger into a token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any, TypeVar

from emulator.fido.ctap2.parameters import optional, parameters, required
from emulator.fido.ctap2.verification import perform_built_in_uv
from emulator.fido.pin_protocol import PinProtocolOne
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile_values import MAX_PIN_LENGTH
from emulator.store import UserVerificationState

PIN_UV_AUTH_PROTOCOL = 0x01
SUB_COMMAND = 0x02
KEY_AGREEMENT = 0x03
PIN_UV_AUTH_PARAM = 0x04
NEW_PIN_ENC = 0x05
PIN_HASH_ENC = 0x06
PERMISSIONS = 0x09
RP_ID = 0x0A

KEY_AGREEMENT_RESPONSE = 0x01
PIN_UV_AUTH_TOKEN = 0x02
PIN_RETRIES = 0x03
POWER_CYCLE_STATE = 0x04
UV_RETRIES = 0x05

PADDED_PIN_LENGTH = 64
PIN_HASH_LENGTH = 16
MAX_MISMATCHES = 3
"""Wrong PINs in a row that only a power cycle lets one go beyond (§6.5.5.6 step 7.1.2)."""
DEFAULT_PERMISSIONS = Permission.MC | Permission.GA
"""What getPinToken gives (§6.5.5.7.1)."""

T = TypeVar("T")


class SubCommand(IntEnum):
    """§6.5.5, the subcommands."""

    GET_PIN_RETRIES = 0x01
    GET_KEY_AGREEMENT = 0x02
    SET_PIN = 0x03
    CHANGE_PIN = 0x04
    GET_PIN_TOKEN = 0x05
    GET_TOKEN_USING_UV = 0x06
    GET_UV_RETRIES = 0x07
    GET_TOKEN_USING_PIN = 0x09


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """§6.5.5, the parameters; which must be there depends on the subcommand."""

    sub_command: int
    pin_uv_auth_protocol: int | None
    key_agreement: Mapping[Any, Any] | None
    pin_uv_auth_param: bytes | None
    new_pin_enc: bytes | None
    pin_hash_enc: bytes | None
    permissions: int | None
    rp_id: str | None

    @classmethod
    def parse(cls, data: Any) -> Request:
        data = parameters(data)
        return cls(
            sub_command=required(data, SUB_COMMAND, int),
            pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
            key_agreement=optional(data, KEY_AGREEMENT, dict),
            pin_uv_auth_param=optional(data, PIN_UV_AUTH_PARAM, bytes),
            new_pin_enc=optional(data, NEW_PIN_ENC, bytes),
            pin_hash_enc=optional(data, PIN_HASH_ENC, bytes),
            permissions=optional(data, PERMISSIONS, int),
            rp_id=optional(data, RP_ID, str),
        )


def run(state: AuthenticatorState, request: Request, now: float) -> Running:
    """The subcommand's answer; one that this key does not have is ``INVALID_SUBCOMMAND``."""
    if request.sub_command not in _sub_commands(state):
        # CTAP 2.0 has no code of its own for this.
        refusal = CtapStatus.INVALID_SUBCOMMAND if state.profile.ctap21 else CtapStatus.INVALID_PARAMETER
        raise CtapError(refusal)
    match SubCommand(request.sub_command):
        case SubCommand.GET_PIN_RETRIES:
            return get_pin_retries(state)
        case SubCommand.GET_KEY_AGREEMENT:
            return {KEY_AGREEMENT_RESPONSE: _protocol(state, request).public_key()}
        case SubCommand.SET_PIN:
            set_pin(state, request)
        case SubCommand.CHANGE_PIN:
            change_pin(state, request)
        case SubCommand.GET_PIN_TOKEN:
            return get_pin_token(state, request, now)
        case SubCommand.GET_TOKEN_USING_PIN:
            return get_token_using_pin(state, request, now)
        case SubCommand.GET_TOKEN_USING_UV:
            return (yield from get_token_using_uv(state, request))
        case SubCommand.GET_UV_RETRIES:
            return {UV_RETRIES: state.store.user_verification.uv_retries}
    return None


def _sub_commands(state: AuthenticatorState) -> set[SubCommand]:
    """Those that the key's options call for (§6.5.5)."""
    profile, known = state.profile, {SubCommand.GET_KEY_AGREEMENT}
    if profile.client_pin:
        known |= {
            SubCommand.GET_PIN_RETRIES,
            SubCommand.SET_PIN,
            SubCommand.CHANGE_PIN,
            SubCommand.GET_PIN_TOKEN,
        }
    if profile.client_pin and profile.pin_uv_auth_token:
        known.add(SubCommand.GET_TOKEN_USING_PIN)
    if profile.built_in_uv and profile.pin_uv_auth_token:
        known |= {SubCommand.GET_TOKEN_USING_UV, SubCommand.GET_UV_RETRIES}
    return known


def get_pin_retries(state: AuthenticatorState) -> dict[int, Any]:
    """§6.5.5.2; ``powerCycleState`` says that only a power cycle will let the PIN be tried again.

    Without a PIN the section names neither answer nor error: as YubiKeys do, and python-fido2's tests expect.
    """
    user_verification = state.store.user_verification
    if user_verification.pin_hash is None:
        raise CtapError(CtapStatus.PIN_NOT_SET)
    response: dict[int, Any] = {PIN_RETRIES: user_verification.pin_retries}
    if state.profile.ctap21:
        response[POWER_CYCLE_STATE] = state.session.pin_mismatches >= MAX_MISMATCHES
    return response


def set_pin(state: AuthenticatorState, request: Request) -> None:
    """§6.5.5.5."""
    key_agreement = _given(request.key_agreement)  # Step 1
    param, new_pin_enc = _given(request.pin_uv_auth_param), _given(request.new_pin_enc)
    protocol = _protocol(state, request)  # Step 2
    if state.store.user_verification.pin_hash is not None:  # Step 3
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    secret = protocol.decapsulate(key_agreement)  # Step 4
    if not protocol.verify(secret, new_pin_enc, param):  # Step 5
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    new_pin = _new_pin(state, protocol, secret, new_pin_enc)  # Steps 6 to 9
    _store_pin(state, state.store.user_verification, new_pin)  # Steps 10 to 12


def change_pin(state: AuthenticatorState, request: Request) -> None:
    """§6.5.5.6."""
    key_agreement, param = _given(request.key_agreement), _given(request.pin_uv_auth_param)  # Step 1
    new_pin_enc, pin_hash_enc = _given(request.new_pin_enc), _given(request.pin_hash_enc)
    protocol = _protocol(state, request)  # Step 2
    _check_pin_is_open(state)  # Step 3
    secret = protocol.decapsulate(key_agreement)  # Step 4
    if not protocol.verify(secret, new_pin_enc + pin_hash_enc, param):  # Step 5
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    restored = _compare_pin(state, protocol, secret, pin_hash_enc)  # Steps 6 to 8
    try:
        new_pin = _new_pin(state, protocol, secret, new_pin_enc)  # Steps 9 to 12
        if restored.force_pin_change and _hash(new_pin) == restored.pin_hash:  # Step 13
            raise CtapError(CtapStatus.PIN_POLICY_VIOLATION)
    except CtapError:
        state.store.set_user_verification(restored)
        raise
    with state.store.transaction():
        if state.profile.persistent_credential_management:
            state.renew_persistent_token()  # Step 20
        _store_pin(state, restored, new_pin)  # Steps 15 to 18
    state.session.token = None  # Step 19


def get_pin_token(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """§6.5.5.7.1, superseded, and all that CTAP 2.0 has."""
    key_agreement, pin_hash_enc = _given(request.key_agreement), _given(request.pin_hash_enc)  # Step 1
    protocol = _protocol(state, request)  # Step 2
    if request.permissions is not None or request.rp_id is not None:  # Steps 3 and 4
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    _check_pin_is_open(state)  # Step 5
    secret = protocol.decapsulate(key_agreement)  # Step 6
    _verify_pin(state, protocol, secret, pin_hash_enc)  # Steps 8 to 10
    if state.store.user_verification.force_pin_change:  # Step 11
        raise CtapError(CtapStatus.PIN_INVALID)
    permissions = Permission(0) if state.profile.no_mc_ga_with_client_pin else DEFAULT_PERMISSIONS
    token = _begin_token(state, protocol, permissions, None, now)  # Steps 12 to 14
    return _encrypted(state, protocol, secret, token.value)  # Step 15


def get_token_using_pin(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """getPinUvAuthTokenUsingPinWithPermissions, §6.5.5.7.2."""
    key_agreement, pin_hash_enc = _given(request.key_agreement), _given(request.pin_hash_enc)  # Step 1
    protocol = _protocol(state, request)  # Step 2
    permissions = _permissions(request, _permitted_by_pin(state))  # Steps 3 and 4
    _check_pin_is_open(state)  # Step 5
    secret = protocol.decapsulate(key_agreement)  # Step 6
    _verify_pin(state, protocol, secret, pin_hash_enc)  # Steps 8 to 10
    if state.store.user_verification.force_pin_change:  # Step 11
        raise CtapError(CtapStatus.PIN_POLICY_VIOLATION)
    if permissions == Permission.PCMR:
        return _encrypted(state, protocol, secret, _persistent_token(state))
    token = _begin_token(state, protocol, permissions, request.rp_id, now)  # Steps 13 to 16
    return _encrypted(state, protocol, secret, token.value)  # Step 17


def get_token_using_uv(state: AuthenticatorState, request: Request) -> Running:
    """getPinUvAuthTokenUsingUvWithPermissions, §6.5.5.7.3; a finger is also a touch."""
    key_agreement = _given(request.key_agreement)  # Step 1
    protocol = _protocol(state, request)  # Step 2
    permissions = _permissions(request, _permitted_by_uv(state))  # Steps 3 and 4
    if not state.built_in_uv:  # Step 5
        raise CtapError(CtapStatus.NOT_ALLOWED)
    secret = protocol.decapsulate(key_agreement)
    internal_retry = state.profile.preferred_platform_uv_attempts <= 1  # Step 6
    if state.store.user_verification.uv_retries == 0:  # Step 7
        raise CtapError(CtapStatus.UV_BLOCKED)
    verified = yield from perform_built_in_uv(state, internal_retry=internal_retry)  # Step 9
    if verified is None:  # Step 10
        blocked = state.store.user_verification.uv_retries == 0
        raise CtapError(CtapStatus.UV_BLOCKED if blocked else CtapStatus.UV_INVALID)
    if permissions == Permission.PCMR:
        return _encrypted(state, protocol, secret, _persistent_token(state))
    token = _begin_token(state, protocol, permissions, request.rp_id, verified)  # Steps 12 to 15
    token.user_present = True
    return _encrypted(state, protocol, secret, token.value)  # Step 16


def _given(value: T | None) -> T:
    """A parameter that the subcommand cannot do without."""
    if value is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    return value


def _protocol(state: AuthenticatorState, request: Request) -> PinProtocolOne:
    protocol = state.session.protocols.get(_given(request.pin_uv_auth_protocol))
    if protocol is None:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    return protocol


def _permissions(request: Request, permitted: Permission) -> Permission:
    """Those asked for, undefined ones left out.

    makeCredential and getAssertion are permitted for one relying party (§6.5.5.7, table).
    """
    asked = _given(request.permissions)
    if asked <= 0:  # Step 3
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    permissions = Permission(asked & sum(Permission))
    # §6.5.5.7, table: pcmr is for a token of its own.
    shared = permissions & Permission.PCMR and permissions & ~Permission.PCMR
    if permissions & ~permitted or shared:
        raise CtapError(CtapStatus.UNAUTHORIZED_PERMISSION)
    if permissions & DEFAULT_PERMISSIONS and request.rp_id is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    return permissions


def _permitted(state: AuthenticatorState) -> Permission:
    """Those that the key has anything to permit (step 4)."""
    permitted = DEFAULT_PERMISSIONS
    if state.profile.config_commands:
        permitted |= Permission.ACFG
    if state.profile.fingerprints:
        permitted |= Permission.BE
    if state.profile.credential_management:
        permitted |= Permission.CM
    if state.profile.persistent_credential_management:
        permitted |= Permission.PCMR
    if state.profile.max_large_blob_array:
        permitted |= Permission.LBW
    return permitted


def _permitted_by_pin(state: AuthenticatorState) -> Permission:
    """Those that a PIN may give: to make and use credentials too, unless the key says otherwise."""
    return _permitted(state) & ~(
        DEFAULT_PERMISSIONS if state.profile.no_mc_ga_with_client_pin else Permission(0)
    )


def _permitted_by_uv(state: AuthenticatorState) -> Permission:
    """Those that a finger may give: not to enrol others or to configure, unless the key says so."""
    withheld = Permission.BE | Permission.ACFG
    if state.profile.uv_bio_enroll:
        withheld &= ~Permission.BE
    if state.profile.uv_acfg:
        withheld &= ~Permission.ACFG
    return _permitted(state) & ~withheld


def _check_pin_is_open(state: AuthenticatorState) -> None:
    """A PIN there must be, and it must neither be blocked for good nor until a power cycle."""
    user_verification = state.store.user_verification
    if user_verification.pin_hash is None:
        raise CtapError(CtapStatus.PIN_NOT_SET)
    if user_verification.pin_retries == 0:
        raise CtapError(CtapStatus.PIN_BLOCKED)
    if state.session.pin_mismatches >= MAX_MISMATCHES:
        raise CtapError(CtapStatus.PIN_AUTH_BLOCKED)


def _verify_pin(
    state: AuthenticatorState, protocol: PinProtocolOne, secret: bytes, pin_hash_enc: bytes
) -> None:
    """Compare, and give the retries back for the right one."""
    state.store.set_user_verification(_compare_pin(state, protocol, secret, pin_hash_enc))


def _compare_pin(
    state: AuthenticatorState, protocol: PinProtocolOne, secret: bytes, pin_hash_enc: bytes
) -> UserVerificationState:
    """Compare, having paid for the try first: power lost in between must not save a retry.

    What the right PIN restores is for the caller to write, with what else it changes.
    """
    before = state.store.user_verification
    state.store.set_user_verification(replace(before, pin_retries=before.pin_retries - 1))
    if not _matches(protocol, secret, pin_hash_enc, before.pin_hash):
        protocol.regenerate(state.random_bytes)
        state.session.pin_mismatches += 1
        if before.pin_retries == 1:
            raise CtapError(CtapStatus.PIN_BLOCKED)
        blocked = state.session.pin_mismatches >= MAX_MISMATCHES
        raise CtapError(CtapStatus.PIN_AUTH_BLOCKED if blocked else CtapStatus.PIN_INVALID)
    state.session.pin_mismatches = 0
    profile = state.profile
    return replace(before, pin_retries=profile.pin_retries, uv_retries=profile.uv_retries, uv_count=0)


def _matches(protocol: PinProtocolOne, secret: bytes, pin_hash_enc: bytes, pin_hash: bytes | None) -> bool:
    try:
        tried = protocol.decrypt(secret, pin_hash_enc)
    except CtapError:
        return False
    return pin_hash is not None and hmac.compare_digest(tried, pin_hash)


def _new_pin(state: AuthenticatorState, protocol: PinProtocolOne, secret: bytes, new_pin_enc: bytes) -> bytes:
    """Decrypted, without its padding, and fit to be a PIN (§6.5.5.5 steps 6 to 10)."""
    try:
        padded = protocol.decrypt(secret, new_pin_enc)
    except CtapError as error:
        raise CtapError(CtapStatus.PIN_AUTH_INVALID) from error
    if len(padded) != PADDED_PIN_LENGTH:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    pin = padded.rstrip(b"\x00")
    if len(pin) > MAX_PIN_LENGTH or _length(pin) < state.store.user_verification.min_pin_length:
        raise CtapError(CtapStatus.PIN_POLICY_VIOLATION)
    if state.pin_complexity_policy and _easy_to_guess(pin.decode()):
        raise CtapError(CtapStatus.PIN_POLICY_VIOLATION)
    return pin


def _easy_to_guess(pin: str) -> bool:
    """Whether each character is the one before it, or the next, or the previous one throughout."""
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _length(pin: bytes) -> int:
    """In Unicode code points; what is not UTF-8 is no PIN."""
    try:
        return len(pin.decode())
    except UnicodeDecodeError as error:
        raise CtapError(CtapStatus.PIN_POLICY_VIOLATION) from error


def _hash(pin: bytes) -> bytes:
    return sha256(pin).digest()[:PIN_HASH_LENGTH]


def _store_pin(state: AuthenticatorState, before: UserVerificationState, pin: bytes) -> None:
    state.store.set_user_verification(
        replace(
            before,
            pin_hash=_hash(pin),
            pin_length=_length(pin),
            pin_retries=state.profile.pin_retries,
            force_pin_change=False,
        )
    )


def _begin_token(
    state: AuthenticatorState,
    protocol: PinProtocolOne,
    permissions: Permission,
    rp_id: str | None,
    now: float,
) -> PinUvAuthToken:
    """resetPinUvAuthToken() for all protocols and beginUsingPinUvAuthToken() for this (§6.5.3.2).

    CTAP 2.0's pinToken stays the same from power-up to power-down (CTAP 2.0 §5.5.2).
    """
    before, limited = state.session.token, state.profile.pin_uv_auth_token
    if before is not None and not limited:
        return before
    state.session.token = PinUvAuthToken(
        protocol=protocol.number,
        value=protocol.new_token(state.random_bytes),
        limited=limited,
        begun=now,
        permissions=permissions,
        rp_id=rp_id,
    )
    return state.session.token


def _persistent_token(state: AuthenticatorState) -> bytes:
    """The persistentPinUvAuthToken (§6.5.5.7, pcmr), which leaves the token in use as it is."""
    return state.store.persistent_token or state.renew_persistent_token()


def _encrypted(
    state: AuthenticatorState, protocol: PinProtocolOne, secret: bytes, token: bytes
) -> dict[int, Any]:
    return {PIN_UV_AUTH_TOKEN: protocol.encrypt(secret, token, state.random_bytes)}
