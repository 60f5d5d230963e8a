"""authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.3 §6.2, §6.3), step by step."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from fido2.webauthn import AuthenticatorData

from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CLIENT_DATA_HASH = sha256(b"client data").digest()
FLAG = AuthenticatorData.FLAG
CTAP21 = Profile.load("ctap21")


def a_credential(key, **given) -> bytes:
    return key.made(**given).credential_data.credential_id


# What comes back


@pytest.mark.parametrize("alg", [-7, -8])
@pytest.mark.parametrize("rk", [False, True])
def test_the_signature_is_over_authenticator_data_and_client_data_hash(key, alg: int, rk: bool) -> None:
    made = key.made(algorithms=(alg,), rk=rk).credential_data
    status, response = key.get(allow=[made.credential_id])
    assert status == CtapStatus.SUCCESS
    assert response[1] == {"type": "public-key", "id": made.credential_id}
    made.public_key.verify(response[2] + CLIENT_DATA_HASH, response[3])
    data = AuthenticatorData(response[2])
    assert (data.rp_id_hash, data.flags) == (sha256(b"example.com").digest(), FLAG.UP)


def test_every_signature_counts_one_whatever_the_credential(key) -> None:
    first, second = a_credential(key), a_credential(key)
    counts = [key.got(allow=[one]).counter for one in (first, second, first)]
    assert counts == [1, 2, 3]
    assert key.got(allow=[first], up=False).counter == 4
    assert key.made().counter == 4


def test_where_there_is_no_counter_it_stays_zero(make_key) -> None:
    key = make_key(replace(CTAP21, sign_counter=False))
    credential_id = a_credential(key)
    assert [key.got(allow=[credential_id]).counter for _ in range(2)] == [0, 0]
    assert key.store.sign_count == 0


def test_backed_up_credentials_say_so(make_key) -> None:
    key = make_key(replace(CTAP21, synced=True))
    assert key.got(allow=[a_credential(key)]).flags == FLAG.UP | FLAG.BE | FLAG.BS


def test_credentials_outlive_a_power_cycle_but_not_another_key(key, make_key) -> None:
    ids = [a_credential(key), a_credential(key, rk=True)]
    key.power_cycle()
    for credential_id in ids:
        assert key.get(allow=[credential_id])[0] == CtapStatus.SUCCESS
        assert make_key("ctap21", seed=1).get(allow=[credential_id])[0] == CtapStatus.NO_CREDENTIALS


# Steps 1 and 2


def test_an_empty_param_asks_for_a_touch_and_whether_there_is_a_pin(key) -> None:
    assert key.get({0x06: b""})[0] == CtapStatus.PIN_NOT_SET
    key.set_pin()
    assert key.get({0x06: b""})[0] == CtapStatus.PIN_INVALID
    assert key.asked == [Gesture.PRESENCE] * 2


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({0x06: bytes(16)}, CtapStatus.MISSING_PARAMETER),
        ({0x06: bytes(16), 0x07: 3}, CtapStatus.INVALID_PARAMETER),
    ],
)
def test_a_param_needs_a_protocol_the_key_speaks(key, parameters, status) -> None:
    assert key.get(parameters)[0] == status


# Step 4: options


@pytest.mark.parametrize(
    ("profile", "options", "status"),
    [
        ("ctap21", {"uv": True}, CtapStatus.INVALID_OPTION),
        ("ctap20", {"uv": True}, CtapStatus.UNSUPPORTED_OPTION),
        ("ctap21", {"rk": True}, CtapStatus.UNSUPPORTED_OPTION),
        ("ctap21", {"rk": False}, CtapStatus.UNSUPPORTED_OPTION),
        ("ctap20", {"rk": True}, CtapStatus.INVALID_OPTION),
        ("ctap21", {"up": True, "uv": False, "alwaysUv": True}, CtapStatus.SUCCESS),
        ("ctap21", {"up": "no"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_options_are_taken_as_the_key_has_them(make_key, profile, options, status) -> None:
    key = make_key(profile)
    assert key.get({0x05: options}, allow=[a_credential(key)])[0] == status


def test_without_up_there_is_no_touch_and_no_up_flag(key) -> None:
    credential_id = a_credential(key)
    key.asked.clear()
    assert key.got(allow=[credential_id], up=False).flags == FLAG(0)
    assert key.asked == []


# Step 6: user verification


def test_a_pin_is_not_needed_but_tells_who_it_was(key) -> None:
    credential_id = a_credential(key)
    key.set_pin()
    assert key.got(allow=[credential_id]).flags == FLAG.UP
    assert key.got(allow=[credential_id], token=key.token()).flags == FLAG.UP | FLAG.UV


def test_a_token_is_spent_by_a_touch_and_bound_to_its_first_relying_party(key) -> None:
    ids = {rp_id: a_credential(key, rp_id=rp_id) for rp_id in ("example.com", "example.org")}
    key.set_pin()
    token = key.token(permissions=0x02)
    assert key.get(allow=[ids["example.com"]], token=token)[0] == CtapStatus.SUCCESS
    assert key.get(allow=[ids["example.com"]], token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    token = key.token(permissions=None)
    assert key.got(rp_id="example.org", allow=[ids["example.org"]], token=token, up=False).is_user_verified()
    assert key.get(allow=[ids["example.com"]], token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.got(rp_id="example.org", allow=[ids["example.org"]], token=token).is_user_verified()


@pytest.mark.parametrize(
    ("permissions", "rp_id"), [(1, "example.com"), (2, "example.org")], ids=["permission", "rp"]
)
def test_a_token_for_something_else_is_refused(key, permissions, rp_id) -> None:
    credential_id = a_credential(key)
    key.set_pin()
    token = key.token(permissions, rp_id)
    assert key.get(allow=[credential_id], token=token)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_sensor_verifies_the_user_and_counts_as_a_touch(make_key) -> None:
    key = make_key("passkey")
    credential_id = a_credential(key, uv=True)
    key.asked.clear()
    assert key.got(allow=[credential_id], uv=True).flags == FLAG.UP | FLAG.UV
    assert key.asked == [Gesture.VERIFICATION]


def test_fingers_that_are_not_recognised_are_denied(make_key) -> None:
    key = make_key("passkey")
    credential_id = a_credential(key, uv=True)
    key.fingers.extend([False] * 5)
    assert key.get(allow=[credential_id], uv=True)[0] == CtapStatus.OPERATION_DENIED
    assert key.get(allow=[credential_id], uv=True)[0] == CtapStatus.PIN_BLOCKED


# Step 7: which credentials


def test_no_credential_is_told_without_a_touch(key) -> None:
    a_credential(key)
    key.asked.clear()
    assert key.get()[0] == CtapStatus.NO_CREDENTIALS
    assert key.get(allow=[b"not one of ours", bytes(127)])[0] == CtapStatus.NO_CREDENTIALS
    assert key.asked == []


@pytest.mark.parametrize("rk", [False, True])
def test_a_credential_is_its_relying_partys_alone(key, rk: bool) -> None:
    credential_id = a_credential(key, rk=rk)
    status, _ = key.get(rp_id="example.org", allow=[credential_id])
    assert status == CtapStatus.NO_CREDENTIALS


def test_of_an_allow_list_the_first_usable_credential_answers_alone(key) -> None:
    first, second = a_credential(key), a_credential(key, rk=True)
    for allowed, answers in (([bytes(40), first, second], first), ([second, first], second)):
        _, response = key.get(allow=allowed)
        assert response[1]["id"] == answers
        assert 5 not in response
    assert key.send(b"\x08") == bytes((CtapStatus.NOT_ALLOWED,))


def test_an_empty_allow_list_is_none(key) -> None:
    credential_id = a_credential(key, rk=True)
    assert key.get({0x03: []})[1][1]["id"] == credential_id


def test_too_long_an_allow_list_is_refused(key) -> None:
    credential_id = a_credential(key, algorithms=(-8,))
    assert key.get(allow=[*[bytes(8)] * 7, credential_id])[0] == CtapStatus.SUCCESS
    assert key.get(allow=[*[bytes(8)] * 8, credential_id])[0] == CtapStatus.LIMIT_EXCEEDED


# Steps 8 and 9: user presence


def test_a_user_who_declines_signs_nothing(key) -> None:
    credential_id = a_credential(key)
    before = key.snapshot()
    key.declines = True
    assert key.get(allow=[credential_id])[0] == CtapStatus.OPERATION_DENIED
    assert key.snapshot() == before


def test_an_assertion_abandoned_while_it_waits_changes_nothing(key) -> None:
    a_credential(key, rk=True)
    key.set_pin()
    token, before = key.token(), key.snapshot()
    key.waiting(0x02, key.assertion(token=token)).close()
    assert key.snapshot() == before
    assert key.got(token=token).is_user_verified()


# Step 12: user and number of credentials


def test_the_user_is_named_only_when_verified_and_not_asked_for_by_id(key) -> None:
    credential_id, plain = a_credential(key, rk=True), a_credential(key)
    key.set_pin()
    named = {"id": b"alice", "name": "a name", "displayName": "A Name"}
    assert key.get()[1][4] == {"id": b"alice"}
    assert key.get(token=key.token())[1][4] == named
    assert key.get(allow=[credential_id], token=key.token())[1][4] == {"id": b"alice"}
    assert 4 not in key.get(allow=[plain], token=key.token())[1]


def test_several_credentials_come_newest_first(key) -> None:
    for user_id in (b"a", b"b", b"c"):
        a_credential(key, rk=True, user_id=user_id)
    a_credential(key, rk=True, user_id=b"d", rp_id="example.org")
    key.asked.clear()
    status, response = key.get()
    users = [response[4]["id"]]
    assert (status, response[5]) == (CtapStatus.SUCCESS, 3)
    for _ in range(2):
        status, response = key.command(0x08)
        assert status == CtapStatus.SUCCESS
        assert 5 not in response
        users.append(response[4]["id"])
    assert users == [b"c", b"b", b"a"]
    assert key.asked == [Gesture.PRESENCE]
    assert key.command(0x08)[0] == CtapStatus.NOT_ALLOWED


def test_each_next_assertion_is_signed_as_the_first_was_and_counted(key) -> None:
    made = [key.made(rk=True, user_id=user_id).credential_data for user_id in (b"a", b"b")]
    key.set_pin()
    first = key.get(token=key.token())[1]
    second = key.command(0x08)[1]
    for credential, response in zip(reversed(made), (first, second), strict=True):
        credential.public_key.verify(response[2] + CLIENT_DATA_HASH, response[3])
        assert response[4]["name"] == "a name"
    assert AuthenticatorData(second[2]).flags == FLAG.UP | FLAG.UV
    assert [AuthenticatorData(response[2]).counter for response in (first, second)] == [1, 2]


def test_the_next_assertion_must_be_asked_for_within_30_s_of_the_one_before(key) -> None:
    for user_id in (b"a", b"b", b"c", b"d"):
        a_credential(key, rk=True, user_id=user_id)
    key.get()
    for seconds, status in (
        (30, CtapStatus.SUCCESS),
        (30, CtapStatus.SUCCESS),
        (30.1, CtapStatus.NOT_ALLOWED),
    ):
        key.now += seconds
        assert key.command(0x08)[0] == status
    assert key.command(0x08)[0] == CtapStatus.NOT_ALLOWED


@pytest.mark.parametrize("between", [b"\x04", b"\x02", b"\xff", "u2f", "power"], ids=repr)
def test_anything_else_in_between_ends_the_row(key, between) -> None:
    for user_id in (b"a", b"b"):
        a_credential(key, rk=True, user_id=user_id)
    key.get()
    match between:
        case "power":
            key.power_cycle()
        case "u2f":
            key.apdu(bytes.fromhex("00030000000000"))
        case message:
            key.send(message)
    assert key.command(0x08)[0] == CtapStatus.NOT_ALLOWED


def test_a_next_assertion_out_of_turn_is_not_allowed(key) -> None:
    assert key.command(0x08)[0] == CtapStatus.NOT_ALLOWED


# Parameters of the wrong kind


@pytest.mark.parametrize("missing", [0x01, 0x02])
def test_a_required_parameter_must_be_there(key, missing: int) -> None:
    parameters = key.assertion()
    del parameters[missing]
    assert key.command(0x02, parameters)[0] == CtapStatus.MISSING_PARAMETER


@pytest.mark.parametrize(
    "parameter",
    [
        {0x01: b"example.com"}, {0x02: "text"}, {0x03: {}}, {0x03: [1]}, {0x03: [{"id": 1}]}, {0x04: []},
        {0x04: {"hmac-secret": True}}, {0x05: []}, {0x05: {"up": 1}}, {0x06: "text"}, {0x07: b"2"},
    ],
    ids=str,
)  # fmt: skip
def test_a_parameter_of_the_wrong_type_is_refused(key, parameter) -> None:
    assert key.get(parameter)[0] == CtapStatus.CBOR_UNEXPECTED_TYPE


def test_a_hash_of_another_length_is_refused(key) -> None:
    assert key.get({0x02: bytes(33)})[0] == CtapStatus.INVALID_LENGTH


def test_what_is_not_known_is_ignored(key) -> None:
    credential_id = a_credential(key)
    status, response = key.get({0x04: {"someExtension": 1}, 0x33: 0}, allow=[credential_id])
    assert status == CtapStatus.SUCCESS
    assert AuthenticatorData(response[2]).extensions is None


def test_the_next_assertion_does_not_outlive_the_token_of_the_first(key) -> None:
    """§6, stateful commands: state goes with the token that authorized it (600 s, §6.5.2.1)."""
    key.set_pin()
    for user_id in (b"a", b"b", b"c"):
        key.made(rk=True, user_id=user_id, token=key.token())
    token, begun = key.token(), key.now
    key.now = begun + 29
    assert key.get(token=token, up=False)[0] == CtapStatus.SUCCESS
    key.now = begun + 599
    assert key.get(token=token)[0] == CtapStatus.SUCCESS
    key.now = begun + 599.5
    assert key.command(0x08)[0] == CtapStatus.SUCCESS
    key.now = begun + 600
    assert key.command(0x08)[0] == CtapStatus.NOT_ALLOWED


def test_a_list_of_descriptors_unheard_of_names_no_credential_and_is_no_invitation(key) -> None:
    """§6.2.2 step 7: the list is there, so discoverable credentials are not looked for."""
    credential_id = key.made(rk=True).credential_data.credential_id
    strange = [{"type": "other", "id": credential_id}]
    assert key.get({0x03: strange})[0] == CtapStatus.NO_CREDENTIALS
    assert key.get({0x03: strange * 9})[0] == CtapStatus.LIMIT_EXCEEDED
    assert key.make({0x05: strange})[0] == CtapStatus.SUCCESS
    assert key.make({0x05: strange * 9})[0] == CtapStatus.LIMIT_EXCEEDED
