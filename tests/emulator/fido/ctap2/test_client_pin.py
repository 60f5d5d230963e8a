"""authenticatorClientPIN (CTAP 2.3 §6.5.5), with python-fido2 for the platform."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2
from fido2.ctap2.pin import ClientPin, PinProtocolV1, PinProtocolV2

from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
PASSKEY = Profile.load("passkey")
PERMISSION = ClientPin.PERMISSION
PROTOCOLS = [PinProtocolV1, PinProtocolV2]
CLIENT_PIN = 0x06


def refused(status: CtapStatus):
    """A context in which python-fido2 meets this status."""
    return pytest.raises(CtapError, match=f"- {status.name}$")


@pytest.fixture(params=PROTOCOLS, ids=["one", "two"])
def protocol(request):
    return request.param()


@pytest.fixture
def pin(key, protocol) -> ClientPin:
    return ClientPin(Ctap2(key), protocol)


def platform(key) -> ClientPin:
    return ClientPin(Ctap2(key))


class Agreed:
    """A secret agreed on with the key, for requests that python-fido2 would not make."""

    def __init__(self, key) -> None:
        client = platform(key)
        self.key, self.protocol = key, client.protocol
        self.key_agreement, self.secret = client._get_shared_secret()

    def encrypt(self, data: bytes) -> bytes:
        return self.protocol.encrypt(self.secret, data)

    def pin_hash(self, pin: str) -> bytes:
        return self.encrypt(sha256(pin.encode()).digest()[:16])

    def authenticate(self, data: bytes) -> bytes:
        return self.protocol.authenticate(self.secret, data)

    def status(self, sub_command: int, **members: object) -> CtapStatus:
        """Of a request with these members, ``_4=...`` being member 4; ``None`` leaves one out."""
        given = {1: self.protocol.VERSION, 2: sub_command, 3: dict(self.key_agreement)}
        given |= {int(number[1:]): value for number, value in members.items()}
        return self.key.command(CLIENT_PIN, {k: v for k, v in given.items() if v is not None})[0]


# getPINRetries, getKeyAgreement


def test_a_pin_that_is_not_set_has_no_retries(key, pin) -> None:
    """§6.5.5.2 does not say; python-fido2's device tests do."""
    with refused(CtapStatus.PIN_NOT_SET):
        pin.get_pin_retries()


def test_asking_for_the_retries_costs_none(key, pin) -> None:
    pin.set_pin("1234")
    assert [pin.get_pin_retries() for _ in range(3)] == [(8, False)] * 3


def test_a_ctap20_key_tells_the_retries_alone(make_key) -> None:
    key = make_key("ctap20")
    key.set_pin()
    assert key.command(CLIENT_PIN, {1: 1, 2: 1}) == (CtapStatus.SUCCESS, {3: 8})


def test_the_key_agreement_key_stays_until_power_goes(key, pin) -> None:
    def public_key() -> object:
        return key.command(CLIENT_PIN, {1: pin.protocol.VERSION, 2: 2})[1][1]

    before = public_key()
    assert (before[1], before[3], before[-1]) == (2, -25, 1)
    assert public_key() == before
    key.power_cycle()
    assert public_key() != before


# setPIN


def test_a_pin_is_set_once_and_getinfo_says_so(key, pin) -> None:
    assert pin.ctap.get_info().options["clientPin"] is False
    pin.set_pin("1234")
    assert pin.ctap.get_info().options["clientPin"] is True
    assert key.store.user_verification.pin_hash == sha256(b"1234").digest()[:16]
    with refused(CtapStatus.PIN_AUTH_INVALID):
        pin.set_pin("5678")


@pytest.mark.parametrize(
    ("new_pin", "status"),
    [
        (b"123", CtapStatus.PIN_POLICY_VIOLATION),
        ("äöü".encode(), CtapStatus.PIN_POLICY_VIOLATION),
        ("äöüß".encode(), CtapStatus.SUCCESS),
        (b"1" * 63, CtapStatus.SUCCESS),
        (b"1" * 64, CtapStatus.PIN_POLICY_VIOLATION),
        (b"\xff\xfe\xfd\xfc", CtapStatus.PIN_POLICY_VIOLATION),
        (b"", CtapStatus.PIN_POLICY_VIOLATION),
    ],
)
def test_a_pin_has_four_code_points_or_more_and_at_most_63_bytes(key, new_pin, status) -> None:
    agreed = Agreed(key)
    new_pin_enc = agreed.encrypt(new_pin.ljust(64, b"\x00"))
    assert agreed.status(3, _4=agreed.authenticate(new_pin_enc), _5=new_pin_enc) == status
    assert (key.store.user_verification.pin_hash is not None) == (status == CtapStatus.SUCCESS)


def test_the_profile_may_ask_for_a_longer_pin(make_key) -> None:
    key = make_key(replace(CTAP21, min_pin_length=6))
    assert platform(key).ctap.info.min_pin_length == 6
    with refused(CtapStatus.PIN_POLICY_VIOLATION):
        platform(key).set_pin("12345")
    platform(key).set_pin("123456")
    assert key.store.user_verification.pin_length == 6


@pytest.mark.parametrize("length", [16, 48, 80])
def test_a_new_pin_is_padded_to_64_bytes(key, length: int) -> None:
    agreed = Agreed(key)
    new_pin_enc = agreed.encrypt(b"1234".ljust(length, b"\x00"))
    status = agreed.status(3, _4=agreed.authenticate(new_pin_enc), _5=new_pin_enc)
    assert status == CtapStatus.INVALID_PARAMETER


def test_a_new_pin_must_be_authenticated_and_decrypt(key) -> None:
    agreed = Agreed(key)
    new_pin_enc = agreed.encrypt(b"1234".ljust(64, b"\x00"))
    assert agreed.status(3, _4=bytes(32), _5=new_pin_enc) == CtapStatus.PIN_AUTH_INVALID
    short = new_pin_enc[:-1]
    assert agreed.status(3, _4=agreed.authenticate(short), _5=short) == CtapStatus.PIN_AUTH_INVALID


# changePIN


def test_a_changed_pin_takes_the_old_ones_place(key, pin) -> None:
    pin.set_pin("1234")
    pin.change_pin("1234", "abcdef")
    with refused(CtapStatus.PIN_INVALID):
        pin.get_pin_token("1234")
    assert pin.get_pin_token("abcdef")


def test_a_changed_pin_ends_every_token(key, pin) -> None:
    pin.set_pin("1234")
    token = pin.get_pin_token("1234", PERMISSION.MAKE_CREDENTIAL, "example.com")
    pin.change_pin("1234", "1234")
    status, _ = key.make(token=token, protocol=pin.protocol.VERSION)
    assert status == CtapStatus.PIN_AUTH_INVALID


def test_a_pin_cannot_be_changed_before_it_is_set(key, pin) -> None:
    with refused(CtapStatus.PIN_NOT_SET):
        pin.change_pin("1234", "5678")


def test_a_new_pin_that_is_none_leaves_the_old_one_in_force(key) -> None:
    key.set_pin()
    agreed = Agreed(key)
    new_pin_enc, pin_hash_enc = agreed.encrypt(b"12".ljust(64, b"\x00")), agreed.pin_hash("1234")
    status = agreed.status(
        4, _4=agreed.authenticate(new_pin_enc + pin_hash_enc), _5=new_pin_enc, _6=pin_hash_enc
    )
    assert status == CtapStatus.PIN_POLICY_VIOLATION
    assert key.token()


def test_a_change_that_is_not_authenticated_costs_no_retry(key) -> None:
    key.set_pin()
    agreed = Agreed(key)
    status = agreed.status(
        4, _4=bytes(32), _5=agreed.encrypt(b"5678".ljust(64, b"\x00")), _6=agreed.pin_hash("0000")
    )
    assert status == CtapStatus.PIN_AUTH_INVALID
    assert key.store.user_verification.pin_retries == 8


# Retries and blocked states


def test_three_wrong_pins_in_a_row_block_until_power_goes(key, pin) -> None:
    pin.set_pin("1234")
    for status in (CtapStatus.PIN_INVALID, CtapStatus.PIN_INVALID, CtapStatus.PIN_AUTH_BLOCKED):
        with refused(status):
            pin.get_pin_token("0000")
    for attempt in ("1234", "0000"):
        with refused(CtapStatus.PIN_AUTH_BLOCKED):
            pin.get_pin_token(attempt)
    with refused(CtapStatus.PIN_AUTH_BLOCKED):
        pin.change_pin("1234", "5678")
    assert pin.get_pin_retries() == (5, True)
    key.power_cycle()
    assert pin.get_pin_retries() == (5, False)
    assert pin.get_pin_token("1234")
    assert pin.get_pin_retries() == (8, False)


def test_the_right_pin_in_between_starts_the_row_anew(key, pin) -> None:
    pin.set_pin("1234")
    for attempt in ("0000", "0000", "1234", "0000", "0000", "1234"):
        if attempt == "1234":
            assert pin.get_pin_token(attempt)
            continue
        with refused(CtapStatus.PIN_INVALID):
            pin.get_pin_token(attempt)
    assert pin.get_pin_retries()[0] == 8


def test_eight_wrong_pins_block_for_good(key, pin) -> None:
    pin.set_pin("1234")
    for left in range(7, -1, -1):
        with pytest.raises(CtapError) as e:
            pin.change_pin("0000", "5678") if left % 2 else pin.get_pin_token("0000")
        if e.value.code == CtapStatus.PIN_AUTH_BLOCKED:
            key.power_cycle()
        assert pin.get_pin_retries()[0] == left
    assert e.value.code == CtapStatus.PIN_BLOCKED
    key.power_cycle()
    with refused(CtapStatus.PIN_BLOCKED):
        pin.get_pin_token("1234")
    with refused(CtapStatus.PIN_BLOCKED):
        pin.change_pin("1234", "5678")
    Ctap2(key).reset()
    pin.set_pin("1234")
    assert pin.get_pin_token("1234")


def test_a_retry_is_paid_for_before_the_pin_is_compared(make_key) -> None:
    written: list[int] = []

    class Watched(type(make_key("ctap21").store)):
        def set_user_verification(self, user_verification) -> None:
            written.append(user_verification.pin_retries)
            super().set_user_verification(user_verification)

    key = make_key("ctap21", store=Watched())
    key.set_pin()
    written.clear()
    key.token()
    assert written == [7, 8]


def test_a_wrong_pin_ends_the_key_agreement(key, pin) -> None:
    pin.set_pin("1234")
    request = {1: pin.protocol.VERSION, 2: 2}
    before = key.command(CLIENT_PIN, request)
    with refused(CtapStatus.PIN_INVALID):
        pin.get_pin_token("0000")
    assert key.command(CLIENT_PIN, request) != before


@pytest.mark.parametrize("length", [15, 32])
def test_a_pin_hash_of_another_length_is_a_wrong_pin(key, length: int) -> None:
    key.set_pin()
    agreed = Agreed(key)
    pin_hash_enc = agreed.encrypt(bytes(32))[: length + 16]
    assert agreed.status(5, _6=pin_hash_enc) == CtapStatus.PIN_INVALID
    assert key.store.user_verification.pin_retries == 7


# Tokens by PIN


def test_a_token_is_not_the_one_before(key, pin) -> None:
    pin.set_pin("1234")
    assert pin.get_pin_token("1234") != pin.get_pin_token("1234")


def test_a_new_token_ends_the_one_before(key) -> None:
    key.set_pin()
    first, second = key.token(), key.token()
    assert key.make(token=first)[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.make(token=second)[0] == CtapStatus.SUCCESS


def test_a_token_needs_a_pin_that_is_set(key, pin) -> None:
    with refused(CtapStatus.PIN_NOT_SET):
        pin.get_pin_token("1234")
    with refused(CtapStatus.PIN_NOT_SET):
        pin.get_pin_token("1234", PERMISSION.GET_ASSERTION, "example.com")


@pytest.mark.parametrize(
    ("permissions", "rp_id", "status"),
    [
        (0, "example.com", CtapStatus.INVALID_PARAMETER),
        (-1, "example.com", CtapStatus.INVALID_PARAMETER),
        (0x03, None, CtapStatus.MISSING_PARAMETER),
        (None, "example.com", CtapStatus.MISSING_PARAMETER),
        (0x04, None, CtapStatus.SUCCESS),
        (0x09, "example.com", CtapStatus.UNAUTHORIZED_PERMISSION),
        (0x10, None, CtapStatus.SUCCESS),
        (0x20, None, CtapStatus.UNAUTHORIZED_PERMISSION),
        (0x40, None, CtapStatus.UNAUTHORIZED_PERMISSION),
        (0x44, None, CtapStatus.UNAUTHORIZED_PERMISSION),
        (0x80, None, CtapStatus.SUCCESS),
        (0x81, "example.com", CtapStatus.SUCCESS),
        ("mc", "example.com", CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_only_what_the_key_can_do_may_be_permitted(key, permissions, rp_id, status) -> None:
    key.set_pin()
    agreed = Agreed(key)
    assert agreed.status(9, _6=agreed.pin_hash("1234"), _9=permissions, _10=rp_id) == status


@pytest.mark.parametrize("member", [{"_9": 1}, {"_10": "example.com"}])
def test_get_pin_token_takes_no_permissions(key, member) -> None:
    key.set_pin()
    agreed = Agreed(key)
    assert agreed.status(5, _6=agreed.pin_hash("1234"), **member) == CtapStatus.INVALID_PARAMETER


def test_a_pin_that_must_be_changed_gives_no_token_until_it_is(key) -> None:
    key.set_pin()
    store = key.store
    store.set_user_verification(replace(store.user_verification, force_pin_change=True))
    client = platform(key)
    assert client.ctap.info.force_pin_change is True
    with refused(CtapStatus.PIN_INVALID):
        client.get_pin_token("1234")
    with refused(CtapStatus.PIN_POLICY_VIOLATION):
        client.get_pin_token("1234", PERMISSION.GET_ASSERTION, "example.com")
    with refused(CtapStatus.PIN_POLICY_VIOLATION):
        client.change_pin("1234", "1234")
    client.change_pin("1234", "5678")
    assert client.ctap.get_info().force_pin_change is False
    assert client.get_pin_token("5678")


# Tokens by built-in user verification


def test_a_finger_gives_a_token_that_needs_no_further_touch(make_key) -> None:
    key = make_key("passkey")
    token = platform(key).get_uv_token(PERMISSION.MAKE_CREDENTIAL, "example.com")
    assert key.made(token=token).is_user_verified()
    assert key.asked == [Gesture.VERIFICATION]


def test_the_touch_that_came_with_the_finger_counts_for_30_s(make_key) -> None:
    key = make_key("passkey")
    credential_id = key.made(uv=True).credential_data.credential_id
    token = platform(key).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    key.now += 20
    key.got(token=token, allow=[credential_id], up=False)
    key.now += 10
    key.asked.clear()
    assert key.got(token=token, allow=[credential_id]).is_user_verified()
    assert key.asked == [Gesture.PRESENCE]


def test_fingers_that_fail_cost_retries_until_the_sensor_is_blocked(make_key) -> None:
    key = make_key("passkey")
    client = platform(key)
    key.fingers.extend([False] * 5)
    for left in range(4, -1, -1):
        with refused(CtapStatus.UV_INVALID if left else CtapStatus.UV_BLOCKED):
            client.get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
        assert client.get_uv_retries() == left
    assert key.asked == [Gesture.VERIFICATION] * 5
    with refused(CtapStatus.UV_BLOCKED):
        client.get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    assert len(key.asked) == 5


def test_a_sensor_that_is_blocked_is_opened_by_the_pin(make_key) -> None:
    key = make_key(replace(PASSKEY, client_pin=True))
    key.set_pin()
    client = platform(key)
    key.fingers.extend([False] * 5)
    for _ in range(5):
        with pytest.raises(CtapError):
            client.get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    client.get_pin_token("1234", PERMISSION.GET_ASSERTION, "example.com")
    assert client.get_uv_retries() == 5
    assert client.get_uv_token(PERMISSION.GET_ASSERTION, "example.com")


def test_the_key_asks_again_by_itself_where_platforms_are_to_ask_once(make_key) -> None:
    key = make_key(replace(PASSKEY, preferred_platform_uv_attempts=1))
    key.fingers.extend([False, False, True])
    assert platform(key).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    assert key.asked == [Gesture.VERIFICATION] * 3


def test_a_wait_for_a_finger_abandoned_costs_nothing(make_key) -> None:
    key = make_key("passkey")
    agreed, before = Agreed(key), key.snapshot()
    request = {1: 2, 2: 6, 3: dict(agreed.key_agreement), 9: 2, 10: "example.com"}
    key.waiting(CLIENT_PIN, request).close()
    assert key.asked == [Gesture.VERIFICATION]
    assert key.snapshot() == before


# Which subcommands there are, and what they cannot do without


@pytest.mark.parametrize(
    ("profile", "there"),
    [
        ("ctap20", {1, 2, 3, 4, 5}),
        ("ctap21", {1, 2, 3, 4, 5, 9}),
        ("passkey", {2, 6, 7}),
    ],
)
def test_a_key_has_the_subcommands_its_options_call_for(make_key, profile, there) -> None:
    key = make_key(profile)
    unknown = CtapStatus.INVALID_SUBCOMMAND if key.profile.ctap21 else CtapStatus.INVALID_PARAMETER
    number = key.profile.pin_uv_auth_protocols[0]
    found = {
        sub_command
        for sub_command in range(-1, 20)
        if key.command(CLIENT_PIN, {1: number, 2: sub_command})[0] != unknown
    }
    assert found == there


def test_a_key_without_protocols_has_no_such_command(make_key) -> None:
    key = make_key("security-key")
    assert key.command(CLIENT_PIN, {1: 1, 2: 2})[0] == CtapStatus.INVALID_COMMAND


@pytest.mark.parametrize(
    ("sub_command", "needs"),
    [(2, {1}), (3, {1, 3, 4, 5}), (4, {1, 3, 4, 5, 6}), (5, {1, 3, 6}), (9, {1, 3, 6, 9}), (6, {1, 3, 9})],
)
def test_a_subcommand_is_refused_without_what_it_needs(make_key, sub_command, needs) -> None:
    key = make_key(replace(PASSKEY, client_pin=True))
    key.set_pin()
    agreed, before = Agreed(key), key.snapshot()
    members = {
        1: 2,
        2: sub_command,
        3: dict(agreed.key_agreement),
        4: bytes(32),
        5: bytes(80),
        6: bytes(32),
        9: 1,
    }
    for missing in needs:
        given = {number: value for number, value in members.items() if number != missing}
        assert key.command(CLIENT_PIN, given)[0] == CtapStatus.MISSING_PARAMETER
    assert key.command(CLIENT_PIN, {1: 2})[0] == CtapStatus.MISSING_PARAMETER
    assert key.command(CLIENT_PIN, members | {1: 3})[0] == CtapStatus.INVALID_PARAMETER
    assert key.snapshot() == before
    assert key.asked == []


@pytest.mark.parametrize("sub_command", [3, 4, 5, 9])
def test_a_platform_key_that_is_none_is_refused(key, sub_command) -> None:
    if sub_command != 3:
        key.set_pin()
    members = {1: 2, 2: sub_command, 3: {1: 2}, 4: bytes(32), 5: bytes(80), 6: bytes(32)}
    members |= {9: 1, 10: "example.com"} if sub_command == 9 else {}
    assert key.command(CLIENT_PIN, members)[0] == CtapStatus.INVALID_PARAMETER


@pytest.mark.parametrize(
    "member",
    [{1: "2"}, {2: "2"}, {2: True}, {3: b""}, {4: ""}, {5: ""}, {6: []}, {9: b""}, {10: b""}],
    ids=str,
)
def test_a_parameter_of_the_wrong_type_is_refused(key, member) -> None:
    assert key.command(CLIENT_PIN, {1: 2, 2: 2} | member)[0] == CtapStatus.CBOR_UNEXPECTED_TYPE
