"""Attestation: certificates under a published test root, and the statements made with them.

The root's private key follows from a public constant, so anyone can issue under it: it shows that an
attestation is well made, never that a key is genuine. A relying party under test trusts
:func:`root_certificate_pem`; no other should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha512
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from emulator.fido import cose
from emulator.fido.cose import Algorithm, PrivateKey

AAGUID_LENGTH = 16
ID_FIDO_GEN_CE_AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")

_CURVE = ec.SECP256R1()
_ROOT_SECRET = b"keyrig test attestation root: no secret, no assurance"
_ROOT_NAME = "keyrig test attestation root"
_VALID_FROM, _VALID_TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False,
    encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """The attestation key that all keys of a model share, and its certificate (DER)."""

    private_key: PrivateKey = field(repr=False)
    certificate: bytes

    @classmethod
    def of_model(cls, aaguid: bytes) -> Attestation:
        """The attestation of the model ``aaguid`` (16 bytes; zeros for a U2F key); always the same."""
        raw = sha512(b"keyrig test attestation key " + aaguid).digest()
        private_key = cose.generate(Algorithm.ES256, lambda length: raw[:length])
        return cls(private_key=private_key, certificate=_model_certificate(aaguid, private_key))

    def packed_statement(self, authenticator_data: bytes, client_data_hash: bytes) -> dict[str, Any]:
        """The "packed" statement with a certificate (WebAuthn Level 3 §8.2)."""
        signed = self_statement(authenticator_data, client_data_hash, self.private_key)
        return {**signed, "x5c": [self.certificate]}

    def u2f_statement(
        self,
        rp_id_hash: bytes,
        client_data_hash: bytes,
        credential_id: bytes,
        cose_key: Mapping[int, int | bytes],
    ) -> dict[str, Any]:
        """The "fido-u2f" statement for a P-256 credential (WebAuthn Level 3 §8.6)."""
        point = cose.u2f_point(cose_key)
        signature = self.u2f_signature(rp_id_hash, client_data_hash, credential_id, point)
        return {"sig": signature, "x5c": [self.certificate]}

    def u2f_signature(self, application: bytes, challenge: bytes, key_handle: bytes, point: bytes) -> bytes:
        """The signature of a U2F registration (U2F Raw Message Formats v1.1 §4.3); ``point`` is 65 bytes."""
        return self.private_key.sign(b"\x00" + application + challenge + key_handle + point)


def self_statement(
    authenticator_data: bytes, client_data_hash: bytes, credential_key: PrivateKey
) -> dict[str, Any]:
    """The "packed" statement of self attestation, by the new credential's own key (WebAuthn Level 3 §8.2)."""
    signature = credential_key.sign(authenticator_data + client_data_hash)
    return {"alg": credential_key.algorithm, "sig": signature}


def root_certificate_pem() -> bytes:
    """The test root certificate that every model's certificate chains to."""
    public_key = _root_key().public_key()
    extensions = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_SIGNS_CERTIFICATES, True),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    ]
    return _issue(_name(_ROOT_NAME), public_key, 1, extensions).public_bytes(Encoding.PEM)


def _model_certificate(aaguid: bytes, private_key: PrivateKey) -> bytes:
    """An attestation certificate as WebAuthn Level 3 §8.2.1 asks for."""
    assert len(aaguid) == AAGUID_LENGTH
    point = cose.u2f_point(private_key.cose_key())
    subject = _name(f"keyrig test key {aaguid.hex()}", unit="Authenticator Attestation")
    root = _root_key().public_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(root), False),
    ]
    if any(aaguid):  # as a DER OCTET STRING; required where a root serves several models
        der = b"\x04" + bytes((AAGUID_LENGTH,)) + aaguid
        extensions.append((x509.UnrecognizedExtension(ID_FIDO_GEN_CE_AAGUID, der), False))
    serial_number = int.from_bytes(sha512(aaguid).digest()[:15], "big") + 2
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    return _issue(subject, public_key, serial_number, extensions).public_bytes(Encoding.DER)


def _issue(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial_number: int,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    """A certificate by the test root, its extensions critical or not; the same each time."""
    builder = x509.CertificateBuilder(
        issuer_name=_name(_ROOT_NAME),
        subject_name=subject,
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=_VALID_FROM,
        not_valid_after=_VALID_TO,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(_root_key(), hashes.SHA256(), ecdsa_deterministic=True)


def _root_key() -> ec.EllipticCurvePrivateKey:
    raw = sha512(_ROOT_SECRET).digest()
    return ec.derive_private_key(cose.scalar_from(lambda length: raw[:length]), _CURVE)


def _name(common_name: str, *, unit: str | None = None) -> x509.Name:
    """C, O, OU if given, CN; AA is a country code that ISO 3166 leaves to its users."""
    attributes = [(NameOID.COUNTRY_NAME, "AA"), (NameOID.ORGANIZATION_NAME, "keyrig")]
    if unit is not None:
        attributes.append((NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    attributes.append((NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
