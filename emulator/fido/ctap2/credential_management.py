"""authenticatorCredentialManagement (CTAP 2.3 §6.8), and its preview (§6.13) under another command byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import sha256
from typing import Any

from emulator.fido import cbor
from emulator.fido.credential import Credential
from emulator.fido.ctap2.extensions import THIRD_PARTY_PAYMENT
from emulator.fido.ctap2.parameters import PUBLIC_KEY, optional, parameters, required
from emulator.fido.ctap2.verification import check_token, known_protocol
from emulator.fido.session import Enumeration, Permission, PinUvAuthToken, RememberedAssertions
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus

SUB_COMMAND = 0x01
SUB_COMMAND_PARAMS = 0x02
PIN_UV_AUTH_PROTOCOL = 0x03
PIN_UV_AUTH_PARAM = 0x04

RP_ID_HASH_PARAM = 0x01
CREDENTIAL_ID_PARAM = 0x02
USER_PARAM = 0x03

EXISTING_RESIDENT_CREDENTIALS_COUNT = 0x01
MAX_POSSIBLE_REMAINING_RESIDENT_CREDENTIALS_COUNT = 0x02
RP = 0x03
RP_ID_HASH = 0x04
TOTAL_RPS = 0x05
USER = 0x06
CREDENTIAL_ID = 0x07
PUBLIC_KEY_OF_CREDENTIAL = 0x08
TOTAL_CREDENTIALS = 0x09
CRED_PROTECT = 0x0A
LARGE_BLOB_KEY = 0x0B
THIRD_PARTY_PAYMENT_OF_CREDENTIAL = 0x0C

NEXT_TIME_LIMIT = 30.0
"""Seconds from one answer of an enumeration to the request for the next (§6, stateful commands)."""

Answers = list[Callable[[], dict[int, Any]]]


class SubCommand(IntEnum):
    """§6.8, the subcommands."""

    GET_CREDS_METADATA = 0x01
    ENUMERATE_RPS_BEGIN = 0x02
    ENUMERATE_RPS_GET_NEXT_RP = 0x03
    ENUMERATE_CREDENTIALS_BEGIN = 0x04
    ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL = 0x05
    DELETE_CREDENTIAL = 0x06
    UPDATE_USER_INFORMATION = 0x07


READ_ONLY = (
    SubCommand.GET_CREDS_METADATA,
    SubCommand.ENUMERATE_RPS_BEGIN,
    SubCommand.ENUMERATE_CREDENTIALS_BEGIN,
)
"""What the persistentPinUvAuthToken is good for (§6.5.5.7, pcmr)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """§6.8, the parameters; ``preview`` says that they came under the preview's command byte."""

    sub_command: int
    params: Mapping[Any, Any] | None
    pin_uv_auth_protocol: int | None
    pin_uv_auth_param: bytes | None
    preview: bool

    @classmethod
    def parse(cls, data: Any, *, preview: bool = False) -> Request:
        data = parameters(data)
        return cls(
            sub_command=required(data, SUB_COMMAND, int),
            params=optional(data, SUB_COMMAND_PARAMS, dict),
            pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
            pin_uv_auth_param=optional(data, PIN_UV_AUTH_PARAM, bytes),
            preview=preview,
        )


def run(
    state: AuthenticatorState,
    request: Request,
    begun: RememberedAssertions | Enumeration | None,
    now: float,
) -> dict[int, Any] | None:
    """The subcommand's answer; ``begun`` is what the command before this one left to go on from."""
    known = set(SubCommand) - ({SubCommand.UPDATE_USER_INFORMATION} if request.preview else set())
    if request.sub_command not in known:
        raise CtapError(CtapStatus.INVALID_SUBCOMMAND)
    match SubCommand(request.sub_command):
        case SubCommand.GET_CREDS_METADATA:
            return get_creds_metadata(state, request, now)
        case SubCommand.ENUMERATE_RPS_BEGIN:
            return enumerate_rps_begin(state, request, now)
        case SubCommand.ENUMERATE_CREDENTIALS_BEGIN:
            return enumerate_credentials_begin(state, request, now)
        case SubCommand.DELETE_CREDENTIAL:
            delete_credential(state, request, now)
        case SubCommand.UPDATE_USER_INFORMATION:
            update_user_information(state, request, now)
        case next_one:
            return _next(state, next_one, begun, now)
    return None


def get_creds_metadata(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """§6.8.2."""
    _authorize(state, request, now)
    existing = state.store.credential_count
    return {
        EXISTING_RESIDENT_CREDENTIALS_COUNT: existing,
        MAX_POSSIBLE_REMAINING_RESIDENT_CREDENTIALS_COUNT: state.profile.discoverable_credentials - existing,
    }


def enumerate_rps_begin(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """§6.8.3, the first of the relying parties that have credentials here, and how many there are."""
    token = _authorize(state, request, now)

    def answer(rp_id_hash: bytes) -> dict[int, Any]:
        (newest, *_) = state.store.credentials(rp_id_hash)
        return {RP: {"id": newest.rp_id}, RP_ID_HASH: rp_id_hash}

    answers = [_later(answer, rp_id_hash) for rp_id_hash in state.store.rp_id_hashes]
    return _begin(state, SubCommand.ENUMERATE_RPS_GET_NEXT_RP, answers, TOTAL_RPS, token, now)


def enumerate_credentials_begin(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """§6.8.4, the newest credential of a relying party, and how many it has."""
    rp_id_hash = required(_params(request), RP_ID_HASH_PARAM, bytes)
    token = _authorize(state, request, now, rp_id_hash)

    def answer(credential: Credential) -> dict[int, Any]:
        return _describe(state, credential)

    answers = [_later(answer, credential) for credential in state.store.credentials(rp_id_hash)]
    next_one = SubCommand.ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL
    return _begin(state, next_one, answers, TOTAL_CREDENTIALS, token, now)


def delete_credential(state: AuthenticatorState, request: Request, now: float) -> None:
    """§6.8.5."""
    state.store.delete(_named(state, request, now).credential_id)


def update_user_information(state: AuthenticatorState, request: Request, now: float) -> None:
    """§6.8.6: another name and display name, or none, for the same user."""
    user = required(_params(request), USER_PARAM, dict)
    user_id, name = required(user, "id", bytes), optional(user, "name", str)
    display_name = optional(user, "displayName", str)
    credential = _named(state, request, now)
    if credential.user_id != user_id:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    # What is empty is removed.
    updated = replace(credential, user_name=name or None, user_display_name=display_name or None)
    state.store.update(updated)


def _params(request: Request) -> Mapping[Any, Any]:
    """The subCommandParams, which must be there; but first of all the request must be authenticated."""
    if request.pin_uv_auth_param is None:
        raise CtapError(CtapStatus.PUAT_REQUIRED)
    if request.params is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    return request.params


def _named(state: AuthenticatorState, request: Request, now: float) -> Credential:
    """The credential that the request names, if its token may touch it."""
    descriptor = required(_params(request), CREDENTIAL_ID_PARAM, dict)
    credential_id, kind = required(descriptor, "id", bytes), required(descriptor, "type", str)
    credential = state.store.credential(credential_id) if kind == PUBLIC_KEY else None
    _authorize(state, request, now, None if credential is None else credential.rp_id_hash)
    if credential is None:
        raise CtapError(CtapStatus.NO_CREDENTIALS)
    return credential


def _authorize(
    state: AuthenticatorState, request: Request, now: float, rp_id_hash: bytes | None = None
) -> PinUvAuthToken | None:
    """The token that authenticates subCommand ‖ subCommandParams; ``None`` is the persistent one.

    A token that is bound to a relying party is good for that one's credentials (``rp_id_hash``) alone. The
    preview knows no permissions.
    """
    param = request.pin_uv_auth_param
    if param is None:
        raise CtapError(CtapStatus.PUAT_REQUIRED)
    number = known_protocol(state, request.pin_uv_auth_protocol)
    message = bytes((request.sub_command,))
    if request.params is not None:
        message += cbor.encode(request.params)
    persistent = state.store.persistent_token if state.profile.persistent_credential_management else None
    if (
        persistent is not None
        and request.sub_command in READ_ONLY
        and state.session.protocols[number].verify(persistent, message, param)
    ):
        return None
    if request.preview:
        return check_token(state, Permission(0), message, param, number, now)
    token = check_token(state, Permission.CM, message, param, number, now)
    if token.rp_id is not None and sha256(token.rp_id.encode()).digest() != rp_id_hash:
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    return token


def _describe(state: AuthenticatorState, credential: Credential) -> dict[int, Any]:
    key = state.session.load_key(credential.algorithm, credential.private_key)
    answer: dict[int, Any] = {
        USER: credential.user(names=True),
        CREDENTIAL_ID: {"id": credential.credential_id, "type": PUBLIC_KEY},
        PUBLIC_KEY_OF_CREDENTIAL: key.cose_key(),
        CRED_PROTECT: credential.cred_protect,
    }
    if credential.large_blob_key is not None:
        answer[LARGE_BLOB_KEY] = credential.large_blob_key
    if THIRD_PARTY_PAYMENT in state.profile.extensions:
        answer[THIRD_PARTY_PAYMENT_OF_CREDENTIAL] = credential.third_party_payment
    return answer


def _later(answer: Callable[[Any], dict[int, Any]], of: Any) -> Callable[[], dict[int, Any]]:
    return lambda: answer(of)


def _begin(
    state: AuthenticatorState,
    next_one: SubCommand,
    answers: Answers,
    total: int,
    token: PinUvAuthToken | None,
    now: float,
) -> dict[int, Any]:
    """The first answer, with the ``total`` in it; the rest is left for the subcommand that goes on."""
    if not answers:
        raise CtapError(CtapStatus.NO_CREDENTIALS)
    response = answers[0]() | {total: len(answers)}
    _remember(state, next_one, answers[:0:-1], token, now)
    return response


def _next(
    state: AuthenticatorState,
    sub_command: SubCommand,
    begun: RememberedAssertions | Enumeration | None,
    now: float,
) -> dict[int, Any]:
    """The next answer, unless there is none, time is up, or the token has run out meanwhile (§6)."""
    if (
        not isinstance(begun, Enumeration)
        or begun.sub_command != sub_command
        or now > begun.deadline
        or (begun.token is not None and not begun.token.in_use(now))
    ):
        raise CtapError(CtapStatus.NOT_ALLOWED)
    *rest, answer = begun.answers
    _remember(state, sub_command, rest, begun.token, now)
    return answer()


def _remember(
    state: AuthenticatorState,
    next_one: SubCommand,
    answers: Answers,
    token: PinUvAuthToken | None,
    now: float,
) -> None:
    if answers:
        state.session.remembered = Enumeration(
            sub_command=next_one, answers=answers, token=token, deadline=now + NEXT_TIME_LIMIT
        )
