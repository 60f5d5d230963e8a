"""Faults of credBlob, largeBlobKey, minPinLength, pinComplexityPolicy, thirdPartyPayment (CTAP 2.3 §12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.outputs import Change, Outputs, dropped, on_outputs, replaced
from emulator.faults.registration import without
from emulator.faults.wiring import ChangedCommands, Members, credential_of, members_of, on_answer, on_request
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential
from emulator.fido.ctap2 import extensions as ext
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

RELYING_PARTY = "the relying party, when it reads what the key made of its extension"
READER = "nobody: more is told than was asked for"
PLATFORM = "the client, when it reads the answer"

_MAKE, _GET = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION
_INPUTS = {_MAKE: mc.EXTENSIONS, _GET: ga.EXTENSIONS}

Wrap = Callable[[Commands, Parts], Commands]


def _fault(name: str, sentence: str, commands: Wrap, *, caught_by: str = RELYING_PARTY) -> Fault:
    return Fault(name=name, layer=Layer.MEANING, sentence=sentence, caught_by=caught_by, commands=commands)


def _asked(command: CtapCommand, request: Members, name: str) -> Any:
    found = request.get(_INPUTS[command])
    return found.get(name) if isinstance(found, dict) else None


def _of_assertion(parts: Parts, request: Members, answer: Members) -> Credential:
    return credential_of(parts, answer[ga.CREDENTIAL]["id"], request[ga.RP_ID])


# credBlob.


def _blob_unasked(parts: Parts, request: Members, answer: Members, outputs: Outputs) -> Outputs:
    blob = _of_assertion(parts, request, answer).cred_blob
    return outputs if blob is None else {**outputs, ext.CRED_BLOB: blob}


def _empty_unsaid(_: Parts, __: Members, ___: Members, outputs: Outputs) -> Outputs:
    return {name: value for name, value in outputs.items() if value != b""}


def _longest_refused(parts: Parts, request: Members, _: Members, outputs: Outputs) -> Outputs:
    blob = _asked(_MAKE, request, ext.CRED_BLOB)
    longest = isinstance(blob, bytes) and len(blob) == parts.profile.max_cred_blob_length
    return {**outputs, ext.CRED_BLOB: False} if longest else outputs


def _cut(commands: Commands, parts: Parts) -> Commands:
    """As much of a blob kept as there is room for."""

    def change(request: Members) -> Members | None:
        blob = _asked(_MAKE, request, ext.CRED_BLOB)
        if not isinstance(blob, bytes):
            return None
        kept = blob[: parts.profile.max_cred_blob_length]
        return {**request, mc.EXTENSIONS: {**request[mc.EXTENSIONS], ext.CRED_BLOB: kept}}

    return on_request(_MAKE, change)(commands, parts)


def _one_blob(commands: Commands, parts: Parts) -> Commands:
    """One blob for all credentials: the last that came."""
    last = b""

    def note(_: Parts, request: Members, __: Members, outputs: Outputs) -> Outputs:
        nonlocal last
        last = _asked(_MAKE, request, ext.CRED_BLOB) or last
        return outputs

    def give(_: Parts, __: Members, ___: Members, outputs: Outputs) -> Outputs:
        return {**outputs, ext.CRED_BLOB: last} if ext.CRED_BLOB in outputs else outputs

    return on_outputs(_GET, give)(on_outputs(_MAKE, note)(commands, parts), parts)


# largeBlobKey.


def _keys(change: Callable[[bytes], bytes], *commands: tuple[CtapCommand, int]) -> Wrap:
    """The key to a large blob changed where it is told."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        for command, member in commands:
            inner = on_answer(command, _changed(member, change))(inner, parts)
        return inner

    return wrap


def _changed(member: int, change: Callable[[bytes], bytes]) -> Callable[[Members], Members]:
    return lambda found: {**found, member: change(found[member])} if member in found else found


_OF_MAKE, _OF_GET = (_MAKE, mc.LARGE_BLOB_KEY), (_GET, ga.LARGE_BLOB_KEY)


def _key_unasked(commands: Commands, parts: Parts) -> Commands:
    """The key told in every assertion of a credential that has one."""

    def answer(message: bytes, answer: bytes) -> bytes:
        if message[:1] != bytes((_GET,)) or answer[0] != CtapStatus.SUCCESS:
            return answer
        members = members_of(answer)
        key = _of_assertion(parts, members_of(message), members).large_blob_key
        return answer if key is None else answer[:1] + cbor.encode({**members, ga.LARGE_BLOB_KEY: key})

    return ChangedCommands(commands, answer=answer)


def _key_invented(commands: Commands, parts: Parts) -> Commands:
    """A key told for a credential that has none."""

    def answer(message: bytes, answer: bytes) -> bytes:
        asked = message[:1] == bytes((_GET,)) and _asked(_GET, members_of(message), ext.LARGE_BLOB_KEY)
        if not asked or answer[0] != CtapStatus.SUCCESS:
            return answer
        return answer[:1] + cbor.encode({ga.LARGE_BLOB_KEY: parts.random_bytes(32), **members_of(answer)})

    return ChangedCommands(commands, answer=answer)


def _refusals_passed_over(members: Members) -> Members | None:
    """largeBlobKey passed over where it should be refused."""
    asked = _asked(_MAKE, members, ext.LARGE_BLOB_KEY)
    if asked is None or (asked is True and members.get(mc.OPTIONS, {}).get("rk")):
        return None
    rest = {k: value for k, value in members[mc.EXTENSIONS].items() if k != ext.LARGE_BLOB_KEY}
    return {**members, mc.EXTENSIONS: rest}


# What is told of PINs.


def _policy(parts: Parts, name: str) -> int | bool:
    told = name == ext.MIN_PIN_LENGTH
    return parts.store.user_verification.min_pin_length if told else parts.state.pin_complexity_policy


def _to_everybody(name: str) -> Change:
    def change(parts: Parts, request: Members, _: Members, outputs: Outputs) -> Outputs:
        return {**outputs, name: _policy(parts, name)} if _asked(_MAKE, request, name) else outputs

    return change


def _unasked(name: str) -> Change:
    """Told to those relying parties that may know, though they did not ask."""

    def change(parts: Parts, request: Members, _: Members, outputs: Outputs) -> Outputs:
        listed = request[mc.RP]["id"] in parts.store.configuration.min_pin_length_rp_ids
        return {**outputs, name: _policy(parts, name)} if listed else outputs

    return change


# thirdPartyPayment.


def _payment_unasked(parts: Parts, request: Members, answer: Members, outputs: Outputs) -> Outputs:
    found = _of_assertion(parts, request, answer).third_party_payment
    return {**outputs, ext.THIRD_PARTY_PAYMENT: found}


FAULTS = (
    _fault(
        "credblob-unsaid",
        "does not say whether it keeps a credBlob",
        on_outputs(_MAKE, dropped(ext.CRED_BLOB)),
    ),
    _fault(
        "credblob-not-kept",
        "says that it keeps a credBlob, and gives an empty one",
        on_outputs(_GET, replaced(ext.CRED_BLOB, b"")),
    ),
    _fault(
        "credblob-claimed",
        "says that it keeps a credBlob which it does not",
        on_outputs(_MAKE, replaced(ext.CRED_BLOB, True)),
    ),
    _fault("credblob-cut", "keeps the beginning of a credBlob that is too long", _cut),
    _fault(
        "credblob-longest-refused",
        "does not keep a credBlob as long as it says that one may be",
        on_outputs(_MAKE, _longest_refused),
    ),
    _fault(
        "credblob-unasked",
        "gives its credBlob away without being asked",
        on_outputs(_GET, _blob_unasked),
        caught_by=READER,
    ),
    _fault(
        "credblob-empty-unsaid",
        "does not answer who asks for a credBlob where there is none",
        on_outputs(_GET, _empty_unsaid),
    ),
    _fault("credblob-of-another", "gives the credBlob of another credential", _one_blob),
    _fault(
        "lbk-missing",
        "makes a credential without the key to a large blob that was asked for",
        on_answer(_MAKE, without(mc.LARGE_BLOB_KEY)),
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-short",
        "gives keys to large blobs of 16 bytes",
        _keys(lambda key: key[:16], _OF_MAKE, _OF_GET),
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-other",
        "gives another key to a large blob than when the credential was made",
        _keys(lambda key: key[::-1], _OF_GET),
        caught_by="the client, which cannot decrypt the large blob",
    ),
    _fault(
        "lbk-same-for-all",
        "gives one key for the large blobs of all credentials",
        _keys(lambda _: b"k" * 32, _OF_MAKE, _OF_GET),
        caught_by="nobody: one relying party's large blob is another's",
    ),
    _fault(
        "lbk-unasked",
        "gives the key to a large blob away without being asked",
        _key_unasked,
        caught_by=READER,
    ),
    _fault(
        "lbk-invented",
        "gives a key to a large blob of a credential that has none",
        _key_invented,
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-passed-over",
        "makes a credential without a key to a large blob where it should refuse",
        on_request(_MAKE, _refusals_passed_over),
        caught_by=PLATFORM,
    ),
    _fault(
        "minpin-untold",
        "does not tell the length of its PIN to whom it was told to",
        on_outputs(_MAKE, dropped(ext.MIN_PIN_LENGTH)),
    ),
    _fault(
        "minpin-told-everybody",
        "tells the length of its PIN to relying parties that are not listed",
        on_outputs(_MAKE, _to_everybody(ext.MIN_PIN_LENGTH)),
        caught_by=READER,
    ),
    _fault(
        "minpin-unasked",
        "tells the length of its PIN without being asked",
        on_outputs(_MAKE, _unasked(ext.MIN_PIN_LENGTH)),
        caught_by=READER,
    ),
    _fault(
        "complexity-untold",
        "does not say whether its PIN is complex to whom it was told to",
        on_outputs(_MAKE, dropped(ext.PIN_COMPLEXITY_POLICY)),
    ),
    _fault(
        "complexity-told-everybody",
        "says whether its PIN is complex to relying parties that are not listed",
        on_outputs(_MAKE, _to_everybody(ext.PIN_COMPLEXITY_POLICY)),
        caught_by=READER,
    ),
    _fault(
        "payment-forgotten",
        "forgets that a credential may pay",
        on_outputs(_GET, replaced(ext.THIRD_PARTY_PAYMENT, False)),
    ),
    _fault(
        "payment-for-everything",
        "lets every credential pay",
        on_outputs(_GET, replaced(ext.THIRD_PARTY_PAYMENT, True)),
        caught_by="the bank, if it knows better",
    ),
    _fault(
        "payment-unasked",
        "says whether a credential may pay without being asked",
        on_outputs(_GET, _payment_unasked),
        caught_by=READER,
    ),
)
