"""authenticatorConfig (CTAP 2.3 §6.11): the settings that a platform may make for good, until a reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from emulator.fido import cbor
from emulator.fido.ctap2 import extensions
from emulator.fido.ctap2.parameters import optional, parameters, required, typed
from emulator.fido.ctap2.verification import authorize
from emulator.fido.session import Permission
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile_values import CONFIG_COMMANDS, MAX_PIN_LENGTH

SUB_COMMAND = 0x01
SUB_COMMAND_PARAMS = 0x02
PIN_UV_AUTH_PROTOCOL = 0x03
PIN_UV_AUTH_PARAM = 0x04

NEW_MIN_PIN_LENGTH = 0x01
MIN_PIN_LENGTH_RP_IDS = 0x02
FORCE_CHANGE_PIN = 0x03
PIN_COMPLEXITY_POLICY = 0x04

AUTHENTICATED_PREFIX = b"\xff" * 32 + b"\x0d"
"""What stands before subcommand and parameters under the pinUvAuthParam."""


class SubCommand(IntEnum):
    """§6.11.1, §6.11.2, §6.11.4, §6.11.5; vendorPrototype (0xFF) is nobody's here."""

    ENABLE_ENTERPRISE_ATTESTATION = 0x01
    TOGGLE_ALWAYS_UV = 0x02
    SET_MIN_PIN_LENGTH = 0x03
    ENABLE_LONG_TOUCH_FOR_RESET = 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """§6.11, the parameters."""

    sub_command: int
    params: Mapping[Any, Any] | None
    pin_uv_auth_protocol: int | None
    pin_uv_auth_param: bytes | None

    @classmethod
    def parse(cls, data: Any) -> Request:
        data = parameters(data)
        return cls(
            sub_command=required(data, SUB_COMMAND, int),
            params=optional(data, SUB_COMMAND_PARAMS, dict),
            pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
            pin_uv_auth_param=optional(data, PIN_UV_AUTH_PARAM, bytes),
        )

    @property
    def authenticated(self) -> bytes:
        """What the pinUvAuthParam is made over."""
        params = b"" if self.params is None else cbor.encode(self.params)
        return AUTHENTICATED_PREFIX + bytes((self.sub_command,)) + params


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPolicy:
    """§6.11.4, the parameters of setMinPINLength; what is ``None`` stays as it is."""

    min_pin_length: int | None
    rp_ids: tuple[str, ...] | None
    force_pin_change: bool
    pin_complexity_policy: bool

    @classmethod
    def parse(cls, data: Mapping[Any, Any]) -> PinPolicy:
        rp_ids = optional(data, MIN_PIN_LENGTH_RP_IDS, list)
        return cls(
            min_pin_length=optional(data, NEW_MIN_PIN_LENGTH, int),
            rp_ids=None if rp_ids is None else tuple(typed(rp_id, str) for rp_id in rp_ids),
            force_pin_change=bool(optional(data, FORCE_CHANGE_PIN, bool)),
            pin_complexity_policy=bool(optional(data, PIN_COMPLEXITY_POLICY, bool)),
        )


def run(state: AuthenticatorState, request: Request, now: float) -> None:
    """Make the setting. A key that nothing protects yet lets anyone make it (§6.11)."""
    if request.sub_command not in (CONFIG_COMMANDS[name] for name in state.profile.config_commands):
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    sub_command = SubCommand(request.sub_command)
    if state.protected or (state.always_uv and sub_command is not SubCommand.TOGGLE_ALWAYS_UV):
        authorize(
            state,
            Permission.ACFG,
            request.authenticated,
            request.pin_uv_auth_param,
            request.pin_uv_auth_protocol,
            now,
        )
    match sub_command:
        case SubCommand.ENABLE_ENTERPRISE_ATTESTATION:
            _configure(state, enterprise_attestation=True)
        case SubCommand.TOGGLE_ALWAYS_UV:
            toggle_always_uv(state)
        case SubCommand.SET_MIN_PIN_LENGTH:
            set_min_pin_length(state, PinPolicy.parse(request.params or {}))
        case SubCommand.ENABLE_LONG_TOUCH_FOR_RESET:
            _configure(state, long_touch_for_reset=True)


def toggle_always_uv(state: AuthenticatorState) -> None:
    """§6.11.2; some keys let it be turned on, but not off."""
    if state.always_uv and not state.profile.always_uv_can_be_disabled:
        raise CtapError(CtapStatus.OPERATION_DENIED)
    _configure(state, always_uv=not state.always_uv)


def set_min_pin_length(state: AuthenticatorState, policy: PinPolicy) -> None:
    """§6.11.4: the length only grows, and a PIN that has become too short must be changed.

    A key without a PIN complexity policy does not hear of one (§7.5).
    """
    profile, before = state.profile, state.store.user_verification
    length = before.min_pin_length if policy.min_pin_length is None else policy.min_pin_length  # Step 1
    told = {extensions.MIN_PIN_LENGTH, extensions.PIN_COMPLEXITY_POLICY} & set(profile.extensions)
    if policy.rp_ids is not None and not told:  # Step 2
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    if not before.min_pin_length <= length <= MAX_PIN_LENGTH:
        raise CtapError(CtapStatus.PIN_POLICY_VIOLATION)
    if policy.force_pin_change and before.pin_hash is None:
        raise CtapError(CtapStatus.PIN_NOT_SET)
    if len(policy.rp_ids or ()) > profile.max_rp_ids_for_min_pin_length:  # Step 8
        raise CtapError(CtapStatus.KEY_STORE_FULL)
    too_short = before.pin_hash is not None and before.pin_length < length
    force_pin_change = before.force_pin_change or policy.force_pin_change or too_short
    settings: dict[str, Any] = {}
    if policy.rp_ids:
        settings["min_pin_length_rp_ids"] = policy.rp_ids
    if policy.pin_complexity_policy and profile.pin_complexity_policy and not state.pin_complexity_policy:
        force_pin_change |= before.pin_hash is not None  # its hash does not say how complex it is
        settings["pin_complexity_policy"] = True
    after = replace(before, min_pin_length=length, force_pin_change=force_pin_change)
    with state.store.transaction():
        if settings:
            _configure(state, **settings)
        if force_pin_change and profile.persistent_credential_management:  # Step 7
            state.renew_persistent_token()
        state.store.set_user_verification(after)
    if force_pin_change:
        state.session.token = None


def _configure(state: AuthenticatorState, **settings: Any) -> None:
    state.store.set_configuration(replace(state.store.configuration, **settings))
