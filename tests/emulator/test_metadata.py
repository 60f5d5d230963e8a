"""Metadata and certificates judged by python-fido2's MDS verifier and py_webauthn: our keys, no others."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.attestation import InvalidData, InvalidSignature, UntrustedAttestation
from fido2.ctap2.base import Info
from fido2.mds3 import MdsAttestationVerifier, MetadataBlobPayload, parse_blob
from fido2.webauthn import AttestationObject
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import InvalidRegistrationResponse
from webauthn.registration.verify_registration_response import (
    VerifiedRegistration,
    verify_registration_response,
)

from emulator import metadata
from emulator.fido import cbor
from emulator.fido.authenticator import Authenticator
from emulator.fido.gesture import Command, Given
from emulator.profile import Profile, profile_names
from emulator.profile_values import ALGORITHMS
from emulator.store import MemoryStore

NOW = 1000.0
RP_ID = "example.com"
CHALLENGE = bytes(range(32))
CLIENT_DATA = json.dumps(
    {
        "type": "webauthn.create",
        "challenge": bytes_to_base64url(CHALLENGE),
        "origin": f"https://{RP_ID}",
        "crossOrigin": False,
    }
).encode()
CLIENT_DATA_HASH = sha256(CLIENT_DATA).digest()
PROFILES = [Profile.load(name) for name in profile_names()]
FIDO2 = [profile for profile in PROFILES if profile.ctap2]
CHAINED = replace(
    Profile.load("ctap21"),
    versions=("U2F_V2", "FIDO_2_0", "FIDO_2_1", "FIDO_2_3"),
    attestation="packed-chain",
    further_attestations=("fido-u2f",),
    algorithms=("ES256", "EdDSA", "ES384", "ES512", "RS256", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
    max_message_size=7609,
    max_credential_id_length=1023,
)
every_profile = pytest.mark.parametrize("profile", FIDO2, ids=[profile.name for profile in FIDO2])


def obey(command: Command) -> None:
    """Do whatever a command asks for."""
    next(command)
    while True:
        command.send(Given(now=NOW, accepted=True))


def answer(profile: Profile, message: bytes) -> dict[int, Any]:
    """What a new key answers; one that always verifies its user has that turned off."""
    profile = replace(profile, always_uv=False)
    key = Authenticator(profile, store=MemoryStore(), random_bytes=Random(7).randbytes, now=NOW)  # noqa: S311
    with pytest.raises(StopIteration) as stop:
        obey(key.cbor(message, NOW))
    assert stop.value.value[0] == 0
    response: dict[int, Any] = cbor.decode(stop.value.value[1:])
    return response


def registration(profile: Profile, algorithm: str, **members: Any) -> AttestationObject:
    parameters = {
        1: CLIENT_DATA_HASH,
        2: {"id": RP_ID},
        3: {"id": b"alice"},
        4: [{"type": "public-key", "alg": ALGORITHMS[algorithm]}],
        7: {"uv": True} if profile.built_in_uv and not profile.fingerprints else {},
        11: members.get("preference", []),
    }
    made = answer(profile, b"\x01" + cbor.encode({key: value for key, value in parameters.items() if value}))
    return AttestationObject.create(made[1], made[2], made[3])


@cache
def blob() -> MetadataBlobPayload:
    """All statements as FIDO's metadata service would sign them, with a root of this test's own."""
    statements = [
        json.loads(text)
        for name, text in metadata.files([*PROFILES, replace(CHAINED, name="chained")]).items()
        if name.endswith(".json") and name != "ctap21.json" and name != "ctap21-u2f.json"
    ]
    identifying = ("aaguid", "attestationCertificateKeyIdentifiers")
    payload = {
        "legalHeader": "a test",
        "no": 1,
        "nextUpdate": "2070-01-01",
        "entries": [
            {key: statement[key] for key in identifying if key in statement}
            | {
                "metadataStatement": statement,
                "statusReports": [{"status": "NOT_FIDO_CERTIFIED", "effectiveDate": "2026-01-01"}],
                "timeOfLastStatusChange": "2026-01-01",
            }
            for statement in statements
        ],
    }
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key)
    header = {"alg": "ES256", "typ": "JWT", "x5c": [b64encode(certificate).decode()]}
    message = b".".join(encoded(json.dumps(part).encode()) for part in (header, payload))
    signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
    return parse_blob(message + b"." + encoded(signature), certificate)


def encoded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def self_signed(key: ec.EllipticCurvePrivateKey, name: x509.Name | None = None) -> bytes:
    root = x509.load_pem_x509_certificate(metadata.files([])["root.pem"])
    builder = x509.CertificateBuilder(
        issuer_name=name or root.subject,
        subject_name=name or root.subject,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=root.not_valid_before_utc,
        not_valid_after=root.not_valid_after_utc,
    ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def py_webauthn_accepts(made: AttestationObject) -> VerifiedRegistration:
    credential_data = made.auth_data.credential_data
    assert credential_data is not None
    credential_id = bytes_to_base64url(credential_data.credential_id)
    return verify_registration_response(
        credential={
            "id": credential_id,
            "rawId": credential_id,
            "type": "public-key",
            "response": {
                "clientDataJSON": bytes_to_base64url(CLIENT_DATA),
                "attestationObject": bytes_to_base64url(bytes(made)),
            },
        },
        expected_challenge=CHALLENGE,
        expected_rp_id=RP_ID,
        expected_origin=f"https://{RP_ID}",
        require_user_verification=False,
        supported_pub_key_algs=list(COSEAlgorithmIdentifier),
        pem_root_certs_bytes_by_fmt={made.fmt: [metadata.files([])["root.pem"]]},
    )


def registrations() -> Iterator[Any]:
    for profile in [*FIDO2, replace(CHAINED, name="chained")]:
        if "basic_full" in metadata.fido2_statement(profile)["attestationTypes"] and profile.name != "ctap21":
            for algorithm in profile.algorithms:
                yield pytest.param(profile, algorithm, id=f"{profile.name} {algorithm}")


@pytest.mark.parametrize(("profile", "algorithm"), list(registrations()))
def test_both_judges_know_each_model_by_its_metadata(profile: Profile, algorithm: str) -> None:
    made = registration(profile, algorithm)
    entry = MdsAttestationVerifier(blob()).find_entry(made, CLIENT_DATA_HASH)
    assert entry is not None
    assert entry.metadata_statement is not None
    assert entry.metadata_statement.description == profile.title
    if algorithm != "ES384":  # which py_webauthn does not know
        assert py_webauthn_accepts(made).fmt == made.fmt


def test_what_is_attested_as_u2f_is_known_by_its_key_identifier() -> None:
    made = registration(CHAINED, "ES256", preference=["fido-u2f"])
    entry = MdsAttestationVerifier(blob()).find_entry(made, CLIENT_DATA_HASH)
    assert entry is not None
    assert entry.metadata_statement is not None
    assert entry.metadata_statement.protocol_family == "u2f"
    assert py_webauthn_accepts(made).fmt == "fido-u2f"


@pytest.mark.parametrize("place", [0, 1], ids=["the key's", "the intermediate's"])
@pytest.mark.parametrize(
    "part", [b"keyrig test", b"\x06\x03\x55\x1d\x13"], ids=["its name", "its constraints"]
)
def test_an_altered_certificate_is_refused(place: int, part: bytes) -> None:
    made = registration(CHAINED, "ES256")
    chain = list(made.att_stmt["x5c"])
    altered = bytearray(chain[place])
    altered[altered.index(part) + len(part) - 1] ^= 1
    chain[place] = bytes(altered)
    forged = AttestationObject.create(made.fmt, made.auth_data, {**made.att_stmt, "x5c": chain})
    with pytest.raises((InvalidData, InvalidSignature, UntrustedAttestation, ValueError)):
        MdsAttestationVerifier(blob()).verify_attestation(forged, CLIENT_DATA_HASH)
    with pytest.raises((InvalidRegistrationResponse, ValueError)):
        py_webauthn_accepts(forged)


def test_a_model_that_has_no_metadata_is_not_trusted() -> None:
    unknown = replace(Profile.load("ctap21"), aaguid=bytes(range(16)))
    made = registration(unknown, "ES256")
    assert MdsAttestationVerifier(blob()).find_entry(made, CLIENT_DATA_HASH) is None


def test_another_root_s_certificate_of_the_same_name_is_refused() -> None:
    made = registration(CHAINED, "ES256")
    foreign = self_signed(ec.generate_private_key(ec.SECP256R1()))
    forged = AttestationObject.create(
        made.fmt, made.auth_data, {**made.att_stmt, "x5c": [made.att_stmt["x5c"][0], foreign]}
    )
    with pytest.raises(UntrustedAttestation):
        MdsAttestationVerifier(blob()).verify_attestation(forged, CLIENT_DATA_HASH)
    with pytest.raises(InvalidRegistrationResponse):
        py_webauthn_accepts(forged)


@every_profile
def test_a_statement_says_what_get_info_says(profile: Profile) -> None:
    statement = metadata.fido2_statement(profile)
    told = statement["authenticatorGetInfo"]
    info = Info.from_dict(answer(profile, b"\x04"))
    assert told["versions"] == list(info.versions)
    assert told["options"] | {"alwaysUv": None} == info.options | {"alwaysUv": None}
    assert told["aaguid"] == bytes(info.aaguid).hex()
    assert told["maxMsgSize"] == info.max_msg_size
    assert statement["aaguid"] == str(info.aaguid)
    assert "encIdentifier" not in told
    assert "encCredStoreState" not in told
    assert statement["userVerificationDetails"][0] == [{"userVerificationMethod": "presence_internal"}]


def test_files_are_the_certificates_and_a_statement_for_each_way_to_speak() -> None:
    profiles = [Profile.load(name) for name in ("u2f-only", "ctap20", "passkey")]
    made = metadata.files(profiles)
    names = ["root.pem", "intermediate.pem", "u2f-only-u2f.json", "ctap20.json", "ctap20-u2f.json"]
    assert list(made) == [*names, "passkey.json"]
    assert made == metadata.files(profiles)
    intermediate, root = (
        x509.load_pem_x509_certificate(made[name]) for name in ("intermediate.pem", "root.pem")
    )
    intermediate.verify_directly_issued_by(root)


def test_keys_without_a_certificate_have_no_root() -> None:
    assert metadata.fido2_statement(Profile.load("security-key"))["attestationRootCertificates"] == []
    assert metadata.fido2_statement(Profile.load("security-key"))["attestationTypes"] == ["basic_surrogate"]
    assert metadata.fido2_statement(Profile.load("passkey"))["attestationTypes"] == ["none"]
