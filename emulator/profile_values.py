"""What a profile's keys may say: words, numbers and their bounds, and how each kind is taken from TOML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

VERSIONS = ("U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3")
EXTENSIONS = (
    "credProtect", "hmac-secret", "hmac-secret-mc", "credBlob", "largeBlobKey", "minPinLength",
    "pinComplexityPolicy", "thirdPartyPayment",
)  # fmt: skip
ALGORITHMS = {
    "ES256": -7,
    "EdDSA": -8,
    "ES384": -35,
    "ES512": -36,
    "RS256": -257,
    "ML-DSA-44": -48,
    "ML-DSA-65": -49,
    "ML-DSA-87": -50,
}
ATTESTATION_FORMATS = {
    "packed": "packed",
    "packed-chain": "packed",
    "packed-self": "packed",
    "fido-u2f": "fido-u2f",
    "none": "none",
}
"""The attestations there are, and their attestation statement format identifiers."""
VENDOR_FACILITATED, PLATFORM_MANAGED = ENTERPRISE_ATTESTATIONS = ("vendor-facilitated", "platform-managed")
PIN_UV_AUTH_PROTOCOLS = (1, 2)
CONFIG_COMMANDS = {
    "enableEnterpriseAttestation": 0x01,
    "toggleAlwaysUv": 0x02,
    "setMinPINLength": 0x03,
    "enableLongTouchForReset": 0x04,
}
MAX_PIN_LENGTH = 63
"""In Unicode code points, as in bytes of UTF-8 (CTAP 2.3 §6.5.1)."""
LONGEST_CREDENTIAL_ID = 191
"""Bytes of the longest credential ID there is: ES256 with hmac-secret, all under the seal."""
LONGER_CREDENTIAL_IDS = {"ES384": 239, "ES512": 293, "RS256": 351}
"""Those of algorithms whose private keys are longer."""
CHAIN_MESSAGES = 2048
"""The least ``max_message_size`` that a registration with two certificates fits in."""
LONGER_MESSAGES = {"ES512": 1536, "RS256": 2048, "ML-DSA-44": 4608, "ML-DSA-65": 6144, "ML-DSA-87": 7609}
"""The least ``max_message_size`` that a registration fits in, where the default may not do."""


def _of(kind: type) -> Callable[[Any], Any]:
    """The value itself if it is of exactly this type."""
    return lambda value: value if type(value) is kind else None


def _array_of(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        return tuple(value) if type(value) is list and all(type(item) is kind for item in value) else None

    return convert


def _uuid(value: Any) -> bytes | None:
    try:
        raw = bytes.fromhex(value.replace("-", "")) if type(value) is str else b""
    except ValueError:
        return None
    return raw if len(raw) == 16 and [len(part) for part in value.split("-")] == [8, 4, 4, 4, 12] else None


def _seconds(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None


CHOICES: dict[str, Sequence[Any]] = {
    "versions": VERSIONS,
    "extensions": EXTENSIONS,
    "algorithms": tuple(ALGORITHMS),
    "further_attestations": tuple(ATTESTATION_FORMATS),
    "enterprise_attestation": ENTERPRISE_ATTESTATIONS,
    "pin_uv_auth_protocols": PIN_UV_AUTH_PROTOCOLS,
    "config_commands": tuple(CONFIG_COMMANDS),
}
"""What the arrays may have in them, each once."""
RANGES = {
    "firmware_version": (0, 2**32 - 1),
    "touch_timeout": (0.001, 3600),
    "discoverable_credentials": (0, 1_000_000),
    "min_pin_length": (4, MAX_PIN_LENGTH),
    "max_rp_ids_for_min_pin_length": (0, 1000),
    "fingerprints": (0, 1000),
    "fingerprint_samples": (1, 100),
    "pin_retries": (1, 8),  # CTAP 2.3 §6.5.2.3
    "uv_modality": (0, 2**32 - 1),
    "uv_retries": (1, 25),  # CTAP 2.3 §6.5.2.3
    "uv_attempts": (1, 5),  # CTAP 2.3 §6.5.2.3
    "preferred_platform_uv_attempts": (1, 25),
    "max_message_size": (1024, 7609),
    "max_cred_blob_length": (32, 1024),  # CTAP 2.3 §12.2
    "max_large_blob_array": (0, 65536),
    "max_credential_count_in_list": (1, 1000),
    "max_credential_id_length": (LONGEST_CREDENTIAL_ID, 1023),
}
"""The least and the greatest that the numbers may be."""

KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "str": ("text", _of(str)),
    "bool": ("true or false", _of(bool)),
    "int": ("a whole number", _of(int)),
    "float": ("a number", _seconds),
    "bytes": ("a UUID as text", _uuid),
    "tuple[str, ...]": ("an array of text", _array_of(str)),
    "tuple[int, ...]": ("an array of whole numbers", _array_of(int)),
}
"""By a field's annotation: what is expected, and how it is taken from TOML (``None``: it is not that)."""
