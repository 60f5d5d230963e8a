"""Profiles: what a model of key is and can do, as data. Adding a model is adding a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from emulator.profile_values import (
    ALGORITHMS,
    ATTESTATION_FORMATS,
    CHAIN_MESSAGES,
    CHOICES,
    KINDS,
    LONGER_CREDENTIAL_IDS,
    LONGER_MESSAGES,
    LONGEST_CREDENTIAL_ID,
    RANGES,
    VENDOR_FACILITATED,
)


class ProfileError(ValueError):
    """A profile that is unknown or says what no key can be; one sentence naming file and key."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model of key. Each field is a key of the TOML file; those without a default must be there.

    ``name`` is the file's name. Nothing here is advertised by hand: authenticatorGetInfo's answer and
    what the commands accept are both derived from these fields.
    """

    name: str
    title: str
    versions: tuple[str, ...]
    """As authenticatorGetInfo lists them; ``U2F_V2`` alone is a key without CTAP2."""
    aaguid: bytes = bytes(16)
    """A random UUID of ours, never a vendor's; a key that has only U2F has none."""
    device_version: tuple[int, ...] = (1, 0, 0)
    """Major, minor and build number that CTAPHID_INIT tells (CTAP 2.3 §11.2.9.1.3)."""
    firmware_version: int = 0
    transports: tuple[str, ...] = ("usb",)
    wink: bool = True
    """Whether CTAPHID_WINK is there."""
    touch_timeout: float = 30.0
    """Seconds that a command waits for a touch or a finger."""

    algorithms: tuple[str, ...] = ("ES256",)
    """By name, the preferred one first."""
    attestation: str = "packed"
    """``packed`` (a certificate by the test root), ``packed-chain`` (with the test intermediate between the
    two), ``packed-self``, ``fido-u2f`` (ES256 only) or ``none``."""
    further_attestations: tuple[str, ...] = ()
    """Others, of other formats, for relying parties that prefer those (attestationFormatsPreference)."""
    enterprise_attestation: tuple[str, ...] = ()
    """``vendor-facilitated``, ``platform-managed`` or both, once enableEnterpriseAttestation says so."""
    enterprise_rp_ids: tuple[str, ...] = ()
    """The relying parties that vendor-facilitated enterprise attestation is for."""
    extensions: tuple[str, ...] = ()
    discoverable_credentials: int = 0
    """Slots for discoverable credentials; none means that the option ``rk`` is absent."""
    max_cred_blob_length: int = 32
    """Bytes that credBlob may have, where that extension is there."""
    credential_management: bool = False
    credential_management_preview: bool = False
    """Whether credential management answers to the command byte that it had before CTAP 2.1."""
    persistent_credential_management: bool = False
    """Whether a persistentPinUvAuthToken lets credentials be listed, and getInfo tell who and how it is."""
    max_large_blob_array: int = 0
    """Bytes of the serialized large-blob array that there is room for; 0 is a key without large blobs."""
    synced: bool = False
    """Whether credentials are backed up to other devices: flags BE and BS."""
    sign_counter: bool = True
    """Whether there is a signature counter; without, it stays zero (WebAuthn Level 3 §6.1.1)."""

    pin_uv_auth_protocols: tuple[int, ...] = ()
    """The preferred one first."""
    client_pin: bool = False
    min_pin_length: int = 4
    """In Unicode code points."""
    pin_retries: int = 8
    built_in_uv: bool = False
    """Whether the key itself can verify its user, and is set up to."""
    uv_modality: int = 0
    """How it does (FIDO Registry of Predefined Values §3.1)."""
    uv_retries: int = 5
    uv_attempts: int = 3
    """How often a command asks again by itself (CTAP 2.3 §6.5.3.1, maxUvAttemptsForInternalRetries)."""
    preferred_platform_uv_attempts: int = 3
    make_cred_uv_not_rqd: bool = False

    config_commands: tuple[str, ...] = ()
    """Subcommands of authenticatorConfig, by name."""
    always_uv: bool = False
    """Whether user verification is always asked for, until toggleAlwaysUv says otherwise."""
    always_uv_can_be_disabled: bool = True
    max_rp_ids_for_min_pin_length: int = 0
    """How many relying parties setMinPINLength can let see the minimum (minPinLength and others)."""
    pin_complexity_policy: bool = False
    """Whether PINs too easy to guess can be refused, once setMinPINLength says so."""
    pin_complexity_policy_url: str = ""
    """Where people read what PINs are refused."""
    no_mc_ga_with_client_pin: bool = False
    """Whether the PIN is for managing the key alone, and credentials are made and used by built-in means."""
    fingerprints: int = 0
    """Fingers that there is room for; 0 is a key without bioEnrollment, whose user it knows as it comes."""
    fingerprint_samples: int = 4
    """Good samples that a finger takes to enrol."""
    bio_enrollment_preview: bool = False
    """Whether bioEnrollment answers to the command byte that it had before CTAP 2.1."""
    uv_bio_enroll: bool = False
    """Whether a finger may permit to enrol fingers."""
    uv_acfg: bool = False
    """Whether a finger may permit authenticatorConfig."""

    max_message_size: int = 1200
    max_credential_count_in_list: int = 8
    max_credential_id_length: int = LONGEST_CREDENTIAL_ID

    @classmethod
    def load(cls, name: str) -> Profile:
        """The packaged profile ``name``, or that of a file if ``name`` ends in ``.toml``.

        ``ProfileError`` for one that is not there, cannot be read or makes no sense.
        """
        if name.endswith(".toml"):
            path = Path(name)
            source, text = f"profile file {name}", _read(path)
        elif name in (known := profile_names()):
            source, path = f"profile {name}", Path(f"{name}.toml")
            text = (resources.files("emulator") / "profiles" / path.name).read_text("utf-8")
        else:
            raise ProfileError(f"unknown profile {name!r}; known: {', '.join(known)}, or the path of a .toml")
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProfileError(f"{source} is not TOML: {error}") from error
        return _from_table(path.stem, table, source)

    @cached_property
    def u2f(self) -> bool:
        """Whether the key speaks U2F (CTAPHID_MSG)."""
        return "U2F_V2" in self.versions

    @cached_property
    def ctap2(self) -> bool:
        """Whether the key speaks CTAP2 (CTAPHID_CBOR)."""
        return self.versions != ("U2F_V2",)

    @cached_property
    def ctap21(self) -> bool:
        """Whether what CTAP 2.1 brought is there: getInfo members from 07 on, selection, its status codes."""
        return "FIDO_2_1" in self.versions or self.ctap23

    @cached_property
    def ctap23(self) -> bool:
        """Whether what CTAP 2.2 and 2.3 brought is there: getInfo members from 16 on."""
        return "FIDO_2_3" in self.versions

    @property
    def pin_uv_auth_token(self) -> bool:
        """Whether tokens have permissions and run out, as a CTAP 2.1 key's must (CTAP 2.3 §9)."""
        return self.ctap21 and (self.client_pin or self.built_in_uv)

    @property
    def counts_uv(self) -> bool:
        """Whether getInfo tells how often the key has verified its user since the PIN was entered."""
        return self.ctap23 and self.client_pin and self.built_in_uv

    @property
    def attestation_chain(self) -> bool:
        """Whether packed attestation goes by way of the test intermediate."""
        return "packed-chain" in (self.attestation, *self.further_attestations)

    @cached_property
    def attestation_formats(self) -> tuple[str, ...]:
        """Attestation statement format identifiers, the usual one first; ``none`` is always to be had."""
        formats = (ATTESTATION_FORMATS[name] for name in (self.attestation, *self.further_attestations))
        return tuple(fmt for fmt in formats if fmt != "none")

    @cached_property
    def algorithm_identifiers(self) -> tuple[int, ...]:
        """COSE algorithm identifiers, the preferred one first."""
        return tuple(ALGORITHMS[name] for name in self.algorithms)


def profile_names() -> list[str]:
    """The names of the packaged profiles, in alphabetical order."""
    files = (resources.files("emulator") / "profiles").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ProfileError(f"profile file {path} cannot be read: {reason}") from error


def _from_table(name: str, table: Mapping[str, Any], source: str) -> Profile:
    known = {field.name: field for field in fields(Profile) if field.name != "name"}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ProfileError(f"{source}: unknown key {key!r}")
        expected, convert = KINDS[str(known[key].type)]
        values[key] = convert(value)
        if values[key] is None:
            raise ProfileError(f"{source}: {key} must be {expected}, not {value!r}")
    for key, field in known.items():
        if field.default is MISSING and key not in values:
            raise ProfileError(f"{source}: {key} is missing")
    profile = Profile(name=name, **values)
    for key, holds, requirement in _rules(profile):
        if not holds:
            raise ProfileError(f"{source}: {key} must {requirement}")
    return profile


Rules = Iterator[tuple[str, bool, str]]
"""What must hold of a profile: the key to blame, whether it holds, what would."""


def _rules(p: Profile) -> Rules:
    yield from _value_rules(p)
    yield from _attestation_rules(p)
    yield from _algorithm_rules(p)
    yield from _credential_rules(p)
    yield from _setting_rules(p)


def _value_rules(p: Profile) -> Rules:
    for key, choices in CHOICES.items():
        given = getattr(p, key)
        fits = all(item in choices for item in given) and len(set(given)) == len(given)
        yield key, fits, f"have some of {', '.join(map(str, choices))}, each once"
    for key, (low, high) in RANGES.items():
        yield key, low <= getattr(p, key) <= high, f"be from {low} to {high}"
    yield "versions", bool(p.versions), "not be empty"
    yield "algorithms", bool(p.algorithms), "not be empty"
    yield "attestation", p.attestation in ATTESTATION_FORMATS, f"be one of {', '.join(ATTESTATION_FORMATS)}"
    version = p.device_version
    yield "device_version", len(version) == 3 and 0 <= min(version) <= max(version) <= 255, "be three bytes"
    yield "algorithms", not p.u2f or "ES256" in p.algorithms, "have ES256, which U2F needs"
    only_es256 = p.algorithms == ("ES256",)
    yield "attestation", p.attestation != "fido-u2f" or only_es256, "not be fido-u2f with other than ES256"


def _algorithm_rules(p: Profile) -> Rules:
    for name in p.algorithms:
        for key, least in (
            ("max_credential_id_length", LONGER_CREDENTIAL_IDS.get(name, 0)),
            ("max_message_size", LONGER_MESSAGES.get(name, 0)),
        ):
            yield key, getattr(p, key) >= least, f"be at least {least} with {name}"
    yield "aaguid", any(p.aaguid) or not p.ctap2, "be there for a key that speaks CTAP2"
    for key in ("extensions", "discoverable_credentials", "client_pin", "built_in_uv"):
        yield key, p.ctap2 or not getattr(p, key), "not be there for a key that speaks only U2F"
    protocols = bool(p.pin_uv_auth_protocols)
    for key, needs in (
        ("client_pin", p.client_pin),
        ("built_in_uv", p.pin_uv_auth_token),
        ("extensions", "hmac-secret" in p.extensions),
    ):
        yield "pin_uv_auth_protocols", protocols or not needs, f"not be empty, {key} being what it is"


def _credential_rules(p: Profile) -> Rules:
    manageable = p.pin_uv_auth_token and p.discoverable_credentials > 0
    yield (
        "credential_management",
        manageable or not p.credential_management,
        "be false unless the key has FIDO_2_1, client_pin or built_in_uv, and discoverable_credentials",
    )
    yield (
        "credential_management_preview",
        (p.client_pin and "FIDO_2_1_PRE" in p.versions) or not p.credential_management_preview,
        "be false unless the key has FIDO_2_1_PRE and client_pin",
    )
    yield (
        "persistent_credential_management",
        p.credential_management or not p.persistent_credential_management,
        "be false unless the key has credential_management",
    )
    yield (
        "max_large_blob_array",
        bool(p.max_large_blob_array) == ("largeBlobKey" in p.extensions),
        "be there if the extension largeBlobKey is, and only then",
    )
    yield (
        "max_large_blob_array",
        p.max_large_blob_array == 0 or (p.max_large_blob_array >= 1024 and p.ctap21),
        "be at least 1024, and only with FIDO_2_1",  # CTAP 2.3 §6.10
    )
    yield (
        "make_cred_uv_not_rqd",
        p.pin_uv_auth_token or not p.make_cred_uv_not_rqd,
        ("be false unless the key has FIDO_2_1 and client_pin or built_in_uv"),
    )


def _setting_rules(p: Profile) -> Rules:
    toggles, sets_min = (name in p.config_commands for name in ("toggleAlwaysUv", "setMinPINLength"))
    yield "config_commands", p.pin_uv_auth_token or not p.config_commands, (
        "be empty unless the key has FIDO_2_1 and client_pin or built_in_uv"
    )  # fmt: skip
    long_touch = "enableLongTouchForReset" in p.config_commands
    yield "config_commands", p.ctap23 or not long_touch, "not have enableLongTouchForReset without FIDO_2_3"
    yield "config_commands", p.client_pin or not sets_min, "not have setMinPINLength without client_pin"
    yield "config_commands", toggles or not p.always_uv, "have toggleAlwaysUv, always_uv being true"
    yield "fingerprints", (p.client_pin and p.built_in_uv) or not p.fingerprints, (
        "be 0 unless the key has client_pin and built_in_uv"
    )  # fmt: skip
    preview = p.fingerprints > 0 and "FIDO_2_1_PRE" in p.versions
    yield "bio_enrollment_preview", preview or not p.bio_enrollment_preview, (
        "be false unless the key has FIDO_2_1_PRE and fingerprints"
    )  # fmt: skip
    yield "uv_bio_enroll", p.fingerprints > 0 or not p.uv_bio_enroll, "be false without fingerprints"
    yield "uv_acfg", bool(p.built_in_uv and p.config_commands) or not p.uv_acfg, (
        "be false unless the key has built_in_uv and config_commands"
    )  # fmt: skip
    for key in ("max_rp_ids_for_min_pin_length", "pin_complexity_policy"):
        yield key, sets_min or not getattr(p, key), "not be there unless config_commands has setMinPINLength"
    for extension, needed in (
        ("hmac-secret-mc", p.ctap23 and "hmac-secret" in p.extensions),
        ("minPinLength", p.max_rp_ids_for_min_pin_length > 0),
        ("pinComplexityPolicy", p.max_rp_ids_for_min_pin_length > 0 and p.pin_complexity_policy),
    ):
        yield "extensions", needed or extension not in p.extensions, (
            f"not have {extension} without what CTAP 2.3 §12 says it goes with"
        )  # fmt: skip
    yield "pin_complexity_policy", p.ctap23 or not p.pin_complexity_policy, "be false without FIDO_2_3"
    yield (
        "pin_complexity_policy_url",
        p.pin_complexity_policy or not p.pin_complexity_policy_url,
        "not be there without pin_complexity_policy",
    )
    yield (
        "no_mc_ga_with_client_pin",
        (p.pin_uv_auth_token and p.client_pin and p.built_in_uv) or not p.no_mc_ga_with_client_pin,
        "be false unless the key has FIDO_2_1, client_pin and built_in_uv",
    )


def _attestation_rules(p: Profile) -> Rules:
    formats = [ATTESTATION_FORMATS[kind] for kind in (p.attestation, *p.further_attestations)]
    yield "further_attestations", len(set(formats)) == len(formats), "each be of another format"
    yield "further_attestations", "none" not in formats[1:], "not have none, which is always to be had"
    yield "further_attestations", p.ctap23 or not p.further_attestations, "be empty without FIDO_2_3"
    enables = "enableEnterpriseAttestation" in p.config_commands
    yield "enterprise_attestation", enables == bool(p.enterprise_attestation), (
        "be there if config_commands has enableEnterpriseAttestation, and only then"
    )  # fmt: skip
    vendor = VENDOR_FACILITATED in p.enterprise_attestation
    yield "enterprise_rp_ids", vendor == bool(p.enterprise_rp_ids), (
        "be there if enterprise_attestation has vendor-facilitated, and only then"
    )  # fmt: skip
    packed = "packed" in formats or not p.enterprise_attestation
    yield "enterprise_attestation", packed, "be empty without packed attestation"
    chained = p.enterprise_attestation or p.attestation_chain
    yield "max_message_size", p.max_message_size >= CHAIN_MESSAGES or not chained, (
        f"be at least {CHAIN_MESSAGES} with packed-chain or enterprise_attestation"
    )  # fmt: skip
