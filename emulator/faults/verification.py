"""Faults of built-in user verification (CTAP 2.3 §6.5.5.7.3, §6.5.3.1, §6.1.2, §6.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.registration import flipped, refusing
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    before,
    instead_of_power_cycle,
    on_answer,
    on_auth_data,
    on_request,
    on_status,
)
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.client_pin import SubCommand
from emulator.fido.gesture import Command
from emulator.fido.pin_protocol import BLOCK_LENGTH
from emulator.fido.session import Permission
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus
from emulator.security_key import Commands

OWNER = "the key's owner, once it is stolen: their finger no longer keeps a thief out"
PLATFORM = "the client, which cannot tell its user what to do"
USER = "the user"

_PIN, _MAKE, _GET = CtapCommand.CLIENT_PIN, CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION
_BY_UV = SubCommand.GET_TOKEN_USING_UV
_FLAGS = 32
Wrap = Callable[[Commands, Parts], Commands]


def _fault(name: str, sentence: str, commands: Wrap, *, caught_by: str = OWNER) -> Fault:
    return Fault(
        name=f"uv-{name}", layer=Layer.MEANING, sentence=sentence, caught_by=caught_by, commands=commands
    )


class _AnyFinger:
    """Commands that take whoever's finger it is for its user's."""

    def __init__(self, inner: Commands, _: Parts) -> None:
        self._inner = inner

    def cbor(self, message: bytes, now: float) -> Command:
        command = self._inner.cbor(message, now)
        try:
            asked = next(command)
            while True:
                try:
                    given = yield asked
                except CtapError as error:
                    asked = command.throw(error)
                else:
                    asked = command.send(replace(given, accepted=True))
        except StopIteration as ended:
            answer: bytes = ended.value
            return answer

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


def _retries_back(state: AuthenticatorState) -> None:
    restored = replace(state.store.user_verification, uv_retries=state.profile.uv_retries)
    state.store.set_user_verification(restored)


def _retries_not_restored(commands: Commands, parts: Parts) -> Commands:
    left = 0

    def request(message: bytes) -> bytes:
        nonlocal left
        left = parts.store.user_verification.uv_retries
        return message

    def answer(_: bytes, answer: bytes) -> bytes:
        found = parts.store.user_verification
        parts.store.set_user_verification(replace(found, uv_retries=min(left, found.uv_retries)))
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


def _everything_permitted(state: AuthenticatorState) -> None:
    if (token := state.session.token) is not None:
        token.permissions = Permission(sum(Permission))


def _option_dropped(members: Members) -> Members | None:
    member = mc.OPTIONS if mc.OPTIONS in members else 5
    options = {name: value for name, value in members.get(member, {}).items() if name != "uv"}
    rest = {number: value for number, value in members.items() if number != member}
    return {**rest, member: options} if options else rest


def _assumed(members: Members) -> Members:
    return {**members, cp.PERMISSIONS: members.get(cp.PERMISSIONS) or 1, cp.RP_ID: members.get(cp.RP_ID, "x")}


def _unverified(members: Members) -> bool:
    return mc.PIN_UV_AUTH_PARAM not in members and not members.get(mc.OPTIONS, {}).get("uv")


FAULTS = (
    _fault("any-finger", "takes whoever's finger it is for its user's", _AnyFinger),
    _fault("retries-not-counted", "lets fingers be tried without end", before(_PIN, _retries_back)),
    _fault(
        "retries-too-many",
        "lets fingers be tried thirty times",
        on_answer(_PIN, lambda m: {**m, cp.UV_RETRIES: 30}, subcommand=SubCommand.GET_UV_RETRIES),
    ),
    _fault(
        "retries-not-restored",
        "does not give the tries back for the right finger, nor for the PIN",
        _retries_not_restored,
        caught_by=USER,
    ),
    _fault(
        "block-lifted",
        "gives all tries back at a power cycle",
        instead_of_power_cycle(lambda state, _: _retries_back(state)),
    ),
    _fault(
        "blocked-unsaid",
        "does not say that its sensor is blocked",
        on_status(_PIN, {CtapStatus.UV_BLOCKED: CtapStatus.UV_INVALID}, subcommand=_BY_UV),
        caught_by=PLATFORM,
    ),
    _fault(
        "refusal-as-pin",
        "says that a PIN was wrong where it was a finger",
        on_status(_PIN, {CtapStatus.UV_INVALID: CtapStatus.PIN_INVALID}, subcommand=_BY_UV),
        caught_by=PLATFORM,
    ),
    _fault(
        "permits-everything",
        "lets a finger do what takes the PIN",
        on_status(_PIN, {CtapStatus.UNAUTHORIZED_PERMISSION: CtapStatus.SUCCESS}, subcommand=_BY_UV),
    ),
    _fault(
        "permissions-assumed",
        "permits what nobody asked for",
        on_request(_PIN, _assumed, subcommand=_BY_UV),
        caught_by=PLATFORM,
    ),
    _fault(
        "token-short",
        "gives tokens of half the length for a finger",
        on_answer(
            _PIN,
            lambda m: {**m, cp.PIN_UV_AUTH_TOKEN: m[cp.PIN_UV_AUTH_TOKEN][:-BLOCK_LENGTH]},
            subcommand=_BY_UV,
        ),
    ),
    _fault("permissions-unlimited", "permits everything by any token", before(None, _everything_permitted)),
    _fault(
        "unset-unnamed",
        "says that a finger was wrong where it knows none",
        on_status(_PIN, {CtapStatus.NOT_ALLOWED: CtapStatus.UV_INVALID}, subcommand=_BY_UV),
        caught_by=PLATFORM,
    ),
    _fault(
        "option-ignored-registering",
        "registers by a touch where its user was to be verified",
        on_request(_MAKE, _option_dropped),
        caught_by="the relying party, which demands user verification",
    ),
    _fault(
        "option-ignored-signing-in",
        "signs in by a touch where its user was to be verified",
        on_request(_GET, _option_dropped),
        caught_by="the relying party, which demands user verification",
    ),
    _fault(
        "flag-not-set",
        "does not say that it verified its user",
        on_auth_data(_MAKE, _GET, change=flipped(_FLAGS, Flags.UV)),
        caught_by="the relying party, which demands user verification",
    ),
    _fault(
        "not-needed",
        "registers by a touch though it says that it verifies its user",
        on_status(
            _MAKE,
            {
                CtapStatus.OPERATION_DENIED: CtapStatus.SUCCESS,
                CtapStatus.PUAT_REQUIRED: CtapStatus.SUCCESS,
            },
        ),
    ),
    _fault(
        "needed-after-all",
        "says that a touch will do to register, and then it does not",
        refusing(_MAKE, _unverified, CtapStatus.PUAT_REQUIRED),
        caught_by=PLATFORM,
    ),
)
