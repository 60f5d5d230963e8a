"""Faults of authenticatorConfig and of what it sets (CTAP 2.3 §6.11, §7.1, §7.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from emulator.faults.changes import Members, changed, entry_given, given
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.memory import (
    afterwards,
    before,
    configured,
    instead_of_power_cycle,
    taken_for,
    verifying,
)
from emulator.faults.messages import (
    asks,
    on_answer,
    on_request,
    on_status,
    refusals_unnamed,
    refusing,
    taken_for_granted,
)
from emulator.faults.wiring import ChangedCommands
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin, config, get_assertion, get_info
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.config import AUTHENTICATED_PREFIX, SubCommand
from emulator.fido.gesture import Command
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

NOBODY = "nobody; the key is known by its number to everybody"
PLATFORM = "the client, when it reads the answer"
UNTOLD = "the relying party that is not told"
USER = "the user"

_CONFIG, _INFO = CtapCommand.CONFIG, CtapCommand.GET_INFO
_MAKE, _GET, _PIN = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION, CtapCommand.CLIENT_PIN
_SET_MIN = SubCommand.SET_MIN_PIN_LENGTH
_SUCCESS = bytes((CtapStatus.SUCCESS,))

_fault = Family(prefix="config-", caught_by="whoever set it, and trusts that it holds")


def _minimum_forgotten(state: AuthenticatorState) -> None:
    verifying(min_pin_length=state.profile.min_pin_length)(state)


def _unheard(subcommand: SubCommand) -> Wrap:
    """A setting that is answered with success, and not made."""

    return lambda commands, _: ChangedCommands(
        commands,
        request=lambda message: bytes((_INFO,)) if asks(message, _CONFIG, subcommand) else message,
        answer=lambda message, answer: _SUCCESS if asks(message, _CONFIG, subcommand) else answer,
    )


def _unknowing_of_always_uv(*codes: CtapCommand, u2f: bool = False) -> Wrap:
    """Commands that do not know of alwaysUv: those of these codes, and with ``u2f`` U2F's."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def unknowing(command: Command) -> Command:
            kept = parts.store.configuration
            parts.store.set_configuration(replace(kept, always_uv=False))
            try:
                return (yield from command)
            finally:
                parts.store.set_configuration(kept)

        def run(message: bytes, command: Command, _: float) -> Command:
            return unknowing(command) if message[0] in codes else command

        def run_apdu(_: bytes, command: Command, __: float) -> Command:
            return unknowing(command) if u2f else command

        return ChangedCommands(inner, run=run, run_apdu=run_apdu)

    return wrap


def _minimum_told(commands: Commands, parts: Parts) -> Commands:
    """Every relying party that registers is one of those that setMinPINLength named."""

    def note(members: Members) -> None:
        if "id" in (rp := members.get(mc.RP, {})):
            named = parts.store.configuration.min_pin_length_rp_ids
            configured(min_pin_length_rp_ids=(*named, rp["id"]))(parts.state)

    return on_request(_MAKE, note)(commands, parts)


def _protocol_assumed(commands: Commands, parts: Parts) -> Commands:
    """Whatever protocol is named, or none, it is the preferred one."""

    def change(members: Members) -> Members | None:
        if config.PIN_UV_AUTH_PARAM not in members:
            return None
        return {**members, config.PIN_UV_AUTH_PROTOCOL: parts.profile.pin_uv_auth_protocols[0]}

    return on_request(_CONFIG, change)(commands, parts)


def _other_subcommands(message: bytes) -> Iterable[bytes]:
    place = len(AUTHENTICATED_PREFIX)
    return (message[:place] + bytes((each,)) + message[place + 1 :] for each in SubCommand)


def _up_false(members: Members) -> bool:
    return members.get(get_assertion.OPTIONS, {}).get("up") is False


FAULTS = (
    # §6.11
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
        taken_for_granted(_CONFIG, {config.SUB_COMMAND: SubCommand.TOGGLE_ALWAYS_UV}),
        caught_by=PLATFORM,
    ),
    _fault(
        "unknown-taken",
        "says that it made settings that it does not know",
        refusing(_CONFIG, CtapStatus.SUCCESS, lambda m: m.get(config.SUB_COMMAND, 1) not in {*SubCommand}),
        caught_by=PLATFORM,
    ),
    # §6.11.3
    _fault(
        "vendor-open",
        "has its maker's settings open to anyone, and does not say so",
        refusing(_CONFIG, CtapStatus.SUCCESS, lambda m: m.get(config.SUB_COMMAND) == 0xFF),
        caught_by="nobody, until somebody tries",
    ),
    # §6.11
    _fault(
        "refusals-unnamed",
        "says OTHER whatever is wrong with a setting",
        refusals_unnamed(_CONFIG),
        caught_by=PLATFORM,
    ),
    # §6.11.2
    _fault(
        "toggle-unheard",
        "says that it turned alwaysUv over, and does not",
        _unheard(SubCommand.TOGGLE_ALWAYS_UV),
    ),
    # §7.2
    _fault(
        "uv-not-required-still",
        "says that it always verifies its user, and that it does not for some credentials",
        on_answer(_INFO, entry_given(get_info.OPTIONS, "makeCredUvNotRqd", True)),
        caught_by=PLATFORM,
    ),
    # §6.1.2 step 6, §6.2.2 step 5
    _fault(
        "always-uv-for-show",
        "has alwaysUv on, and verifies nobody who does not ask for it",
        _unknowing_of_always_uv(_MAKE, _GET),
    ),
    # §6.11.2
    _fault(
        "always-uv-forgotten",
        "forgets alwaysUv at a power cycle",
        instead_of_power_cycle(configured(always_uv=False)),
    ),
    # §7.2.4
    _fault(
        "u2f-way-round",
        "has alwaysUv on, and U2F open beside it",
        _unknowing_of_always_uv(u2f=True),
    ),
    # §6.2.2 step 5
    _fault(
        "silence-refused",
        "wants its user verified even for an answer that proves nothing about them",
        refusing(_GET, CtapStatus.PUAT_REQUIRED, _up_false),
        caught_by="the client, which cannot ask quietly whose credential it is",
    ),
    # §6.11.4, §7.5
    _fault("min-pin-unheard", "says that it set a minimum PIN length, and does not", _unheard(_SET_MIN)),
    # §6.11.4
    _fault(
        "min-pin-lowered",
        "lets the minimum PIN length be lowered",
        before(_CONFIG, _minimum_forgotten, _SET_MIN),
    ),
    _fault(
        "min-pin-endless",
        "says that it takes a minimum PIN length that no PIN can have",
        on_status(_CONFIG, {CtapStatus.PIN_POLICY_VIOLATION: CtapStatus.SUCCESS}, _SET_MIN),
        caught_by=PLATFORM,
    ),
    _fault(
        "short-pin-kept",
        "keeps a PIN that has become too short",
        afterwards(_CONFIG, verifying(force_pin_change=False)),
    ),
    _fault(
        "min-pin-forgotten",
        "forgets the minimum PIN length at a power cycle",
        instead_of_power_cycle(_minimum_forgotten),
    ),
    # §6.5.5.7.2 step 11
    _fault(
        "force-for-show",
        "says that its PIN must be changed, and goes on with it",
        before(_PIN, verifying(force_pin_change=False)),
    ),
    # §6.5.5.6
    _fault(
        "force-for-ever",
        "says that its PIN must be changed even when it was",
        on_answer(_INFO, given(get_info.FORCE_PIN_CHANGE, True)),
        caught_by=USER,
    ),
    # §6.5.5.6 step 13
    _fault(
        "same-pin-taken",
        "takes the same PIN again where it must be changed",
        before(_PIN, verifying(force_pin_change=False), client_pin.SubCommand.CHANGE_PIN),
    ),
    # §6.11.4
    _fault(
        "force-without-pin",
        "says that it will have a PIN changed that there is not",
        on_status(_CONFIG, {CtapStatus.PIN_NOT_SET: CtapStatus.SUCCESS}),
        caught_by=PLATFORM,
    ),
    # §6.11.4 step 8
    _fault(
        "rp-ids-endless",
        "says that it keeps more relying parties than it has room for",
        on_status(_CONFIG, {CtapStatus.KEY_STORE_FULL: CtapStatus.SUCCESS}),
        caught_by=UNTOLD,
    ),
    # §12.5
    _fault(
        "rp-ids-forgotten",
        "tells no relying party of its minimum PIN length",
        afterwards(_CONFIG, configured(min_pin_length_rp_ids=())),
        caught_by=UNTOLD,
    ),
    _fault(
        "min-pin-told-to-all",
        "tells every relying party its minimum PIN length",
        _minimum_told,
        caught_by="nobody; keys of an organization are known by it to everybody",
    ),
    # §6.11.4, §7.5
    _fault(
        "complexity-for-show",
        "says that PINs that are easy to guess are refused, and takes them",
        before(_PIN, configured(pin_complexity_policy=False)),
    ),
    # §6.11.1
    _fault(
        "ep-unheard",
        "says that it enabled enterprise attestation, and does not",
        _unheard(SubCommand.ENABLE_ENTERPRISE_ATTESTATION),
    ),
    # §6.1.2 step 9
    _fault(
        "ep-never-disabled",
        "gives enterprise attestation before anyone enabled it",
        before(_MAKE, configured(enterprise_attestation=True)),
        caught_by=NOBODY,
    ),
    # §7.1, §6.1.2 step 9
    _fault(
        "ep-for-anyone",
        "tells its serial number to relying parties that it was not made for",
        on_request(_MAKE, changed(mc.ENTERPRISE_ATTESTATION, lambda _: 2)),
        caught_by=NOBODY,
    ),
    # §6.11.5
    _fault(
        "long-touch-unheard",
        "says that a reset takes a long touch from now on, and does not see to it",
        _unheard(SubCommand.ENABLE_LONG_TOUCH_FOR_RESET),
    ),
)
