"""Faults of what credential management tells and does (CTAP 2.3 §6.8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256

from emulator.faults.changes import Members, changed, given, without
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.forgery import forging
from emulator.faults.messages import (
    asks,
    first_again,
    members_of,
    on_answer,
    on_status,
    refusals_unnamed,
    timeless,
)
from emulator.faults.signing import Exchange, on_exchange
from emulator.faults.wiring import ChangedCommands, together
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential
from emulator.fido.ctap2 import credential_management as cm
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.credential_management import SubCommand
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

PLATFORM = "the client, when it reads the answer"
THIEF = "nobody at once: others than the owner see or change what is on the key"

_CM, _MAKE, _GET = CtapCommand.CREDENTIAL_MANAGEMENT, CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION
_RPS = SubCommand.ENUMERATE_RPS_BEGIN, SubCommand.ENUMERATE_RPS_GET_NEXT_RP
_CREDENTIALS = (
    SubCommand.ENUMERATE_CREDENTIALS_BEGIN,
    SubCommand.ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL,
)
_BEGIN, _NEXT = zip(_RPS, _CREDENTIALS, strict=True)
_SUCCESS, _NOT_ALLOWED = bytes((CtapStatus.SUCCESS,)), bytes((CtapStatus.NOT_ALLOWED,))

_fault = Family(
    prefix="cm-", caught_by="the key's owner, in a list of passkeys that is not what is on the key"
)


# What is told.


def _asks(*sub_commands: SubCommand) -> Callable[[bytes], bool]:
    return lambda message: asks(message, _CM, *sub_commands)


def _of_rp(change: Callable[[Members], Members]) -> Wrap:
    return on_answer(_CM, change, *_RPS)


def _of_credential(change: Callable[[Members], Members]) -> Wrap:
    return on_answer(_CM, change, *_CREDENTIALS)


def _of_metadata(change: Callable[[int, int], tuple[int, int]]) -> Wrap:
    existing, remaining = (
        cm.EXISTING_RESIDENT_CREDENTIALS_COUNT,
        cm.MAX_POSSIBLE_REMAINING_RESIDENT_CREDENTIALS_COUNT,
    )

    def otherwise(members: Members) -> Members:
        return dict(zip((existing, remaining), change(members[existing], members[remaining]), strict=True))

    return on_answer(_CM, otherwise, SubCommand.GET_CREDS_METADATA)


def _counts_everything(commands: Commands, parts: Parts) -> Commands:
    """Credentials that are kept nowhere counted too."""
    made = 0

    def note(exchange: Exchange) -> None:
        nonlocal made
        made += not exchange.request.get(mc.OPTIONS, {}).get("rk")

    counting = _of_metadata(lambda existing, remaining: (existing + made, remaining))
    return together(on_exchange(_MAKE, note), counting)(commands, parts)


def _last_again(commands: Commands, _: Parts) -> Commands:
    """Who asks out of turn gets what was given last."""
    last = _SUCCESS

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal last
        if asks(message, _CM, *_RPS, *_CREDENTIALS) and answer[0] == CtapStatus.SUCCESS:
            last = answer
        return last if asks(message, _CM, *_NEXT) and answer == _NOT_ALLOWED else answer

    return ChangedCommands(commands, answer=answer)


def _none_is_success(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        none = answer == bytes((CtapStatus.NO_CREDENTIALS,)) and asks(message, _CM, *_BEGIN)
        return _SUCCESS + cbor.encode({cm.TOTAL_RPS: 0}) if none else answer

    return ChangedCommands(commands, answer=answer)


def _of_the_first(parts: Parts, members: Members) -> Members | None:
    """Whosever credentials are asked for, those of the relying party that came first."""
    found = parts.store.rp_id_hashes
    if members.get(cm.SUB_COMMAND) != SubCommand.ENUMERATE_CREDENTIALS_BEGIN or not found:
        return None
    named = cm.RP_ID_HASH_PARAM in members.get(cm.SUB_COMMAND_PARAMS, {})
    return {**members, cm.SUB_COMMAND_PARAMS: {cm.RP_ID_HASH_PARAM: found[0]}} if named else None


# What is done to credentials.


def _named(parts: Parts, members: Members) -> Credential | None:
    params = members.get(cm.SUB_COMMAND_PARAMS)
    descriptor = params.get(cm.CREDENTIAL_ID_PARAM) if isinstance(params, dict) else None
    return parts.store.credential(descriptor["id"]) if isinstance(descriptor, dict) else None


def _afterwards(sub_command: SubCommand, act: Callable[[Parts, Credential], None]) -> Wrap:
    """Something done after a success with the credential as it was before."""

    def wrap(commands: Commands, parts: Parts) -> Commands:
        found: Credential | None = None

        def request(message: bytes) -> bytes:
            nonlocal found
            found = _named(parts, members_of(message)) if asks(message, _CM, sub_command) else None
            return message

        def answer(_: bytes, answer: bytes) -> bytes:
            if found is not None and answer[0] == CtapStatus.SUCCESS:
                act(parts, found)
            return answer

        return ChangedCommands(commands, request=request, answer=answer)

    return wrap


_on_deletion = partial(_afterwards, SubCommand.DELETE_CREDENTIAL)
_on_update = partial(_afterwards, SubCommand.UPDATE_USER_INFORMATION)


def _delete_others(parts: Parts, deleted: Credential) -> None:
    for other in parts.store.credentials(deleted.rp_id_hash):
        parts.store.delete(other.credential_id)


def _hides(commands: Commands, parts: Parts) -> Commands:
    """What is deleted is not listed any more, and signs as before."""
    hidden: list[Credential] = []

    def request(message: bytes) -> bytes:
        if asks(message, _GET):
            for credential in hidden:
                parts.store.put(credential)
        return message

    def answer(message: bytes, answer: bytes) -> bytes:
        if asks(message, _GET):
            for credential in hidden:
                parts.store.delete(credential.credential_id)
        return answer

    inner = _on_deletion(lambda _, found: hidden.append(found))(commands, parts)
    return ChangedCommands(inner, request=request, answer=answer)


def _keeps_room(commands: Commands, parts: Parts) -> Commands:
    """The room of what is deleted is not given back."""
    deleted: list[Credential] = []
    return together(
        _on_deletion(lambda _, found: deleted.append(found)),
        _of_metadata(lambda existing, remaining: (existing, remaining - len(deleted))),
    )(commands, parts)


def _put_back(parts: Parts, before: Credential) -> None:
    parts.store.update(before)


def _merge(parts: Parts, before: Credential) -> None:
    now = parts.store.credential(before.credential_id)
    assert now is not None, "it was updated just now"
    name, display_name = now.user_name or before.user_name, now.user_display_name or before.user_display_name
    parts.store.update(replace(now, user_name=name, user_display_name=display_name))


def _any_user(parts: Parts, members: Members) -> Members | None:
    """Whichever user is named, the credential's own."""
    found = _named(parts, members)
    if members.get(cm.SUB_COMMAND) != SubCommand.UPDATE_USER_INFORMATION or found is None:
        return None
    params = members[cm.SUB_COMMAND_PARAMS]
    user = {**params[cm.USER_PARAM], "id": found.user_id}
    return {**members, cm.SUB_COMMAND_PARAMS: {**params, cm.USER_PARAM: user}}


FAULTS = (
    # §6.8.2
    _fault(
        "count-wrong",
        "says that it keeps one credential, however many it keeps",
        _of_metadata(lambda _, remaining: (1, remaining)),
    ),
    # §6.8.2, §6.4
    _fault(
        "room-unchanged",
        "says that it has all its room however much it keeps",
        _of_metadata(lambda existing, remaining: (existing, existing + remaining)),
    ),
    # §6.8.2
    _fault(
        "counts-everything",
        "counts credentials among those that it keeps which it does not",
        _counts_everything,
    ),
    # §6.8.3
    _fault(
        "rp-hash-wrong",
        "lists relying parties under hashes that are not theirs",
        _of_rp(changed(cm.RP_ID_HASH, lambda found: sha256(found).digest())),
        caught_by=PLATFORM,
    ),
    _fault(
        "rp-unnamed",
        "lists relying parties without their names",
        _of_rp(given(cm.RP, {"id": ""})),
    ),
    _fault(
        "rps-repeat",
        "lists its first relying party again and again",
        first_again(_asks(_RPS[0]), _asks(_RPS[1]), cm.TOTAL_RPS),
    ),
    # §6.8.4
    _fault(
        "credentials-repeat",
        "lists the first credential of a relying party again and again",
        first_again(_asks(_CREDENTIALS[0]), _asks(_CREDENTIALS[1]), cm.TOTAL_CREDENTIALS),
    ),
    # §6.8.3, §6.8.4
    _fault(
        "none-is-success",
        "lists nothing, and calls it a success",
        _none_is_success,
        caught_by=PLATFORM,
    ),
    # §6.8.3, §6.8.4, §6, stateful commands
    _fault(
        "next-out-of-turn",
        "tells whoever asks for the next one what it told last, without a token",
        _last_again,
        caught_by=THIEF,
    ),
    # §6, stateful commands
    _fault(
        "next-for-ever",
        "goes on with an enumeration however late",
        timeless(_asks(*_NEXT)),
        caught_by=THIEF,
    ),
    # §6.8.4
    _fault(
        "of-another-relying-party",
        "lists the credentials of another relying party than was asked for",
        forging(_CM, _of_the_first),
    ),
    _fault(
        "public-key-wrong",
        "lists a public key that is not the credential's",
        _of_credential(given(cm.PUBLIC_KEY_OF_CREDENTIAL, {1: 2, 3: -7, -1: 1, -2: b"x", -3: b"y"})),
        caught_by=PLATFORM,
    ),
    _fault(
        "user-unnamed",
        "lists credentials without their users' names",
        _of_credential(changed(cm.USER, lambda user: {"id": user["id"]})),
    ),
    _fault(
        "protection-untold",
        "says that no credential is protected",
        _of_credential(given(cm.CRED_PROTECT, 1)),
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
        _of_credential(given(cm.THIRD_PARTY_PAYMENT_OF_CREDENTIAL, False)),
        caught_by="the client, which finds no credential to pay with",
    ),
    # §6.8
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_CM), caught_by=PLATFORM),
    # §6.8.5
    _fault(
        "delete-does-nothing",
        "says that it has deleted what it keeps",
        _on_deletion(lambda parts, found: parts.store.put(found)),
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
        _on_deletion(_delete_others),
        caught_by="the user, who is locked out",
    ),
    _fault("delete-keeps-room", "does not give back the room of what was deleted", _keeps_room),
    _fault(
        "delete-anything",
        "says that it has deleted what it never had",
        on_status(_CM, {CtapStatus.NO_CREDENTIALS: CtapStatus.SUCCESS}, SubCommand.DELETE_CREDENTIAL),
        caught_by=PLATFORM,
    ),
    # §6.8.6
    _fault(
        "update-does-nothing",
        "says that it has renamed a user whom it has not",
        _on_update(_put_back),
    ),
    _fault(
        "update-merges",
        "keeps the names that an update leaves away",
        _on_update(_merge),
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
            SubCommand.UPDATE_USER_INFORMATION,
        ),
        caught_by=PLATFORM,
    ),
)
