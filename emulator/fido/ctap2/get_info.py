"""authenticatorGetInfo (CTAP 2.3 §6.4): what the key can do, derived from what is enabled."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from emulator.fido.ctap2.parameters import PUBLIC_KEY
from emulator.fido.state import AuthenticatorState
from emulator.profile_values import CONFIG_COMMANDS
from emulator.profile_values import MAX_PIN_LENGTH as LONGEST_PIN

VERSIONS = 0x01
EXTENSIONS = 0x02
AAGUID = 0x03
OPTIONS = 0x04
MAX_MSG_SIZE = 0x05
PIN_UV_AUTH_PROTOCOLS = 0x06
MAX_CREDENTIAL_COUNT_IN_LIST = 0x07
MAX_CREDENTIAL_ID_LENGTH = 0x08
TRANSPORTS = 0x09
ALGORITHMS = 0x0A
MAX_SERIALIZED_LARGE_BLOB_ARRAY = 0x0B
FORCE_PIN_CHANGE = 0x0C
MIN_PIN_LENGTH = 0x0D
FIRMWARE_VERSION = 0x0E
MAX_CRED_BLOB_LENGTH = 0x0F
MAX_RP_IDS_FOR_SET_MIN_PIN_LENGTH = 0x10
PREFERRED_PLATFORM_UV_ATTEMPTS = 0x11
UV_MODALITY = 0x12
REMAINING_DISCOVERABLE_CREDENTIALS = 0x14
ATTESTATION_FORMATS = 0x16
UV_COUNT_SINCE_LAST_PIN_ENTRY = 0x17
LONG_TOUCH_FOR_RESET = 0x18
ENC_IDENTIFIER = 0x19
TRANSPORTS_FOR_RESET = 0x1A
PIN_COMPLEXITY_POLICY = 0x1B
PIN_COMPLEXITY_POLICY_URL = 0x1C
MAX_PIN_LENGTH = 0x1D
ENC_CRED_STORE_STATE = 0x1E
AUTHENTICATOR_CONFIG_COMMANDS = 0x1F


def run(state: AuthenticatorState) -> dict[int, Any]:
    """The members that the profile's version of CTAP defines and that apply to it."""
    profile = state.profile
    info: dict[int, Any] = {
        VERSIONS: [version for version in profile.versions if state.u2f or version != "U2F_V2"],
        AAGUID: profile.aaguid,
        OPTIONS: options(state),
        MAX_MSG_SIZE: profile.max_message_size,
    }
    if profile.extensions:
        info[EXTENSIONS] = list(profile.extensions)
    if profile.pin_uv_auth_protocols:
        info[PIN_UV_AUTH_PROTOCOLS] = list(profile.pin_uv_auth_protocols)
    return info | _since_ctap21(state) if profile.ctap21 else info


def options(state: AuthenticatorState) -> dict[str, bool]:
    """The option IDs; one that is absent is not supported, ``clientPin`` false is a PIN not set yet."""
    profile = state.profile
    given = {"plat": False, "up": True}
    if profile.discoverable_credentials:
        given["rk"] = True
    if profile.built_in_uv:
        given["uv"] = state.built_in_uv
    if profile.client_pin:
        given["clientPin"] = state.store.user_verification.pin_hash is not None
    if profile.pin_uv_auth_token:
        given["pinUvAuthToken"] = True
    if profile.no_mc_ga_with_client_pin:
        given["noMcGaPermissionsWithClientPin"] = True
    if profile.make_cred_uv_not_rqd:
        given["makeCredUvNotRqd"] = state.make_cred_uv_not_rqd
    if profile.credential_management:
        given["credMgmt"] = True
    if profile.credential_management_preview:
        given["credentialMgmtPreview"] = True
    if profile.persistent_credential_management:
        given["perCredMgmtRO"] = True
    if profile.max_large_blob_array:
        given["largeBlobs"] = True
    if profile.fingerprints:
        given["bioEnroll"] = state.built_in_uv
    if profile.bio_enrollment_preview:
        given["userVerificationMgmtPreview"] = state.built_in_uv
    if profile.uv_bio_enroll:
        given["uvBioEnroll"] = True
    if profile.uv_acfg:
        given["uvAcfg"] = True
    if profile.enterprise_attestation:
        given["ep"] = state.store.configuration.enterprise_attestation
    if profile.config_commands:
        given["authnrCfg"] = True
    if "toggleAlwaysUv" in profile.config_commands:
        given["alwaysUv"] = state.always_uv
    if "setMinPINLength" in profile.config_commands:
        given["setMinPINLength"] = True
    return given


def _since_ctap21(state: AuthenticatorState) -> dict[int, Any]:
    profile, user_verification = state.profile, state.store.user_verification
    info: dict[int, Any] = {
        MAX_CREDENTIAL_COUNT_IN_LIST: profile.max_credential_count_in_list,
        MAX_CREDENTIAL_ID_LENGTH: profile.max_credential_id_length,
        TRANSPORTS: list(profile.transports),
        ALGORITHMS: [{"type": PUBLIC_KEY, "alg": alg} for alg in state.algorithms],
    }
    if profile.client_pin:
        info[FORCE_PIN_CHANGE] = user_verification.force_pin_change
        info[MIN_PIN_LENGTH] = user_verification.min_pin_length
    if profile.max_large_blob_array:
        info[MAX_SERIALIZED_LARGE_BLOB_ARRAY] = profile.max_large_blob_array
    if "credBlob" in profile.extensions:
        info[MAX_CRED_BLOB_LENGTH] = profile.max_cred_blob_length
    if profile.firmware_version:
        info[FIRMWARE_VERSION] = profile.firmware_version
    if profile.built_in_uv:
        info[PREFERRED_PLATFORM_UV_ATTEMPTS] = profile.preferred_platform_uv_attempts
    if profile.uv_modality:
        info[UV_MODALITY] = profile.uv_modality
    if profile.discoverable_credentials:
        info[REMAINING_DISCOVERABLE_CREDENTIALS] = (
            profile.discoverable_credentials - state.store.credential_count
        )
    if profile.max_rp_ids_for_min_pin_length:
        info[MAX_RP_IDS_FOR_SET_MIN_PIN_LENGTH] = profile.max_rp_ids_for_min_pin_length
    token = state.store.persistent_token
    if profile.persistent_credential_management and token is not None:
        info[ENC_IDENTIFIER] = _encrypted(state, token, "encIdentifier", state.identifier)
        info[ENC_CRED_STORE_STATE] = _encrypted(
            state, token, "encCredStoreState", state.credential_store_state
        )
    return info | _since_ctap22(state) if profile.ctap23 else info


def _encrypted(state: AuthenticatorState, token: bytes, member: str, value: bytes) -> bytes:
    """IV ‖ one block under a key of the persistent token's; another one each time it is asked for."""
    key = HKDF(SHA256(), length=16, salt=bytes(32), info=member.encode()).derive(token)
    iv = state.random_bytes(16)
    encryptor = Cipher(AES128(key), CBC(iv)).encryptor()
    return iv + encryptor.update(value) + encryptor.finalize()


def _since_ctap22(state: AuthenticatorState) -> dict[int, Any]:
    profile, commands = state.profile, state.profile.config_commands
    info: dict[int, Any] = {TRANSPORTS_FOR_RESET: list(profile.transports)}
    if profile.attestation_formats:
        info[ATTESTATION_FORMATS] = list(profile.attestation_formats)
    if profile.counts_uv:
        info[UV_COUNT_SINCE_LAST_PIN_ENTRY] = state.store.user_verification.uv_count
    if "enableLongTouchForReset" in commands:
        info[LONG_TOUCH_FOR_RESET] = state.store.configuration.long_touch_for_reset
    if profile.pin_complexity_policy:
        info[PIN_COMPLEXITY_POLICY] = state.pin_complexity_policy
        if profile.pin_complexity_policy_url:
            info[PIN_COMPLEXITY_POLICY_URL] = profile.pin_complexity_policy_url.encode()
    if profile.client_pin:
        info[MAX_PIN_LENGTH] = LONGEST_PIN
    if commands:
        info[AUTHENTICATOR_CONFIG_COMMANDS] = sorted(CONFIG_COMMANDS[name] for name in commands)
    return info
