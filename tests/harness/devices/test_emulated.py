from __future__ import annotations

from threading import Event
from typing import Any

import pytest
from fido2.client import DefaultClientDataCollector, Fido2Client
from fido2.ctap import STATUS, CtapError
from fido2.ctap1 import APDU, ApduError, Ctap1
from fido2.ctap2 import AttestationResponse, ClientPin, Ctap2
from fido2.hid import CAPABILITY, CTAPHID
from fido2.server import Fido2Server
from fido2.webauthn import (
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from emulator.clock import ManualClock
from emulator.fido.ctaphid import encode_message
from harness.devices.emulated import EmulatedKey, KeySilentError

BROADCAST_CID = 0xFFFFFFFF
CLIENT_DATA_HASH = b"c" * 32
APPLICATION = b"a" * 32
DISCOURAGED = UserVerificationRequirement.DISCOURAGED
ES256 = {"type": "public-key", "alg": -7}


def test_stock_client_opens_the_key_and_reads_what_it_is() -> None:
    key = EmulatedKey("ctap21", seed=1)
    device = key.open()
    assert (device.version, device.device_version, device.product_name) == (
        2,
        (5, 4, 3),
        "Security key with a PIN, CTAP 2.1",
    )
    assert key.capabilities == CAPABILITY.WINK | CAPABILITY.CBOR
    assert key.name == "emulated:ctap21"
    assert "FIDO_2_1" in Ctap2(key).info.versions


@pytest.mark.parametrize("length", [0, 57, 58, 1200, 7609])
def test_ping_comes_back_whole(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert EmulatedKey(seed=1).open().ping(data) == data


def test_wink_and_lock_are_answered() -> None:
    key = EmulatedKey(seed=1)
    device, other = key.open(), key.open()
    device.wink()
    device.lock(10)
    cancelled = Event()
    cancelled.set()  # or the stock client would ask again while the channel is busy
    with pytest.raises(CtapError) as busy:
        other.call(CTAPHID.PING, b"x", cancelled)
    assert busy.value.code == CtapError.ERR.CHANNEL_BUSY
    key.clock.advance(10)
    assert other.ping(b"x") == b"x"


def test_waiting_for_a_touch_takes_the_worlds_time() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch=3.0)
    heard: list[STATUS] = []
    Ctap2(key).selection(on_keepalive=heard.append)
    assert clock() == 1003.0
    assert heard == [STATUS.UPNEEDED]


def test_touch_that_never_comes_times_out_after_thirty_seconds() -> None:
    clock = ManualClock(1000.0)
    with pytest.raises(CtapError) as refused:
        Ctap2(EmulatedKey(clock=clock, seed=1, touch="never")).selection()
    assert refused.value.code == CtapError.ERR.USER_ACTION_TIMEOUT
    assert clock() == 1030.0


def test_touch_by_call_from_a_keepalive_is_a_touch() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch="by call")
    Ctap2(key).selection(on_keepalive=lambda status: key.touch())
    assert clock() == pytest.approx(1000.1)


def test_cancel_by_event_is_exact() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch="never")
    event = Event()
    with pytest.raises(CtapError) as refused:
        Ctap2(key).selection(event=event, on_keepalive=lambda status: event.set())
    assert refused.value.code == CtapError.ERR.KEEPALIVE_CANCEL
    assert clock() == pytest.approx(1000.1)
    assert key.open().ping(b"x") == b"x"


def make_credential(key: EmulatedKey, **more: Any) -> AttestationResponse:
    rp, user = {"id": "example.com", "name": "Example"}, {"id": b"alice", "name": "alice"}
    return Ctap2(key).make_credential(CLIENT_DATA_HASH, rp, user, [ES256], **more)


def test_credential_made_after_a_touch_signs_for_the_stock_client() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey(clock=clock, seed=1, touch=2.0)
    made = make_credential(key)
    assert clock() == 1002.0
    assert made.auth_data.is_user_present()
    data = made.auth_data.credential_data
    assert data is not None
    allowed = [{"type": "public-key", "id": data.credential_id}]
    assertion = Ctap2(key).get_assertion("example.com", CLIENT_DATA_HASH, allowed)
    assert clock() == 1004.0
    assertion.verify(CLIENT_DATA_HASH, data.public_key)


def test_built_in_verification_is_waited_for_as_the_touch_is() -> None:
    clock = ManualClock(1000.0)
    key = EmulatedKey("passkey", clock=clock, seed=1, uv=5.0)
    token = ClientPin(Ctap2(key)).get_uv_token(ClientPin.PERMISSION.MAKE_CREDENTIAL, "example.com")
    assert len(token) == 32
    assert clock() == 1005.0


@pytest.mark.parametrize("ending", ["time-out", "cancel", "power cycle"])
def test_credential_not_touched_for_is_not_made(ending: str) -> None:
    key = EmulatedKey(seed=1, touch="by call")
    free = Ctap2(key).get_info().remaining_disc_creds
    end = Event()
    do = {
        "time-out": lambda _: None,
        "cancel": lambda _: end.set(),
        "power cycle": lambda _: key.power_cycle(),
    }
    with pytest.raises((CtapError, KeySilentError)):
        make_credential(key, options={"rk": True}, event=end, on_keepalive=do[ending])
    assert Ctap2(key).get_info().remaining_disc_creds == free
    key.security_key.touch_policy = "always"
    make_credential(key, options={"rk": True})
    assert Ctap2(key).get_info().remaining_disc_creds == free - 1


def test_reset_is_for_the_first_ten_seconds_after_power_on() -> None:
    key = EmulatedKey(seed=1)
    ctap2 = Ctap2(key)
    key.clock.advance(11)
    with pytest.raises(CtapError) as refused:
        ctap2.reset()
    assert refused.value.code == CtapError.ERR.NOT_ALLOWED
    key.power_cycle()
    ctap2.reset()


def test_u2f_platform_that_polls_is_touched_in_the_worlds_time() -> None:
    clock = ManualClock(1000.0)
    ctap1 = Ctap1(EmulatedKey("u2f-only", clock=clock, seed=1, touch=1.0))
    for _ in range(4):
        with pytest.raises(ApduError) as refused:
            ctap1.register(CLIENT_DATA_HASH, APPLICATION)
        assert refused.value.code == APDU.USE_NOT_SATISFIED
    ctap1.register(CLIENT_DATA_HASH, APPLICATION).verify(APPLICATION, CLIENT_DATA_HASH)
    assert clock() == 1001.0


@pytest.mark.parametrize("profile", ["ctap21", "u2f-only"])
def test_whole_ceremonies_of_the_stock_client_succeed(profile: str) -> None:
    key = EmulatedKey(profile, seed=1)
    client = Fido2Client(key, DefaultClientDataCollector("https://example.com"))
    server = Fido2Server(PublicKeyCredentialRpEntity(name="Example", id="example.com"), attestation="direct")
    options, state = server.register_begin(
        PublicKeyCredentialUserEntity(name="alice", id=b"alice"), user_verification=DISCOURAGED
    )
    registered = server.register_complete(state, client.make_credential(options.public_key))
    assert registered.credential_data is not None
    request, state = server.authenticate_begin([registered.credential_data], DISCOURAGED)
    response = client.get_assertion(request.public_key).get_response(0)
    server.authenticate_complete(state, [registered.credential_data], response)


def test_same_seed_makes_the_same_key_bit_for_bit() -> None:
    made = [bytes(make_credential(EmulatedKey(seed=seed)).auth_data) for seed in (7, 7, 8)]
    assert made[0] == made[1] != made[2]


def test_keys_without_a_seed_differ() -> None:
    assert make_credential(EmulatedKey()).auth_data != make_credential(EmulatedKey()).auth_data


def test_power_cycle_keeps_the_key_and_drops_other_channels() -> None:
    key = EmulatedKey(seed=1)
    ctap2, device = Ctap2(key), key.open()
    key.power_cycle()
    assert ctap2.get_info().aaguid == ctap2.info.aaguid
    with pytest.raises(CtapError) as refused:
        device.ping(b"x")
    assert refused.value.code == CtapError.ERR.INVALID_CHANNEL


def test_raw_packets_are_answered_to_whoever_sent_them() -> None:
    key = EmulatedKey(seed=1)
    (init,) = encode_message(BROADCAST_CID, CTAPHID.INIT, b"nonce123")
    key.send_packet(init)
    answer = key.receive_packet(1.0)
    assert answer is not None
    assert answer[:15] == bytes.fromhex("ffffffff 86 0011") + b"nonce123"
    assert Ctap2(key).get_info().versions  # undisturbed by what passed beside it
    first, _ = encode_message(int.from_bytes(answer[15:19], "big"), CTAPHID.PING, bytes(60))
    start = key.clock()
    key.send_packet(first)
    assert key.receive_packet(0.4) is None
    assert key.clock() == start + 0.4
    answer = key.receive_packet(1.0)
    assert answer is not None
    assert answer[4:8] == bytes((0x80 | CTAPHID.ERROR, 0, 1, CtapError.ERR.TIMEOUT))
    assert key.clock() == start + 0.5


def test_waiting_for_a_packet_that_cannot_come_is_a_clear_error() -> None:
    key = EmulatedKey(seed=1)
    with pytest.raises(KeySilentError, match="never answer"):
        key.call(CTAPHID.CANCEL)


SELECT_FIDO = bytes.fromhex("00A4040008A0000006472F0001")


def test_key_answers_in_a_reader_until_its_power_is_cut() -> None:
    key = EmulatedKey("ctap21", seed=1)
    assert key.transmit(SELECT_FIDO) == b"U2F_V2\x90\x00"
    assert key.transmit(bytes.fromhex("00030000")) == b"U2F_V2\x90\x00"
    key.power_cycle()
    assert key.transmit(bytes.fromhex("00030000")) == b"\x69\x86"


def test_reader_waits_for_the_touch_in_the_world_s_time() -> None:
    key = EmulatedKey("ctap21", seed=1, touch=2.0)
    key.transmit(SELECT_FIDO)
    before = key.clock()
    assert key.transmit(bytes((0x80, 0x10, 0, 0, 1, Ctap2.CMD.SELECTION, 0))) == b"\x00\x90\x00"
    assert key.clock() - before == 2.0


def test_fault_of_the_card_is_there_in_a_reader_alone() -> None:
    key = EmulatedKey("ctap21", seed=1, faults=["apdu-version-wrong"])
    assert key.transmit(SELECT_FIDO) == b"U2F_V3\x90\x00"
    assert Ctap1(key).get_version() == "U2F_V2"


def test_strangers_are_not_verified() -> None:
    key = EmulatedKey("passkey", seed=1)
    client_pin = ClientPin(Ctap2(key))
    permission = ClientPin.PERMISSION.MAKE_CREDENTIAL
    key.leave_to_strangers()
    with pytest.raises(CtapError) as refused:
        client_pin.get_uv_token(permission, "example.com")
    assert refused.value.code == CtapError.ERR.UV_INVALID
    key.leave_to_strangers(False)
    assert len(client_pin.get_uv_token(permission, "example.com")) == 32


def test_metadata_statements_are_the_model_s_whatever_is_wrong_with_the_key() -> None:
    key = EmulatedKey("ctap21", seed=1, faults=["info-aaguid-other"])
    families = {statement["protocolFamily"]: statement for statement in key.metadata_statements}
    assert set(families) == {"fido2", "u2f"}
    aaguid = key.security_key.profile.aaguid.hex()
    assert families["fido2"]["aaguid"].replace("-", "") == aaguid != Ctap2(key).info.aaguid.hex()


def test_no_emulated_key_is_there_to_be_found() -> None:
    assert list(EmulatedKey.list_devices()) == []
