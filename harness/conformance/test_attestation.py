"""Attestation statements (WebAuthn Level 3 §6.5, §8)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fido2.cose import CoseKey

from harness.conformance.ceremony import CLIENT_DATA_HASH, Ceremony, Registration
from harness.conformance.probe import Probe

pytestmark = pytest.mark.needs("ctap2")

AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register()


def _statement(registration: Registration, fmt: str, *, certified: bool | None = None) -> dict[str, Any]:
    """The statement, if it is of that format, and by a certificate or by none where that is asked for."""
    statement: dict[str, Any] = registration.members[3]
    if registration.members[1] != fmt or certified not in (None, "x5c" in statement):
        by = {None: "", True: " by a certificate", False: " by itself"}[certified]
        pytest.skip(f"needs a key that attests in the format {fmt}{by}")
    return statement


def _certificates(statement: dict[str, Any]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(der) for der in statement["x5c"]]


def _signed(registration: Registration) -> bytes:
    return bytes(registration.auth_data) + CLIENT_DATA_HASH


@pytest.mark.spec("ATTESTATION-PACKED-01", "WebAuthn Level 3 §8.2")
@pytest.mark.catches("mc-attestation-bad")
def test_signature_of_a_certified_statement(registration: Registration) -> None:
    """A packed statement with certificates is signed by the first one's key."""
    statement = _statement(registration, "packed", certified=True)
    key = CoseKey.for_alg(statement["alg"]).from_cryptography_key(_certificates(statement)[0].public_key())
    _verify(key, _signed(registration), statement["sig"])


@pytest.mark.spec("ATTESTATION-PACKED-02", "WebAuthn Level 3 §8.2")
@pytest.mark.catches("mc-attestation-bad")
def test_signature_of_a_statement_by_itself(registration: Registration) -> None:
    """A packed statement without certificates is signed by the new key itself."""
    statement = _statement(registration, "packed", certified=False)
    _verify(registration.public_key, _signed(registration), statement["sig"])


@pytest.mark.spec("ATTESTATION-PACKED-03", "WebAuthn Level 3 §8.2")
@pytest.mark.catches("mc-attestation-alg")
def test_algorithm_of_a_statement_by_itself(registration: Registration) -> None:
    """A packed statement without certificates names the algorithm of the new key."""
    assert _statement(registration, "packed", certified=False)["alg"] == registration.public_key[3]


@pytest.mark.spec("ATTESTATION-PACKED-04", "WebAuthn Level 3 §8.2")
@pytest.mark.catches("mc-attestation-alg")
def test_algorithm_of_a_certified_statement(registration: Registration) -> None:
    """A packed statement with certificates names an algorithm for the certified key."""
    statement = _statement(registration, "packed", certified=True)
    is_elliptic = isinstance(_certificates(statement)[0].public_key(), ec.EllipticCurvePublicKey)
    assert (statement["alg"] in (-7, -35, -36, -9)) == is_elliptic


@pytest.mark.spec("ATTESTATION-CERTIFICATE-01", "WebAuthn Level 3 §8.2.1")
@pytest.mark.catches("mc-attestation-by-authority")
def test_certificate_is_no_authority(registration: Registration) -> None:
    """The attestation certificate is no authority's: it may issue no other."""
    certificate = _certificates(_statement(registration, "packed", certified=True))[0]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value.ca is False


@pytest.mark.spec("ATTESTATION-CERTIFICATE-02", "WebAuthn Level 3 §8.2.1")
@pytest.mark.catches("mc-attestation-by-authority")
def test_subject_of_the_certificate(registration: Registration) -> None:
    """The subject has a country, an organization, the unit "Authenticator Attestation" and a name."""
    certificate = _certificates(_statement(registration, "packed", certified=True))[0]
    assert certificate.version is x509.Version.v3
    for oid in (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        assert certificate.subject.get_attributes_for_oid(oid), f"no {oid._name} in the subject"
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert [unit.value for unit in units] == ["Authenticator Attestation"]


@pytest.mark.spec("ATTESTATION-CERTIFICATE-03", "WebAuthn Level 3 §8.2.1")
@pytest.mark.catches("mc-attestation-of-another-model")
def test_certificate_names_the_model(probe: Probe, registration: Registration) -> None:
    """Where the certificate names an AAGUID it is the one in authData, and that extension is not critical."""
    certificate = _certificates(_statement(registration, "packed", certified=True))[0]
    try:
        extension = certificate.extensions.get_extension_for_oid(AAGUID_EXTENSION)
    except x509.ExtensionNotFound:
        pytest.skip("needs a certificate that names an AAGUID")
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert not extension.critical
    assert extension.value.value == b"\x04\x10" + probe.info[3]


@pytest.mark.spec("ATTESTATION-CERTIFICATE-04", "RFC 5280 §6.1")
@pytest.mark.catches("mc-attestation-chain-broken")
def test_chain(registration: Registration) -> None:
    """Each certificate of the statement is issued by the next."""
    chain = _certificates(_statement(registration, "packed", certified=True))
    if len(chain) < 2:
        pytest.skip("needs a key that sends more than one certificate")
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise AssertionError(f"{certificate.subject} is not issued by {issuer.subject}") from error


@pytest.mark.spec("ATTESTATION-U2F-01", "WebAuthn Level 3 §8.6")
@pytest.mark.catches("mc-attestation-bad")
def test_u2f_statement(registration: Registration) -> None:
    """A fido-u2f statement has one certificate, whose P-256 key signs as a U2F registration does."""
    statement = _statement(registration, "fido-u2f")
    (certificate,) = _certificates(statement)
    key, public = certificate.public_key(), registration.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = b"\x04" + public[-2] + public[-3]
    message = registration.auth_data.rp_id_hash + CLIENT_DATA_HASH + registration.credential_id + point
    try:
        key.verify(statement["sig"], b"\x00" + message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise AssertionError("the fido-u2f signature does not hold") from error


@pytest.mark.spec("ATTESTATION-NONE-01", "WebAuthn Level 3 §8.7")
@pytest.mark.catches("mc-none-with-statement")
def test_none_says_nothing(registration: Registration) -> None:
    """A statement of the format none is empty."""
    assert _statement(registration, "none") == {}


@pytest.mark.spec("ATTESTATION-PREFERENCE-01", "CTAP 2.3 §6.1.2 step 19")
@pytest.mark.needs("FIDO_2_3")
@pytest.mark.catches("mc-preference-ignored")
def test_no_attestation_is_preferred(ceremony: Ceremony) -> None:
    """Whoever prefers "none" alone gets no attestation."""
    registration = ceremony.registration(ceremony.make(ceremony.creation() | {11: ["none"]}))
    assert (registration.members[1], registration.members[3]) == ("none", {})


@pytest.mark.spec("ATTESTATION-PREFERENCE-02", "CTAP 2.3 §6.1.2 step 19")
@pytest.mark.needs("FIDO_2_3", "info-0x16")
@pytest.mark.catches("mc-preference-ignored")
def test_preferred_format(probe: Probe, ceremony: Ceremony) -> None:
    """Of the formats it has, the key takes the one that is preferred."""
    formats = [name for name in probe.info[0x16] if name != "none"]
    if len(formats) < 2:
        pytest.skip("needs two attestation formats")
    registration = ceremony.registration(ceremony.make(ceremony.creation() | {11: [formats[-1], formats[0]]}))
    assert registration.members[1] == formats[-1]


def _verify(key: CoseKey, message: bytes, signature: bytes) -> None:
    try:
        key.verify(message, signature)
    except Exception as error:
        raise AssertionError("the attestation signature does not hold") from error
