"""Faults of credBlob, largeBlobKey, minPinLength, pinComplexityPolicy, thirdPartyPayment (CTAP 2.3 §12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.faults.changes import Members, changed, entry_dropped, entry_given, without
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.messages import on_answer, on_request
from emulator.faults.outputs import Outputs, OutputsChange, dropped, on_outputs, replaced
from emulator.faults.signing import Exchange, on_exchange
from emulator.faults.wiring import together
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import extensions as ext
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.key_parts import Commands

READER = "nobody: more is told than was asked for"
PLATFORM = "the client, when it reads the answer"

_MAKE, _GET = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION

_fault = Family(caught_by="the relying party, when it reads what the key made of its extension")


def _asked(request: Members, name: str, extensions: int = mc.EXTENSIONS) -> Any:
    """What a request, of makeCredential unless said, has for an extension."""
    found = request.get(extensions)
    return found.get(name) if isinstance(found, dict) else None


# credBlob.


def _blob_unasked(exchange: Exchange, outputs: Outputs) -> Outputs:
    blob = exchange.credential.cred_blob
    return outputs if blob is None else {**outputs, ext.CRED_BLOB: blob}


def _empty_unsaid(_: Exchange, outputs: Outputs) -> Outputs:
    return {name: value for name, value in outputs.items() if value != b""}


def _longest_refused(exchange: Exchange, outputs: Outputs) -> Outputs:
    blob = _asked(exchange.request, ext.CRED_BLOB)
    longest = isinstance(blob, bytes) and len(blob) == exchange.parts.profile.max_cred_blob_length
    return {**outputs, ext.CRED_BLOB: False} if longest else outputs


def _cut(commands: Commands, parts: Parts) -> Commands:
    """As much of a blob kept as there is room for."""

    def change(request: Members) -> Members | None:
        blob = _asked(request, ext.CRED_BLOB)
        if not isinstance(blob, bytes):
            return None
        kept = blob[: parts.profile.max_cred_blob_length]
        return entry_given(mc.EXTENSIONS, ext.CRED_BLOB, kept)(request)

    return on_request(_MAKE, change)(commands, parts)


def _one_blob(commands: Commands, parts: Parts) -> Commands:
    """One blob for all credentials: the last that came."""
    last = b""

    def note(exchange: Exchange) -> None:
        nonlocal last
        last = _asked(exchange.request, ext.CRED_BLOB) or last

    def give(_: Exchange, outputs: Outputs) -> Outputs:
        return {**outputs, ext.CRED_BLOB: last} if ext.CRED_BLOB in outputs else outputs

    return on_outputs(_GET, give)(on_exchange(_MAKE, note)(commands, parts), parts)


# largeBlobKey.


def _key_made(change: Callable[[bytes], bytes]) -> Wrap:
    """The key to a large blob changed when its credential is made."""
    return on_answer(_MAKE, changed(mc.LARGE_BLOB_KEY, change))


def _key_got(change: Callable[[bytes], bytes]) -> Wrap:
    """The key to a large blob changed in assertions."""
    return on_answer(_GET, changed(ga.LARGE_BLOB_KEY, change))


def _key_unasked(exchange: Exchange) -> Members | None:
    """The key told in every assertion of a credential that has one."""
    key = exchange.credential.large_blob_key
    return None if key is None else {**exchange.answer, ga.LARGE_BLOB_KEY: key}


def _key_invented(exchange: Exchange) -> Members | None:
    """A key told for a credential that has none."""
    if not _asked(exchange.request, ext.LARGE_BLOB_KEY, ga.EXTENSIONS):
        return None
    return {ga.LARGE_BLOB_KEY: exchange.parts.random_bytes(32), **exchange.answer}


def _refusals_passed_over(members: Members) -> Members | None:
    """largeBlobKey passed over where it should be refused."""
    asked = _asked(members, ext.LARGE_BLOB_KEY)
    if asked is None or (asked is True and members.get(mc.OPTIONS, {}).get("rk")):
        return None
    return entry_dropped(mc.EXTENSIONS, ext.LARGE_BLOB_KEY)(members)


# What is told of PINs.


def _policy(parts: Parts, name: str) -> int | bool:
    told = name == ext.MIN_PIN_LENGTH
    return parts.store.user_verification.min_pin_length if told else parts.state.pin_complexity_policy


def _to_everybody(name: str) -> OutputsChange:
    def change(exchange: Exchange, outputs: Outputs) -> Outputs:
        asked = _asked(exchange.request, name)
        return {**outputs, name: _policy(exchange.parts, name)} if asked else outputs

    return change


def _unasked(name: str) -> OutputsChange:
    """Told to those relying parties that may know, though they did not ask."""

    def change(exchange: Exchange, outputs: Outputs) -> Outputs:
        listed = exchange.rp_id in exchange.parts.store.configuration.min_pin_length_rp_ids
        return {**outputs, name: _policy(exchange.parts, name)} if listed else outputs

    return change


# thirdPartyPayment.


def _payment_unasked(exchange: Exchange, outputs: Outputs) -> Outputs:
    return {**outputs, ext.THIRD_PARTY_PAYMENT: exchange.credential.third_party_payment}


FAULTS = (
    # §12.2
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
    # §12.3
    _fault(
        "lbk-missing",
        "makes a credential without the key to a large blob that was asked for",
        on_answer(_MAKE, without(mc.LARGE_BLOB_KEY)),
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-short",
        "gives keys to large blobs of 16 bytes",
        together(_key_made(lambda key: key[:16]), _key_got(lambda key: key[:16])),
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-other",
        "gives another key to a large blob than when the credential was made",
        _key_got(lambda key: key[::-1]),
        caught_by="the client, which cannot decrypt the large blob",
    ),
    _fault(
        "lbk-same-for-all",
        "gives one key for the large blobs of all credentials",
        together(_key_made(lambda _: b"k" * 32), _key_got(lambda _: b"k" * 32)),
        caught_by="nobody: one relying party's large blob is another's",
    ),
    _fault(
        "lbk-unasked",
        "gives the key to a large blob away without being asked",
        on_exchange(_GET, _key_unasked),
        caught_by=READER,
    ),
    _fault(
        "lbk-invented",
        "gives a key to a large blob of a credential that has none",
        on_exchange(_GET, _key_invented),
        caught_by=PLATFORM,
    ),
    _fault(
        "lbk-passed-over",
        "makes a credential without a key to a large blob where it should refuse",
        on_request(_MAKE, _refusals_passed_over),
        caught_by=PLATFORM,
    ),
    # §12.5
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
    # §12.6
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
    # §12.9
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
