"""Faults of who may manage credentials, by which token and command (CTAP 2.3 §6.8, §6.5.2.2, §6.13)."""

from __future__ import annotations

import hmac
from typing import Any

from emulator.faults.changes import Members
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.forgery import forging, signed
from emulator.faults.memory import on_power_cycle, put_back
from emulator.faults.messages import (
    asks,
    members_of,
    on_request,
    refusing,
)
from emulator.faults.wiring import ChangedCommands, together
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2 import credential_management as cm
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.credential_management import SubCommand
from emulator.fido.session import Permission
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

PLATFORM = "the client, when it reads the answer"
THIEF = "nobody at once: others than the owner see or change what is on the key"

_CM, _MAKE, _PIN = CtapCommand.CREDENTIAL_MANAGEMENT, CtapCommand.MAKE_CREDENTIAL, CtapCommand.CLIENT_PIN

_NEXT = (
    SubCommand.ENUMERATE_RPS_GET_NEXT_RP,
    SubCommand.ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL,
)

_fault = Family(prefix="cm-", caught_by=PLATFORM)


def _without_a_token(_: Parts, members: Members) -> Members | None:
    anonymous = cm.PIN_UV_AUTH_PARAM not in members and members.get(cm.SUB_COMMAND) not in _NEXT
    return members if anonymous else None


def _proves(token: bytes, message: bytes, number: Any, param: Any) -> bool:
    """Whether a pinUvAuthParam was made with ``token`` over ``message``, by the protocol of this number."""
    mac = hmac.digest(token, message, "sha256")
    return bool(param == (mac[:16] if number == 1 else mac))


def _params_unsigned(parts: Parts, members: Members) -> Members | None:
    """A pinUvAuthParam over the subcommand alone will do."""
    token = parts.state.session.token
    if token is None or cm.SUB_COMMAND_PARAMS not in members:
        return None
    number, param = members.get(cm.PIN_UV_AUTH_PROTOCOL), members.get(cm.PIN_UV_AUTH_PARAM)
    alone = bytes((members[cm.SUB_COMMAND],))
    return members if _proves(token.value, alone, number, param) else None


def _bound_refused(commands: Commands, parts: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        token = parts.state.session.token
        bound = token is not None and token.rp_id is not None and asks(message, _CM)
        return bytes((CtapStatus.PIN_AUTH_INVALID,)) if bound else answer

    return ChangedCommands(commands, answer=answer)


def _by_persistent_token(command: CtapCommand, protocol: int, param: int) -> Wrap:
    """The persistent token taken for ``command`` as if it permitted everything."""

    def taken(parts: Parts, members: Members) -> Members | None:
        token = parts.store.persistent_token
        if token is None or param not in members:
            return None
        proved = _proves(token, signed(command, members), members.get(protocol), members[param])
        return members if proved else None

    return forging(command, taken)


def _persistent_refused(commands: Commands, parts: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        token, members = parts.store.persistent_token, members_of(message)
        if token is None or not asks(message, _CM) or cm.PIN_UV_AUTH_PARAM not in members:
            return answer
        number, param = members.get(cm.PIN_UV_AUTH_PROTOCOL), members[cm.PIN_UV_AUTH_PARAM]
        proved = _proves(token, signed(_CM, members), number, param)
        return bytes((CtapStatus.PIN_AUTH_INVALID,)) if proved else answer

    return ChangedCommands(commands, answer=answer)


def _renew(state: AuthenticatorState) -> None:
    state.renew_persistent_token()


def _pcmr_dropped(members: Members) -> Members | None:
    asked = members.get(cp.PERMISSIONS)
    if not isinstance(asked, int) or asked in (0, Permission.PCMR):
        return None
    return {**members, cp.PERMISSIONS: asked & ~int(Permission.PCMR)}


FAULTS = (
    # §6.8
    _fault(
        "token-not-needed",
        "lists, renames and deletes its credentials for anyone, those with credProtect too",
        forging(_CM, _without_a_token),
        caught_by=THIEF,
    ),
    # §6.8.5
    _fault(
        "params-unsigned",
        "does not check what a request says besides its subcommand",
        forging(_CM, _params_unsigned),
        caught_by=THIEF,
    ),
    # §6.8.4
    _fault(
        "bound-refused",
        "lets no token manage credentials that is for one relying party",
        _bound_refused,
    ),
    # §6.8.5, §6.8.6, §6.5.5.7
    _fault(
        "persistent-writes",
        "lets a token that may read only delete, rename and register",
        together(
            _by_persistent_token(_CM, cm.PIN_UV_AUTH_PROTOCOL, cm.PIN_UV_AUTH_PARAM),
            _by_persistent_token(_MAKE, mc.PIN_UV_AUTH_PROTOCOL, mc.PIN_UV_AUTH_PARAM),
        ),
        caught_by=THIEF,
    ),
    # §6.8.2 to §6.8.4
    _fault(
        "persistent-refused",
        "gives a persistent token that is good for nothing",
        _persistent_refused,
    ),
    # §6.5.2.2
    _fault(
        "persistent-forgotten",
        "forgets its persistent token when power goes",
        on_power_cycle(_renew),
    ),
    # §6.5.5.6 step 20
    _fault(
        "persistent-outlives-the-pin",
        "takes the persistent token of before a change of the PIN",
        put_back(
            lambda parts: parts.store.persistent_token,
            lambda parts, token: parts.store.set_persistent_token(token),
            _PIN,
            cp.SubCommand.CHANGE_PIN,
        ),
        caught_by=THIEF,
    ),
    # §6.5.5.7, pcmr
    _fault(
        "persistent-among-others",
        "takes no notice of pcmr among other permissions",
        on_request(_PIN, _pcmr_dropped),
    ),
    # §6.13
    _fault(
        "preview-refused",
        "says that it has the preview of credential management, and has not",
        refusing(CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW, CtapStatus.INVALID_COMMAND),
    ),
)
