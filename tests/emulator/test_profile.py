"""Profiles: those that are packaged, and what is said of a file that makes none."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from emulator.profile import Profile, ProfileError, profile_names

GOOD = """
title = "A key"
versions = ["FIDO_2_0", "FIDO_2_1"]
aaguid = "9d5d1ae4-5c0f-4b33-9b7a-6d1a6a2cf3a1"
pin_uv_auth_protocols = [2]
client_pin = true
"""


ENTERPRISE = (
    GOOD
    + """
config_commands = ["enableEnterpriseAttestation"]
enterprise_attestation = ["platform-managed"]
"""
)


@pytest.fixture
def load(tmp_path: Path):
    def load(text: str) -> Profile:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return Profile.load(str(path))

    return load


def test_the_packaged_profiles_are_there_and_load() -> None:
    names = profile_names()
    assert {"u2f-only", "ctap20", "ctap21", "security-key", "passkey"} <= set(names)
    assert names == sorted(names)
    for name in names:
        assert Profile.load(name).name == name


def test_every_aaguid_is_a_random_uuid_of_its_own() -> None:
    aaguids = [profile.aaguid for profile in map(Profile.load, profile_names()) if profile.ctap2]
    assert len(set(aaguids)) == len(aaguids)
    assert all(UUID(bytes=aaguid).version == 4 for aaguid in aaguids)


def test_a_u2f_only_key_has_no_ctap2_and_the_passkey_no_u2f() -> None:
    older, passkey = Profile.load("u2f-only"), Profile.load("passkey")
    assert (older.u2f, older.ctap2) == (True, False)
    assert (passkey.u2f, passkey.ctap2) == (False, True)


def test_a_file_is_a_profile_named_after_it(load) -> None:
    profile = load(GOOD + "touch_timeout = 10")
    assert profile.name == "mine"
    assert profile.aaguid == UUID("9d5d1ae4-5c0f-4b33-9b7a-6d1a6a2cf3a1").bytes
    assert profile.touch_timeout == 10.0
    assert profile.pin_uv_auth_token


def test_an_unknown_profile_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        ProfileError, match=r"^unknown profile 'yubikey'; known: biometric, ctap20, .*u2f-only"
    ) as e:
        Profile.load("yubikey")
    assert "\n" not in str(e.value)


def test_a_file_that_is_not_there_or_not_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"profile file .*none\.toml cannot be read: No such file"):
        Profile.load(str(tmp_path / "none.toml"))
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=r"raw\.toml cannot be read: it is not UTF-8"):
        Profile.load(str(tmp_path / "raw.toml"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = ", "TOML: "),
        (GOOD + "pin_retires = 8", "unknown key 'pin_retires'"),
        (GOOD + 'name = "other"', "unknown key 'name'"),
        (GOOD + 'wink = "yes"', "wink must be true or false, not 'yes'"),
        (GOOD + "max_message_size = true", "max_message_size must be a whole number, not True"),
        (GOOD + 'transports = "usb"', "transports must be an array of text, not 'usb'"),
        (GOOD + "device_version = [1, 2]", "device_version must be three bytes"),
        (GOOD + "device_version = [1, 2, 256]", "device_version must be three bytes"),
        (GOOD.replace("9d5d1ae4-5c0f", "9d5d1ae45c0f"), "aaguid must be a UUID as text"),
        (GOOD.replace("9d5d1ae4", "zd5d1ae4"), "aaguid must be a UUID as text"),
        (GOOD.replace("aaguid", "# aaguid"), "aaguid must be there for a key that speaks CTAP2"),
        (GOOD.replace("title", "# title"), "title is missing"),
        (GOOD.replace("FIDO_2_1", "FIDO_2_2"), "versions must have some of U2F_V2, FIDO_2_0, FIDO_2_1"),
        (GOOD.replace("FIDO_2_1", "FIDO_2_0"), "versions must have some of .*each once"),
        (GOOD.replace('"FIDO_2_0", "FIDO_2_1"', ""), "versions must not be empty"),
        (
            GOOD + 'algorithms = ["PS256"]',
            "algorithms must have some of ES256, EdDSA, .*ML-DSA-87, each once",
        ),
        (GOOD + 'algorithms = ["RS256"]', "max_credential_id_length must be at least 351 with RS256"),
        (GOOD + 'algorithms = ["ML-DSA-87"]', "max_message_size must be at least 7609 with ML-DSA-87"),
        (GOOD + "algorithms = []", "algorithms must not be empty"),
        (GOOD.replace('"FIDO_2_0"', '"U2F_V2"') + 'algorithms = ["EdDSA"]', "algorithms must have ES256"),
        (GOOD + 'attestation = "basic"', "attestation must be one of packed, "),
        (
            GOOD.replace("2_1", "2_3") + 'further_attestations = ["packed-self"]',
            "further_attestations must each be of another format",
        ),
        (
            GOOD.replace("2_1", "2_3") + 'further_attestations = ["none"]',
            "further_attestations must not have none, which is always to be had",
        ),
        (GOOD + 'further_attestations = ["fido-u2f"]', "further_attestations must be empty without FIDO_2_3"),
        (
            GOOD + 'enterprise_attestation = ["platform-managed"]',
            "enterprise_attestation must be there if config_commands has enableEnterpriseAttestation",
        ),
        (
            GOOD + 'config_commands = ["enableEnterpriseAttestation"]',
            "enterprise_attestation must be there if config_commands has enableEnterpriseAttestation",
        ),
        (ENTERPRISE + 'enterprise_rp_ids = ["example.com"]', "enterprise_rp_ids must be there if "),
        (ENTERPRISE.replace("platform-managed", "vendor-facilitated"), "enterprise_rp_ids must be there if "),
        (ENTERPRISE + 'attestation = "none"', "enterprise_attestation must be empty without packed"),
        (ENTERPRISE, "max_message_size must be at least 2048 with packed-chain or enterprise_attestation"),
        (GOOD + 'attestation = "packed-chain"', "max_message_size must be at least 2048 with packed-chain"),
        (GOOD + 'attestation = "fido-u2f"\nalgorithms = ["EdDSA"]', "attestation must not be fido-u2f"),
        (GOOD + 'extensions = ["prf"]', "extensions must have some of credProtect, hmac-secret"),
        (
            GOOD + "credential_management = true",
            "credential_management must be false unless the key has FIDO_2_1, .*discoverable_credentials",
        ),
        (
            GOOD + "credential_management_preview = true",
            "credential_management_preview must be false unless the key has FIDO_2_1_PRE",
        ),
        (
            GOOD + "persistent_credential_management = true",
            "persistent_credential_management must be false unless the key has credential_management",
        ),
        (GOOD + "max_large_blob_array = 2048", "max_large_blob_array must be there if .* largeBlobKey is"),
        (GOOD + 'extensions = ["largeBlobKey"]', "max_large_blob_array must be there if .* largeBlobKey is"),
        (
            GOOD + 'extensions = ["largeBlobKey"]\nmax_large_blob_array = 1023',
            "max_large_blob_array must be at least 1024",
        ),
        (GOOD + "max_cred_blob_length = 31", "max_cred_blob_length must be from 32 to 1024"),
        (GOOD.replace("[2]", "[]"), "pin_uv_auth_protocols must not be empty, client_pin being what it is"),
        (GOOD.replace("[2]", "[3]"), "pin_uv_auth_protocols must have some of 1, 2"),
        (GOOD + "pin_retries = 9", "pin_retries must be from 1 to 8"),
        (GOOD + "min_pin_length = 3", "min_pin_length must be from 4 to 63"),
        (GOOD + "max_message_size = 1000", "max_message_size must be from 1024 to 7609"),
        (GOOD + "max_credential_id_length = 64", "max_credential_id_length must be from 191 to 1023"),
        (
            GOOD.replace("client_pin", "make_cred_uv_not_rqd"),
            "make_cred_uv_not_rqd must be false unless the key has FIDO_2_1 and client_pin or built_in_uv",
        ),
        (
            GOOD + 'config_commands = ["vendorPrototype"]',
            "config_commands must have some of enableEnterprise",
        ),
        (
            GOOD.replace("client_pin = true", 'config_commands = ["toggleAlwaysUv"]'),
            "config_commands must be empty unless the key has FIDO_2_1 and client_pin or built_in_uv",
        ),
        (
            GOOD + 'config_commands = ["enableLongTouchForReset"]',
            "config_commands must not have enableLongTouchForReset without FIDO_2_3",
        ),
        (
            GOOD.replace("client_pin", "built_in_uv") + 'config_commands = ["setMinPINLength"]',
            "config_commands must not have setMinPINLength without client_pin",
        ),
        (GOOD + "always_uv = true", "config_commands must have toggleAlwaysUv, always_uv being true"),
        (
            GOOD + "max_rp_ids_for_min_pin_length = 1",
            "max_rp_ids_for_min_pin_length must not be there unless config_commands has setMinPINLength",
        ),
        (
            GOOD + 'config_commands = ["setMinPINLength"]\npin_complexity_policy = true',
            "pin_complexity_policy must be false without FIDO_2_3",
        ),
        (GOOD + "fingerprints = 1", "fingerprints must be 0 unless the key has client_pin and built_in_uv"),
        (
            GOOD + "built_in_uv = true\nfingerprints = 1\nbio_enrollment_preview = true",
            "bio_enrollment_preview must be false unless the key has FIDO_2_1_PRE and fingerprints",
        ),
        (GOOD + "uv_bio_enroll = true", "uv_bio_enroll must be false without fingerprints"),
        (
            GOOD + "uv_acfg = true",
            "uv_acfg must be false unless the key has built_in_uv and config_commands",
        ),
        (
            GOOD + "no_mc_ga_with_client_pin = true",
            "no_mc_ga_with_client_pin must be false unless the key has FIDO_2_1, client_pin and built_in_uv",
        ),
        (
            GOOD + 'pin_complexity_policy_url = "https://example.com/pins"',
            "pin_complexity_policy_url must not be there without pin_complexity_policy",
        ),
        (
            GOOD + 'extensions = ["hmac-secret", "hmac-secret-mc"]',
            "extensions must not have hmac-secret-mc w",
        ),
        (GOOD + 'extensions = ["minPinLength"]', "extensions must not have minPinLength without what"),
        (
            'title = "A key"\nversions = ["U2F_V2"]\nbuilt_in_uv = true',
            "built_in_uv must not be there for a key that speaks only U2F",
        ),
    ],
)
def test_a_file_that_makes_no_profile_is_refused_by_file_and_key(load, text: str, sentence: str) -> None:
    with pytest.raises(ProfileError, match=rf"^profile file \S*mine\.toml(: | is not ){sentence}") as e:
        load(text)
    assert "\n" not in str(e.value)
