"""Faults of what a key says of its model (FIDO Metadata Statement v3.0, WebAuthn Level 3 §6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha512

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.faults.changes import Members, entry_dropped, entry_given, flipped, put
from emulator.faults.fault import Family, Layer, Wrap
from emulator.faults.messages import on_answer
from emulator.faults.signing import (
    AAGUID,
    FLAGS,
    Exchange,
    attested,
    model_attestation,
    on_auth_data,
    on_exchange,
)
from emulator.fido import cose
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import get_info
from emulator.fido.ctap2 import make_credential as mc

_MAKE = CtapCommand.MAKE_CREDENTIAL
_FORGER = sha512(b"a forger's key: no secret, no assurance").digest()

_fault = Family(
    prefix="model-",
    caught_by="the relying party that verifies attestation by the model's metadata statement",
)


def _attested(change: Callable[[Attestation], Attestation]) -> Wrap:
    """Packed statements with certificates by a changed attestation of the model's."""

    def otherwise(exchange: Exchange) -> Members | None:
        if exchange.answer[mc.FMT] != "packed" or "x5c" not in exchange.answer[mc.ATT_STMT]:
            return None
        return attested(exchange, change(model_attestation(exchange.parts)), exchange.auth_data)

    return on_exchange(_MAKE, otherwise)


def _another_key(model: Attestation) -> Attestation:
    stranger = cose.generate(cose.Algorithm.ES256, lambda length: _FORGER[:length])
    return replace(model, private_key=stranger)


def _forged(model: Attestation) -> Attestation:
    """The same certificates, but that the first is signed by somebody else in its issuer's name."""
    first, *others = model.chain or (model.certificate,)
    sound = x509.load_der_x509_certificate(first)
    builder = x509.CertificateBuilder(
        issuer_name=sound.issuer,
        subject_name=sound.subject,
        public_key=sound.public_key(),
        serial_number=sound.serial_number,
        not_valid_before=sound.not_valid_before_utc,
        not_valid_after=sound.not_valid_after_utc,
    )
    for extension in sound.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    scalar = cose.scalar_from(lambda length: _FORGER[:length])
    forger = ec.derive_private_key(scalar, ec.SECP256R1())
    forged = builder.sign(forger, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)
    return replace(model, certificate=forged, chain=(forged, *others))


def _attests_otherwise(members: Members) -> Members:
    if members[mc.FMT] == "none":
        return {**members, mc.FMT: "packed", mc.ATT_STMT: {"alg": -7, "sig": bytes(70)}}
    return {**members, mc.FMT: "none", mc.ATT_STMT: {}}


def _uv_turned_over(members: Members) -> Members:
    """Built-in user verification claimed by a key that has none, and denied by one that has."""
    has_it = "uv" in members[get_info.OPTIONS]
    change = entry_dropped(get_info.OPTIONS, "uv") if has_it else entry_given(get_info.OPTIONS, "uv", True)
    return change(members)


FAULTS = (
    # WebAuthn Level 3 §8.2
    _fault(
        "attested-by-another",
        "signs its attestation with another key than its certificate's",
        _attested(_another_key),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # WebAuthn Level 3 §7.1 step 24
    _fault(
        "certificate-forged",
        "attests by a certificate that nobody trustworthy issued",
        _attested(_forged),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # WebAuthn Level 3 §6.5.1
    _fault(
        "aaguid-zero",
        "makes credentials that do not say which model made them",
        on_auth_data(_MAKE, lambda data: put(data, AAGUID, bytes(16))),
    ),
    # FIDO Metadata Statement v3.0 §4
    _fault(
        "attests-otherwise",
        "attests in another way than its model does",
        on_answer(_MAKE, _attests_otherwise),
    ),
    _fault(
        "synced-otherwise",
        "says of its credentials that they are backed up where they are not, or the other way round",
        on_auth_data(_MAKE, flipped(FLAGS, Flags.BE)),
    ),
    # FIDO Metadata Statement v3.0 §3.2
    _fault(
        "verifies-otherwise",
        "says of its user verification what is not so of its model",
        on_answer(CtapCommand.GET_INFO, _uv_turned_over),
    ),
)
