"""authenticatorConfig (CTAP 2.3 §6.11) and what its settings change elsewhere, judged by python-fido2."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus, StatusWord
from emulator.profile import Profile
from emulator.profile_values import CONFIG_COMMANDS

PERMISSION = ClientPin.PERMISSION
CONFIG = CtapCommand.CONFIG
CTAP21 = Profile.load("ctap21")
FULL = replace(
    CTAP21,
    versions=("U2F_V2", "FIDO_2_0", "FIDO_2_1", "FIDO_2_3"),
    config_commands=("toggleAlwaysUv", "setMinPINLength", "enableLongTouchForReset"),
    extensions=(*CTAP21.extensions, "minPinLength"),
    max_rp_ids_for_min_pin_length=2,
    pin_complexity_policy=True,
    make_cred_uv_not_rqd=True,
)
SENSOR = replace(
    Profile.load("passkey"), config_commands=("toggleAlwaysUv",), versions=("U2F_V2", "FIDO_2_0", "FIDO_2_1")
)


@pytest.fixture
def key(make_key):
    """A key with every setting and no PIN yet."""
    return make_key(FULL)


def config(key, pin: str | None = "1234") -> Config:
    """The platform's hand at the settings, with a token by PIN unless there is none."""
    ctap2 = Ctap2(key)
    client = ClientPin(ctap2)
    token = None if pin is None else client.get_pin_token(pin, PERMISSION.AUTHENTICATOR_CFG)
    return Config(ctap2, client.protocol, token)


def refused(status: CtapStatus) -> AbstractContextManager[object]:
    return pytest.raises(CtapError, match=status.name)


def info(key):
    return Ctap2(key).get_info()


# Who may


def test_anyone_may_configure_a_key_that_nothing_protects(key) -> None:
    """§6.11."""
    config(key, pin=None).toggle_always_uv()
    assert info(key).options["alwaysUv"] is True
    config(key, pin=None).toggle_always_uv()
    assert info(key).options["alwaysUv"] is False


def test_the_way_out_of_always_uv_is_open_to_a_key_that_nothing_protects_and_no_other_is(key) -> None:
    """§6.11."""
    config(key, pin=None).toggle_always_uv()
    with refused(CtapStatus.PUAT_REQUIRED):
        config(key, pin=None).set_min_pin_length(6)
    config(key, pin=None).toggle_always_uv()
    config(key, pin=None).set_min_pin_length(6)


def test_a_protected_key_wants_a_token(key) -> None:
    """§6.11."""
    key.set_pin()
    before = key.snapshot()
    with refused(CtapStatus.PUAT_REQUIRED):
        config(key, pin=None).toggle_always_uv()
    assert key.snapshot() == before
    config(key).toggle_always_uv()


def test_a_param_needs_a_protocol_and_one_that_the_key_speaks(key) -> None:
    """§6.11."""
    key.set_pin()
    assert key.command(CONFIG, {1: 2, 4: bytes(32)})[0] == CtapStatus.MISSING_PARAMETER
    assert key.command(CONFIG, {1: 2, 3: 3, 4: bytes(32)})[0] == CtapStatus.INVALID_PARAMETER
    assert key.command(CONFIG, {1: 2, 3: 2, 4: bytes(32)})[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_for_something_else_or_one_that_has_expired_will_not_do(key) -> None:
    """§6.11."""
    key.set_pin()
    client = ClientPin(Ctap2(key))
    other = Config(client.ctap, client.protocol, client.get_pin_token("1234", PERMISSION(3), "example.com"))
    with refused(CtapStatus.PIN_AUTH_INVALID):
        other.toggle_always_uv()
    late = config(key)
    key.now += 30
    with refused(CtapStatus.PIN_AUTH_INVALID):
        late.toggle_always_uv()


def test_a_param_is_good_for_its_own_subcommand_and_parameters_alone(key) -> None:
    """§6.11."""
    key.set_pin()
    client = ClientPin(Ctap2(key))
    token = client.get_pin_token("1234", PERMISSION.AUTHENTICATOR_CFG)
    signed = client.protocol.authenticate(token, b"\xff" * 32 + b"\x0d\x03" + cbor.encode({1: 5}))
    for sub_command, params in ((3, {1: 6}), (2, {1: 5}), (4, {1: 5})):
        request = {1: sub_command, 2: params, 3: 2, 4: signed}
        assert key.command(CONFIG, request)[0] == CtapStatus.PIN_AUTH_INVALID
    assert key.command(CONFIG, {1: 3, 2: {1: 5}, 3: 2, 4: signed})[0] == CtapStatus.SUCCESS


# What there is


def test_the_key_has_the_subcommands_it_advertises_and_no_other(make_key) -> None:
    """§6.11; vendorPrototype is among those refused."""
    for commands in ((), ("toggleAlwaysUv",), FULL.config_commands, tuple(CONFIG_COMMANDS)):
        profile = replace(FULL, config_commands=commands, max_rp_ids_for_min_pin_length=0)
        found = set()
        for sub_command in (*range(-1, 8), 0xFF):
            status = make_key(profile).command(CONFIG, {1: sub_command, 2: {}})[0]
            assert status in (CtapStatus.SUCCESS, CtapStatus.INVALID_PARAMETER, CtapStatus.INVALID_COMMAND)
            if status == CtapStatus.SUCCESS:
                found.add(sub_command)
        key = make_key(profile)
        assert found == set(info(key).authenticator_config_commands or ())
        assert Config.is_supported(info(key)) is bool(found)
        assert ("alwaysUv" in info(key).options) is (2 in found)
        assert info(key).options.get("setMinPINLength", False) is (3 in found)
        assert (0x18 in key.command(CtapCommand.GET_INFO)[1]) is (4 in found)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, CtapStatus.MISSING_PARAMETER),
        ({1: "2"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: True}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 2, 2: []}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 2, 3: "2"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 2, 4: "param"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 3, 2: {1: "6"}}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 3, 2: {2: "example.com"}}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 3, 2: {2: [b"example.com"]}}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 3, 2: {3: 1}}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 3, 2: {4: 1}}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
    ids=str,
)
def test_members_missing_or_of_the_wrong_type_are_refused(key, parameters, status) -> None:
    """§6.11, the parameters; §8."""
    before = key.snapshot()
    assert key.command(CONFIG, parameters)[0] == status
    assert key.snapshot() == before


# toggleAlwaysUv


def test_always_uv_wants_a_token_where_there_is_a_pin_or_could_be(key) -> None:
    """§6.1.2 step 6, §6.2.2 step 5."""
    allow = [key.made().credential_data.credential_id]
    config(key, pin=None).toggle_always_uv()
    assert key.make()[0] == CtapStatus.PUAT_REQUIRED
    assert key.get(allow=allow)[0] == CtapStatus.PUAT_REQUIRED
    assert key.make(token=bytes(32))[0] == CtapStatus.PUAT_REQUIRED
    key.set_pin()
    assert key.make()[0] == CtapStatus.PUAT_REQUIRED
    assert key.get(allow=allow)[0] == CtapStatus.PUAT_REQUIRED
    assert key.made(token=key.token()).is_user_verified()
    assert key.got(allow=allow, token=key.token()).is_user_verified()


def test_always_uv_lets_a_platform_look_without_a_touch(key) -> None:
    """§6.2.2 step 5: only where the option up is true."""
    allow = [key.made().credential_data.credential_id]
    config(key, pin=None).toggle_always_uv()
    assert key.get(allow=allow, up=False)[0] == CtapStatus.SUCCESS


def test_always_uv_asks_the_sensor_that_the_platform_does_not_ask(make_key) -> None:
    """§6.1.2 step 6.3, §6.2.2 step 5.3."""
    key = make_key(replace(SENSOR, always_uv=True))
    made = key.made()
    assert made.is_user_verified()
    assert key.got(allow=[made.credential_data.credential_id]).is_user_verified()
    assert key.asked == [Gesture.VERIFICATION] * 2


def test_always_uv_ends_make_cred_uv_not_rqd(key) -> None:
    """§6.11.2, §7.2.2."""
    key.set_pin()
    assert info(key).options["makeCredUvNotRqd"] is True
    key.made()
    config(key).toggle_always_uv()
    assert info(key).options["makeCredUvNotRqd"] is False
    assert key.make()[0] == CtapStatus.PUAT_REQUIRED
    config(key).toggle_always_uv()
    assert info(key).options["makeCredUvNotRqd"] is True
    key.made()


def test_always_uv_ends_u2f(key) -> None:
    """§7.2.4."""
    register, version = b"\x00\x01\x00\x00\x00\x00\x40" + bytes(64), b"\x00\x03\x00\x00\x00\x00\x00"
    assert key.apdu(register)[-2:] == b"\x90\x00"
    config(key, pin=None).toggle_always_uv()
    assert "U2F_V2" not in info(key).versions
    for apdu in (register, version):
        assert key.apdu(apdu) == StatusWord.COMMAND_NOT_ALLOWED.to_bytes(2, "big")
    config(key, pin=None).toggle_always_uv()
    assert "U2F_V2" in info(key).versions
    assert key.apdu(version) == b"U2F_V2\x90\x00"


def test_always_uv_may_be_there_from_the_start_and_for_good(make_key) -> None:
    """§6.11.2."""
    key = make_key(replace(FULL, always_uv=True, always_uv_can_be_disabled=False))
    assert info(key).options["alwaysUv"] is True
    with refused(CtapStatus.OPERATION_DENIED):
        config(key, pin=None).toggle_always_uv()
    key.set_pin()
    with refused(CtapStatus.OPERATION_DENIED):
        config(key).toggle_always_uv()


def test_a_reset_brings_back_what_the_key_left_the_factory_with(key) -> None:
    """§6.6, §7.2."""
    settings = config(key, pin=None)
    settings._call(4)
    settings.set_min_pin_length(6, rp_ids=["example.com"], pin_complexity_policy=True)
    settings.toggle_always_uv()
    Ctap2(key).reset()
    after = info(key)
    assert (after.options["alwaysUv"], after.min_pin_length, after.long_touch_for_reset) == (False, 4, False)
    assert after.pin_complexity_policy is False
    assert key.snapshot().configuration == key.snapshot().configuration.__class__()


# setMinPINLength


def test_the_minimum_grows_and_never_shrinks(key) -> None:
    """§6.11.4."""
    key.set_pin("123456")
    config(key, "123456").set_min_pin_length(6)
    assert info(key).min_pin_length == 6
    for length in (5, 64, -1):
        with refused(CtapStatus.PIN_POLICY_VIOLATION):
            config(key, "123456").set_min_pin_length(length)
    config(key, "123456").set_min_pin_length(6)
    with refused(CtapStatus.PIN_POLICY_VIOLATION):
        ClientPin(Ctap2(key)).change_pin("123456", "54321")
    assert info(key).min_pin_length == 6


@pytest.mark.parametrize("parameters", [{1: 3}, {1: 3, 2: {}}])
def test_every_setting_of_setminpinlength_may_be_left_out(key, parameters) -> None:
    """§6.11.4, the parameters and step 1."""
    before = key.snapshot()
    assert key.command(CONFIG, parameters)[0] == CtapStatus.SUCCESS
    assert key.snapshot() == before


def test_a_pin_that_has_become_too_short_must_be_changed_and_tokens_end(key) -> None:
    """§6.11.4, §6.5.5.7."""
    key.set_pin()
    token = key.token()
    settings = config(key)
    settings.set_min_pin_length(5)
    assert info(key).force_pin_change is True
    assert key.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    with refused(CtapStatus.PIN_AUTH_INVALID):
        settings.toggle_always_uv()
    client = ClientPin(Ctap2(key))
    with refused(CtapStatus.PIN_INVALID):
        client.get_pin_token("1234")
    with refused(CtapStatus.PIN_POLICY_VIOLATION):
        client.get_pin_token("1234", PERMISSION.MAKE_CREDENTIAL, "example.com")
    client.change_pin("1234", "12345")
    assert info(key).force_pin_change is False
    client.get_pin_token("12345")


def test_a_change_of_pin_can_be_demanded_where_there_is_one(key) -> None:
    """§6.11.4."""
    with refused(CtapStatus.PIN_NOT_SET):
        config(key, pin=None).set_min_pin_length(force_change_pin=True)
    key.set_pin()
    config(key).set_min_pin_length(force_change_pin=True)
    assert info(key).force_pin_change is True
    with refused(CtapStatus.PIN_POLICY_VIOLATION):  # §6.5.5.6 step 13: not the same again
        ClientPin(Ctap2(key)).change_pin("1234", "1234")


def test_more_relying_parties_than_there_is_room_for_are_refused(key) -> None:
    """§6.11.4."""
    settings = config(key, pin=None)
    settings.set_min_pin_length(rp_ids=["a", "b"])
    with refused(CtapStatus.KEY_STORE_FULL):
        settings.set_min_pin_length(min_pin_length=8, rp_ids=["a", "b", "c"])
    assert info(key).min_pin_length == 4
    assert key.snapshot().configuration.min_pin_length_rp_ids == ("a", "b")
    settings.set_min_pin_length(min_pin_length=8)
    assert key.snapshot().configuration.min_pin_length_rp_ids == ("a", "b")
    settings.set_min_pin_length(rp_ids=[])
    assert key.snapshot().configuration.min_pin_length_rp_ids == ("a", "b")  # step 8 wants one at least
    settings.set_min_pin_length(rp_ids=["c"])
    assert key.snapshot().configuration.min_pin_length_rp_ids == ("c",)


def test_pins_too_easy_to_guess_are_refused_once_the_policy_says_so(key) -> None:
    """§6.11.4, pinComplexityPolicy."""
    key.set_pin()
    assert info(key).pin_complexity_policy is False
    config(key).set_min_pin_length(pin_complexity_policy=True)
    assert info(key).pin_complexity_policy is True
    assert info(key).force_pin_change is True
    client = ClientPin(Ctap2(key))
    for easy in ("1111", "éééé", "4567", "7654", "abcdefgh"):
        with refused(CtapStatus.PIN_POLICY_VIOLATION):
            client.change_pin("1234", easy)
    client.change_pin("1234", "1112")
    assert info(key).force_pin_change is False
    config(key, "1112").set_min_pin_length(pin_complexity_policy=True)
    assert info(key).force_pin_change is False


def test_a_key_without_such_a_policy_does_not_hear_of_it(make_key) -> None:
    """§6.11.4 step 5."""
    key = make_key(replace(FULL, pin_complexity_policy=False))
    key.set_pin("1111")
    config(key, "1111")._call(3, {4: True})
    assert (info(key).pin_complexity_policy, info(key).force_pin_change) == (None, False)


def test_relying_parties_to_be_told_are_for_a_key_that_tells_any(make_key) -> None:
    """§6.11.4 step 2."""
    key = make_key(replace(FULL, extensions=CTAP21.extensions))
    for rp_ids in ([], ["example.com"]):
        assert key.command(CONFIG, {1: 3, 2: {2: rp_ids}})[0] == CtapStatus.INVALID_PARAMETER


def test_a_demand_for_another_pin_ends_the_persistent_token_too(make_key) -> None:
    """§6.11.4 step 7."""
    key = make_key(replace(FULL, credential_management=True, persistent_credential_management=True))
    key.set_pin()
    before = key.token(PERMISSION.PERSISTENT_CREDENTIAL_MGMT, None)
    config(key).set_min_pin_length(force_change_pin=True)
    ClientPin(Ctap2(key)).change_pin("1234", "4321")
    after = key.token(PERMISSION.PERSISTENT_CREDENTIAL_MGMT, None, "4321")
    config(key, "4321").set_min_pin_length(5)
    assert key.snapshot().persistent_token not in (before, after)


# enableLongTouchForReset


def test_a_reset_takes_a_long_touch_once_that_is_enabled(key) -> None:
    """§6.11.5, §6.6."""
    config(key, pin=None)._call(4)
    assert info(key).long_touch_for_reset is True
    Ctap2(key).reset()
    assert key.asked == [Gesture.LONG_TOUCH]
    Ctap2(key).reset()
    assert key.asked == [Gesture.LONG_TOUCH, Gesture.PRESENCE]


# Any sequence


@given(lengths=st.lists(st.integers(0, 70), max_size=8))
def test_the_minimum_is_the_greatest_that_was_taken(make_key, lengths: list[int]) -> None:
    key, most = make_key(FULL), 4
    for length in lengths:
        status = key.command(CONFIG, {1: 3, 2: {1: length}})[0]
        assert status == (CtapStatus.SUCCESS if most <= length <= 63 else CtapStatus.PIN_POLICY_VIOLATION)
        most = max(most, length) if length <= 63 else most
        assert key.snapshot().user_verification.min_pin_length == most
