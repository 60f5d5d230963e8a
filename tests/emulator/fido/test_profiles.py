"""Each packaged profile: what getInfo says is what the key does, and what the key does getInfo says.

CTAP 2.3 §6.4. Commands, permissions and extensions are in test_authenticator.py and test_get_info.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2, FPBioEnrollment, Info

from emulator.fido.authenticator import CtapCommand
from emulator.fido.cose import Algorithm
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile, profile_names

PIN = "314159"  # long enough for any profile
PERMISSION = ClientPin.PERMISSION
CLIENT_PIN, CONFIG = CtapCommand.CLIENT_PIN, CtapCommand.CONFIG
NOT_THERE = {CtapStatus.INVALID_COMMAND, CtapStatus.INVALID_SUBCOMMAND, CtapStatus.INVALID_PARAMETER}
FIDO2_PROFILES = [name for name in profile_names() if Profile.load(name).ctap2]
CTAP21_PROFILES = [name for name in FIDO2_PROFILES if Profile.load(name).ctap21]


def info_of(key) -> Info:
    return Ctap2(key).get_info()


def with_pin(key):
    if key.profile.client_pin:
        key.set_pin(PIN)
    return key


def verified(key) -> dict:
    """How to say in a request that the user is verified, as far as this key can."""
    if key.profile.client_pin:
        number = key.profile.pin_uv_auth_protocols[0]
        return {"token": key.token(3 if key.profile.ctap21 else None, pin=PIN), "protocol": number}
    return {"uv": True} if key.profile.built_in_uv else {}


def config(key, sub_command: int, params: dict | None = None) -> CtapStatus:
    """authenticatorConfig of a key with or without a PIN."""
    request = {1: sub_command} | ({} if params is None else {2: params})
    return key.command(CONFIG, request)[0]


@pytest.fixture(params=FIDO2_PROFILES)
def name(request) -> str:
    return request.param


# What a factory-new key can do, by asking it to; None is an option that is absent.


def can_keep(key) -> bool | None:
    return key.make(rk=True, **verified(with_pin(key)))[0] == CtapStatus.SUCCESS or None


def can_verify(key) -> bool | None:
    refused = CtapStatus.INVALID_OPTION if key.profile.ctap21 else CtapStatus.UNSUPPORTED_OPTION
    there = key.make(uv=True)[0] == CtapStatus.SUCCESS
    if there:
        assert key.asked == [Gesture.VERIFICATION]
        return True
    assert key.make(uv=True)[0] == refused
    return False if key.command(CtapCommand.BIO_ENROLLMENT, {6: True})[0] == CtapStatus.SUCCESS else None


def has_pin(key) -> bool | None:
    number = (key.profile.pin_uv_auth_protocols or (1,))[0]
    if key.command(CLIENT_PIN, {1: number, 2: 1})[0] in NOT_THERE:
        return None
    agreement = key.command(CLIENT_PIN, {1: number, 2: 2})[1][1]
    status = key.command(CLIENT_PIN, {1: number, 2: 5, 3: agreement, 6: bytes(32)})[0]
    return status != CtapStatus.PIN_NOT_SET


def has_limited_tokens(key) -> bool | None:
    number = (key.profile.pin_uv_auth_protocols or (1,))[0]
    found = [key.command(CLIENT_PIN, {1: number, 2: sub})[0] not in NOT_THERE for sub in (6, 9)]
    return any(found) or None


def always_verifies(key) -> bool | None:
    if config(key, 2) in NOT_THERE:
        return None
    key.command(CtapCommand.RESET)
    return key.make()[0] == CtapStatus.PUAT_REQUIRED


def makes_without_verification(key) -> bool | None:
    if not key.profile.ctap21:
        return None  # CTAP 2.0 has no such option
    with_pin(key)
    return key.make()[0] == CtapStatus.SUCCESS or None


def sets_min_pin_length(key) -> bool | None:
    status = config(key, 3, {})
    return status not in NOT_THERE or None


def attests_for_enterprises(key) -> bool | None:
    status = config(key, 1)
    return False if status not in NOT_THERE else None


def is_touched(key) -> bool:
    key.make(**verified(with_pin(key)))
    return bool(key.asked)


BEHAVIOUR: dict[str, Callable[..., bool | None]] = {
    "up": is_touched,
    "rk": can_keep,
    "uv": can_verify,
    "clientPin": has_pin,
    "pinUvAuthToken": has_limited_tokens,
    "alwaysUv": always_verifies,
    "makeCredUvNotRqd": makes_without_verification,
    "setMinPINLength": sets_min_pin_length,
    "ep": attests_for_enterprises,
}


@pytest.mark.parametrize("option", list(BEHAVIOUR))
def test_an_option_is_there_just_where_the_key_behaves_so(make_key, name: str, option: str) -> None:
    key = make_key(name)
    if key.profile.always_uv and option in ("ep", "setMinPINLength"):
        pytest.skip("only a token would tell: see test_config.py")
    before = info_of(make_key(name)).options.get(option)
    assert BEHAVIOUR[option](key) == before


def test_every_option_has_its_behaviour(make_key, name: str) -> None:
    commands = {"credMgmt", "credentialMgmtPreview", "perCredMgmtRO", "bioEnroll", "largeBlobs"}
    commands |= {"userVerificationMgmtPreview", "authnrCfg", "plat"}
    assert set(info_of(make_key(name)).options) <= commands | BEHAVIOUR.keys()


# Members


def test_algorithms_are_those_it_makes_credentials_for(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    told = [parameter["alg"] for parameter in info_of(key).algorithms] or [-7]
    found = set()
    for algorithm in Algorithm:
        status, _ = key.make(algorithms=(algorithm,), **verified(key))
        assert status in (CtapStatus.SUCCESS, CtapStatus.UNSUPPORTED_ALGORITHM)
        if status == CtapStatus.SUCCESS:
            found.add(algorithm)
    assert set(told) == found


def test_protocols_are_those_it_agrees_keys_by(make_key, name: str) -> None:
    key = make_key(name)
    agreed = {
        number for number in range(4) if key.command(CLIENT_PIN, {1: number, 2: 2})[0] == CtapStatus.SUCCESS
    }
    assert agreed == set(info_of(key).pin_uv_protocols)


def test_no_message_may_be_longer_than_it_says(make_key, name: str) -> None:
    key = make_key(name)
    longest = info_of(key).max_msg_size
    assert key.send(b"\x01".ljust(longest, b"\x00"))[0] != CtapStatus.REQUEST_TOO_LARGE
    assert key.send(b"\x01".ljust(longest + 1, b"\x00"))[0] == CtapStatus.REQUEST_TOO_LARGE


def test_answers_fit_into_the_longest_message(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    longest = info_of(key).max_msg_size
    for algorithm in [parameter["alg"] for parameter in info_of(key).algorithms] or [-7]:
        extensions = {"credProtect": 3, "hmac-secret": True, "minPinLength": True}
        key.make(algorithms=(algorithm,), extensions=extensions, **verified(key))
    assert max(map(len, key.transcript)) <= longest


@pytest.mark.parametrize("name", CTAP21_PROFILES)
def test_lists_are_as_long_as_it_says(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    most = info_of(key).max_creds_in_list
    for length, status in ((most, CtapStatus.SUCCESS), (most + 1, CtapStatus.LIMIT_EXCEEDED)):
        assert key.make(exclude=[bytes(16)] * length, **verified(key))[0] == status


@pytest.mark.parametrize("name", CTAP21_PROFILES)
def test_credential_ids_are_no_longer_than_it_says(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    most = info_of(key).max_cred_id_length
    extensions = dict.fromkeys(("hmac-secret", "thirdPartyPayment"), True)
    for algorithm in [parameter["alg"] for parameter in info_of(key).algorithms]:
        made = key.made(algorithms=(algorithm,), extensions=extensions, **verified(key))
        assert len(made.credential_data.credential_id) <= most


@pytest.mark.parametrize("name", [name for name in CTAP21_PROFILES if Profile.load(name).client_pin])
def test_pins_are_as_short_and_as_long_as_it_says(make_key, name: str) -> None:
    key = make_key(name)
    least, most = info_of(key).min_pin_length, info_of(key).max_pin_length
    if least > 4:  # python-fido2 itself refuses shorter ones
        with pytest.raises(CtapError, match="PIN_POLICY_VIOLATION"):
            key.set_pin(PIN[: least - 1])
    key.set_pin(("314159" * 11)[:least])
    ClientPin(Ctap2(key)).change_pin(("314159" * 11)[:least], ("314159" * 11)[:most])


@pytest.mark.parametrize(
    "name", [name for name in CTAP21_PROFILES if Profile.load(name).discoverable_credentials]
)
def test_there_is_room_for_as_many_passkeys_as_it_says(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    room = info_of(key).remaining_disc_creds
    for number in range(min(room, 3)):
        key.made(rk=True, user_id=bytes((number,)), **verified(key))
        assert info_of(key).remaining_disc_creds == room - number - 1
    if room <= 3:
        assert key.make(rk=True, user_id=b"one more", **verified(key))[0] == CtapStatus.KEY_STORE_FULL
        assert key.made(rk=True, user_id=b"\x00", **verified(key))


@pytest.mark.parametrize("name", [name for name in FIDO2_PROFILES if Profile.load(name).fingerprints])
def test_a_fingerprint_sensor_takes_as_many_samples_as_it_says(make_key, name: str) -> None:
    key = with_pin(make_key(name))
    client = ClientPin(Ctap2(key))
    token = client.get_pin_token(PIN, PERMISSION.BIO_ENROLL)
    bio = FPBioEnrollment(client.ctap, client.protocol, token)
    samples, context = bio.get_fingerprint_sensor_info()[3], bio.enroll()
    for _ in range(samples - 1):
        assert context.capture() is None
    assert context.capture() == context.template_id
    assert info_of(key).options["uv"] is True
    assert key.make(uv=True)[0] == CtapStatus.SUCCESS


# Some by name


def test_a_synced_passkey_has_its_flags_and_a_counter_that_stays_zero(make_key) -> None:
    key = make_key("synced-passkey")
    made = key.made(rk=True, uv=True)
    got = [key.got(uv=True), key.got(uv=True)]
    for data in (made, *got):
        assert (data.counter, data.is_backup_eligible(), data.is_backed_up()) == (0, True, True)


def test_the_fips_like_key_verifies_always_and_does_nothing_weaker(make_key) -> None:
    key = make_key("fips-like")
    assert key.make()[0] == CtapStatus.PUAT_REQUIRED
    with pytest.raises(CtapError, match="PIN_POLICY_VIOLATION"):
        key.set_pin("12345")
    assert config(key, 2) == CtapStatus.OPERATION_DENIED
    assert key.command(CLIENT_PIN, {1: 1, 2: 2})[0] == CtapStatus.INVALID_PARAMETER
    assert key.make(algorithms=(-8,))[0] == CtapStatus.UNSUPPORTED_ALGORITHM
