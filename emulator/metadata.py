"""What a relying party configures to know these keys: certificates and FIDO metadata statements (MDS3).

A statement is derived from what a key of the profile answers to authenticatorGetInfo, so that neither can
say what the other does not (FIDO Metadata Statement v3.0 §4, FIDO Registry of Predefined Values v2.2 §3).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.fido.attestation import Attestation, intermediate_certificate_pem, root_certificate_pem
from emulator.fido.authenticator import Authenticator, CtapCommand
from emulator.fido.cbor import decode
from emulator.fido.cose import Algorithm
from emulator.fido.ctap2 import get_info
from emulator.profile import Profile
from emulator.store import MemoryStore

SCHEMA = 3
LEGAL_HEADER = "A test key's: it says how the key behaves, never that anything is protected by it."

# Protocol versions as metadata has them: FIDO2's are those of CTAP, less one.
_UPV = {"FIDO_2_0": (1, 0), "FIDO_2_1": (1, 1), "FIDO_2_3": (1, 3)}
_U2F_UPV = (1, 2)
# The registry has no names for ML-DSA; the algorithms of getInfo do.
_ALGORITHMS = {
    Algorithm.ES256: "secp256r1_ecdsa_sha256_raw",
    Algorithm.ES384: "secp384r1_ecdsa_sha384_raw",
    Algorithm.ES512: "secp521r1_ecdsa_sha512_raw",
    Algorithm.EDDSA: "ed25519_eddsa_sha512_raw",
    Algorithm.RS256: "rsassa_pkcsv15_sha256_raw",
}
_ATTESTATION_TYPES = {
    "packed": "basic_full",
    "packed-chain": "basic_full",
    "packed-self": "basic_surrogate",
    "fido-u2f": "basic_full",
    "none": "none",
}
_USER_VERIFICATION_METHODS = {
    0x0002: "fingerprint_internal",
    0x0004: "passcode_internal",
    0x0008: "voiceprint_internal",
    0x0010: "faceprint_internal",
    0x0020: "location_internal",
    0x0040: "eyeprint_internal",
    0x0080: "pattern_internal",
    0x0100: "handprint_internal",
}
_PIN_ALPHABET = 128
"""How many characters a PIN's each may be one of, counting ASCII alone."""
_MEMBERS = {
    get_info.VERSIONS: "versions",
    get_info.EXTENSIONS: "extensions",
    get_info.AAGUID: "aaguid",
    get_info.OPTIONS: "options",
    get_info.MAX_MSG_SIZE: "maxMsgSize",
    get_info.PIN_UV_AUTH_PROTOCOLS: "pinUvAuthProtocols",
    get_info.MAX_CREDENTIAL_COUNT_IN_LIST: "maxCredentialCountInList",
    get_info.MAX_CREDENTIAL_ID_LENGTH: "maxCredentialIdLength",
    get_info.TRANSPORTS: "transports",
    get_info.ALGORITHMS: "algorithms",
    get_info.MAX_SERIALIZED_LARGE_BLOB_ARRAY: "maxSerializedLargeBlobArray",
    get_info.FORCE_PIN_CHANGE: "forcePINChange",
    get_info.MIN_PIN_LENGTH: "minPINLength",
    get_info.FIRMWARE_VERSION: "firmwareVersion",
    get_info.MAX_CRED_BLOB_LENGTH: "maxCredBlobLength",
    get_info.MAX_RP_IDS_FOR_SET_MIN_PIN_LENGTH: "maxRPIDsForSetMinPINLength",
    get_info.PREFERRED_PLATFORM_UV_ATTEMPTS: "preferredPlatformUvAttempts",
    get_info.UV_MODALITY: "uvModality",
    get_info.REMAINING_DISCOVERABLE_CREDENTIALS: "remainingDiscoverableCredentials",
    get_info.ATTESTATION_FORMATS: "attestationFormats",
    get_info.UV_COUNT_SINCE_LAST_PIN_ENTRY: "uvCountSinceLastPinEntry",
    get_info.LONG_TOUCH_FOR_RESET: "longTouchForReset",
    get_info.TRANSPORTS_FOR_RESET: "transportsForReset",
    get_info.PIN_COMPLEXITY_POLICY: "pinComplexityPolicy",
    get_info.MAX_PIN_LENGTH: "maxPINLength",
    get_info.AUTHENTICATOR_CONFIG_COMMANDS: "authenticatorConfigCommands",
}
_OF_ONE_KEY = {get_info.ENC_IDENTIFIER, get_info.ENC_CRED_STORE_STATE}
"""Members that tell keys of a model apart, and so are not the model's."""


def files(profiles: Iterable[Profile]) -> dict[str, bytes]:
    """File names and contents: ``root.pem``, ``intermediate.pem``, and each profile's statements as JSON.

    ``NAME.json`` is for FIDO2, ``NAME-u2f.json`` for what is attested as U2F is; a profile has either or
    both. Always the same.
    """
    made = {"root.pem": root_certificate_pem(), "intermediate.pem": intermediate_certificate_pem()}
    for profile in profiles:
        if profile.ctap2:
            made[f"{profile.name}.json"] = _json(fido2_statement(profile))
        if profile.u2f or "fido-u2f" in profile.attestation_formats:
            made[f"{profile.name}-u2f.json"] = _json(u2f_statement(profile))
    return made


def fido2_statement(profile: Profile) -> dict[str, Any]:
    """The metadata statement of a profile that speaks CTAP2, found by its AAGUID."""
    info = _get_info(profile)
    kinds = dict.fromkeys(
        _ATTESTATION_TYPES[kind] for kind in (profile.attestation, *profile.further_attestations)
    )
    return {
        "legalHeader": LEGAL_HEADER,
        "aaguid": _uuid(profile.aaguid),
        **_common(profile),
        "protocolFamily": "fido2",
        "upv": [_version(_UPV[name]) for name in profile.versions if name in _UPV],
        "authenticationAlgorithms": [
            _ALGORITHMS[Algorithm(alg)] for alg in profile.algorithm_identifiers if alg in _ALGORITHMS
        ],
        "publicKeyAlgAndEncodings": ["cose"],
        "attestationTypes": list(kinds),
        "userVerificationDetails": _user_verification(profile),
        "attestationRootCertificates": _roots("basic_full" in kinds),
        "multiDeviceCredentialSupport": "implicit" if profile.synced else "unsupported",
        "authenticatorGetInfo": info,
    }


def u2f_statement(profile: Profile) -> dict[str, Any]:
    """The metadata statement of a profile's U2F side, found by its attestation key's identifier."""
    certificate = x509.load_der_x509_certificate(Attestation.of_model(profile.aaguid).certificate)
    key_identifier = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    return {
        "legalHeader": LEGAL_HEADER,
        "attestationCertificateKeyIdentifiers": [key_identifier.hex()],
        **_common(profile),
        "protocolFamily": "u2f",
        "upv": [_version(_U2F_UPV)],
        "authenticationAlgorithms": [_ALGORITHMS[Algorithm.ES256]],
        "publicKeyAlgAndEncodings": ["ecc_x962_raw"],
        "attestationTypes": ["basic_full"],
        "userVerificationDetails": [[{"userVerificationMethod": "presence_internal"}]],
        "attestationRootCertificates": _roots(True),
    }


def _common(profile: Profile) -> dict[str, Any]:
    """What holds of a key however it is spoken to: above all that it is software."""
    return {
        "description": profile.title,
        "authenticatorVersion": profile.firmware_version,
        "schema": SCHEMA,
        "keyProtection": ["software"],
        "matcherProtection": ["software"],
        "cryptoStrength": 128,
        "attachmentHint": ["external", "wired"],
        "tcDisplay": [],
    }


def _user_verification(profile: Profile) -> list[list[dict[str, Any]]]:
    """The combinations of methods: presence alone, and with each way there is to verify the user."""
    presence: dict[str, Any] = {"userVerificationMethod": "presence_internal"}
    combinations = [[presence]]
    if profile.client_pin:
        code = {
            "base": _PIN_ALPHABET,
            "minLength": profile.min_pin_length,
            "maxRetries": profile.pin_retries,
            "blockSlowdown": 0,
        }
        combinations.append([presence, {"userVerificationMethod": "passcode_external", "caDesc": code}])
    if profile.built_in_uv:
        combinations.extend(
            [{"userVerificationMethod": method}]
            for bit, method in _USER_VERIFICATION_METHODS.items()
            if profile.uv_modality & bit
        )
    return combinations


def _get_info(profile: Profile) -> dict[str, Any]:
    """A new key's answer to authenticatorGetInfo, its members by name and bytes as hex digits."""
    key = Authenticator(profile, store=MemoryStore(), random_bytes=bytes, now=0.0)
    command = key.cbor(bytes((CtapCommand.GET_INFO,)), 0.0)
    try:
        next(command)
    except StopIteration as stop:
        members: dict[int, Any] = decode(stop.value[1:])
    named = {_MEMBERS[number]: value for number, value in members.items() if number not in _OF_ONE_KEY}
    return named | {"aaguid": profile.aaguid.hex()}


def _uuid(raw: bytes) -> str:
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _roots(there: bool) -> list[str]:
    root = x509.load_pem_x509_certificate(root_certificate_pem())
    return [b64encode(root.public_bytes(Encoding.DER)).decode()] if there else []


def _version(version: tuple[int, int]) -> dict[str, int]:
    return {"major": version[0], "minor": version[1]}


def _json(statement: dict[str, Any]) -> bytes:
    return (json.dumps(statement, indent=2, ensure_ascii=False) + "\n").encode()
