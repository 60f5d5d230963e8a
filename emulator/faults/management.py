"""Faults of credential management and of the persistent token (CTAP 2.3 §6.8, §6.5.2.2)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.forgery import forging, signed
from emulator.faults.registration import refusals_unnamed, refusing, without
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    instead_of_power_cycle,
    members_of,
    on_answer,
    on_request,
    on_status,
)
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2 import credential_management as cm
from emulator.fido.ctap2.credential_management import SubCommand
from emulator.fido.gesture import Command
from emulator.fido.session import Permission, Session
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

OWNER = "the key's owner, in a list of passkeys that is not what is on the key"
PLATFORM = "the client, when it reads the answer"
THIEF = "nobody at once: others than the owner see or change what is on the key"

_CM = CtapCommand.CREDENTIAL_MANAGEMENT
_BEGIN = (SubCommand.ENUMERATE_RPS_BEGIN, SubCommand.ENUMERATE_CREDENTIALS_BEGIN)
_NEXT = (SubCommand.ENUMERATE_RPS_GET_NEXT_RP, SubCommand.ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL)
_SUCCESS, _NOT_ALLOWED = bytes((CtapStatus.SUCCESS,)), bytes((CtapStatus.NOT_ALLOWED,))

Wrap = Callable[[Commands, Parts], Commands]


def _fault(name: str, sentence: str, commands: Wrap, *, caught_by: str = OWNER) -> Fault:
    return Fault(
        name=f"cm-{name}", layer=Layer.MEANING, sentence=sentence, caught_by=caught_by, commands=commands
    )


def _sub_command(message: bytes) -> int | None:
    """Of credential management; ``None`` for every other command."""
    found = members_of(message).get(cm.SUB_COMMAND) if message[:1] == bytes((_CM,)) else None
    return found if isinstance(found, int) else None


def _told(change: Callable[[Members], Members], *sub_commands: SubCommand) -> Wrap:
    """Successful answers to these subcommands changed."""

    def answer(message: bytes, answer: bytes) -> bytes:
        if answer[0] != CtapStatus.SUCCESS or _sub_command(message) not in sub_commands:
            return answer
        return answer[:1] + cbor.encode(change(members_of(answer)))

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def _of_rp(change: Callable[[Members], Members]) -> Wrap:
    return _told(change, SubCommand.ENUMERATE_RPS_BEGIN, SubCommand.ENUMERATE_RPS_GET_NEXT_RP)


def _of_credential(change: Callable[[Members], Members]) -> Wrap:
    begin, next_one = _BEGIN[1], _NEXT[1]
    return _told(change, begin, next_one)


def _of_metadata(change: Callable[[int, int], tuple[int, int]]) -> Wrap:
    def changed(members: Members) -> Members:
        existing, remaining = change(members[1], members[2])
        return {1: existing, 2: remaining}

    return on_answer(_CM, changed, subcommand=SubCommand.GET_CREDS_METADATA)


def _counts_everything(commands: Commands, _: Parts) -> Commands:
    """Credentials that are kept nowhere counted too."""
    made = 0

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal made
        request = members_of(message)
        if message[:1] == bytes((CtapCommand.MAKE_CREDENTIAL,)) and not answer[0]:
            made += not request.get(7, {}).get("rk")
        if _sub_command(message) == SubCommand.GET_CREDS_METADATA and not answer[0]:
            members = members_of(answer)
            return answer[:1] + cbor.encode({**members, 1: members[1] + made})
        return answer

    return ChangedCommands(commands, answer=answer)


def _first_again(begin: SubCommand, next_one: SubCommand, total: int) -> Wrap:
    """The first answer of an enumeration for each that follows."""

    def wrap(commands: Commands, _: Parts) -> Commands:
        first = b""

        def answer(message: bytes, answer: bytes) -> bytes:
            nonlocal first
            if answer[0] == CtapStatus.SUCCESS and _sub_command(message) == begin:
                first = answer[:1] + cbor.encode(without(total)(members_of(answer)))
            return first if not answer[0] and _sub_command(message) == next_one else answer

        return ChangedCommands(commands, answer=answer)

    return wrap


def _last_again(commands: Commands, _: Parts) -> Commands:
    """Who asks out of turn gets what was given last."""
    last = _SUCCESS

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal last
        if _sub_command(message) in (*_BEGIN, *_NEXT) and answer[0] == CtapStatus.SUCCESS:
            last = answer
        return last if _sub_command(message) in _NEXT and answer == _NOT_ALLOWED else answer

    return ChangedCommands(commands, answer=answer)


def _none_is_success(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        none = answer == bytes((CtapStatus.NO_CREDENTIALS,)) and _sub_command(message) in _BEGIN
        return _SUCCESS + cbor.encode({cm.TOTAL_RPS: 0}) if none else answer

    return ChangedCommands(commands, answer=answer)


class _NextForEver:
    """Enumerations whose time does not pass."""

    def __init__(self, inner: Commands) -> None:
        self._inner, self._begun = inner, 0.0

    def cbor(self, message: bytes, now: float) -> Command:
        if _sub_command(message) in _NEXT:
            now = self._begun
        else:
            self._begun = now
        return self._inner.cbor(message, now)

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


def _of_the_first(parts: Parts, members: Members) -> Members | None:
    """Whosever credentials are asked for, those of the relying party that came first."""
    found = parts.store.rp_id_hashes
    if members.get(cm.SUB_COMMAND) != SubCommand.ENUMERATE_CREDENTIALS_BEGIN or not found:
        return None
    named = cm.RP_ID_HASH_PARAM in members.get(cm.SUB_COMMAND_PARAMS, {})
    return {**members, cm.SUB_COMMAND_PARAMS: {cm.RP_ID_HASH_PARAM: found[0]}} if named else None


# What is done to credentials.


def _named(parts: Parts, message: bytes) -> Credential | None:
    params = members_of(message).get(cm.SUB_COMMAND_PARAMS)
    descriptor = params.get(cm.CREDENTIAL_ID_PARAM) if isinstance(params, dict) else None
    return parts.store.credential(descriptor["id"]) if isinstance(descriptor, dict) else None


def _afterwards(sub_command: SubCommand, act: Callable[[Parts, Credential], None]) -> Wrap:
    """Something done after a success with the credential as it was before."""

    def wrap(commands: Commands, parts: Parts) -> Commands:
        found: Credential | None = None

        def request(message: bytes) -> bytes:
            nonlocal found
            found = _named(parts, message) if _sub_command(message) == sub_command else None
            return message

        def answer(_: bytes, answer: bytes) -> bytes:
            if found is not None and answer[0] == CtapStatus.SUCCESS:
                act(parts, found)
            return answer

        return ChangedCommands(commands, request=request, answer=answer)

    return wrap


def _delete_others(parts: Parts, deleted: Credential) -> None:
    for other in parts.store.credentials(deleted.rp_id_hash):
        parts.store.delete(other.credential_id)


def _hides(commands: Commands, parts: Parts) -> Commands:
    """What is deleted is not listed any more, and signs as before."""
    hidden: list[Credential] = []

    def request(message: bytes) -> bytes:
        if message[:1] == bytes((CtapCommand.GET_ASSERTION,)):
            for credential in hidden:
                parts.store.put(credential)
        return message

    def answer(message: bytes, answer: bytes) -> bytes:
        if message[:1] == bytes((CtapCommand.GET_ASSERTION,)):
            for credential in hidden:
                parts.store.delete(credential.credential_id)
        return answer

    inner = _afterwards(SubCommand.DELETE_CREDENTIAL, lambda _, found: hidden.append(found))(commands, parts)
    return ChangedCommands(inner, request=request, answer=answer)


def _keeps_room(commands: Commands, parts: Parts) -> Commands:
    """The room of what is deleted is not given back."""
    deleted: list[Credential] = []
    inner = _afterwards(SubCommand.DELETE_CREDENTIAL, lambda _, found: deleted.append(found))(commands, parts)
    return _of_metadata(lambda existing, remaining: (existing, remaining - len(deleted)))(inner, parts)


def _put_back(parts: Parts, before: Credential) -> None:
    parts.store.update(before)


def _merge(parts: Parts, before: Credential) -> None:
    now = parts.store.credential(before.credential_id)
    assert now is not None, "it was updated just now"
    name, display_name = now.user_name or before.user_name, now.user_display_name or before.user_display_name
    parts.store.update(replace(now, user_name=name, user_display_name=display_name))


def _any_user(parts: Parts, members: Members) -> Members | None:
    """Whichever user is named, the credential's own."""
    found = _named(parts, b"\x0a" + cbor.encode(members))
    if members.get(cm.SUB_COMMAND) != SubCommand.UPDATE_USER_INFORMATION or found is None:
        return None
    params = members[cm.SUB_COMMAND_PARAMS]
    user = {**params[cm.USER_PARAM], "id": found.user_id}
    return {**members, cm.SUB_COMMAND_PARAMS: {**params, cm.USER_PARAM: user}}


# Who may.


def _without_a_token(_: Parts, members: Members) -> Members | None:
    anonymous = cm.PIN_UV_AUTH_PARAM not in members and members.get(cm.SUB_COMMAND) not in _NEXT
    return members if anonymous else None


def _verifies(parts: Parts, value: bytes, message: bytes, number: Any, param: Any) -> bool:
    mac = hmac.digest(value, message, "sha256")
    return bool(param == (mac[:16] if number == 1 else mac))


def _params_unsigned(parts: Parts, members: Members) -> Members | None:
    """A pinUvAuthParam over the subcommand alone will do."""
    token = parts.state.session.token
    if token is None or cm.SUB_COMMAND_PARAMS not in members:
        return None
    number, param = members.get(cm.PIN_UV_AUTH_PROTOCOL), members.get(cm.PIN_UV_AUTH_PARAM)
    alone = bytes((members[cm.SUB_COMMAND],))
    return members if _verifies(parts, token.value, alone, number, param) else None


def _bound_refused(commands: Commands, parts: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        token = parts.state.session.token
        bound = token is not None and token.rp_id is not None and _sub_command(message) is not None
        return bytes((CtapStatus.PIN_AUTH_INVALID,)) if bound else answer

    return ChangedCommands(commands, answer=answer)


def _by_persistent_token(command: CtapCommand, protocol: int, param: int) -> Wrap:
    """The persistent token taken for ``command`` as if it permitted everything."""

    def taken(parts: Parts, members: Members) -> Members | None:
        token = parts.store.persistent_token
        if token is None or param not in members:
            return None
        message = signed(command, members)
        proved = _verifies(parts, token, message, members.get(protocol), members[param])
        return members if proved else None

    return forging(command, taken)


def _persistent_writes(commands: Commands, parts: Parts) -> Commands:
    commands = _by_persistent_token(CtapCommand.CREDENTIAL_MANAGEMENT, 3, 4)(commands, parts)
    return _by_persistent_token(CtapCommand.MAKE_CREDENTIAL, 9, 8)(commands, parts)


def _persistent_refused(commands: Commands, parts: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        token, members = parts.store.persistent_token, members_of(message)
        if token is None or _sub_command(message) is None or cm.PIN_UV_AUTH_PARAM not in members:
            return answer
        number, param = members.get(cm.PIN_UV_AUTH_PROTOCOL), members[cm.PIN_UV_AUTH_PARAM]
        proved = _verifies(parts, token, signed(_CM, members), number, param)
        return bytes((CtapStatus.PIN_AUTH_INVALID,)) if proved else answer

    return ChangedCommands(commands, answer=answer)


def _forgets_persistent(state: AuthenticatorState, now: float) -> None:
    state.session = Session(state.profile.pin_uv_auth_protocols, state.random_bytes, now)
    state.renew_persistent_token()


def _outlives_the_pin(commands: Commands, parts: Parts) -> Commands:
    """The persistent token stays what it was when the PIN is changed."""
    before: bytes | None = None

    def request(message: bytes) -> bytes:
        nonlocal before
        before = parts.store.persistent_token
        return message

    def answer(message: bytes, answer: bytes) -> bytes:
        if members_of(message).get(cp.SUB_COMMAND) == cp.SubCommand.CHANGE_PIN and message[0] == 6:
            parts.store.set_persistent_token(before)
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


def _pcmr_dropped(members: Members) -> Members | None:
    asked = members.get(cp.PERMISSIONS)
    if not isinstance(asked, int) or asked in (0, Permission.PCMR):
        return None
    return {**members, cp.PERMISSIONS: asked & ~int(Permission.PCMR)}


FAULTS = (
    _fault(
        "count-wrong",
        "says that it keeps one credential, however many it keeps",
        _of_metadata(lambda _, remaining: (1, remaining)),
    ),
    _fault(
        "room-unchanged",
        "says that it has all its room however much it keeps",
        _of_metadata(lambda existing, remaining: (existing, existing + remaining)),
    ),
    _fault(
        "counts-everything",
        "counts credentials among those that it keeps which it does not",
        _counts_everything,
    ),
    _fault(
        "rp-hash-wrong",
        "lists relying parties under hashes that are not theirs",
        _of_rp(lambda m: {**m, cm.RP_ID_HASH: sha256(m[cm.RP_ID_HASH]).digest()}),
        caught_by=PLATFORM,
    ),
    _fault(
        "rp-unnamed",
        "lists relying parties without their names",
        _of_rp(lambda m: {**m, cm.RP: {"id": ""}}),
    ),
    _fault(
        "rps-repeat",
        "lists its first relying party again and again",
        _first_again(_BEGIN[0], _NEXT[0], cm.TOTAL_RPS),
    ),
    _fault(
        "credentials-repeat",
        "lists the first credential of a relying party again and again",
        _first_again(_BEGIN[1], _NEXT[1], cm.TOTAL_CREDENTIALS),
    ),
    _fault(
        "none-is-success",
        "lists nothing, and calls it a success",
        _none_is_success,
        caught_by=PLATFORM,
    ),
    _fault(
        "next-out-of-turn",
        "tells whoever asks for the next one what it told last, without a token",
        _last_again,
        caught_by=THIEF,
    ),
    _fault(
        "next-for-ever",
        "goes on with an enumeration however late",
        lambda commands, _: _NextForEver(commands),
        caught_by=THIEF,
    ),
    _fault(
        "of-another-relying-party",
        "lists the credentials of another relying party than was asked for",
        forging(_CM, _of_the_first),
    ),
    _fault(
        "public-key-wrong",
        "lists a public key that is not the credential's",
        _of_credential(
            lambda m: {**m, cm.PUBLIC_KEY_OF_CREDENTIAL: {1: 2, 3: -7, -1: 1, -2: b"x", -3: b"y"}}
        ),
        caught_by=PLATFORM,
    ),
    _fault(
        "user-unnamed",
        "lists credentials without their users' names",
        _of_credential(lambda m: {**m, cm.USER: {"id": m[cm.USER]["id"]}}),
    ),
    _fault(
        "protection-untold",
        "says that no credential is protected",
        _of_credential(lambda m: {**m, cm.CRED_PROTECT: 1}),
        caught_by=PLATFORM,
    ),
    _fault(
        "blob-key-untold",
        "lists credentials without the keys to their large blobs",
        _of_credential(without(cm.LARGE_BLOB_KEY)),
        caught_by="the client, which cannot tell which large blobs are nobody's any more",
    ),
    _fault(
        "payment-untold",
        "says of no credential that it may pay",
        _of_credential(lambda m: {**m, cm.THIRD_PARTY_PAYMENT_OF_CREDENTIAL: False}),
        caught_by="the client, which finds no credential to pay with",
    ),
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_CM), caught_by=PLATFORM),
    _fault(
        "delete-does-nothing",
        "says that it has deleted what it keeps",
        _afterwards(SubCommand.DELETE_CREDENTIAL, lambda parts, found: parts.store.put(found)),
        caught_by="the key's owner, who gives it away with credentials on it",
    ),
    _fault(
        "delete-hides",
        "does not list what was deleted, but signs in with it still",
        _hides,
        caught_by="the relying party, where a deleted credential signs in",
    ),
    _fault(
        "delete-others",
        "deletes all that a relying party has",
        _afterwards(SubCommand.DELETE_CREDENTIAL, _delete_others),
        caught_by="the user, who is locked out",
    ),
    _fault("delete-keeps-room", "does not give back the room of what was deleted", _keeps_room),
    _fault(
        "delete-anything",
        "says that it has deleted what it never had",
        on_status(
            _CM, {CtapStatus.NO_CREDENTIALS: CtapStatus.SUCCESS}, subcommand=SubCommand.DELETE_CREDENTIAL
        ),
        caught_by=PLATFORM,
    ),
    _fault(
        "update-does-nothing",
        "says that it has renamed a user whom it has not",
        _afterwards(SubCommand.UPDATE_USER_INFORMATION, _put_back),
    ),
    _fault(
        "update-merges",
        "keeps the names that an update leaves away",
        _afterwards(SubCommand.UPDATE_USER_INFORMATION, _merge),
    ),
    _fault(
        "update-any-user",
        "renames the user of a credential by whichever user ID",
        forging(_CM, _any_user),
        caught_by="the relying party: one user goes by another's name",
    ),
    _fault(
        "update-anything",
        "says that it has renamed a user whom it never had",
        on_status(
            _CM,
            {CtapStatus.NO_CREDENTIALS: CtapStatus.SUCCESS},
            subcommand=SubCommand.UPDATE_USER_INFORMATION,
        ),
        caught_by=PLATFORM,
    ),
    _fault(
        "token-not-needed",
        "lists, renames and deletes its credentials for anyone, those with credProtect too",
        forging(_CM, _without_a_token),
        caught_by=THIEF,
    ),
    _fault(
        "params-unsigned",
        "does not check what a request says besides its subcommand",
        forging(_CM, _params_unsigned),
        caught_by=THIEF,
    ),
    _fault(
        "bound-refused",
        "lets no token manage credentials that is for one relying party",
        _bound_refused,
        caught_by=PLATFORM,
    ),
    _fault(
        "persistent-writes",
        "lets a token that may read only delete, rename and register",
        _persistent_writes,
        caught_by=THIEF,
    ),
    _fault(
        "persistent-refused",
        "gives a persistent token that is good for nothing",
        _persistent_refused,
        caught_by=PLATFORM,
    ),
    _fault(
        "persistent-forgotten",
        "forgets its persistent token when power goes",
        instead_of_power_cycle(_forgets_persistent),
        caught_by=PLATFORM,
    ),
    _fault(
        "persistent-outlives-the-pin",
        "takes the persistent token of before a change of the PIN",
        _outlives_the_pin,
        caught_by=THIEF,
    ),
    _fault(
        "persistent-among-others",
        "takes no notice of pcmr among other permissions",
        on_request(CtapCommand.CLIENT_PIN, _pcmr_dropped),
        caught_by=PLATFORM,
    ),
    _fault(
        "preview-refused",
        "says that it has the preview of credential management, and has not",
        refusing(CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW, lambda _: True, CtapStatus.INVALID_COMMAND),
        caught_by=PLATFORM,
    ),
)
