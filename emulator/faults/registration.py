"""Faults of makeCredential (CTAP 2.3 §6.1), and of reading requests (§8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.faults.ceremony import auth_data_faults, trailing_bytes, unknown_option
from emulator.faults.changes import (
    Change,
    Members,
    changed,
    entry_changed,
    entry_dropped,
    flipped,
    given,
    without,
)
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.messages import (
    on_answer,
    on_request,
    refusals_unnamed,
    refusing,
    taken_for_granted,
    ungestured,
    unheeded,
)
from emulator.faults.signing import (
    CREDENTIAL_ID,
    FLAGS,
    Exchange,
    attested,
    credential_id_in,
    on_auth_data,
    on_exchange,
    on_signed_auth_data,
)
from emulator.faults.wiring import ChangedCommands
from emulator.fido import attestation, cbor
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

PLATFORM = "the client, when it reads the answer"

_MAKE = CtapCommand.MAKE_CREDENTIAL
_KNOWN_EXTENSIONS = {
    "credProtect", "hmac-secret", "hmac-secret-mc", "credBlob", "largeBlobKey", "minPinLength",
    "pinComplexityPolicy", "thirdPartyPayment",
}  # fmt: skip
_USUAL: Members = {
    mc.CLIENT_DATA_HASH: bytes(32),
    mc.RP: {"id": "nowhere.example"},
    mc.USER: {"id": b"nobody"},
    mc.PUB_KEY_CRED_PARAMS: [{"alg": -7, "type": "public-key"}],
}

_fault = Family(prefix="mc-", caught_by="the relying party, when it verifies the registration")


def _lenient(commands: Commands, _: Parts) -> Commands:
    def request(message: bytes) -> bytes:
        try:
            value = cbor2.loads(message[1:])  # which takes a tag it knows for nothing
            return message[:1] + cbor.encode(dict(value) if isinstance(value, Mapping) else value)
        except Exception:  # what is no CBOR at all stays what it is
            return message

    return ChangedCommands(commands, request=request)


def _signed_by(attest: Callable[[Parts], Attestation]) -> Wrap:
    """Packed statements by another attestation than the model's."""

    def change(exchange: Exchange) -> Members | None:
        if "x5c" not in exchange.answer.get(mc.ATT_STMT, {}):
            return None
        return attested(exchange, attest(exchange.parts), exchange.auth_data)

    return on_exchange(_MAKE, change)


def _certified_by_ca(parts: Parts) -> Attestation:
    """The model's key with the certificate of an authority."""
    model = Attestation.of_model(parts.profile.aaguid)
    authority = x509.load_pem_x509_certificate(attestation.intermediate_certificate_pem())
    certificate = authority.public_bytes(Encoding.DER)
    return Attestation(private_key=model.private_key, certificate=certificate)


def _statement(entry: str, change: Callable[[Any], Any]) -> Wrap:
    return on_answer(_MAKE, entry_changed(mc.ATT_STMT, entry, change))


def _key_changed(change: Callable[[dict[int, Any]], dict[int, Any]]) -> Change:
    """The COSE key in attested credential data, changed."""

    def otherwise(data: bytes) -> bytes:
        end = CREDENTIAL_ID + len(credential_id_in(data))
        key = cbor2.loads(data[end:])
        rest = data[end + len(cbor.encode(key)) :]
        return data[:end] + cbor.encode(change(key)) + rest

    return otherwise


def _id_shortened(data: bytes) -> bytes:
    credential_id = credential_id_in(data)
    end = CREDENTIAL_ID + len(credential_id)
    return data[: CREDENTIAL_ID - 2] + b"\x00\x08" + credential_id[:8] + data[end:]


def _repeats(commands: Commands, parts: Parts) -> Commands:
    """The first credential given again and again."""
    first: dict[str, Members] = {}
    return on_exchange(_MAKE, lambda exchange: first.setdefault(exchange.rp_id, exchange.answer))(
        commands, parts
    )


def _types_unchecked(parameters: Any) -> list[Any]:
    return [{**entry, "type": "public-key"} if isinstance(entry, dict) else entry for entry in parameters]


def _unknown_extension(members: Members) -> bool:
    return bool({*members.get(mc.EXTENSIONS, {})} - _KNOWN_EXTENSIONS)


FAULTS = (
    *auth_data_faults(_fault, _MAKE),
    # WebAuthn Level 3 §6.1
    _fault(
        "at-not-set",
        "hides the new key behind a missing AT flag",
        on_signed_auth_data(_MAKE, flipped(FLAGS, Flags.AT)),
    ),
    _fault(
        "ed-claimed",
        "says that extensions follow where none do",
        on_signed_auth_data(_MAKE, flipped(FLAGS, Flags.ED)),
    ),
    # WebAuthn Level 3 §6.5.1
    _fault(
        "auth-data-longer",
        "has bytes in authData after its end",
        on_auth_data(_MAKE, lambda data: data + b"\x00\x00"),
    ),
    # WebAuthn Level 3 §4, credential ID
    _fault(
        "id-short",
        "names a credential by eight bytes, which others may guess",
        on_auth_data(_MAKE, _id_shortened),
    ),
    # §6.1.2 step 16
    _fault("repeats-itself", "gives the same credential again and again", _repeats),
    _fault(
        "algorithm-other",
        "names another algorithm in the key than it was asked for",
        on_signed_auth_data(_MAKE, _key_changed(given(3, -65535))),
    ),
    # RFC 9053 §7.1, WebAuthn Level 3 §6.5.1.1
    _fault(
        "point-off-curve",
        "gives a public key that is no point of the curve",
        on_signed_auth_data(
            _MAKE, _key_changed(lambda key: {**key, -3: bytes(32)} if -3 in key else {**key, -2: bytes(1)})
        ),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.1.2 step 3
    _fault(
        "algorithm-order",
        "takes the last of the algorithms that it knows, not the first",
        on_request(_MAKE, changed(mc.PUB_KEY_CRED_PARAMS, lambda found: found[::-1])),
        caught_by="the relying party, which gets what it likes least",
    ),
    _fault(
        "algorithm-type-ignored",
        "takes an algorithm for something else than public keys",
        on_request(_MAKE, changed(mc.PUB_KEY_CRED_PARAMS, _types_unchecked)),
    ),
    # §6.1.2 step 12, §12.1
    _fault(
        "exclude-list-ignored",
        "registers again with a relying party that excluded its credential",
        unheeded(_MAKE, mc.EXCLUDE_LIST),
        caught_by="the relying party: one key is registered twice for a user",
    ),
    # §6.1.2 step 12
    _fault(
        "excludes-anything",
        "takes every credential in an exclude list for its own",
        refusing(_MAKE, CtapStatus.CREDENTIAL_EXCLUDED, lambda m: bool(m.get(mc.EXCLUDE_LIST))),
        caught_by="the user, who cannot register a second key",
    ),
    # §6.1.2 step 14
    _fault(
        "touch-not-needed",
        "makes a credential that nobody touched it for",
        ungestured(_MAKE),
        caught_by="the user, whose key is used behind their back",
    ),
    # §6.1.2 step 5
    _fault(
        "up-false-taken",
        "passes over a request for a credential without user presence",
        on_request(_MAKE, entry_dropped(mc.OPTIONS, "up")),
        caught_by=PLATFORM,
    ),
    # §6.1
    _fault(
        "missing-taken-for-granted", "fills in what a request leaves out", taken_for_granted(_MAKE, _USUAL)
    ),
    # §6.1.2
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_MAKE), caught_by=PLATFORM),
    # §12
    _fault(
        "unknown-extension-refused",
        "refuses extensions that it does not know",
        refusing(_MAKE, CtapStatus.UNSUPPORTED_OPTION, _unknown_extension),
        caught_by="the relying party, which cannot register the key",
    ),
    unknown_option(_fault, _MAKE, mc.OPTIONS),
    # §6.1.2
    _fault(
        "auth-data-missing",
        "answers without authData",
        on_answer(_MAKE, without(mc.AUTH_DATA)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "fmt-missing",
        "answers without fmt",
        on_answer(_MAKE, without(mc.FMT)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "statement-text",
        "sends its attestation statement as text",
        on_answer(_MAKE, given(mc.ATT_STMT, "signed")),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    trailing_bytes(_fault, _MAKE),
    # WebAuthn Level 3 §8.2, WebAuthn Level 3 §8.6
    _fault(
        "attestation-bad",
        "attests with a signature that does not hold",
        _statement("sig", flipped(-1)),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # WebAuthn Level 3 §8.2
    _fault(
        "attestation-alg",
        "names another algorithm for its attestation than it used",
        _statement("alg", lambda _: -257),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # WebAuthn Level 3 §8.2.1
    _fault(
        "attestation-of-another-model",
        "attests with the key of another model",
        _signed_by(lambda _: Attestation.of_model(bytes(range(16)))),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "attestation-by-authority",
        "attests with a certificate that may issue others",
        _signed_by(_certified_by_ca),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # RFC 5280 §6.1
    _fault(
        "attestation-chain-broken",
        "sends the certificates of its attestation in the wrong order",
        _statement("x5c", lambda found: found[::-1]),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # WebAuthn Level 3 §8.7
    _fault(
        "none-with-statement",
        "says that it does not attest, and attests",
        on_answer(_MAKE, lambda m: {**m, mc.FMT: "none", mc.ATT_STMT: {"sig": b""}}),
    ),
    # §6.1.2 step 19
    _fault(
        "preference-ignored",
        "attests in the format that it likes best",
        unheeded(_MAKE, mc.ATTESTATION_FORMATS_PREFERENCE),
    ),
    # §8
    Family(caught_by="nobody at once; two readers of one message may read two things", layer=Layer.CBOR)(
        "cbor-anything-taken", "takes CBOR in whatever encoding it comes", _lenient
    ),
)
