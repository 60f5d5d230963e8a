"""WebAuthn Level 3 §16, "Test Vectors": what we make of the same private keys is theirs to the last byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from fido2.webauthn import AttestationObject, AuthenticatorData
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.registration.verify_registration_response import verify_registration_response

from emulator.fido import attestation, cbor, cose
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import AttestedCredentialData, Flags, authenticator_data
from emulator.fido.authenticator import Authenticator
from emulator.fido.cose import Algorithm, PrivateKey
from emulator.fido.credential import Credential
from emulator.fido.gesture import Command, Given
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.profile_values import ALGORITHMS
from emulator.store import MemoryStore

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "webauthn_l3.json").read_text("utf-8"))
CASES = VECTORS["cases"]
PRF = VECTORS["prf"]
RP_ID = "example.org"
RP_ID_HASH = sha256(RP_ID.encode()).digest()
NOW = 1000.0

every_case = pytest.mark.parametrize("case", CASES, ids=[case["section"] for case in CASES])
# Those whose flags a profile can give: backed up or not eligible, the same in both ceremonies; and of those,
# the ones that need no certificate of W3C's.
by_authenticator = pytest.mark.parametrize("case", [CASES[0], CASES[2]], ids=["§16.2", "§16.4"])


def scalar_source(scalar: bytes) -> Callable[[int], bytes]:
    """Random bytes that an elliptic curve's private key comes out of as ``scalar``."""
    return lambda length: (int.from_bytes(scalar) - 1).to_bytes(length)


def credential_key(case: dict[str, Any]) -> PrivateKey:
    algorithm = Algorithm(ALGORITHMS[case["algorithm"]])
    if algorithm is Algorithm.RS256:
        p, q = 2**1279 - 1, 2**2203 - 1
        assert case["private_key_primes"] == ["2**1279 - 1", "2**2203 - 1"]
        return cose.load(algorithm, p.to_bytes(276) + q.to_bytes(276))
    raw = bytes.fromhex(case["private_key"])
    if algorithm is Algorithm.EDDSA:
        return cose.load(algorithm, raw)
    return cose.generate(algorithm, scalar_source(raw))


def client_data_hash(ceremony: dict[str, Any]) -> bytes:
    return sha256(ceremony["client_data_json"].encode()).digest()


def statement(case: dict[str, Any], key: PrivateKey, auth_data: bytes) -> dict[str, Any]:
    client_hash = client_data_hash(case["registration"])
    if case["fmt"] == "none":
        return {}
    if "attestation" not in case:
        return attestation.self_statement(auth_data, client_hash, key)
    attesting = Attestation(
        private_key=cose.generate(
            Algorithm.ES256, scalar_source(bytes.fromhex(case["attestation"]["private_key"]))
        ),
        certificate=bytes.fromhex(case["attestation"]["certificate"]),
    )
    if case["fmt"] == "packed":
        return attesting.packed_statement(auth_data, client_hash)
    credential_id = bytes.fromhex(case["registration"]["credential_id"])
    return attesting.u2f_statement(RP_ID_HASH, client_hash, credential_id, key.cose_key())


@every_case
def test_a_registration_is_theirs_byte_for_byte(case: dict[str, Any]) -> None:
    key, registration = credential_key(case), case["registration"]
    attested = AttestedCredentialData(
        aaguid=bytes.fromhex(registration["aaguid"]),
        credential_id=bytes.fromhex(registration["credential_id"]),
        cose_key=key.cose_key(),
    )
    auth_data = authenticator_data(RP_ID_HASH, Flags(registration["flags"]), 0, attested)
    ours = cbor.encode(
        {"fmt": case["fmt"], "attStmt": statement(case, key, auth_data), "authData": auth_data}
    )
    assert ours.hex() == registration["attestation_object"]


@every_case
def test_an_assertion_is_theirs_byte_for_byte(case: dict[str, Any]) -> None:
    key, authentication = credential_key(case), case["authentication"]
    auth_data = authenticator_data(RP_ID_HASH, Flags(authentication["flags"]), 0)
    assert auth_data.hex() == authentication["authenticator_data"]
    assert key.sign(auth_data + client_data_hash(authentication)).hex() == authentication["signature"]


@every_case
def test_the_vectors_themselves_hold_for_python_fido2(case: dict[str, Any]) -> None:
    registration, authentication = case["registration"], case["authentication"]
    registered = AttestationObject(bytes.fromhex(registration["attestation_object"])).auth_data
    assert registered.credential_data is not None
    auth_data = bytes.fromhex(authentication["authenticator_data"])
    signature = bytes.fromhex(authentication["signature"])
    signed = auth_data + client_data_hash(authentication)
    registered.credential_data.public_key.verify(signed, signature)


# ES384, and an AAGUID other than zeros under fido-u2f, are more than it takes.
@pytest.mark.parametrize("case", [c for c in CASES if c["section"] not in ("§16.8", "§16.16")])
def test_the_vectors_themselves_hold_for_py_webauthn(case: dict[str, Any]) -> None:
    registration = case["registration"]
    credential_id = bytes_to_base64url(bytes.fromhex(registration["credential_id"]))
    client_data = registration["client_data_json"]
    root = x509.load_der_x509_certificate(bytes.fromhex(VECTORS["attestation_root"]["certificate"]))
    verified = verify_registration_response(
        credential={
            "id": credential_id,
            "rawId": credential_id,
            "type": "public-key",
            "response": {
                "clientDataJSON": bytes_to_base64url(client_data.encode()),
                "attestationObject": bytes_to_base64url(bytes.fromhex(registration["attestation_object"])),
            },
        },
        expected_challenge=base64url_to_bytes(json.loads(client_data)["challenge"]),
        expected_rp_id=RP_ID,
        expected_origin="https://example.org",
        require_user_verification=False,
        supported_pub_key_algs=list(COSEAlgorithmIdentifier),
        pem_root_certs_bytes_by_fmt={
            case["fmt"]: [root.public_bytes(Encoding.PEM)],
        },
    )
    assert verified.fmt == case["fmt"]


def obey(command: Command) -> None:
    next(command)
    while True:
        command.send(Given(now=NOW, accepted=True))


def run(authenticator: Authenticator, code: int, parameters: dict[int, Any]) -> dict[int, Any]:
    """A CTAP2 command's response, by a user who does whatever is asked for."""
    command = authenticator.cbor(bytes((code,)) + cbor.encode(parameters), NOW)
    with pytest.raises(StopIteration) as stop:
        obey(command)
    answer = stop.value.value
    assert answer[0] == CtapStatus.SUCCESS
    response: dict[int, Any] = cbor.decode(answer[1:])
    return response


@by_authenticator
def test_a_whole_authenticator_makes_and_uses_their_credential(case: dict[str, Any]) -> None:
    registration, authentication = case["registration"], case["authentication"]
    flags = Flags(registration["flags"])
    profile = replace(
        Profile.load("passkey"),
        aaguid=bytes.fromhex(registration["aaguid"]),
        built_in_uv=Flags.UV in flags,
        synced=Flags.BS in flags,
        sign_counter=False,
        attestation="none",
    )
    credential_id = bytes.fromhex(registration["credential_id"])
    scalar = scalar_source(bytes.fromhex(case["private_key"]))
    authenticator = Authenticator(
        profile,
        store=MemoryStore(),
        random_bytes=lambda length: scalar(length) if length == 40 else credential_id[:length],
        now=NOW,
    )
    made = run(
        authenticator,
        0x01,
        {
            1: client_data_hash(registration),
            2: {"id": RP_ID},
            3: {"id": b"user"},
            4: [{"type": "public-key", "alg": -7}],
            7: {"rk": True} | ({"uv": True} if Flags.UV in flags else {}),
        },
    )
    theirs = AttestationObject(bytes.fromhex(registration["attestation_object"]))
    assert (made[1], made[2], made[3]) == (theirs.fmt, theirs.auth_data, theirs.att_stmt)
    options = {"uv": True} if authentication["flags"] & Flags.UV else {}
    got = run(authenticator, 0x02, {1: RP_ID, 2: client_data_hash(authentication), 5: options})
    assert got[2].hex() == authentication["authenticator_data"]
    assert got[3].hex() == authentication["signature"]


@pytest.mark.parametrize("case", PRF["cases"], ids=[case["name"] for case in PRF["cases"]])
def test_hmac_secret_answers_prf_s_example_byte_for_byte(case: dict[str, Any]) -> None:
    scalar, iv = (
        scalar_source(bytes.fromhex(PRF["authenticator_private_key"])),
        bytes.fromhex(case["output_enc_iv"]),
    )
    key = cose.generate(Algorithm.ES256, scalar)
    secret = bytes.fromhex(PRF["cred_random"])
    store = MemoryStore()
    authenticator = Authenticator(
        replace(Profile.load("ctap21"), pin_uv_auth_protocols=(case["protocol"],)),
        store=store,
        random_bytes=lambda length: {40: scalar(40), 16: iv}.get(length, bytes(length)),
        now=NOW,
    )
    store.put(
        Credential(
            credential_id=b"credential",
            private_key=key.to_bytes(),
            rp_id_hash=RP_ID_HASH,
            rp_id=RP_ID,
            user_id=b"user",
            discoverable=True,
            cred_random_with_uv=bytes(32),
            cred_random_without_uv=secret,
        )
    )
    protocol = PinProtocolV2() if case["protocol"] == 2 else PinProtocolV1()
    salt_enc = bytes.fromhex(case["salt_enc"])
    asked = {
        1: {1: 2, 3: -25, -1: 1}
        | {-2: bytes.fromhex(PRF["platform_x"])}
        | {-3: bytes.fromhex(PRF["platform_y"])},
        2: salt_enc,
        3: protocol.authenticate(bytes.fromhex(case["shared_secret"]), salt_enc),
        4: case["protocol"],
    }
    got = run(authenticator, 0x02, {1: RP_ID, 2: bytes(32), 4: {"hmac-secret": asked}})
    extensions = AuthenticatorData(got[2]).extensions
    assert extensions is not None
    assert extensions["hmac-secret"].hex() == case["output_enc"]
    assert (
        protocol.decrypt(bytes.fromhex(case["shared_secret"]), extensions["hmac-secret"]).hex()
        == case["outputs"]
    )
