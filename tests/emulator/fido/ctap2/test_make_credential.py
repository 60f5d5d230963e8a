"""authenticatorMakeCredential (CTAP 2.3 §6.1), step by step."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from fido2.attestation import AttestationType, FidoU2FAttestation, PackedAttestation
from fido2.cose import CoseKey
from fido2.webauthn import AuthenticatorData

from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CLIENT_DATA_HASH = sha256(b"client data").digest()
FLAG = AuthenticatorData.FLAG
CTAP21 = Profile.load("ctap21")


# What comes back


def test_a_credential_is_made_with_a_touch(key) -> None:
    data = key.made()
    assert key.asked == [Gesture.PRESENCE]
    assert data.rp_id_hash == sha256(b"example.com").digest()
    assert data.flags == FLAG.UP | FLAG.AT
    assert data.credential_data.aaguid == key.profile.aaguid
    assert data.extensions is None


def test_packed_attestation_has_the_models_certificate(key) -> None:
    _, response = key.make()
    assert response[1] == "packed"
    result = PackedAttestation().verify(response[3], AuthenticatorData(response[2]), CLIENT_DATA_HASH)
    assert result.attestation_type == AttestationType.BASIC


def test_self_attestation_is_by_the_credential_itself(make_key) -> None:
    _, response = make_key("security-key").make()
    result = PackedAttestation().verify(response[3], AuthenticatorData(response[2]), CLIENT_DATA_HASH)
    assert result.attestation_type == AttestationType.SELF


def test_no_attestation_is_an_empty_statement(make_key) -> None:
    status, response = make_key("passkey").make(uv=True)
    assert (status, response[1], response[3]) == (CtapStatus.SUCCESS, "none", {})


def test_u2f_attestation_comes_without_an_aaguid(make_key) -> None:
    profile = replace(CTAP21, attestation="fido-u2f", algorithms=("ES256",))
    _, response = make_key(profile).make()
    data = AuthenticatorData(response[2])
    assert response[1] == "fido-u2f"
    assert not any(data.credential_data.aaguid)
    FidoU2FAttestation().verify(response[3], data, CLIENT_DATA_HASH)


@pytest.mark.parametrize(
    ("offered", "chosen"), [((-7,), -7), ((-8, -7), -8), ((-257, -7, -8), -7), ((-7, -8), -7)]
)
def test_the_relying_partys_first_supported_algorithm_is_chosen(key, offered, chosen) -> None:
    public_key = key.made(algorithms=offered).credential_data.public_key
    assert public_key[3] == chosen
    assert type(public_key) is CoseKey.for_alg(chosen)


def test_no_credential_id_is_longer_than_getinfo_says(key) -> None:
    longest = key.profile.max_credential_id_length
    for options in ({}, {"rk": True}):
        data = key.made(extensions={"hmac-secret": True}, **options)
        assert len(data.credential_data.credential_id) <= longest


def test_backed_up_credentials_say_so(make_key) -> None:
    data = make_key(replace(CTAP21, synced=True)).made()
    assert data.flags == FLAG.UP | FLAG.AT | FLAG.BE | FLAG.BS


# Steps 1 and 2: pinUvAuthParam


def test_an_empty_param_asks_for_a_touch_and_whether_there_is_a_pin(key) -> None:
    assert key.make({0x08: b"", 0x09: 2})[0] == CtapStatus.PIN_NOT_SET
    assert key.asked == [Gesture.PRESENCE]
    key.set_pin()
    assert key.make({0x08: b""})[0] == CtapStatus.PIN_INVALID
    assert key.asked == [Gesture.PRESENCE] * 2


@pytest.mark.parametrize("profile", ["ctap20", "passkey"])
def test_a_key_with_pin_or_tokens_can_be_probed(make_key, profile: str) -> None:
    key = make_key(profile)
    for status in (key.make({0x08: b""})[0], key.get({0x06: b""})[0]):
        assert status == CtapStatus.PIN_NOT_SET
    assert key.asked == [Gesture.PRESENCE] * 2


def test_an_empty_param_is_no_probe_for_a_key_without_a_pin(make_key) -> None:
    key = make_key("security-key")
    assert key.make({0x08: b""})[0] == CtapStatus.MISSING_PARAMETER
    assert key.make({0x08: b"", 0x09: 1})[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.asked == []


@pytest.mark.parametrize(
    ("profile", "protocol", "status"),
    [
        ("ctap21", None, CtapStatus.MISSING_PARAMETER),
        ("ctap21", 3, CtapStatus.INVALID_PARAMETER),
        ("ctap20", None, CtapStatus.MISSING_PARAMETER),
        ("ctap20", 2, CtapStatus.PIN_AUTH_INVALID),
    ],
)
def test_a_param_needs_a_protocol_the_key_speaks(make_key, profile, protocol, status) -> None:
    parameters = {0x08: bytes(16)} | ({} if protocol is None else {0x09: protocol})
    assert make_key(profile).make(parameters)[0] == status


# Step 3: pubKeyCredParams


def test_no_supported_algorithm_is_refused(key) -> None:
    assert key.make(algorithms=(-257, -37))[0] == CtapStatus.UNSUPPORTED_ALGORITHM
    assert key.make({0x04: []})[0] == CtapStatus.UNSUPPORTED_ALGORITHM
    assert key.make({0x04: [{"type": "private-key", "alg": -7}]})[0] == CtapStatus.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    ("element", "status"),
    [
        ({"type": "public-key"}, CtapStatus.INVALID_CBOR),
        ({"alg": -7}, CtapStatus.INVALID_CBOR),
        ({"type": "public-key", "alg": "-7"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({"type": b"public-key", "alg": -7}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (-7, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_every_element_is_looked_at_even_after_the_chosen_one(key, element, status) -> None:
    assert key.make({0x04: [{"type": "public-key", "alg": -7}, element]})[0] == status


# Step 5: options


@pytest.mark.parametrize(
    ("profile", "options", "status"),
    [
        ("ctap21", {"uv": True}, CtapStatus.INVALID_OPTION),
        ("ctap20", {"uv": True}, CtapStatus.UNSUPPORTED_OPTION),
        ("ctap21", {"uv": False}, CtapStatus.SUCCESS),
        ("security-key", {"rk": True}, CtapStatus.UNSUPPORTED_OPTION),
        ("security-key", {"rk": False}, CtapStatus.UNSUPPORTED_OPTION),
        ("ctap21", {"up": False}, CtapStatus.INVALID_OPTION),
        ("ctap21", {"up": True}, CtapStatus.SUCCESS),
        ("ctap21", {"alwaysUv": True, "plat": False}, CtapStatus.SUCCESS),
        ("ctap21", {"rk": 1}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_options_are_taken_as_the_key_has_them(make_key, profile, options, status) -> None:
    assert make_key(profile).make({0x07: options})[0] == status


# Steps 7 to 11: user verification


def test_a_key_with_a_pin_makes_no_credential_without_it(key) -> None:
    key.set_pin()
    assert key.make()[0] == CtapStatus.PUAT_REQUIRED
    assert key.asked == []


def test_with_make_cred_uv_not_rqd_only_discoverable_credentials_need_the_pin(make_key) -> None:
    key = make_key(replace(CTAP21, make_cred_uv_not_rqd=True))
    key.set_pin()
    assert not key.made().is_user_verified()
    assert key.make(rk=True)[0] == CtapStatus.PUAT_REQUIRED


def test_a_key_that_nothing_protects_does_not_look_at_a_param(key) -> None:
    data = key.made(token=bytes(32))
    assert data.flags == FLAG.UP | FLAG.AT
    assert key.asked == [Gesture.PRESENCE]


def test_enterprise_attestation_is_a_parameter_no_key_here_can_serve(key, make_key) -> None:
    assert key.make({0x0A: 1})[0] == CtapStatus.INVALID_PARAMETER
    assert make_key("ctap20").make({0x0A: 1})[0] == CtapStatus.SUCCESS


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_token_verifies_the_user_once(make_key, protocol: int) -> None:
    key = make_key(replace(CTAP21, pin_uv_auth_protocols=(protocol,)))
    key.set_pin()
    token = key.token()
    assert key.made(token=token, protocol=protocol).is_user_verified()
    assert key.make(token=token, protocol=protocol)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_ctap20_token_is_good_for_everyone_until_power_goes(make_key) -> None:
    key = make_key("ctap20")
    key.set_pin()
    token = key.token()
    for rp_id in ("example.com", "example.org"):
        key.now += 3600
        assert key.made(token=token, protocol=1, rp_id=rp_id).is_user_verified()
    assert key.token() == token
    key.power_cycle()
    assert key.make(token=token, protocol=1)[0] == CtapStatus.PIN_AUTH_INVALID


@pytest.mark.parametrize(
    ("permissions", "rp_id"), [(2, "example.com"), (1, "example.org")], ids=["permission", "rp"]
)
def test_a_token_for_something_else_is_refused(key, permissions, rp_id) -> None:
    key.set_pin()
    assert key.make(token=key.token(permissions, rp_id))[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.asked == []


def test_a_param_over_another_hash_or_by_another_protocol_is_refused(key) -> None:
    key.set_pin()
    token = key.token()
    assert key.make({0x01: bytes(32)}, token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.make(token=token, protocol=1)[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.make(token=token)[0] == CtapStatus.SUCCESS


def test_a_token_that_nobody_uses_runs_out_after_30_s(key) -> None:
    key.set_pin()
    token = key.token()
    key.now += 30
    assert key.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_in_use_runs_out_after_10_min(key) -> None:
    key.set_pin()
    credential_id = key.made(token=key.token()).credential_data.credential_id
    token = key.token()
    for seconds in (29.9, 570):
        key.now += seconds
        assert key.got(token=token, allow=[credential_id], up=False).is_user_verified()
    key.now += 0.2
    assert key.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_sensor_verifies_the_user_and_counts_as_a_touch(make_key) -> None:
    key = make_key("passkey")
    assert key.made(uv=True).flags == FLAG.UP | FLAG.UV | FLAG.AT
    assert key.asked == [Gesture.VERIFICATION]


def test_a_key_with_a_sensor_makes_no_credential_unless_asked_to_verify(make_key) -> None:
    assert make_key("passkey").make()[0] == CtapStatus.OPERATION_DENIED


def test_a_finger_not_recognised_costs_a_retry_and_is_asked_for_again(make_key) -> None:
    key = make_key("passkey")
    key.fingers.extend([False, False, True])
    assert key.made(uv=True).is_user_verified()
    assert key.asked == [Gesture.VERIFICATION] * 3
    assert key.store.user_verification.uv_retries == 5


def test_when_no_finger_is_recognised_the_user_is_denied_and_at_last_blocked(make_key) -> None:
    key = make_key("passkey")
    key.fingers.extend([False] * 5)
    assert key.make(uv=True)[0] == CtapStatus.OPERATION_DENIED
    assert key.store.user_verification.uv_retries == 2
    assert key.make(uv=True)[0] == CtapStatus.PIN_BLOCKED
    assert key.make(uv=True)[0] == CtapStatus.PIN_BLOCKED
    assert len(key.asked) == 5


def test_after_fingers_that_fail_the_platform_is_sent_to_the_pin(make_key) -> None:
    key = make_key(replace(Profile.load("passkey"), client_pin=True))
    key.set_pin()
    key.fingers.extend([False] * 3)
    assert key.make(uv=True)[0] == CtapStatus.PUAT_REQUIRED
    assert key.made(token=key.token()).is_user_verified()
    assert key.store.user_verification.uv_retries == 5


# Step 12: excludeList


@pytest.mark.parametrize("rk", [False, True])
def test_a_credential_of_ours_in_the_exclude_list_is_told_after_a_touch(key, rk: bool) -> None:
    credential_id = key.made(rk=rk).credential_data.credential_id
    key.asked.clear()
    assert key.make(exclude=[bytes(64), credential_id])[0] == CtapStatus.CREDENTIAL_EXCLUDED
    assert key.asked == [Gesture.PRESENCE]
    assert key.make(exclude=[credential_id], rp_id="example.org")[0] == CtapStatus.SUCCESS


def test_exclusion_is_told_even_if_the_user_declines(key) -> None:
    credential_id = key.made().credential_data.credential_id
    key.declines = True
    assert key.make(exclude=[credential_id])[0] == CtapStatus.CREDENTIAL_EXCLUDED


def test_a_finger_spares_the_excluding_key_a_touch(make_key) -> None:
    key = make_key("passkey")
    credential_id = key.made(uv=True).credential_data.credential_id
    key.asked.clear()
    assert key.make(exclude=[credential_id], uv=True)[0] == CtapStatus.CREDENTIAL_EXCLUDED
    assert key.asked == [Gesture.VERIFICATION]


def test_a_credential_that_requires_verification_is_hidden_from_the_unverified(make_key) -> None:
    key = make_key(replace(CTAP21, make_cred_uv_not_rqd=True))
    key.set_pin()
    hidden = key.made(token=key.token(), extensions={"credProtect": 3}).credential_data.credential_id
    assert key.make(exclude=[hidden])[0] == CtapStatus.SUCCESS
    assert key.make(exclude=[hidden], token=key.token())[0] == CtapStatus.CREDENTIAL_EXCLUDED


def test_too_long_an_exclude_list_is_refused(key) -> None:
    assert key.make(exclude=[bytes(8)] * 8)[0] == CtapStatus.SUCCESS
    assert key.make(exclude=[bytes(8)] * 9)[0] == CtapStatus.LIMIT_EXCEEDED


# Step 14: user presence


def test_a_user_who_declines_gets_no_credential(key) -> None:
    key.declines = True
    assert key.make(rk=True)[0] == CtapStatus.OPERATION_DENIED
    assert key.store.credential_count == 0


def test_a_creation_abandoned_while_it_waits_changes_nothing(key) -> None:
    before = key.snapshot()
    key.waiting(0x01, key.creation(rk=True)).close()
    assert key.asked == [Gesture.PRESENCE]
    assert key.snapshot() == before


# Steps 17 and 18: discoverable and not


def test_only_discoverable_credentials_are_kept(key) -> None:
    key.made()
    assert key.store.credential_count == 0
    kept = key.made(rk=True).credential_data.credential_id
    assert key.store.credential(kept).user_id == b"alice"
    assert key.command(0x04)[1][0x14] == 24


def test_a_second_credential_for_the_same_account_takes_the_firsts_place(key) -> None:
    first = key.made(rk=True).credential_data.credential_id
    second = key.made(rk=True).credential_data.credential_id
    assert key.store.credential(first) is None
    assert key.store.credential(second) is not None
    assert key.store.credential_count == 1


def test_a_full_key_refuses_more_but_still_replaces(make_key) -> None:
    key = make_key(replace(CTAP21, discoverable_credentials=2))
    for user_id in (b"a", b"b"):
        key.made(rk=True, user_id=user_id)
    before = key.snapshot()
    assert key.make(rk=True, user_id=b"c")[0] == CtapStatus.KEY_STORE_FULL
    assert key.make(rk=True, user_id=b"a", rp_id="example.org")[0] == CtapStatus.KEY_STORE_FULL
    assert key.snapshot() == before
    assert key.make(rk=True, user_id=b"a")[0] == CtapStatus.SUCCESS
    assert key.make(user_id=b"c")[0] == CtapStatus.SUCCESS


# Parameters of the wrong kind


@pytest.mark.parametrize("missing", [0x01, 0x02, 0x03, 0x04])
def test_a_required_parameter_must_be_there(key, missing: int) -> None:
    parameters = key.creation()
    del parameters[missing]
    assert key.command(0x01, parameters)[0] == CtapStatus.MISSING_PARAMETER


@pytest.mark.parametrize(
    "parameter",
    [
        {0x01: "text"}, {0x02: "example.com"}, {0x02: {"id": b"example.com"}}, {0x02: {"id": "x", "name": 1}},
        {0x03: b"alice"}, {0x03: {"id": "alice"}}, {0x03: {"id": b"a", "name": b"b"}},
        {0x03: {"id": b"a", "displayName": 1}}, {0x04: {}}, {0x05: {}}, {0x05: [b"id"]},
        {0x05: [{"id": "text", "type": "public-key"}]}, {0x05: [{"id": b"id", "type": 1}]},
        {0x06: []}, {0x06: {"credProtect": True}}, {0x06: {"hmac-secret": 1}}, {0x07: []}, {0x08: "text"},
        {0x09: "2"}, {0x09: None}, {0x0A: "1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_parameter_of_the_wrong_type_is_refused(key, parameter) -> None:
    before = key.snapshot()
    assert key.make(parameter)[0] == CtapStatus.CBOR_UNEXPECTED_TYPE
    assert key.snapshot() == before


@pytest.mark.parametrize(
    ("parameter", "status"),
    [
        ({0x01: bytes(31)}, CtapStatus.INVALID_LENGTH),
        ({0x03: {"id": b""}}, CtapStatus.INVALID_LENGTH),
        ({0x03: {"id": bytes(65)}}, CtapStatus.INVALID_LENGTH),
        ({0x02: {"name": "x"}}, CtapStatus.MISSING_PARAMETER),
        ({0x03: {"name": "x"}}, CtapStatus.MISSING_PARAMETER),
        ({0x05: [{"id": b"x"}]}, CtapStatus.MISSING_PARAMETER),
        ({0x06: {"credProtect": 4}}, CtapStatus.INVALID_PARAMETER),
        ({0x06: {"credProtect": 0}}, CtapStatus.INVALID_PARAMETER),
    ],
    ids=str,
)
def test_a_parameter_with_an_impossible_value_is_refused(key, parameter, status) -> None:
    assert key.make(parameter)[0] == status


def test_what_is_not_known_is_ignored(key) -> None:
    status, response = key.make({0x06: {"someExtension": [1], "hmac-secret": False}, 0x55: "?", "x": b"?"})
    assert status == CtapStatus.SUCCESS
    assert AuthenticatorData(response[2]).extensions is None
    unknown = [{"id": b"id", "type": "unheard-of"}]
    assert key.make({0x05: unknown})[0] == CtapStatus.SUCCESS
