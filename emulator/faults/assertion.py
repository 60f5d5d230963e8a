"""Faults of getAssertion and getNextAssertion (CTAP 2.3 §6.2, §6.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from emulator.faults.ceremony import auth_data_faults, trailing_bytes, unknown_option
from emulator.faults.changes import Members, entry_dropped, flipped, put, without
from emulator.faults.ecdsa import sign_with_nonce
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.messages import (
    asks,
    first_again,
    on_answer,
    on_request,
    refusals_unnamed,
    refusing,
    taken_for_granted,
    timeless,
    ungestured,
)
from emulator.faults.signing import (
    FLAGS,
    SIGN_COUNT,
    Exchange,
    credential_id_in,
    on_auth_data,
    on_exchange,
    on_signed_auth_data,
)
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

PLATFORM = "the client, when it reads the answer"

_MAKE = CtapCommand.MAKE_CREDENTIAL
_GET, _NEXT = CtapCommand.GET_ASSERTION, CtapCommand.GET_NEXT_ASSERTION

_fault = Family(prefix="ga-", caught_by="the relying party, when it verifies the assertion")


def _gets(message: bytes) -> bool:
    return asks(message, _GET)


def _next(message: bytes) -> bool:
    return asks(message, _NEXT)


def _counting(count: Callable[[int], int]) -> Wrap:
    """Signature counts that are others."""

    def change(data: bytes) -> bytes:
        told = int.from_bytes(data[SIGN_COUNT : SIGN_COUNT + 4], "big")
        return put(data, SIGN_COUNT, count(told).to_bytes(4, "big"))

    return on_auth_data(_GET, change)


def _signed(sign: Callable[[Exchange], bytes]) -> Wrap:
    """Signatures made otherwise."""
    return on_exchange(_GET, lambda exchange: {**exchange.answer, ga.SIGNATURE: sign(exchange)})


def _same_nonce(exchange: Exchange) -> bytes:
    key = exchange.private_key
    if key.algorithm is not Algorithm.ES256:
        return bytes(exchange.answer[ga.SIGNATURE])
    nonce = int.from_bytes(sha256(b"chosen by fair dice").digest(), "big")
    return sign_with_nonce(key.to_bytes(), exchange.auth_data + exchange.client_data_hash, nonce=nonce)


def _allowing(change: Callable[[Sequence[Credential], Members], Members | None]) -> Wrap:
    """Requests changed by which of its credentials the key keeps for their relying party, newest first."""

    def wrap(commands: Commands, parts: Parts) -> Commands:
        def otherwise(members: Members) -> Members | None:
            if ga.RP_ID not in members:
                return None
            return change(parts.store.credentials(sha256(members[ga.RP_ID].encode()).digest()), members)

        return on_request(_GET, otherwise)(commands, parts)

    return wrap


def _oldest_alone(kept: Sequence[Credential], members: Members) -> Members | None:
    """The oldest credential is given first: it is the only one allowed."""
    if ga.ALLOW_LIST in members or len(kept) < 2:
        return None
    return {**members, ga.ALLOW_LIST: [{"id": kept[-1].credential_id, "type": "public-key"}]}


def _strangers_forgotten(kept: Sequence[Credential], members: Members) -> Members | None:
    """An allow list of strangers counts as none."""
    named = {descriptor.get("id") for descriptor in members.get(ga.ALLOW_LIST, ())}
    strangers = ga.ALLOW_LIST in members and kept and not {one.credential_id for one in kept} & named
    return without(ga.ALLOW_LIST)(members) if strangers else None


def _for_another(commands: Commands, parts: Parts) -> Commands:
    """Whatever the relying party, it is taken for the first one that was ever named."""
    first: list[str] = []

    def note(members: Members) -> None:
        if mc.RP in members and not first:
            first.append(members[mc.RP].get("id", ""))

    def change(members: Members) -> Members | None:
        return {**members, ga.RP_ID: first[0]} if first and ga.RP_ID in members else None

    return on_request(_MAKE, note)(on_request(_GET, change)(commands, parts), parts)


def _user_named(members: Members) -> Members:
    user = members.get(ga.USER, {"id": b"user"})
    return {**members, ga.USER: {**user, "name": "alice", "displayName": "Alice"}}


def _id_half_read(commands: Commands, parts: Parts) -> Commands:
    """Credential IDs told apart by their beginnings alone."""
    known: list[bytes] = []

    def note(exchange: Exchange) -> None:
        known.append(credential_id_in(exchange.auth_data))

    def whole(descriptor: dict[str, bytes]) -> dict[str, bytes]:
        named = descriptor["id"]
        return {**descriptor, "id": next((one for one in known if one[:8] == named[:8]), named)}

    def change(members: Members) -> Members | None:
        listed = members.get(ga.ALLOW_LIST)
        return {**members, ga.ALLOW_LIST: [*map(whole, listed)]} if isinstance(listed, list) else None

    return on_exchange(_MAKE, note)(on_request(_GET, change)(commands, parts), parts)


def _same_user_twice(commands: Commands, parts: Parts) -> Commands:
    """Every credential kept as if it were for another user."""
    count = 0

    def change(members: Members) -> Members | None:
        nonlocal count
        user = members.get(mc.USER, {})
        if "id" not in user:
            return None
        count += 1
        return {**members, mc.USER: {**user, "id": bytes((count,)) + user["id"]}}

    return on_request(_MAKE, change)(commands, parts)


FAULTS = (
    *auth_data_faults(_fault, _GET),
    # WebAuthn Level 3 §6.1
    _fault(
        "at-set",
        "says that a new key follows where none does",
        on_auth_data(_GET, flipped(FLAGS, Flags.AT)),
    ),
    _fault(
        "auth-data-longer",
        "has bytes in authData after its end",
        on_auth_data(_GET, lambda data: data + b"\x00"),
    ),
    # WebAuthn Level 3 §6.1.1
    _fault(
        "count-stuck",
        "counts no signature",
        _counting(lambda _: 5),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "count-back",
        "counts its signatures backwards",
        _counting(lambda count: 0xFFFFFFFF - count),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.2.2 step 13
    _fault(
        "signature-bad",
        "signs what does not verify",
        _signed(lambda exchange: flipped(-1)(exchange.answer[ga.SIGNATURE])),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "hash-not-signed",
        "signs authData without the clientDataHash, so that an answer can be used again",
        _signed(lambda exchange: exchange.private_key.sign(exchange.auth_data)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # FIPS 186-5 §6.3
    _fault(
        "nonce-repeated",
        "signs with the same ECDSA nonce each time, which gives its private key away",
        _signed(_same_nonce),
        caught_by="whoever compares two signatures; the relying party's verification passes",
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.2.2 step 9
    _fault(
        "touch-not-needed",
        "signs what nobody touched it for",
        ungestured(_GET),
        caught_by="the user, whose key is used behind their back",
    ),
    _fault(
        "up-false-ignored",
        "waits for a touch that nobody asked for",
        on_request(_GET, entry_dropped(ga.OPTIONS, "up")),
        caught_by=PLATFORM,
    ),
    # §6.2.2 step 7
    _fault(
        "for-another-relying-party",
        "signs with the credential of another relying party",
        _for_another,
        caught_by="the relying party, by rpIdHash; the user, by being recognised",
    ),
    _fault(
        "allow-list-ignored", "signs with a credential that was not allowed", _allowing(_strangers_forgotten)
    ),
    _fault(
        "refuses-lists",
        "finds no credential where a list names several",
        refusing(_GET, CtapStatus.NO_CREDENTIALS, lambda m: len(m.get(ga.ALLOW_LIST, [])) > 1),
        caught_by="the user, who cannot sign in",
    ),
    # §6.2.2 step 12
    _fault(
        "oldest-first",
        "gives the oldest credential, not the newest",
        _allowing(_oldest_alone),
        caught_by=PLATFORM,
    ),
    # §6.3
    _fault(
        "next-repeats",
        "gives the first assertion again when asked for the next",
        first_again(_gets, _next, ga.NUMBER_OF_CREDENTIALS),
        caught_by=PLATFORM,
    ),
    # §6.3, §6
    _fault(
        "next-refusals-unnamed",
        "says OTHER where there is no next assertion",
        refusals_unnamed(_NEXT),
        caught_by=PLATFORM,
    ),
    # §6.2.2 step 12
    _fault(
        "number-missing",
        "does not say how many credentials it found",
        on_answer(_GET, without(ga.NUMBER_OF_CREDENTIALS)),
        caught_by=PLATFORM,
    ),
    _fault(
        "user-named",
        "tells a user's name before it knows the user",
        on_answer(_GET, _user_named),
        caught_by="nobody; the user is known by name to whoever holds the key",
    ),
    # §6.2.2 step 7
    _fault(
        "user-missing",
        "does not say whose credential it found",
        on_answer(_GET, without(ga.USER)),
        caught_by="the relying party, which cannot tell who signs in",
    ),
    # §6.2.2
    _fault(
        "credential-missing",
        "does not say which credential it used",
        on_answer(_GET, without(ga.CREDENTIAL)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "signature-missing",
        "answers without a signature",
        on_answer(_GET, without(ga.SIGNATURE)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    trailing_bytes(_fault, _GET),
    # §6.2
    _fault(
        "missing-taken-for-granted",
        "fills in what a request leaves out",
        taken_for_granted(_GET, {ga.RP_ID: "nowhere.example", ga.CLIENT_DATA_HASH: bytes(32)}),
    ),
    # §6.2.2
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_GET), caught_by=PLATFORM),
    unknown_option(_fault, _GET, ga.OPTIONS),
    # WebAuthn Level 3 §6.1
    _fault(
        "ed-claimed",
        "says that extensions follow where none do",
        on_signed_auth_data(_GET, flipped(FLAGS, Flags.ED)),
    ),
    # §12
    _fault(
        "unknown-extension-refused",
        "refuses extensions that it does not know",
        refusing(_GET, CtapStatus.UNSUPPORTED_OPTION, lambda m: "keyrig-unknown" in m.get(ga.EXTENSIONS, {})),
    ),
    # §6.2.2 step 12
    _fault(
        "number-always",
        "says how many credentials it found though it was told which to use",
        on_answer(_GET, lambda m: {ga.NUMBER_OF_CREDENTIALS: 1, **m}),
        caught_by=PLATFORM,
    ),
    # §6.2.2 step 7
    _fault("id-half-read", "tells credential IDs apart by their beginnings alone", _id_half_read),
    # §6.3
    _fault(
        "next-for-ever",
        "gives further assertions however late",
        timeless(_next),
        caught_by=PLATFORM,
    ),
    _fault(
        "next-up-not-set",
        "leaves the UP flag away in further assertions",
        on_signed_auth_data(_NEXT, flipped(FLAGS, Flags.UP)),
    ),
    # §6.1.2 step 17
    Family(prefix="mc-", caught_by="the user, who is asked which of two accounts that are one")(
        "same-user-twice", "keeps two credentials for one user of one relying party", _same_user_twice
    ),
)
