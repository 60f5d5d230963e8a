"""Attestation: certificates under a published test root, and the statements made with them.

The root's private key follows from a public constant, so anyone can issue under it: it shows that an
attestation is well made, never that a key is genuine. A relying party under test trusts
:func:`root_certificate_pem`; no other should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
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
ID_FIDO_GEN_CE_SERNUM = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.2")

_CURVE = ec.SECP256R1()
_ROOT_SECRET = b"keyrig test attestation root: no secret, no assurance"
_ROOT_NAME = "keyrig test attestation root"
_INTERMEDIATE_SECRET = b"keyrig test attestation intermediate: no secret, no assurance"
_INTERMEDIATE_NAME = "keyrig test attestation intermediate"
_VALID_FROM, _VALID_TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False,
    encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """An attestation key and its certificates (DER).

    ``certificate`` is by the root itself, as U2F needs it, which sends no other. ``chain`` goes with a
    packed statement instead, where it is there: the certificate first, then those that lead to the root.
    """

    private_key: PrivateKey = field(repr=False)
    certificate: bytes
    chain: tuple[bytes, ...] = ()

    @classmethod
    def of_model(cls, aaguid: bytes, *, chained: bool = False) -> Attestation:
        """The attestation that all keys of the model ``aaguid`` share (16 bytes; zeros for a U2F key).

        It is always the same. ``chained`` puts the test intermediate between model and root.
        """
        private_key = _key_from(b"keyrig test attestation key " + aaguid)
        certificate = _certificate(_ROOT, aaguid, private_key)
        chain = (_certificate(_INTERMEDIATE, aaguid, private_key), _intermediate_der()) if chained else ()
        return cls(private_key=private_key, certificate=certificate, chain=chain)

    @classmethod
    def of_key(cls, aaguid: bytes, serial_number: str) -> Attestation:
        """The enterprise attestation of one key: its certificate names the key's serial number.

        WebAuthn Level 3 §8.2.2. It is always the same for the same two.
        """
        private_key = _key_from(b"keyrig test enterprise key " + aaguid + serial_number.encode())
        certificate = _certificate(_INTERMEDIATE, aaguid, private_key, serial_number)
        chain = (certificate, _intermediate_der())
        return cls(private_key=private_key, certificate=certificate, chain=chain)

    def packed_statement(self, authenticator_data: bytes, client_data_hash: bytes) -> dict[str, Any]:
        """The "packed" statement with its certificates (WebAuthn Level 3 §8.2)."""
        signed = self_statement(authenticator_data, client_data_hash, self.private_key)
        return {**signed, "x5c": list(self.chain or (self.certificate,))}

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
    return _authority(_ROOT, _ROOT, path_length=1, serial_number=1).public_bytes(Encoding.PEM)


def intermediate_certificate_pem() -> bytes:
    """The test intermediate certificate, which keys with a chain send along."""
    return x509.load_der_x509_certificate(_intermediate_der()).public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authority:
    """Who issues: a name and what the private key is made from."""

    name: str
    secret: bytes

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        raw = sha512(self.secret).digest()
        return ec.derive_private_key(cose.scalar_from(lambda length: raw[:length]), _CURVE)


_ROOT = _Authority(name=_ROOT_NAME, secret=_ROOT_SECRET)
_INTERMEDIATE = _Authority(name=_INTERMEDIATE_NAME, secret=_INTERMEDIATE_SECRET)


def _authority(
    authority: _Authority, issuer: _Authority, *, path_length: int, serial_number: int
) -> x509.Certificate:
    public_key = authority.key.public_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_SIGNS_CERTIFICATES, True),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    ]
    if issuer is not authority:
        issuer_key = issuer.key.public_key()
        extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False))
    return _issue(issuer, _name(authority.name), public_key, serial_number, extensions)


@cache
def _intermediate_der() -> bytes:
    certificate = _authority(_INTERMEDIATE, _ROOT, path_length=0, serial_number=2)
    return certificate.public_bytes(Encoding.DER)


def _key_from(secret: bytes) -> PrivateKey:
    raw = sha512(secret).digest()
    return cose.generate(Algorithm.ES256, lambda length: raw[:length])


def _certificate(
    issuer: _Authority, aaguid: bytes, private_key: PrivateKey, serial_number: str | None = None
) -> bytes:
    """An attestation certificate as WebAuthn Level 3 §8.2.1 asks for; with a serial number, §8.2.2."""
    assert len(aaguid) == AAGUID_LENGTH
    whose = f"keyrig test key {aaguid.hex()}" + (f" number {serial_number}" if serial_number else "")
    subject = _name(whose[:64], unit="Authenticator Attestation")  # RFC 5280, ub-common-name
    issuer_key = issuer.key.public_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False),
    ]
    if any(aaguid):  # required where a root serves several models
        extensions.append((_octets(ID_FIDO_GEN_CE_AAGUID, aaguid), False))
    if serial_number is not None:
        extensions.append((_octets(ID_FIDO_GEN_CE_SERNUM, serial_number.encode()), False))
    digest = sha512(aaguid + (serial_number or "").encode()).digest()
    number = int.from_bytes(digest[:15], "big") + 2
    point = cose.u2f_point(private_key.cose_key())
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    return _issue(issuer, subject, public_key, number, extensions).public_bytes(Encoding.DER)


def _octets(oid: x509.ObjectIdentifier, value: bytes) -> x509.UnrecognizedExtension:
    """An extension whose value is a DER OCTET STRING, less than 128 bytes."""
    assert len(value) < 0x80
    return x509.UnrecognizedExtension(oid, b"\x04" + bytes((len(value),)) + value)


def _issue(
    issuer: _Authority,
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial_number: int,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    """A certificate, its extensions critical or not; the same each time."""
    builder = x509.CertificateBuilder(
        issuer_name=_name(issuer.name),
        subject_name=subject,
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=_VALID_FROM,
        not_valid_after=_VALID_TO,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=True)


def _name(common_name: str, *, unit: str | None = None) -> x509.Name:
    """C, O, OU if given, CN; AA is a country code that ISO 3166 leaves to its users."""
    attributes = [(NameOID.COUNTRY_NAME, "AA"), (NameOID.ORGANIZATION_NAME, "keyrig")]
    if unit is not None:
        attributes.append((NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    attributes.append((NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
