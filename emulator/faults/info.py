"""Faults of getInfo (CTAP 2.3 §6.4): keys that say of themselves what is not so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulator.faults.changes import (
    Members,
    MembersChange,
    changed,
    entry_dropped,
    entry_given,
    given,
    without,
)
from emulator.faults.fault import Family, Fault, Layer, Parts
from emulator.faults.messages import asks, on_answer, on_status
from emulator.faults.wiring import ChangedCommands
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import get_info as info
from emulator.fido.gesture import Command, Gesture
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

_INFO = CtapCommand.GET_INFO

_fault = Family(
    prefix="info-",
    caught_by="the client, which asks the key for what it cannot do, or does not ask for what it can",
)


def _says(
    name: str, sentence: str, change: Callable[[Members], Members | bytes], layer: Layer = Layer.MEANING
) -> Fault:
    return _fault(name, sentence, on_answer(_INFO, change), layer=layer)


def _added(number: int, entry: Any) -> MembersChange:
    return lambda members: {**members, number: [*members.get(number, []), entry]}


def _first_twice(number: int) -> MembersChange:
    return changed(number, lambda found: [*found[:1], *found])


def _option(name: str, value: Any) -> MembersChange:
    return entry_given(info.OPTIONS, name, value)


def _without_option(name: str) -> MembersChange:
    return entry_dropped(info.OPTIONS, name)


def _flickers(commands: Commands, parts: Parts) -> Commands:
    count = 0

    def change(members: Members) -> Members:
        nonlocal count
        count += 1
        return {**members, info.MAX_MSG_SIZE: members[info.MAX_MSG_SIZE] - count}

    return on_answer(_INFO, change)(commands, parts)


def _after_a_touch(message: bytes, command: Command, _: float) -> Command:
    if asks(message, _INFO):
        yield Gesture.PRESENCE
    return (yield from command)


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


FAULTS = (
    # §8
    _says("members-reordered", "sends the members of its answer in the wrong order", _reordered, Layer.CBOR),
    _says("longer-head", "tells a map's length in more bytes than it takes", _longer_head, Layer.CBOR),
    _says("indefinite-map", "sends a map of indefinite length", _indefinite, Layer.CBOR),
    _says(
        "trailing-byte",
        "sends a byte after the CBOR of its answer",
        lambda members: cbor.encode(members) + b"\x00",
        Layer.CBOR,
    ),
    # §6
    _says("text-key", "names a member by text, not by number", lambda m: {**m, "name": True}, Layer.CBOR),  # type: ignore[dict-item]
    # §6.4
    _says(
        "version-2-2", "says that it speaks FIDO_2_2, which does not exist", _added(info.VERSIONS, "FIDO_2_2")
    ),
    _says("no-version", "says that it speaks no version at all", given(info.VERSIONS, [])),
    _says("version-twice", "names a version twice", _first_twice(info.VERSIONS)),
    _says(
        "u2f-denied",
        "does not say that it speaks U2F",
        changed(info.VERSIONS, lambda found: [version for version in found if version != "U2F_V2"]),
    ),
    _says("aaguid-short", "has an AAGUID of 15 bytes", changed(info.AAGUID, lambda aaguid: aaguid[:15])),
    # §6.1.2
    _says(
        "aaguid-other", "names another model than its credentials do", given(info.AAGUID, bytes(range(16)))
    ),
    # §6.4
    _says("extension-twice", "names an extension twice", _first_twice(info.EXTENSIONS)),
    _says("extension-unknown", "names an extension that does not exist", _added(info.EXTENSIONS, "")),
    _says("option-not-boolean", "says 1 for true", _option("up", 1), Layer.CBOR),
    _says("up-false", "says that it has no user presence", _option("up", False)),
    _says("max-message-small", "takes messages of 512 bytes at most", given(info.MAX_MSG_SIZE, 512)),
    _says("no-pin-protocol", "speaks no PIN/UV auth protocol", without(info.PIN_UV_AUTH_PROTOCOLS)),
    _says(
        "pin-protocol-twice", "names a PIN/UV auth protocol twice", _first_twice(info.PIN_UV_AUTH_PROTOCOLS)
    ),
    _says("pin-protocol-unknown", "names a PIN/UV auth protocol 3", _added(info.PIN_UV_AUTH_PROTOCOLS, 3)),
    _says("list-of-none", "takes no credential in a list", given(info.MAX_CREDENTIAL_COUNT_IN_LIST, 0)),
    _says(
        "credential-id-length",
        "makes longer credential IDs than it says",
        given(info.MAX_CREDENTIAL_ID_LENGTH, 16),
    ),
    _says("transport-twice", "names a transport twice", _first_twice(info.TRANSPORTS)),
    _says("transport-unknown", "names a transport that does not exist", _added(info.TRANSPORTS, "pigeon")),
    _says("no-algorithm", "says that it knows no algorithm", given(info.ALGORITHMS, [])),
    _says("algorithm-twice", "names an algorithm twice", _first_twice(info.ALGORITHMS)),
    _says(
        "algorithm-claimed",
        "names an algorithm that it does not have",
        _added(info.ALGORITHMS, {"alg": -65535, "type": "public-key"}),
    ),
    _says(
        "algorithm-type",
        "names algorithms for something that is no public key",
        changed(info.ALGORITHMS, lambda found: [{**entry, "type": "private-key"} for entry in found]),
    ),
    _says(
        "large-blobs-small",
        "keeps 512 bytes of large blobs",
        given(info.MAX_SERIALIZED_LARGE_BLOB_ARRAY, 512),
    ),
    _says(
        "large-blobs-unsaid",
        "does not say how much it keeps of large blobs",
        without(info.MAX_SERIALIZED_LARGE_BLOB_ARRAY),
    ),
    _says("min-pin-length-small", "takes PINs of three characters", given(info.MIN_PIN_LENGTH, 3)),
    # §12.2
    _says("cred-blob-small", "keeps 16 bytes of credBlob", given(info.MAX_CRED_BLOB_LENGTH, 16)),
    # §6.4
    _says("no-token", "has PINs and no pinUvAuthToken", _without_option("pinUvAuthToken")),
    # §9
    _says(
        "no-cred-protect",
        "keeps credentials without credProtect",
        changed(info.EXTENSIONS, lambda found: [name for name in found if name != "credProtect"]),
    ),
    _says(
        "no-credential-management", "keeps credentials that nobody can manage", _without_option("credMgmt")
    ),
    # §6.4
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
        given(info.REMAINING_DISCOVERABLE_CREDENTIALS, 9),
    ),
    _says(
        "attestation-format-unknown",
        "names an attestation format that does not exist",
        _added(info.ATTESTATION_FORMATS, "wax-seal"),
    ),
    _says(
        "attestation-formats-other",
        "attests in another format than it says",
        given(info.ATTESTATION_FORMATS, ["tpm"]),
    ),
    _says("max-pin-length-small", "takes PINs of eight bytes at most", given(info.MAX_PIN_LENGTH, 7)),
    _says(
        "config-zero", "names an authenticatorConfig command 0", _added(info.AUTHENTICATOR_CONFIG_COMMANDS, 0)
    ),
    _says(
        "identifier-constant",
        "encrypts its identifier to the same bytes each time",
        changed(info.ENC_IDENTIFIER, lambda _: bytes(32)),
    ),
    _says(
        "store-state-constant",
        "encrypts its store's state to the same bytes each time",
        changed(info.ENC_CRED_STORE_STATE, lambda _: bytes(32)),
    ),
    _says(
        "firmware-negative", "has a negative firmware version", given(info.FIRMWARE_VERSION, -1), Layer.CBOR
    ),
    _says(
        "rp-ids-alone",
        "takes RP IDs for a minimum PIN length that it cannot set",
        _without_option("setMinPINLength"),
    ),
    _says("plat-text", "says yes for true", _option("plat", "yes"), Layer.CBOR),
    Family(prefix="mc-", caught_by="nobody, until its memory is full")(
        "long-messages-taken",
        "reads messages that are longer than it says it takes",
        on_status(None, {CtapStatus.REQUEST_TOO_LARGE: CtapStatus.INVALID_CBOR}),
    ),
    _fault("flickers", "says something else each time it is asked", _flickers),
    _fault(
        "wants-touch",
        "wants to be touched before it says what it is",
        lambda commands, _: ChangedCommands(commands, run=_after_a_touch),
        caught_by="the client, which asks every key that is plugged in",
    ),
    _fault(
        "rk-lie",
        "says that it keeps credentials, and does not",
        on_answer(_INFO, _option("rk", True)),
        caught_by="the relying party, whose user cannot sign in without a name",
        profile=lambda profile: replace(profile, discoverable_credentials=0),
    ),
)
