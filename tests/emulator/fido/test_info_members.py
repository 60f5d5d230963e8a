"""Each member of getInfo on every packaged profile, derived from what a key does: CTAP 2.3 §6.4.

Options, and the members that limit messages, lists, PINs and places, are derived in test_profiles.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fido2 import cbor
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2

from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus
from emulator.profile import Profile, profile_names
from emulator.profile_values import EXTENSIONS

PIN = "314159"  # long enough for any profile
PERMISSION = ClientPin.PERMISSION
FIDO2_PROFILES = [name for name in profile_names() if Profile.load(name).ctap2]
NOT_THERE = {CtapStatus.INVALID_COMMAND, CtapStatus.INVALID_SUBCOMMAND, CtapStatus.INVALID_PARAMETER}
DERIVED_IN_TEST_PROFILES = {0x04, 0x05, 0x06, 0x07, 0x08, 0x0A, 0x0D, 0x14, 0x1D}
ABOUT_THE_HARDWARE = {0x09, 0x0E, 0x12, 0x1A}
"""Transports, firmware, modality: what no command shows."""


def info(key: Any) -> dict[int, Any]:
    return key.command(CtapCommand.GET_INFO)[1]


def with_pin(key: Any) -> Any:
    if key.profile.client_pin:
        key.set_pin(PIN)
    return key


def verified(key: Any) -> dict[str, Any]:
    """How to say in a request that the user is verified, as far as this key can."""
    if key.profile.client_pin:
        number = key.profile.pin_uv_auth_protocols[0]
        return {"token": key.token(3 if key.profile.ctap21 else None, pin=PIN), "protocol": number}
    return {"uv": True} if key.profile.built_in_uv else {}


def config(key: Any, sub_command: int, params: dict[int, Any] | None = None) -> CtapStatus:
    """authenticatorConfig by whom a PIN permits it, if there can be one."""
    request: dict[int, Any] = {1: sub_command} | ({2: params} if params else {})
    if key.profile.client_pin and key.profile.config_commands:
        client = ClientPin(Ctap2(key))
        token = client.get_pin_token(PIN, PERMISSION.AUTHENTICATOR_CFG)
        message = b"\xff" * 32 + bytes((0x0D, sub_command)) + (cbor.encode(params) if params else b"")
        request |= {3: client.protocol.VERSION, 4: client.protocol.authenticate(token, message)}
    return key.command(CtapCommand.CONFIG, request)[0]


def greatest(fits: Callable[[int], bool], most: int) -> int | None:
    """The greatest number up to ``most`` that fits; none if not even one does."""
    if not fits(1):
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


# What a factory-new key shows of each member; None is a member that is absent.


def versions(key: Any) -> set[str]:
    def has(*codes: int) -> bool:
        return any(
            key.send(bytes((code,)) + b"\xa0") != bytes((CtapStatus.INVALID_COMMAND,)) for code in codes
        )

    found = {"U2F_V2"} if key.apdu(bytes.fromhex("00030000000000")) == b"U2F_V2\x90\x00" else set()
    found |= {"FIDO_2_0"} if has(0x01) else set()
    found |= {"FIDO_2_1"} if has(0x0B) else set()
    found |= {"FIDO_2_1_PRE"} if has(0x40, 0x41) else set()
    return found | ({"FIDO_2_3"} if formats(key) else set())


def extensions(key: Any) -> set[str] | None:
    with_pin(key)
    found = set()
    for name in EXTENSIONS:
        status = key.make(extensions={name: "nonsense"}, **verified(key))[0]
        found |= {name} if status == CtapStatus.CBOR_UNEXPECTED_TYPE else set()
    return found or None


def aaguid(key: Any) -> bytes:
    return bytes(key.made(**verified(with_pin(key))).credential_data.aaguid)


def large_blobs(key: Any) -> int | None:
    def fits(length: int) -> bool:
        request = {2: b"", 3: 0, 4: 16 + length}
        return key.command(CtapCommand.LARGE_BLOBS, request)[0] == CtapStatus.SUCCESS

    found = greatest(fits, 100_000)
    return None if found is None else 16 + found


def must_change_pin(key: Any) -> bool | None:
    if not (key.profile.ctap21 and key.profile.client_pin):
        return None
    return not with_pin(key).token(pin=PIN)


def cred_blob(key: Any) -> int | None:
    with_pin(key)

    def fits(length: int) -> bool:
        made = key.made(rk=True, extensions={"credBlob": bytes(length)}, **verified(key))
        return (made.extensions or {}).get("credBlob") is True

    return greatest(fits, 700) if key.profile.discoverable_credentials else None


def rp_ids(key: Any) -> int | None:
    with_pin(key)
    return greatest(lambda count: config(key, 3, {2: ["example.com"] * count}) == CtapStatus.SUCCESS, 60)


def attempts(key: Any) -> int | None:
    """How often the platform may try: the key itself does so but once a command (§6.5.5.7.3 step 6)."""
    told = info(key).get(0x11)
    if not key.profile.built_in_uv or key.profile.fingerprints:
        return told if key.profile.built_in_uv else None
    key.fingers.append(False)
    with pytest.raises(CtapError, match="UV_INVALID"):
        ClientPin(Ctap2(key)).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    assert len(key.asked) == 1
    return told if told > 1 else None


def formats(key: Any) -> list[str] | None:
    """Those that are had by asking for them, the usual one first; else the parameter is not known."""
    key = with_pin(key)

    def made(*preference: str) -> str:
        return key.make({0x0B: list(preference)}, **verified(key))[1][1]

    if made("none") != "none" or key.profile.attestation == "none":
        return None
    found = [name for name in ("packed", "tpm", "android-key", "apple", "fido-u2f") if made(name) == name]
    return sorted(found, key=lambda name: name != made())


def counts_uv(key: Any) -> int | None:
    return 0 if key.profile.ctap23 and key.profile.client_pin and key.profile.built_in_uv else None


def long_touch(key: Any) -> bool | None:
    return None if config(with_pin(key), 4) in NOT_THERE else False


def encrypted(key: Any) -> bool | None:
    try:
        token = with_pin(key).token(0x40, None, PIN)
    except (CtapError, ValueError, AssertionError):
        return None
    told = Ctap2(key).info
    return len({told.get_identifier(token), told.get_cred_store_state(token)}) == 2 or None


def pin_policy(key: Any) -> bool | None:
    before = info(key).get(0x1B)
    if not key.profile.client_pin:
        return None
    refused = config(with_pin(key), 3, {4: True}) != CtapStatus.SUCCESS
    if refused or not info(key).get(0x0C):  # it does not hear of a policy, so no PIN must be changed
        return None
    with pytest.raises(CtapError, match="PIN_POLICY_VIOLATION"):
        ClientPin(Ctap2(key)).change_pin(PIN, "111111")
    return before


def config_commands(key: Any) -> list[int] | None:
    if not key.profile.ctap23:
        return None
    with_pin(key)
    return [number for number in (*range(8), 0xFF) if config(key, number) not in NOT_THERE] or None


SHOWN: dict[int, Callable[[Any], Any]] = {
    0x01: versions,
    0x02: extensions,
    0x03: aaguid,
    0x0B: large_blobs,
    0x0C: must_change_pin,
    0x0F: cred_blob,
    0x10: rp_ids,
    0x11: attempts,
    0x13: lambda key: None,  # certifications: nobody certified these keys
    0x15: lambda key: None,  # vendorPrototypeConfigCommands: there are none
    0x16: formats,
    0x17: counts_uv,
    0x18: long_touch,
    0x19: encrypted,
    0x1B: pin_policy,
    0x1C: lambda key: None,  # pinComplexityPolicyURL: see test_get_info.py
    0x1E: encrypted,
    0x1F: config_commands,
}


@pytest.mark.parametrize("name", FIDO2_PROFILES)
@pytest.mark.parametrize("member", SHOWN, ids=lambda member: f"{member:02x}")
def test_a_member_is_told_just_where_and_as_the_key_behaves(make_key, name: str, member: int) -> None:
    told, shown = info(make_key(name)).get(member), SHOWN[member](make_key(name))
    if isinstance(shown, set):
        assert (len(told), set(told)) == (len(shown), shown)
    elif SHOWN[member] is encrypted:
        assert (told is not None) == (shown is not None)
    else:
        assert told == shown


def test_every_member_is_derived_from_what_keys_do() -> None:
    known = SHOWN.keys() | DERIVED_IN_TEST_PROFILES | ABOUT_THE_HARDWARE
    assert known == set(range(0x01, 0x20))


@pytest.mark.parametrize("name", FIDO2_PROFILES)
def test_what_is_about_the_hardware_is_the_profiles(make_key, name: str) -> None:
    told, profile = info(make_key(name)), Profile.load(name)
    if profile.ctap21:
        assert (told[0x09], told.get(0x0E)) == (list(profile.transports), profile.firmware_version or None)
        assert told.get(0x12) == (profile.uv_modality or None)
    assert told.get(0x1A) == (list(profile.transports) if profile.ctap23 else None)


def test_members_that_change_do_so_when_the_key_does(make_key) -> None:
    """0C, 0D, 17, 18, 1B: after setMinPINLength, enableLongTouchForReset and built-in verification."""
    profile = replace(Profile.load("ctap23"), built_in_uv=True)
    key = make_key(profile)
    key.set_pin(PIN)
    assert key.made(uv=True).is_user_verified()
    assert (info(key)[0x17], config(key, 4)) == (1, CtapStatus.SUCCESS)
    assert (info(key)[0x17], info(key)[0x18]) == (0, True)  # the PIN was entered
    config(key, 3, {1: 8, 4: True})
    assert (info(key)[0x0C], info(key)[0x0D], info(key)[0x1B]) == (True, 8, True)
