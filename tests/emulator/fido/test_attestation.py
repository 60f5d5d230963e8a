"""Attestation statements judged by python-fido2 and py_webauthn, certificates by WebAuthn's requirements."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256, shake_256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.attestation import (
    AttestationType,
    FidoU2FAttestation,
    InvalidSignature,
    PackedAttestation,
    verify_x509_chain,
)
from fido2.webauthn import AuthenticatorData
from webauthn.helpers.exceptions import InvalidCertificateChain, InvalidRegistrationResponse
from webauthn.helpers.parse_attestation_statement import parse_attestation_statement
from webauthn.helpers.validate_certificate_chain import validate_certificate_chain
from webauthn.registration.formats.fido_u2f import verify_fido_u2f
from webauthn.registration.formats.packed import verify_packed

from emulator.fido import attestation, cbor, cose
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import AttestedCredentialData, Flags, authenticator_data
from emulator.fido.cose import Algorithm, PrivateKey

AAGUID = bytes(range(16))
CLIENT_DATA = b'{"type":"webauthn.create"}'
CLIENT_DATA_HASH = sha256(CLIENT_DATA).digest()
RP_ID_HASH = sha256(b"example.com").digest()
CREDENTIAL_ID = b"credential ID"
ALGORITHMS = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda algorithm: algorithm.name)


def stream(seed: bytes) -> Callable[[int], bytes]:
    return lambda length: shake_256(seed).digest(length)


def registered(key: PrivateKey, aaguid: bytes = AAGUID) -> bytes:
    attested = AttestedCredentialData(aaguid=aaguid, credential_id=CREDENTIAL_ID, cose_key=key.cose_key())
    return authenticator_data(RP_ID_HASH, Flags.UP, 1, attested)


def py_webauthn_accepts_packed(statement: dict[str, object], auth_data: bytes, key: PrivateKey) -> bool:
    return verify_packed(
        attestation_statement=parse_attestation_statement(statement),
        attestation_object=cbor.encode({"fmt": "packed", "attStmt": statement, "authData": auth_data}),
        client_data_json=CLIENT_DATA,
        credential_public_key=cbor.encode(key.cose_key()),
        pem_root_certs_bytes=[attestation.root_certificate_pem()],
    )


@ALGORITHMS
def test_both_judges_accept_packed_attestation_with_a_certificate(algorithm: Algorithm) -> None:
    key = cose.generate(algorithm, stream(b"credential"))
    auth_data = registered(key)
    statement = Attestation.of_model(AAGUID).packed_statement(auth_data, CLIENT_DATA_HASH)
    result = PackedAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    assert result.attestation_type == AttestationType.BASIC
    verify_x509_chain([*result.trust_path, root_certificate().public_bytes(Encoding.DER)])
    assert py_webauthn_accepts_packed(statement, auth_data, key)


@ALGORITHMS
def test_both_judges_accept_self_attestation(algorithm: Algorithm) -> None:
    key = cose.generate(algorithm, stream(b"credential"))
    auth_data = registered(key)
    statement = attestation.self_statement(auth_data, CLIENT_DATA_HASH, key)
    result = PackedAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    assert result.attestation_type == AttestationType.SELF
    if algorithm is not Algorithm.ES384:  # which py_webauthn does not know
        assert py_webauthn_accepts_packed(statement, auth_data, key)


def test_both_judges_accept_u2f_attestation() -> None:
    key = cose.generate(Algorithm.ES256, stream(b"credential"))
    auth_data = registered(key, aaguid=bytes(16))
    statement = Attestation.of_model(AAGUID).u2f_statement(
        RP_ID_HASH, CLIENT_DATA_HASH, CREDENTIAL_ID, key.cose_key()
    )
    FidoU2FAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    assert verify_fido_u2f(
        attestation_statement=parse_attestation_statement(statement),
        client_data_json=CLIENT_DATA,
        rp_id_hash=RP_ID_HASH,
        credential_id=CREDENTIAL_ID,
        credential_public_key=cbor.encode(key.cose_key()),
        aaguid=bytes(16),
        pem_root_certs_bytes=[attestation.root_certificate_pem()],
    )


def test_a_u2f_registration_is_signed_as_the_specification_s_example() -> None:
    vectors = json.loads((Path(__file__).parents[3] / "vectors" / "u2f_raw_messages.json").read_text("utf-8"))
    example = vectors["registration"]
    scalar = int(example["attestation_private_key"], 16)
    key = cose.generate(Algorithm.ES256, lambda length: (scalar - 1).to_bytes(length, "big"))
    model = Attestation(private_key=key, certificate=bytes.fromhex(example["attestation_certificate"]))
    parts = ("application_parameter", "challenge_parameter", "key_handle", "user_public_key")
    ours = model.u2f_signature(*(bytes.fromhex(example[part]) for part in parts))
    public_key = x509.load_der_x509_certificate(model.certificate).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    for signature in (ours, bytes.fromhex(example["signature"])):
        public_key.verify(signature, bytes.fromhex(example["signed_data"]), ec.ECDSA(hashes.SHA256()))
    assert cose.u2f_point(key.cose_key()).hex() == example["attestation_public_key"]


def test_a_statement_about_other_client_data_is_refused() -> None:
    key = cose.generate(Algorithm.ES256, stream(b"credential"))
    auth_data = registered(key)
    statement = Attestation.of_model(AAGUID).packed_statement(auth_data, bytes(32))
    with pytest.raises(InvalidSignature):
        PackedAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    with pytest.raises(InvalidRegistrationResponse):
        py_webauthn_accepts_packed(statement, auth_data, key)


@pytest.mark.parametrize("aaguid", [AAGUID, bytes(16)], ids=["a model", "a U2F key"])
def test_the_certificate_is_as_webauthn_section_8_2_1_requires(aaguid: bytes) -> None:
    certificate = x509.load_der_x509_certificate(Attestation.of_model(aaguid).certificate)
    assert certificate.version is x509.Version.v3
    names = {attribute.rfc4514_attribute_name: attribute.value for attribute in certificate.subject}
    assert names["C"] == "AA"
    assert names["O"] == "keyrig"
    assert names["OU"] == "Authenticator Attestation"
    assert aaguid.hex() in names["CN"]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert not constraints.value.ca
    aaguids = [e for e in certificate.extensions if e.oid.dotted_string == "1.3.6.1.4.1.45724.1.1.4"]
    if not any(aaguid):
        assert not aaguids
    else:
        assert not aaguids[0].critical
        assert aaguids[0].value == x509.UnrecognizedExtension(aaguids[0].oid, b"\x04\x10" + aaguid)


def test_certificates_hold_from_2020_to_2070() -> None:
    model = x509.load_der_x509_certificate(Attestation.of_model(AAGUID).certificate)
    for certificate in (model, root_certificate()):
        assert certificate.not_valid_before_utc == datetime(2020, 1, 1, tzinfo=UTC)
        assert certificate.not_valid_after_utc == datetime(2070, 1, 1, tzinfo=UTC)


def test_each_model_has_its_own_key_and_certificate_always_the_same() -> None:
    one, again, other = (Attestation.of_model(aaguid) for aaguid in (AAGUID, AAGUID, AAGUID[::-1]))
    assert one.certificate == again.certificate
    assert one.private_key.to_bytes() == again.private_key.to_bytes()
    assert one.certificate != other.certificate
    assert one.private_key.to_bytes() != other.private_key.to_bytes()
    serial_numbers = {x509.load_der_x509_certificate(a.certificate).serial_number for a in (one, other)}
    assert len(serial_numbers | {root_certificate().serial_number}) == 3


def test_every_model_chains_to_the_root_and_to_no_other() -> None:
    chain = [Attestation.of_model(AAGUID).certificate]
    assert validate_certificate_chain(x5c=chain, pem_root_certs_bytes=[attestation.root_certificate_pem()])
    with pytest.raises(InvalidCertificateChain):
        validate_certificate_chain(x5c=chain, pem_root_certs_bytes=[foreign_root_pem()])


def test_the_root_is_the_one_that_was_published() -> None:
    # A relying party somewhere is configured to trust this very certificate.
    assert (
        sha256(attestation.root_certificate_pem()).hexdigest()
        == "ad32341f798edde734002e42e99056ceaa0ae347d9472ec559324373abfd5913"
    )


@pytest.mark.parametrize(
    "attesting",
    [Attestation.of_model(AAGUID, chained=True), Attestation.of_key(AAGUID, "4711")],
    ids=["a model", "a key"],
)
def test_both_judges_accept_packed_attestation_by_way_of_the_intermediate(attesting: Attestation) -> None:
    key = cose.generate(Algorithm.ES256, stream(b"credential"))
    auth_data = registered(key)
    statement = attesting.packed_statement(auth_data, CLIENT_DATA_HASH)
    intermediate = x509.load_pem_x509_certificate(attestation.intermediate_certificate_pem())
    assert statement["x5c"][1:] == [intermediate.public_bytes(Encoding.DER)]
    result = PackedAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    verify_x509_chain([*result.trust_path, root_certificate().public_bytes(Encoding.DER)])
    assert py_webauthn_accepts_packed(statement, auth_data, key)
    alone = statement | {"x5c": statement["x5c"][:1]}
    with pytest.raises(InvalidRegistrationResponse):
        py_webauthn_accepts_packed(alone, auth_data, key)


def test_the_intermediate_may_issue_for_keys_and_not_for_authorities() -> None:
    intermediate = x509.load_pem_x509_certificate(attestation.intermediate_certificate_pem())
    constraints = intermediate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    intermediate.verify_directly_issued_by(root_certificate())
    assert intermediate.public_key() != root_certificate().public_key()


@pytest.mark.parametrize("place", [0, 1], ids=["the key's", "the intermediate's"])
def test_an_altered_certificate_is_refused(place: int) -> None:
    key = cose.generate(Algorithm.ES256, stream(b"credential"))
    auth_data = registered(key)
    statement = Attestation.of_model(AAGUID, chained=True).packed_statement(auth_data, CLIENT_DATA_HASH)
    altered = bytearray(statement["x5c"][place])
    altered[altered.index(b"keyrig test")] ^= 1  # a letter of the issuer's name
    statement["x5c"][place] = bytes(altered)
    result = PackedAttestation().verify(statement, AuthenticatorData(auth_data), CLIENT_DATA_HASH)
    with pytest.raises(InvalidSignature):
        verify_x509_chain([*result.trust_path, root_certificate().public_bytes(Encoding.DER)])
    with pytest.raises(InvalidRegistrationResponse):
        py_webauthn_accepts_packed(statement, auth_data, key)


def test_only_an_enterprise_certificate_names_its_key_as_webauthn_section_8_2_2_has_it() -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.2")
    enterprise, model = (
        x509.load_der_x509_certificate(attesting.chain[0])
        for attesting in (Attestation.of_key(AAGUID, "4711"), Attestation.of_model(AAGUID, chained=True))
    )
    extension = enterprise.extensions.get_extension_for_oid(oid)
    assert not extension.critical
    assert extension.value == x509.UnrecognizedExtension(oid, b"\x04\x044711")
    assert "number 4711" in enterprise.subject.rfc4514_string()
    assert oid not in [found.oid for found in model.extensions]


def test_each_key_has_its_own_enterprise_attestation_always_the_same() -> None:
    one, again, other = (Attestation.of_key(AAGUID, number) for number in ("4711", "4711", "4712"))
    assert one.chain == again.chain
    assert one.private_key.to_bytes() == again.private_key.to_bytes()
    assert one.private_key.to_bytes() != other.private_key.to_bytes()
    serial_numbers = {x509.load_der_x509_certificate(a.chain[0]).serial_number for a in (one, other)}
    assert len(serial_numbers) == 2


def test_a_chained_model_still_has_the_root_s_own_certificate_for_u2f() -> None:
    chained, plain = Attestation.of_model(AAGUID, chained=True), Attestation.of_model(AAGUID)
    assert chained.certificate == plain.certificate
    assert chained.private_key.to_bytes() == plain.private_key.to_bytes()


def test_a_repr_tells_nothing_secret() -> None:
    assert "private_key" not in repr(Attestation.of_model(AAGUID))


def root_certificate() -> x509.Certificate:
    return x509.load_pem_x509_certificate(attestation.root_certificate_pem())


def foreign_root_pem() -> bytes:
    """Another root of the same name."""
    root, key = root_certificate(), ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer_name=root.subject,
        subject_name=root.subject,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=root.not_valid_before_utc,
        not_valid_after=root.not_valid_after_utc,
    ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
