"""authenticatorGetInfo (CTAP 2.3 §6.4): nothing advertised that does not work, nothing hidden that does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2, Info

from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus
from emulator.profile import Profile, profile_names
from emulator.profile_values import EXTENSIONS

PIN = "314159"  # long enough for any profile
FIDO2_PROFILES = [name for name in profile_names() if Profile.load(name).ctap2]
SINCE_CTAP20 = set(range(0x01, 0x07))
SINCE_CTAP21 = set(range(0x01, 0x16))
SINCE_CTAP23 = set(range(0x01, 0x20))


def members(key) -> dict:
    status, info = key.command(CtapCommand.GET_INFO)
    assert status == 0
    return info


@pytest.mark.parametrize("name", FIDO2_PROFILES)
def test_python_fido2_understands_every_profile(make_key, name: str) -> None:
    info = Ctap2(make_key(name), strict_cbor=True).info
    profile = Profile.load(name)
    assert tuple(info.versions) == profile.versions
    assert info.aaguid == profile.aaguid
    assert info.max_msg_size == profile.max_message_size
    assert tuple(info.pin_uv_protocols) == profile.pin_uv_auth_protocols
    assert tuple(info.extensions) == profile.extensions


@pytest.mark.parametrize("name", FIDO2_PROFILES)
def test_only_members_that_the_version_defines_are_there(make_key, name: str) -> None:
    profile = Profile.load(name)
    defined = SINCE_CTAP23 if profile.ctap23 else SINCE_CTAP21 if profile.ctap21 else SINCE_CTAP20
    assert set(members(make_key(name))) <= defined


def test_getinfo_asks_for_no_gesture(key) -> None:
    members(key)
    assert key.asked == []


def test_the_ctap21_key_says_all_that_applies_to_it_and_no_more(key, ctap2: Ctap2) -> None:
    info: Info = ctap2.info
    assert set(members(key)) == {*range(0x01, 0x10), 0x14}
    assert info.options == {
        "plat": False, "up": True, "rk": True, "clientPin": False, "pinUvAuthToken": True,
        "credMgmt": True, "credentialMgmtPreview": True, "largeBlobs": True,
    }  # fmt: skip
    assert info.pin_uv_protocols == [2, 1]
    assert info.extensions == ["credProtect", "hmac-secret", "largeBlobKey", "credBlob"]
    assert (info.max_large_blob, info.max_cred_blob_length) == (1024, 32)
    assert info.transports == ["usb"]
    assert [parameter["alg"] for parameter in info.algorithms] == [-7, -8]
    assert (info.min_pin_length, info.force_pin_change) == (4, False)
    assert (info.max_creds_in_list, info.max_cred_id_length) == (8, 191)
    assert info.remaining_disc_creds == 25
    assert info.firmware_version == 0x050403


def test_a_key_with_a_sensor_tells_of_it_and_not_of_a_pin(make_key) -> None:
    info = Ctap2(make_key("passkey")).info
    assert info.options == {
        "plat": False, "up": True, "rk": True, "uv": True, "pinUvAuthToken": True, "credMgmt": True,
    }  # fmt: skip
    assert (info.preferred_platform_uv_attempts, info.uv_modality) == (3, 2)
    assert 0x0C not in members(make_key("passkey"))
    assert 0x0D not in members(make_key("passkey"))


def test_a_key_without_a_pin_has_no_such_option(make_key) -> None:
    info = members(make_key("security-key"))
    assert info[0x04] == {"plat": False, "up": True}
    assert set(info) == {0x01, 0x03, 0x04, 0x05}


def test_make_cred_uv_not_rqd_is_said_where_the_profile_says_so(make_key) -> None:
    profile = replace(Profile.load("ctap21"), make_cred_uv_not_rqd=True)
    assert Ctap2(make_key(profile)).info.options["makeCredUvNotRqd"] is True


def test_a_firmware_version_that_the_profile_does_not_name_is_left_out(make_key) -> None:
    assert 0x0E not in members(make_key(replace(Profile.load("ctap21"), firmware_version=0)))


# Nothing advertised that does not work, nothing hidden that does (the commands: test_authenticator.py)

PERMISSIONS_OF_OPTIONS = {
    0x01: "pinUvAuthToken", 0x02: "pinUvAuthToken", 0x04: "credMgmt", 0x08: "bioEnroll",
    0x10: "largeBlobs", 0x20: "authnrCfg", 0x40: "perCredMgmtRO",
}  # fmt: skip


def verified(key) -> dict:
    """How to say in a request that the user is verified, as far as this key can."""
    if key.profile.client_pin:
        return {"token": key.token(3 if key.profile.ctap21 else None, pin=PIN), "protocol": protocol_of(key)}
    return {"uv": True} if key.profile.built_in_uv else {}


def protocol_of(key) -> int:
    return key.profile.pin_uv_auth_protocols[0]


@pytest.fixture(params=FIDO2_PROFILES)
def any_key(request, make_key):
    """A key of each profile, with a PIN if it can have one."""
    key = make_key(request.param)
    if key.profile.client_pin:
        key.set_pin(PIN)
    return key


@pytest.mark.parametrize(
    "name", [name for name in FIDO2_PROFILES if (p := Profile.load(name)).ctap21 and p.client_pin]
)
def test_a_permission_is_granted_just_where_an_option_calls_for_it(make_key, name: str) -> None:
    key = make_key(name)
    key.set_pin(PIN)
    info = Ctap2(key).info
    granted = set()
    for permission in PERMISSIONS_OF_OPTIONS:
        with suppress(CtapError):
            key.token(permission, pin=PIN)
            granted.add(permission)
    assert granted == {bit for bit, option in PERMISSIONS_OF_OPTIONS.items() if option in info.options}


@pytest.mark.parametrize("extension", sorted({*EXTENSIONS, "prf"}))
def test_an_extension_is_looked_at_just_where_it_is_named(any_key, extension: str) -> None:
    named = extension in (Ctap2(any_key).info.extensions or ())
    statuses = {
        any_key.make(extensions={extension: "nonsense"}, **verified(any_key))[0],
        any_key.get(
            extensions={extension: "nonsense"},
            allow=[any_key.made(**verified(any_key)).credential_data.credential_id],
            **verified(any_key),
        )[0],
    }
    assert (CtapStatus.CBOR_UNEXPECTED_TYPE in statuses) == named
    assert statuses <= {CtapStatus.SUCCESS, CtapStatus.CBOR_UNEXPECTED_TYPE}


def test_where_pins_are_refused_by_a_policy_its_page_may_be_named(make_key) -> None:
    """§6.4, pinComplexityPolicyURL: text as bytes."""
    profile = replace(Profile.load("ctap23"), pin_complexity_policy_url="https://example.com/pins")
    assert Ctap2(make_key(profile)).info.pin_complexity_policy_url == b"https://example.com/pins"
    assert 0x1C not in members(make_key("ctap23"))
