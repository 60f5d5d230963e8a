"""Faults of built-in user verification (CTAP 2.3 §6.5.5.7.3, §6.5.3.1, §6.1.2, §6.2.2)."""

from __future__ import annotations

from dataclasses import replace

from emulator.faults.changes import Members, changed, entry_dropped, flipped, given
from emulator.faults.fault import Family, Parts
from emulator.faults.memory import before, instead_of_power_cycle, put_back, verifying
from emulator.faults.messages import on_answer, on_request, on_status, refusing
from emulator.faults.signing import FLAGS, on_auth_data
from emulator.faults.wiring import ChangedCommands, together
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.client_pin import SubCommand
from emulator.fido.gesture import Command
from emulator.fido.pin_protocol import BLOCK_LENGTH
from emulator.fido.session import Permission
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus

PLATFORM = "the client, which cannot tell its user what to do"
RELYING_PARTY = "the relying party, which demands user verification"
USER = "the user"

_PIN, _MAKE, _GET = CtapCommand.CLIENT_PIN, CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION
_BY_UV = SubCommand.GET_TOKEN_USING_UV

_fault = Family(
    prefix="uv-", caught_by="the key's owner, once it is stolen: their finger no longer keeps a thief out"
)


def _any_finger(_: bytes, command: Command, __: float) -> Command:
    """A command that takes whoever's finger it is for its user's."""
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


def _retries_back(state: AuthenticatorState) -> None:
    verifying(uv_retries=state.profile.uv_retries)(state)


def _retries_at_most(parts: Parts, left: int) -> None:
    verifying(uv_retries=min(left, parts.store.user_verification.uv_retries))(parts.state)


def _everything_permitted(state: AuthenticatorState) -> None:
    if (token := state.session.token) is not None:
        token.permissions = Permission(sum(Permission))


def _assumed(members: Members) -> Members:
    return {**members, cp.PERMISSIONS: members.get(cp.PERMISSIONS) or 1, cp.RP_ID: members.get(cp.RP_ID, "x")}


def _unverified(members: Members) -> bool:
    return mc.PIN_UV_AUTH_PARAM not in members and not members.get(mc.OPTIONS, {}).get("uv")


FAULTS = (
    # §6.5.5.7.3 step 10, §6.1.2 step 11
    _fault(
        "any-finger",
        "takes whoever's finger it is for its user's",
        lambda commands, _: ChangedCommands(commands, run=_any_finger),
    ),
    # §6.5.5.7.3 step 10, §6.5.5.7.3 step 7
    _fault("retries-not-counted", "lets fingers be tried without end", before(_PIN, _retries_back)),
    # §6.5.2.3
    _fault(
        "retries-too-many",
        "lets fingers be tried thirty times",
        on_answer(_PIN, given(cp.UV_RETRIES, 30), SubCommand.GET_UV_RETRIES),
    ),
    # §6.5.3.1, §6.5.5.7.2
    _fault(
        "retries-not-restored",
        "does not give the tries back for the right finger, nor for the PIN",
        put_back(lambda parts: parts.store.user_verification.uv_retries, _retries_at_most, None),
        caught_by=USER,
    ),
    # §6.5.2.3
    _fault(
        "block-lifted",
        "gives all tries back at a power cycle",
        instead_of_power_cycle(_retries_back),
    ),
    # §6.5.5.7.3 step 7
    _fault(
        "blocked-unsaid",
        "does not say that its sensor is blocked",
        on_status(_PIN, {CtapStatus.UV_BLOCKED: CtapStatus.UV_INVALID}, _BY_UV),
        caught_by=PLATFORM,
    ),
    # §6.5.5.7.3 step 10
    _fault(
        "refusal-as-pin",
        "says that a PIN was wrong where it was a finger",
        on_status(_PIN, {CtapStatus.UV_INVALID: CtapStatus.PIN_INVALID}, _BY_UV),
        caught_by=PLATFORM,
    ),
    # §6.4, §6.5.5.7.3 step 4
    _fault(
        "permits-everything",
        "lets a finger do what takes the PIN",
        on_status(_PIN, {CtapStatus.UNAUTHORIZED_PERMISSION: CtapStatus.SUCCESS}, _BY_UV),
    ),
    # §6.5.5.7.3 step 3, §6.5.5.7.3 step 1
    _fault(
        "permissions-assumed",
        "permits what nobody asked for",
        on_request(_PIN, _assumed, _BY_UV),
        caught_by=PLATFORM,
    ),
    # §6.5.5.7.3
    _fault(
        "token-short",
        "gives tokens of half the length for a finger",
        on_answer(
            _PIN,
            changed(cp.PIN_UV_AUTH_TOKEN, lambda token: token[:-BLOCK_LENGTH]),
            _BY_UV,
        ),
    ),
    # §6.1.2 step 11
    _fault("permissions-unlimited", "permits everything by any token", before(None, _everything_permitted)),
    # §6.5.5.7.3 step 5
    _fault(
        "unset-unnamed",
        "says that a finger was wrong where it knows none",
        on_status(_PIN, {CtapStatus.NOT_ALLOWED: CtapStatus.UV_INVALID}, _BY_UV),
        caught_by=PLATFORM,
    ),
    # §6.1.2 step 11, §6.1.2 step 5.3
    _fault(
        "option-ignored-registering",
        "registers by a touch where its user was to be verified",
        on_request(_MAKE, entry_dropped(mc.OPTIONS, "uv")),
        caught_by=RELYING_PARTY,
    ),
    # §6.2.2 step 6
    _fault(
        "option-ignored-signing-in",
        "signs in by a touch where its user was to be verified",
        on_request(_GET, entry_dropped(ga.OPTIONS, "uv")),
        caught_by=RELYING_PARTY,
    ),
    # §6.5.5.7.3, §6.1.2 step 11, §6.2.2 step 6
    _fault(
        "flag-not-set",
        "does not say that it verified its user",
        together(on_auth_data(_MAKE, flipped(FLAGS, Flags.UV)), on_auth_data(_GET, flipped(FLAGS, Flags.UV))),
        caught_by=RELYING_PARTY,
    ),
    # §6.1.2 step 11, §6.1.2 step 8
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
    # §6.1.2 step 10
    _fault(
        "needed-after-all",
        "says that a touch will do to register, and then it does not",
        refusing(_MAKE, CtapStatus.PUAT_REQUIRED, _unverified),
        caught_by=PLATFORM,
    ),
)
