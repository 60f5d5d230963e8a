"""Faults of getAssertion and getNextAssertion (CTAP 2.3 §6.2, §6.3)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from emulator.faults.ecdsa import sign_with_nonce
from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.registration import flipped, put, refusals_unnamed, refusing, ungestured, without
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    members_of,
    on_answer,
    on_auth_data,
    on_request,
    private_key,
)
from emulator.fido import cbor
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.cose import Algorithm
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.gesture import Command
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

RELYING_PARTY = "the relying party, when it verifies the assertion"
PLATFORM = "the client, when it reads the answer"

_GET, _NEXT = CtapCommand.GET_ASSERTION, CtapCommand.GET_NEXT_ASSERTION
_FLAGS, _SIGN_COUNT = 32, 33

Wrap = Callable[[Commands, Parts], Commands]


def _fault(
    name: str, sentence: str, commands: Wrap, *, caught_by: str = RELYING_PARTY, layer: Layer = Layer.MEANING
) -> Fault:
    return Fault(name=f"ga-{name}", layer=layer, sentence=sentence, caught_by=caught_by, commands=commands)


def _count_put(count: Callable[[int], int]) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        told = int.from_bytes(data[_SIGN_COUNT : _SIGN_COUNT + 4], "big")
        return put(data, _SIGN_COUNT, count(told).to_bytes(4, "big"))

    return change


def _signed(sign: Callable[[Parts, bytes, Members, Members], bytes]) -> Wrap:
    """Signatures made otherwise: from the parts, the message signed, the request, the response."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if message[0] != _GET or answer[0] != CtapStatus.SUCCESS:
                return answer
            request, members = members_of(message), members_of(answer)
            signed = members[ga.AUTH_DATA] + request[ga.CLIENT_DATA_HASH]
            signature = sign(parts, signed, request, members)
            return answer[:1] + cbor.encode({**members, ga.SIGNATURE: signature})

        return ChangedCommands(inner, answer=answer)

    return wrap


def _signature_flipped(_: Parts, __: bytes, ___: Members, members: Members) -> bytes:
    signature: bytes = members[ga.SIGNATURE]
    return flipped(len(signature) - 1)(signature)


def _hash_dropped(parts: Parts, signed: bytes, request: Members, members: Members) -> bytes:
    return private_key(parts, members[ga.CREDENTIAL]["id"], request[ga.RP_ID]).sign(signed[:-32])


def _same_nonce(parts: Parts, signed: bytes, request: Members, members: Members) -> bytes:
    key = private_key(parts, members[ga.CREDENTIAL]["id"], request[ga.RP_ID])
    if key.algorithm is not Algorithm.ES256:
        return bytes(members[ga.SIGNATURE])
    return sign_with_nonce(
        key.to_bytes(), signed, nonce=int.from_bytes(sha256(b"chosen by fair dice").digest(), "big")
    )


def _first_twice(commands: Commands, _: Parts) -> Commands:
    """getNextAssertion gives the first assertion again."""
    first = b""

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal first
        if message[0] == _GET:
            first = answer[:1] + cbor.encode(without(ga.NUMBER_OF_CREDENTIALS)(members_of(answer)))
        return first if message[0] == _NEXT and answer[0] == CtapStatus.SUCCESS else answer

    return ChangedCommands(commands, answer=answer)


def _next_without_first(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        return bytes((CtapStatus.OTHER,)) if message[0] == _NEXT and answer[0] else answer

    return ChangedCommands(commands, answer=answer)


def _oldest_first(commands: Commands, parts: Parts) -> Commands:
    """The oldest credential is given first: the allow list is filled with all, the other way round."""

    def request(message: bytes) -> bytes:
        members = members_of(message)
        if message[0] != _GET or ga.ALLOW_LIST in members or ga.RP_ID not in members:
            return message
        kept = parts.store.credentials(sha256(members[ga.RP_ID].encode()).digest())
        if len(kept) < 2:
            return message
        oldest = {"id": kept[-1].credential_id, "type": "public-key"}
        return message[:1] + cbor.encode({**members, ga.ALLOW_LIST: [oldest]})

    return ChangedCommands(commands, request=request)


def _anything_allowed(commands: Commands, parts: Parts) -> Commands:
    """An allow list of strangers counts as none."""

    def request(message: bytes) -> bytes:
        members = members_of(message)
        if message[0] != _GET or ga.ALLOW_LIST not in members:
            return message
        kept = parts.store.credentials(sha256(members[ga.RP_ID].encode()).digest())
        strangers = kept and not {c.credential_id for c in kept} & {
            d.get("id") for d in members[ga.ALLOW_LIST]
        }
        return message[:1] + cbor.encode(without(ga.ALLOW_LIST)(members)) if strangers else message

    return ChangedCommands(commands, request=request)


def _for_another(commands: Commands, _: Parts) -> Commands:
    """Whatever the relying party, it is taken for the first one that was ever named."""
    first: list[str] = []

    def request(message: bytes) -> bytes:
        members = members_of(message)
        if message[0] == CtapCommand.MAKE_CREDENTIAL and 2 in members and not first:
            first.append(members[2].get("id", ""))
        if message[0] == _GET and first and ga.RP_ID in members:
            return message[:1] + cbor.encode({**members, ga.RP_ID: first[0]})
        return message

    return ChangedCommands(commands, request=request)


def _option_dropped(name: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        options = {key: value for key, value in members.get(ga.OPTIONS, {}).items() if key != name}
        return {**without(ga.OPTIONS)(members), **({ga.OPTIONS: options} if options else {})}

    return change


def _filled_in(members: Members) -> Members:
    return {ga.RP_ID: "nowhere.example", ga.CLIENT_DATA_HASH: bytes(32), **members}


def _unknown_option(members: Members) -> bool:
    return "fly" in members.get(ga.OPTIONS, {})


def _user_named(members: Members) -> Members:
    user: dict[str, Any] = {**members.get(ga.USER, {"id": b"user"}), "name": "alice", "displayName": "Alice"}
    return {**members, ga.USER: user}


def _changed_unsigned(change: Callable[[bytes], bytes]) -> Wrap:
    return on_answer(_GET, lambda members: {**members, ga.AUTH_DATA: change(members[ga.AUTH_DATA])})


def _id_half_read(commands: Commands, parts: Parts) -> Commands:
    """Credential IDs told apart by their beginnings alone."""
    known: list[bytes] = []

    def answer(message: bytes, answer: bytes) -> bytes:
        if message[0] == CtapCommand.MAKE_CREDENTIAL and answer[0] == CtapStatus.SUCCESS:
            data = members_of(answer)[2]
            known.append(data[55 : 55 + int.from_bytes(data[53:55], "big")])
        return answer

    def request(message: bytes) -> bytes:
        members = members_of(message)
        if message[0] != _GET or not isinstance(members.get(ga.ALLOW_LIST), list):
            return message
        whole = [
            {**entry, "id": next((one for one in known if one[:8] == entry["id"][:8]), entry["id"])}
            for entry in members[ga.ALLOW_LIST]
        ]
        return message[:1] + cbor.encode({**members, ga.ALLOW_LIST: whole})

    return ChangedCommands(commands, request=request, answer=answer)


def _same_user_twice(commands: Commands, parts: Parts) -> Commands:
    """Every credential kept as if it were for another user."""
    count = 0

    def request(message: bytes) -> bytes:
        nonlocal count
        members = members_of(message)
        if message[0] != CtapCommand.MAKE_CREDENTIAL or "id" not in members.get(3, {}):
            return message
        count += 1
        return message[:1] + cbor.encode(
            {**members, 3: {**members[3], "id": bytes((count,)) + members[3]["id"]}}
        )

    return ChangedCommands(commands, request=request)


class _NextForEver:
    """getNextAssertion whose time does not pass."""

    def __init__(self, inner: Commands) -> None:
        self._inner, self._asked = inner, 0.0

    def cbor(self, message: bytes, now: float) -> Command:
        if message[0] == _NEXT:
            now = self._asked
        else:
            self._asked = now
        return self._inner.cbor(message, now)

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


def _next_up_not_set(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        if message[0] != _NEXT or answer[0] != CtapStatus.SUCCESS:
            return answer
        members = members_of(answer)
        changed = flipped(_FLAGS, Flags.UP)(members[ga.AUTH_DATA])
        return answer[:1] + cbor.encode({**members, ga.AUTH_DATA: changed})

    return ChangedCommands(commands, answer=answer)


def _unknown_extension(members: Members) -> bool:
    return "keyrig-unknown" in members.get(ga.EXTENSIONS, {})


FAULTS = (
    _fault(
        "rp-id-hash-wrong",
        "signs for another relying party than it was asked to",
        on_auth_data(_GET, change=flipped(0)),
    ),
    _fault(
        "up-not-set",
        "leaves the UP flag away after a touch",
        on_auth_data(_GET, change=flipped(_FLAGS, Flags.UP)),
    ),
    _fault(
        "uv-claimed",
        "says that it verified a user whom it did not",
        on_auth_data(_GET, change=flipped(_FLAGS, Flags.UV)),
        caught_by="nobody who does not know the key: the relying party trusts the flag",
    ),
    _fault(
        "reserved-flags",
        "sets flags that nobody has defined",
        on_auth_data(_GET, change=flipped(_FLAGS, 0x22)),
    ),
    _fault(
        "at-set",
        "says that a new key follows where none does",
        on_auth_data(_GET, change=flipped(_FLAGS, Flags.AT)),
    ),
    _fault(
        "auth-data-longer",
        "has bytes in authData after its end",
        on_auth_data(_GET, change=lambda data: data + b"\x00"),
    ),
    _fault(
        "count-stuck",
        "counts no signature",
        on_auth_data(_GET, change=_count_put(lambda _: 5)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "count-back",
        "counts its signatures backwards",
        on_auth_data(_GET, change=_count_put(lambda count: 0xFFFFFFFF - count)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "signature-bad", "signs what does not verify", _signed(_signature_flipped), layer=Layer.CRYPTOGRAPHY
    ),
    _fault(
        "hash-not-signed",
        "signs authData without the clientDataHash, so that an answer can be used again",
        _signed(_hash_dropped),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "nonce-repeated",
        "signs with the same ECDSA nonce each time, which gives its private key away",
        _signed(_same_nonce),
        caught_by="whoever compares two signatures; the relying party's verification passes",
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "touch-not-needed",
        "signs what nobody touched it for",
        ungestured(_GET),
        caught_by="the user, whose key is used behind their back",
    ),
    _fault(
        "up-false-ignored",
        "waits for a touch that nobody asked for",
        on_request(_GET, _option_dropped("up")),
        caught_by=PLATFORM,
    ),
    _fault(
        "for-another-relying-party",
        "signs with the credential of another relying party",
        _for_another,
        caught_by="the relying party, by rpIdHash; the user, by being recognised",
    ),
    _fault("allow-list-ignored", "signs with a credential that was not allowed", _anything_allowed),
    _fault(
        "refuses-lists",
        "finds no credential where a list names several",
        refusing(_GET, lambda m: len(m.get(ga.ALLOW_LIST, [])) > 1, CtapStatus.NO_CREDENTIALS),
        caught_by="the user, who cannot sign in",
    ),
    _fault("oldest-first", "gives the oldest credential, not the newest", _oldest_first, caught_by=PLATFORM),
    _fault(
        "next-repeats",
        "gives the first assertion again when asked for the next",
        _first_twice,
        caught_by=PLATFORM,
    ),
    _fault(
        "next-refusals-unnamed",
        "says OTHER where there is no next assertion",
        _next_without_first,
        caught_by=PLATFORM,
    ),
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
    _fault(
        "user-missing",
        "does not say whose credential it found",
        on_answer(_GET, without(ga.USER)),
        caught_by="the relying party, which cannot tell who signs in",
    ),
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
    _fault(
        "trailing-bytes",
        "sends bytes after the CBOR of its answer",
        on_answer(_GET, lambda m: cbor.encode(m) + b"\x00"),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault("missing-taken-for-granted", "fills in what a request leaves out", on_request(_GET, _filled_in)),
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_GET), caught_by=PLATFORM),
    _fault(
        "unknown-option-refused",
        "refuses options that it does not know",
        refusing(_GET, _unknown_option, CtapStatus.UNSUPPORTED_OPTION),
        caught_by=PLATFORM,
    ),
    _fault(
        "ed-claimed",
        "says that extensions follow where none do",
        _changed_unsigned(flipped(_FLAGS, Flags.ED)),
    ),
    _fault(
        "unknown-extension-refused",
        "refuses extensions that it does not know",
        refusing(_GET, _unknown_extension, CtapStatus.UNSUPPORTED_OPTION),
    ),
    _fault(
        "number-always",
        "says how many credentials it found though it was told which to use",
        on_answer(_GET, lambda m: {ga.NUMBER_OF_CREDENTIALS: 1, **m}),
        caught_by=PLATFORM,
    ),
    _fault("id-half-read", "tells credential IDs apart by their beginnings alone", _id_half_read),
    _fault(
        "next-for-ever",
        "gives further assertions however late",
        lambda commands, _: _NextForEver(commands),
        caught_by=PLATFORM,
    ),
    _fault("next-up-not-set", "leaves the UP flag away in further assertions", _next_up_not_set),
    Fault(
        name="mc-same-user-twice",
        layer=Layer.MEANING,
        sentence="keeps two credentials for one user of one relying party",
        caught_by="the user, who is asked which of two accounts that are one",
        commands=_same_user_twice,
    ),
)
