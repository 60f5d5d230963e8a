"""What a key has, by the names that tests say they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fido2.cose import CoseKey
from fido2.hid import CAPABILITY

from harness.conformance.card import applets
from harness.conformance.probe import Probe
from harness.conformance.trace import shown

_TOLD_BY_VALUE = {
    "authnrCfg", "credMgmt", "largeBlobs", "makeCredUvNotRqd", "noMcGaPermissionsWithClientPin",
    "perCredMgmtRO", "pinUvAuthToken", "plat", "rk", "setMinPINLength", "up", "uvAcfg", "uvBioEnroll",
}  # fmt: skip
"""Options whose value says whether the key has the feature; of others, false says that it is not set up."""

_PROTOCOLS = {1: "pin-protocol-one", 2: "pin-protocol-two"}


def features(probe: Probe) -> frozenset[str]:
    """What the key says it has.

    ``ctaphid`` or ``apdu`` for its transports, ``oath`` for YKOATH's applet, ``u2f``, ``ctap2``, getInfo's
    versions, extensions, options (as supported, set up or not), algorithms such as ``ES256``,
    ``pin-protocol-one``, ``pin-protocol-two``, attestation formats such as ``packed``, authenticatorConfig's
    subcommands such as ``config-3``.
    """
    capabilities = probe.key.capabilities
    found = ({"ctaphid"} if probe.key.has_packets else {"apdu"}) | applets(probe)
    if not capabilities & CAPABILITY.NMSG:
        found.add("u2f")
    if capabilities & CAPABILITY.WINK:
        found.add("wink")
    if capabilities & CAPABILITY.CBOR:
        found |= {"ctap2", *_told(probe.info)}
    return frozenset(found)


def _told(info: Mapping[int, Any]) -> set[str]:
    """CTAP 2.3 §6.4."""
    options = info.get(4, {})
    found = {*info.get(1, ()), *info.get(2, ()), *info.get(0x16, ())}
    found |= {name for name, value in options.items() if value or name not in _TOLD_BY_VALUE}
    found |= {_PROTOCOLS[number] for number in info.get(6, ()) if number in _PROTOCOLS}
    found |= {CoseKey.for_alg(entry["alg"]).__name__ for entry in info.get(0x0A, ())}
    found |= {f"config-{number}" for number in info.get(0x1F, ())}
    found |= {f"info-0x{number:02X}" for number in info}
    return found


_MEMBERS = {
    0x01: "versions", 0x02: "extensions", 0x03: "aaguid", 0x04: "options", 0x05: "maxMsgSize",
    0x06: "pinUvAuthProtocols", 0x07: "maxCredentialCountInList", 0x08: "maxCredentialIdLength",
    0x09: "transports", 0x0A: "algorithms", 0x0B: "maxSerializedLargeBlobArray", 0x0C: "forcePINChange",
    0x0D: "minPINLength", 0x0E: "firmwareVersion", 0x0F: "maxCredBlobLength",
    0x10: "maxRPIDsForSetMinPINLength", 0x11: "preferredPlatformUvAttempts", 0x12: "uvModality",
    0x13: "certifications", 0x14: "remainingDiscoverableCredentials", 0x15: "vendorPrototypeConfigCommands",
    0x16: "attestationFormats", 0x17: "uvCountSinceLastPinEntry", 0x18: "longTouchForReset",
    0x19: "encIdentifier", 0x1A: "transportsForReset", 0x1B: "pinComplexityPolicy",
    0x1C: "pinComplexityPolicyURL", 0x1D: "maxPINLength", 0x1E: "encCredStoreState",
    0x1F: "authenticatorConfigCommands",
}  # fmt: skip
"""CTAP 2.3 §6.4."""


def named_info(info: Mapping[int, Any]) -> dict[str, str]:
    """getInfo's members by name, their values in diagnostic notation; not those that differ each time."""
    passing = {0x19, 0x1E}
    return {
        _MEMBERS.get(number, f"0x{number:02X}"): shown(value)
        for number, value in info.items()
        if number not in passing
    }
