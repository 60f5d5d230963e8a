"""Faults of authenticatorConfig and of what it sets (CTAP 2.3 §6.11, §7.1, §7.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.registration import refusals_unnamed, refusing
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    afterwards,
    before,
    instead_of_power_cycle,
    members_of,
    on_answer,
    on_request,
    on_status,
    taken_for,
)
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin, config, get_assertion, get_info
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.config import AUTHENTICATED_PREFIX, SubCommand
from emulator.fido.gesture import Command
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

OWNER = "whoever set it, and trusts that it holds"
PLATFORM = "the client, when it reads the answer"
USER = "the user"

_CONFIG = CtapCommand.CONFIG
_SUCCESS = bytes((CtapStatus.SUCCESS,))
Wrap = Callable[[Commands, Parts], Commands]


def _fault(
    name: str, sentence: str, commands: Wrap, *, caught_by: str = OWNER, layer: Layer = Layer.MEANING
) -> Fault:
    return Fault(
        name=f"config-{name}", layer=layer, sentence=sentence, caught_by=caught_by, commands=commands
    )


def _settings(**changed: Any) -> Callable[[AuthenticatorState], None]:
    def act(state: AuthenticatorState) -> None:
        state.store.set_configuration(replace(state.store.configuration, **changed))

    return act


def _verification(**changed: Any) -> Callable[[AuthenticatorState], None]:
    def act(state: AuthenticatorState) -> None:
        state.store.set_user_verification(replace(state.store.user_verification, **changed))

    return act


def _minimum_forgotten(state: AuthenticatorState) -> None:
    _verification(min_pin_length=state.profile.min_pin_length)(state)


def _unheard(subcommand: SubCommand) -> Wrap:
    """A setting that is answered with success, and not made."""

    def is_it(message: bytes) -> bool:
        return message[0] == _CONFIG and members_of(message).get(config.SUB_COMMAND) == subcommand

    return lambda commands, _: ChangedCommands(
        commands,
        request=lambda message: bytes((CtapCommand.GET_INFO,)) if is_it(message) else message,
        answer=lambda message, answer: _SUCCESS if is_it(message) else answer,
    )


class _NotAlways:
    """Commands that do not know of alwaysUv: those of these codes, and with ``u2f`` U2F's."""

    def __init__(self, inner: Commands, parts: Parts, *codes: CtapCommand, u2f: bool = False) -> None:
        self._inner, self._store, self._codes, self._u2f = inner, parts.store, codes, u2f

    def cbor(self, message: bytes, now: float) -> Command:
        command = self._inner.cbor(message, now)
        return (yield from self._unknowing(command) if message[0] in self._codes else command)

    def msg(self, apdu: bytes, now: float) -> Command:
        command = self._inner.msg(apdu, now)
        return (yield from self._unknowing(command) if self._u2f else command)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)

    def _unknowing(self, command: Command) -> Command:
        kept = self._store.configuration
        self._store.set_configuration(replace(kept, always_uv=False))
        try:
            return (yield from command)
        finally:
            self._store.set_configuration(kept)


def _minimum_told(commands: Commands, parts: Parts) -> Commands:
    """Every relying party that registers is one of those that setMinPINLength named."""

    def request(message: bytes) -> bytes:
        rp = members_of(message).get(mc.RP, {}) if message[0] == CtapCommand.MAKE_CREDENTIAL else {}
        if "id" in rp:
            named = parts.store.configuration.min_pin_length_rp_ids
            _settings(min_pin_length_rp_ids=(*named, rp["id"]))(parts.state)
        return message

    return ChangedCommands(commands, request=request)


def _protocol_assumed(commands: Commands, parts: Parts) -> Commands:
    """Whatever protocol is named, or none, it is the preferred one."""

    def request(message: bytes) -> bytes:
        members = members_of(message)
        if message[0] != _CONFIG or config.PIN_UV_AUTH_PARAM not in members:
            return message
        preferred = parts.profile.pin_uv_auth_protocols[0]
        return message[:1] + cbor.encode({**members, config.PIN_UV_AUTH_PROTOCOL: preferred})

    return ChangedCommands(commands, request=request)


def _other_subcommands(message: bytes) -> Iterable[bytes]:
    place = len(AUTHENTICATED_PREFIX)
    return (message[:place] + bytes((each,)) + message[place + 1 :] for each in SubCommand)


def _up_false(members: Members) -> bool:
    return members.get(get_assertion.OPTIONS, {}).get("up") is False


def _option(name: str) -> Callable[[Members], Members]:
    return lambda members: {**members, get_info.OPTIONS: {**members[get_info.OPTIONS], name: True}}


def _whoever_asks(members: Members) -> Members | None:
    return {**members, mc.ENTERPRISE_ATTESTATION: 2} if mc.ENTERPRISE_ATTESTATION in members else None


_MAKE, _GET, _PIN = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION, CtapCommand.CLIENT_PIN
_SET_MIN = SubCommand.SET_MIN_PIN_LENGTH

FAULTS = (
    _fault(
        "prefix-forgotten",
        "takes settings by a pinUvAuthParam that any other command could have been meant by",
        taken_for(_CONFIG, lambda message: [message[len(AUTHENTICATED_PREFIX) :]]),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "params-unauthenticated",
        "takes settings whose parameters were changed on the way",
        taken_for(_CONFIG, lambda message: [message[: len(AUTHENTICATED_PREFIX) + 1]]),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "subcommand-unauthenticated",
        "takes a pinUvAuthParam for one setting for any other",
        taken_for(_CONFIG, _other_subcommands),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "protocol-assumed",
        "does not look which PIN/UV auth protocol a setting comes by",
        _protocol_assumed,
        caught_by=PLATFORM,
    ),
    _fault(
        "subcommand-assumed",
        "makes a setting that nobody named",
        on_request(_CONFIG, lambda members: {config.SUB_COMMAND: SubCommand.TOGGLE_ALWAYS_UV, **members}),
        caught_by=PLATFORM,
    ),
    _fault(
        "unknown-taken",
        "says that it made settings that it does not know",
        refusing(_CONFIG, lambda members: members.get(1, 1) not in {*SubCommand}, CtapStatus.SUCCESS),
        caught_by=PLATFORM,
    ),
    _fault(
        "vendor-open",
        "has its maker's settings open to anyone, and does not say so",
        refusing(_CONFIG, lambda members: members.get(1) == 0xFF, CtapStatus.SUCCESS),
        caught_by="nobody, until somebody tries",
    ),
    _fault(
        "refusals-unnamed",
        "says OTHER whatever is wrong with a setting",
        refusals_unnamed(_CONFIG),
        caught_by=PLATFORM,
    ),
    _fault(
        "toggle-unheard",
        "says that it turned alwaysUv over, and does not",
        _unheard(SubCommand.TOGGLE_ALWAYS_UV),
    ),
    _fault(
        "uv-not-required-still",
        "says that it always verifies its user, and that it does not for some credentials",
        on_answer(CtapCommand.GET_INFO, _option("makeCredUvNotRqd")),
        caught_by=PLATFORM,
    ),
    _fault(
        "always-uv-for-show",
        "has alwaysUv on, and verifies nobody who does not ask for it",
        lambda inner, parts: _NotAlways(inner, parts, _MAKE, _GET),
    ),
    _fault(
        "always-uv-forgotten",
        "forgets alwaysUv at a power cycle",
        instead_of_power_cycle(lambda state, _: _settings(always_uv=False)(state)),
    ),
    _fault(
        "u2f-way-round",
        "has alwaysUv on, and U2F open beside it",
        lambda inner, parts: _NotAlways(inner, parts, u2f=True),
    ),
    _fault(
        "silence-refused",
        "wants its user verified even for an answer that proves nothing about them",
        refusing(_GET, _up_false, CtapStatus.PUAT_REQUIRED),
        caught_by="the client, which cannot ask quietly whose credential it is",
    ),
    _fault("min-pin-unheard", "says that it set a minimum PIN length, and does not", _unheard(_SET_MIN)),
    _fault(
        "min-pin-lowered",
        "lets the minimum PIN length be lowered",
        before(_CONFIG, _minimum_forgotten, subcommand=_SET_MIN),
    ),
    _fault(
        "min-pin-endless",
        "says that it takes a minimum PIN length that no PIN can have",
        on_status(_CONFIG, {CtapStatus.PIN_POLICY_VIOLATION: CtapStatus.SUCCESS}, subcommand=_SET_MIN),
        caught_by=PLATFORM,
    ),
    _fault(
        "short-pin-kept",
        "keeps a PIN that has become too short",
        afterwards(_CONFIG, _verification(force_pin_change=False)),
    ),
    _fault(
        "min-pin-forgotten",
        "forgets the minimum PIN length at a power cycle",
        instead_of_power_cycle(lambda state, _: _minimum_forgotten(state)),
    ),
    _fault(
        "force-for-show",
        "says that its PIN must be changed, and goes on with it",
        before(_PIN, _verification(force_pin_change=False)),
    ),
    _fault(
        "force-for-ever",
        "says that its PIN must be changed even when it was",
        on_answer(CtapCommand.GET_INFO, lambda members: {**members, get_info.FORCE_PIN_CHANGE: True}),
        caught_by=USER,
    ),
    _fault(
        "same-pin-taken",
        "takes the same PIN again where it must be changed",
        before(_PIN, _verification(force_pin_change=False), subcommand=client_pin.SubCommand.CHANGE_PIN),
    ),
    _fault(
        "force-without-pin",
        "says that it will have a PIN changed that there is not",
        on_status(_CONFIG, {CtapStatus.PIN_NOT_SET: CtapStatus.SUCCESS}),
        caught_by=PLATFORM,
    ),
    _fault(
        "rp-ids-endless",
        "says that it keeps more relying parties than it has room for",
        on_status(_CONFIG, {CtapStatus.KEY_STORE_FULL: CtapStatus.SUCCESS}),
        caught_by="the relying party that is not told",
    ),
    _fault(
        "rp-ids-forgotten",
        "tells no relying party of its minimum PIN length",
        afterwards(_CONFIG, _settings(min_pin_length_rp_ids=())),
        caught_by="the relying party that is not told",
    ),
    _fault(
        "min-pin-told-to-all",
        "tells every relying party its minimum PIN length",
        _minimum_told,
        caught_by="nobody; keys of an organization are known by it to everybody",
    ),
    _fault(
        "complexity-for-show",
        "says that PINs that are easy to guess are refused, and takes them",
        before(_PIN, _settings(pin_complexity_policy=False)),
    ),
    _fault(
        "ep-unheard",
        "says that it enabled enterprise attestation, and does not",
        _unheard(SubCommand.ENABLE_ENTERPRISE_ATTESTATION),
    ),
    _fault(
        "ep-never-disabled",
        "gives enterprise attestation before anyone enabled it",
        before(_MAKE, _settings(enterprise_attestation=True)),
        caught_by="nobody; the key is known by its number to everybody",
    ),
    _fault(
        "ep-for-anyone",
        "tells its serial number to relying parties that it was not made for",
        on_request(_MAKE, _whoever_asks),
        caught_by="nobody; the key is known by its number to everybody",
    ),
    _fault(
        "long-touch-unheard",
        "says that a reset takes a long touch from now on, and does not see to it",
        _unheard(SubCommand.ENABLE_LONG_TOUCH_FOR_RESET),
    ),
)
