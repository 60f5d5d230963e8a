"""What the key says of itself, against what is published of its model (FIDO Metadata Statement v3.0)."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from fido2.cose import CoseKey

from harness.conformance.ceremony import CLIENT_DATA_HASH, Ceremony, Registration
from harness.conformance.probe import Probe

STATEMENT_VARIABLE = "KEYRIG_METADATA"
"""Where in the environment the file is named that has a key's metadata statement, as JSON."""

Statement = Mapping[str, Any]

_SAME_FOR_ALL = {
    0x02: "extensions", 0x05: "maxMsgSize", 0x06: "pinUvAuthProtocols", 0x07: "maxCredentialCountInList",
    0x08: "maxCredentialIdLength", 0x0B: "maxSerializedLargeBlobArray", 0x0F: "maxCredBlobLength",
    0x10: "maxRPIDsForSetMinPINLength", 0x12: "uvModality", 0x16: "attestationFormats", 0x1D: "maxPINLength",
    0x1F: "authenticatorConfigCommands",
}  # fmt: skip
"""Members of getInfo that are the model's, and no setting of one key's."""

_UPV = {"FIDO_2_0": (1, 0), "FIDO_2_1": (1, 1), "FIDO_2_3": (1, 3)}
_BE = 0x08


@runtime_checkable
class Published(Protocol):
    """A key of whose model metadata statements are at hand."""

    @property
    def metadata_statements(self) -> list[Statement]:
        """For FIDO2, for U2F, or both."""


def _statement(probe: Probe, family: str) -> Statement:
    """The statement of the key's model for a protocol family; skips where there is none."""
    found: list[Statement] = []
    if isinstance(probe.key, Published):
        found = probe.key.metadata_statements
    elif path := os.environ.get(STATEMENT_VARIABLE):
        found = [json.loads(Path(path).read_text("utf-8"))]
    for statement in found:
        if statement["protocolFamily"] == family:
            return statement
    pytest.skip(f"needs the metadata statement of its model, in a file that {STATEMENT_VARIABLE} names")


@pytest.fixture
def statement(probe: Probe) -> Statement:
    return _statement(probe, "fido2")


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register()


# The model.


@pytest.mark.spec("METADATA-MODEL-01", "FIDO Metadata Statement v3.0 §4")
@pytest.mark.needs("ctap2")
@pytest.mark.touches(0)
@pytest.mark.catches("info-aaguid-other")
def test_aaguid_of_the_key(probe: Probe, statement: Statement) -> None:
    """getInfo's AAGUID is that of the statement: by it the statement is found."""
    assert probe.info[3].hex() == statement["aaguid"].replace("-", "")


@pytest.mark.spec("METADATA-MODEL-02", "WebAuthn Level 3 §6.5.1")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("model-aaguid-zero")
def test_aaguid_of_a_credential(statement: Statement, registration: Registration) -> None:
    """A credential names the model that made it, but for one that is attested as U2F is."""
    if registration.members[1] == "fido-u2f":
        pytest.skip("needs a key that attests in another format than fido-u2f")
    assert bytes(registration.auth_data)[37:53].hex() == statement["aaguid"].replace("-", "")


@pytest.mark.spec("METADATA-MODEL-03", "FIDO Metadata Statement v3.0 §4")
@pytest.mark.needs("ctap2")
@pytest.mark.touches(0)
@pytest.mark.catches("info-no-version")
def test_versions(probe: Probe, statement: Statement) -> None:
    """The versions of CTAP that the key speaks are those of upv."""
    told = {_UPV[name] for name in probe.info[1] if name in _UPV}
    assert told == {(version["major"], version["minor"]) for version in statement["upv"]}


@pytest.mark.spec("METADATA-MODEL-04", "FIDO Metadata Statement v3.0 §3.12")
@pytest.mark.needs("ctap2")
@pytest.mark.touches(0)
@pytest.mark.catches("info-max-message-small", "info-extension-unknown")
def test_info(probe: Probe, statement: Statement) -> None:
    """getInfo says of the model what the statement's authenticatorGetInfo does.

    Whoever plans for a fleet of keys reads the statement, and has none of them at hand.
    """
    published = statement.get("authenticatorGetInfo")
    if published is None:
        pytest.skip("needs a statement that has authenticatorGetInfo")
    told = {name: probe.info[number] for number, name in _SAME_FOR_ALL.items() if number in probe.info}
    assert told == {name: published[name] for name in _SAME_FOR_ALL.values() if name in published}


@pytest.mark.spec("METADATA-MODEL-05", "FIDO Metadata Statement v3.0 §3.12")
@pytest.mark.needs("ctap2", "info-0x0A")
@pytest.mark.touches(0)
@pytest.mark.catches("info-algorithm-claimed")
def test_algorithms(probe: Probe, statement: Statement) -> None:
    """getInfo's algorithms are those that the statement's authenticatorGetInfo has, in their order."""
    published = statement.get("authenticatorGetInfo", {}).get("algorithms")
    if published is None:
        pytest.skip("needs a statement whose authenticatorGetInfo has algorithms")
    assert [entry["alg"] for entry in probe.info[0x0A]] == [entry["alg"] for entry in published]


@pytest.mark.spec("METADATA-MODEL-06", "FIDO Metadata Statement v3.0 §3.2")
@pytest.mark.needs("ctap2")
@pytest.mark.touches(0)
@pytest.mark.catches("model-verifies-otherwise")
def test_user_verification(probe: Probe, statement: Statement) -> None:
    """The key has the option uv if a method of the statement's is built in, and only then."""
    methods = {
        descriptor["userVerificationMethod"]
        for combination in statement["userVerificationDetails"]
        for descriptor in combination
    }
    built_in = {name for name in methods if name.endswith("_internal")} - {"presence_internal"}
    assert (probe.option("uv") is not None) == bool(built_in)


@pytest.mark.spec("METADATA-MODEL-07", "FIDO Metadata Statement v3.0 §4")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("model-synced-otherwise")
def test_synced(statement: Statement, registration: Registration) -> None:
    """Credentials have the flag BE if multiDeviceCredentialSupport says that they may leave the key."""
    support = statement.get("multiDeviceCredentialSupport", "unsupported")
    if support == "explicit":
        pytest.skip("needs a model of which all credentials are alike")
    assert bool(bytes(registration.auth_data)[32] & _BE) == (support == "implicit")


# Attestation.


@pytest.mark.spec("METADATA-ATTESTATION-01", "FIDO Metadata Statement v3.0 §4")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("model-attests-otherwise")
def test_attestation_type(statement: Statement, registration: Registration) -> None:
    """Attestation is of a type that attestationTypes names: by a certificate, by itself, or none."""
    fmt, told = registration.members[1], registration.members[3]
    found = "none" if fmt == "none" else "basic_full" if "x5c" in told else "basic_surrogate"
    assert found in {kind if kind != "attca" else "basic_full" for kind in statement["attestationTypes"]}


@pytest.mark.spec("METADATA-ATTESTATION-02", "WebAuthn Level 3 §7.1 step 24")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("model-certificate-forged")
def test_attestation_leads_to_a_root(statement: Statement, registration: Registration) -> None:
    """The certificates lead to one of attestationRootCertificates.

    Without that anyone may say that their key is of this model.
    """
    chain = _certificates(registration)
    roots = [x509.load_der_x509_certificate(b64decode(r)) for r in statement["attestationRootCertificates"]]
    for certificate, issuer in pairwise(chain):
        assert _issued(certificate, issuer), f"{certificate.subject} is not by {issuer.subject}"
    assert chain[-1] in roots or any(_issued(chain[-1], root) for root in roots), "it leads to no root"


@pytest.mark.spec("METADATA-ATTESTATION-03", "WebAuthn Level 3 §8.2")
@pytest.mark.needs("ctap2")
@pytest.mark.catches("model-attested-by-another", "mc-attestation-bad")
def test_attestation_is_by_its_certificate(registration: Registration) -> None:
    """A packed statement is signed by the key of its first certificate, not by another of the maker's."""
    certificate, told = _certificates(registration)[0], registration.members[3]
    if registration.members[1] != "packed":
        pytest.skip("needs a key that attests in the format packed")
    key = CoseKey.for_alg(told["alg"]).from_cryptography_key(certificate.public_key())
    try:
        key.verify(bytes(registration.auth_data) + CLIENT_DATA_HASH, told["sig"])
    except InvalidSignature as error:
        raise AssertionError("the statement is not signed by the key of its certificate") from error


@pytest.mark.spec("METADATA-U2F-01", "FIDO Metadata Statement v3.0 §4")
@pytest.mark.needs("u2f")
@pytest.mark.catches("u2f-certificate-bad")
def test_u2f_certificate(probe: Probe) -> None:
    """The key of a U2F registration's certificate is one of attestationCertificateKeyIdentifiers.

    U2F has no AAGUIDs: by this identifier the statement is found.
    """
    statement = _statement(probe, "u2f")
    data, status_word = probe.msg(bytes.fromhex("00010300000040") + bytes(64) + b"\x00\x00")
    assert status_word == 0x9000
    try:
        certificate = _first_certificate(data[67 + data[66] :])
    except ValueError as error:
        raise AssertionError(f"the certificate cannot be read: {error}") from error
    identifier = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    assert identifier.hex() in statement["attestationCertificateKeyIdentifiers"]


def _first_certificate(data: bytes) -> x509.Certificate:
    """The DER at the beginning of ``data``, whose length takes two bytes more."""
    if data[:2] != b"\x30\x82":
        raise ValueError(f"it begins with {data[:2].hex()}, which no certificate does")
    return x509.load_der_x509_certificate(data[: 4 + int.from_bytes(data[2:4], "big")])


def _certificates(registration: Registration) -> list[x509.Certificate]:
    if "x5c" not in registration.members[3]:
        pytest.skip("needs a key that attests by a certificate")
    return [x509.load_der_x509_certificate(der) for der in registration.members[3]["x5c"]]


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
