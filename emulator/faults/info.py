"""Faults of getInfo (CTAP 2.3 §6.4): keys that say of themselves what is not so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.wiring import ChangedCommands, Members, members_of, on_answer
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import get_info as info
from emulator.fido.gesture import Command, Gesture
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

PLATFORM = "the client, which asks the key for what it cannot do, or does not ask for what it can"

_INFO = CtapCommand.GET_INFO


def _says(
    name: str, sentence: str, change: Callable[[Members], Members | bytes], layer: Layer = Layer.MEANING
) -> Fault:
    return Fault(
        name=f"info-{name}",
        layer=layer,
        sentence=sentence,
        caught_by=PLATFORM,
        commands=on_answer(_INFO, change),
    )


def _member(number: int, value: Any) -> Callable[[Members], Members]:
    return lambda members: {**members, number: value}


def _without(number: int) -> Callable[[Members], Members]:
    return lambda members: {key: value for key, value in members.items() if key != number}


def _added(number: int, entry: Any) -> Callable[[Members], Members]:
    return lambda members: {**members, number: [*members.get(number, []), entry]}


def _first_twice(number: int) -> Callable[[Members], Members]:
    return lambda members: {**members, number: [*members[number][:1], *members[number]]}


def _option(name: str, value: Any) -> Callable[[Members], Members]:
    return lambda members: {**members, info.OPTIONS: {**members[info.OPTIONS], name: value}}


def _without_option(name: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        kept = {key: value for key, value in members[info.OPTIONS].items() if key != name}
        return {**members, info.OPTIONS: kept}

    return change


def _flickers(commands: Commands, _: Parts) -> Commands:
    count = 0

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal count
        if message[0] != _INFO or answer[0] != CtapStatus.SUCCESS:
            return answer
        count += 1
        members = members_of(answer)
        return answer[:1] + cbor.encode(members | {info.MAX_MSG_SIZE: members[info.MAX_MSG_SIZE] - count})

    return ChangedCommands(commands, answer=answer)


def _wants_touch(commands: Commands, _: Parts) -> Commands:
    return _WantsTouch(commands)


class _WantsTouch:
    def __init__(self, inner: Commands) -> None:
        self._inner = inner

    def cbor(self, message: bytes, now: float) -> Command:
        if message[0] == _INFO:
            yield Gesture.PRESENCE
        return (yield from self._inner.cbor(message, now))

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


def _constant(member: int) -> Callable[[Members], Members]:
    return lambda members: {**members, member: bytes(32)} if member in members else members


def _reordered(members: Members) -> bytes:
    """The members in falling order of their numbers."""
    entries = [cbor.encode(number) + cbor.encode(members[number]) for number in sorted(members, reverse=True)]
    return bytes((0xA0 + len(entries),)) + b"".join(entries) if len(entries) < 24 else _long(entries)


def _long(entries: list[bytes]) -> bytes:
    return bytes((0xB8, len(entries))) + b"".join(entries)


def _longer_head(members: Members) -> bytes:
    """A map whose length is told in two bytes more than it takes."""
    encoded = cbor.encode(members)
    head = 1 if encoded[0] < 0xB8 else 2
    return b"\xb9" + len(members).to_bytes(2, "big") + encoded[head:]


def _indefinite(members: Members) -> bytes:
    encoded = cbor.encode(members)
    return b"\xbf" + encoded[1 if encoded[0] < 0xB8 else 2 :] + b"\xff"


def _long_messages_taken(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        too_large = answer == bytes((CtapStatus.REQUEST_TOO_LARGE,))
        return bytes((CtapStatus.INVALID_CBOR,)) if too_large else answer

    return ChangedCommands(commands, answer=answer)


FAULTS = (
    _says("members-reordered", "sends the members of its answer in the wrong order", _reordered, Layer.CBOR),
    _says("longer-head", "tells a map's length in more bytes than it takes", _longer_head, Layer.CBOR),
    _says("indefinite-map", "sends a map of indefinite length", _indefinite, Layer.CBOR),
    _says(
        "trailing-byte",
        "sends a byte after the CBOR of its answer",
        lambda members: cbor.encode(members) + b"\x00",
        Layer.CBOR,
    ),
    _says("text-key", "names a member by text, not by number", lambda m: {**m, "name": True}, Layer.CBOR),  # type: ignore[dict-item]
    _says(
        "version-2-2", "says that it speaks FIDO_2_2, which does not exist", _added(info.VERSIONS, "FIDO_2_2")
    ),
    _says("no-version", "says that it speaks no version at all", _member(info.VERSIONS, [])),
    _says("version-twice", "names a version twice", _first_twice(info.VERSIONS)),
    _says(
        "u2f-denied",
        "does not say that it speaks U2F",
        lambda m: {**m, info.VERSIONS: [version for version in m[info.VERSIONS] if version != "U2F_V2"]},
    ),
    _says("aaguid-short", "has an AAGUID of 15 bytes", lambda m: {**m, info.AAGUID: m[info.AAGUID][:15]}),
    _says(
        "aaguid-other", "names another model than its credentials do", _member(info.AAGUID, bytes(range(16)))
    ),
    _says("extension-twice", "names an extension twice", _first_twice(info.EXTENSIONS)),
    _says("extension-unknown", "names an extension that does not exist", _added(info.EXTENSIONS, "")),
    _says("option-not-boolean", "says 1 for true", _option("up", 1), Layer.CBOR),
    _says("up-false", "says that it has no user presence", _option("up", False)),
    _says("max-message-small", "takes messages of 512 bytes at most", _member(info.MAX_MSG_SIZE, 512)),
    _says("no-pin-protocol", "speaks no PIN/UV auth protocol", _without(info.PIN_UV_AUTH_PROTOCOLS)),
    _says(
        "pin-protocol-twice", "names a PIN/UV auth protocol twice", _first_twice(info.PIN_UV_AUTH_PROTOCOLS)
    ),
    _says("pin-protocol-unknown", "names a PIN/UV auth protocol 3", _added(info.PIN_UV_AUTH_PROTOCOLS, 3)),
    _says("list-of-none", "takes no credential in a list", _member(info.MAX_CREDENTIAL_COUNT_IN_LIST, 0)),
    _says(
        "credential-id-length",
        "makes longer credential IDs than it says",
        _member(info.MAX_CREDENTIAL_ID_LENGTH, 16),
    ),
    _says("transport-twice", "names a transport twice", _first_twice(info.TRANSPORTS)),
    _says("transport-unknown", "names a transport that does not exist", _added(info.TRANSPORTS, "pigeon")),
    _says("no-algorithm", "says that it knows no algorithm", _member(info.ALGORITHMS, [])),
    _says("algorithm-twice", "names an algorithm twice", _first_twice(info.ALGORITHMS)),
    _says(
        "algorithm-claimed",
        "names an algorithm that it does not have",
        _added(info.ALGORITHMS, {"alg": -65535, "type": "public-key"}),
    ),
    _says(
        "algorithm-type",
        "names algorithms for something that is no public key",
        lambda m: {**m, info.ALGORITHMS: [{**entry, "type": "private-key"} for entry in m[info.ALGORITHMS]]},
    ),
    _says(
        "large-blobs-small",
        "keeps 512 bytes of large blobs",
        _member(info.MAX_SERIALIZED_LARGE_BLOB_ARRAY, 512),
    ),
    _says(
        "large-blobs-unsaid",
        "does not say how much it keeps of large blobs",
        _without(info.MAX_SERIALIZED_LARGE_BLOB_ARRAY),
    ),
    _says("min-pin-length-small", "takes PINs of three characters", _member(info.MIN_PIN_LENGTH, 3)),
    _says("cred-blob-small", "keeps 16 bytes of credBlob", _member(info.MAX_CRED_BLOB_LENGTH, 16)),
    _says("no-token", "has PINs and no pinUvAuthToken", _without_option("pinUvAuthToken")),
    _says(
        "no-cred-protect",
        "keeps credentials without credProtect",
        lambda m: {**m, info.EXTENSIONS: [e for e in m[info.EXTENSIONS] if e != "credProtect"]},
    ),
    _says(
        "no-credential-management", "keeps credentials that nobody can manage", _without_option("credMgmt")
    ),
    _says(
        "not-required-and-always",
        "demands verification always and never",
        lambda m: _option("alwaysUv", True)(_option("makeCredUvNotRqd", True)(m)),
    ),
    _says(
        "min-pin-length-alone",
        "sets a minimum PIN length without authenticatorConfig",
        _without_option("authnrCfg"),
    ),
    _says(
        "remaining-constant",
        "has always the same room for credentials",
        _member(info.REMAINING_DISCOVERABLE_CREDENTIALS, 9),
    ),
    _says(
        "attestation-format-unknown",
        "names an attestation format that does not exist",
        _added(info.ATTESTATION_FORMATS, "wax-seal"),
    ),
    _says(
        "attestation-formats-other",
        "attests in another format than it says",
        _member(info.ATTESTATION_FORMATS, ["tpm"]),
    ),
    _says("max-pin-length-small", "takes PINs of eight bytes at most", _member(info.MAX_PIN_LENGTH, 7)),
    _says(
        "config-zero", "names an authenticatorConfig command 0", _added(info.AUTHENTICATOR_CONFIG_COMMANDS, 0)
    ),
    _says(
        "identifier-constant",
        "encrypts its identifier to the same bytes each time",
        _constant(info.ENC_IDENTIFIER),
    ),
    _says(
        "store-state-constant",
        "encrypts its store's state to the same bytes each time",
        _constant(info.ENC_CRED_STORE_STATE),
    ),
    _says(
        "firmware-negative", "has a negative firmware version", _member(info.FIRMWARE_VERSION, -1), Layer.CBOR
    ),
    _says(
        "rp-ids-alone",
        "takes RP IDs for a minimum PIN length that it cannot set",
        _without_option("setMinPINLength"),
    ),
    _says("plat-text", "says yes for true", _option("plat", "yes"), Layer.CBOR),
    Fault(
        name="mc-long-messages-taken",
        layer=Layer.MEANING,
        sentence="reads messages that are longer than it says it takes",
        caught_by="nobody, until its memory is full",
        commands=_long_messages_taken,
    ),
    Fault(
        name="info-flickers",
        layer=Layer.MEANING,
        sentence="says something else each time it is asked",
        caught_by=PLATFORM,
        commands=_flickers,
    ),
    Fault(
        name="info-wants-touch",
        layer=Layer.MEANING,
        sentence="wants to be touched before it says what it is",
        caught_by="the client, which asks every key that is plugged in",
        commands=_wants_touch,
    ),
    Fault(
        name="info-rk-lie",
        layer=Layer.MEANING,
        sentence="says that it keeps credentials, and does not",
        caught_by="the relying party, whose user cannot sign in without a name",
        profile=lambda profile: replace(profile, discoverable_credentials=0),
        commands=on_answer(_INFO, _option("rk", True)),
    ),
)
