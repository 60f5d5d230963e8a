"""A key that is only reached by packets: a person is asked for what takes one, and it stays as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from fido2.client import ClientError, DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CTAPHID
from fido2.server import Fido2Server
from fido2.webauthn import (
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from emulator.fido.ctaphid import encode_message
from harness.devices.key import DeviceError, Key

BROADCAST_CID = 0xFFFFFFFF
ES256 = {"type": "public-key", "alg": -7}
HASH = b"c" * 32

Serve = Callable[..., Any]


def make_credential(key: Key, **more: Any) -> Any:
    rp, user = {"id": "example.com", "name": "Example"}, {"id": b"alice", "name": "alice"}
    return Ctap2(key).make_credential(HASH, rp, user, [ES256], **more)


def ceremonies(key: Key, verification: UserVerificationRequirement) -> None:
    """Register and sign in, as the stock client and server do."""

    class Person(UserInteraction):
        def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:
            return key.pin()

    client = Fido2Client(key, DefaultClientDataCollector("https://example.com"), Person())
    server = Fido2Server(PublicKeyCredentialRpEntity(name="Example", id="example.com"), attestation="direct")
    user = PublicKeyCredentialUserEntity(name="alice", id=b"alice")
    options, state = server.register_begin(user, user_verification=verification)
    registered = server.register_complete(state, client.make_credential(options.public_key))
    assert registered.credential_data is not None
    request, state = server.authenticate_begin([registered.credential_data], verification)
    response = client.get_assertion(request.public_key).get_response(0)
    server.authenticate_complete(state, [registered.credential_data], response)


def touched_after(served: Any, seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, served.loop.call, [lambda key, now: key.touch(now)])
    timer.start()
    return timer


# Packets.


@pytest.mark.parametrize("length", [0, 57, 58, 1200, 7609])
def test_ping_comes_back_whole(serve: Serve, length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert serve().key.open().ping(data) == data


@pytest.mark.parametrize("profile", ["ctap21", "u2f-only"])
def test_whole_ceremonies_succeed_and_nobody_is_asked_when_the_key_answers_at_once(
    serve: Serve, profile: str
) -> None:
    served = serve(profile)
    ceremonies(served.key, UserVerificationRequirement.DISCOURAGED)
    time.sleep(0.5)
    assert served.asked == []


def test_channels_do_not_hear_each_other(serve: Serve) -> None:
    key = serve().key
    first, second = key.open(), key.open()
    for message in (b"one", b"two"):
        assert second.ping(message * 30) == message * 30
        assert first.ping(message) == message
    assert Ctap2(key).get_info().versions


def test_raw_packets_are_answered(serve: Serve) -> None:
    key = serve().key
    assert key.receive_packet(0.0) is None
    (init,) = encode_message(BROADCAST_CID, CTAPHID.INIT, b"nonce123")
    key.send_packet(init)
    key.open()  # whose INIT is answered after that, on the same channel
    answer = key.receive_packet(1.0)
    assert answer is not None
    assert answer[:15] == bytes.fromhex("ffffffff 86 0011") + b"nonce123"
    assert key.receive_packet(0.1) is None


def test_a_key_that_has_gone_is_a_clear_error(serve: Serve) -> None:
    served = serve()
    served.loop.unplug()
    with pytest.raises(
        DeviceError, match=r"^udp:127.0.0.1:\d+ has said nothing for 5 s; is it a key, and running\?$"
    ):
        served.key.call(CTAPHID.PING, b"x")


# The person.


def test_a_person_is_asked_once_for_a_touch_that_does_not_come(serve: Serve) -> None:
    served = serve(touch="by call")
    touched_after(served, 0.8)
    assert make_credential(served.key).auth_data.is_user_present()
    assert served.asked == [f"▶ touch security key, {served.key.name}, to register with example.com"]
    touched_after(served, 0.8)
    Ctap2(served.key).selection()
    assert served.asked[1:] == [f"▶ touch security key, {served.key.name}, to go on"]


def test_a_touch_that_comes_soon_is_not_asked_for(serve: Serve) -> None:
    served = serve(touch=0.1)
    Ctap2(served.key).selection()
    time.sleep(0.5)
    assert served.asked == []


def test_a_platform_that_polls_by_u2f_asks_once(serve: Serve) -> None:
    served = serve("u2f-only", touch=1.0)
    ceremonies(served.key, UserVerificationRequirement.DISCOURAGED)
    please = f"▶ touch security key, {served.key.name}, to "
    assert served.asked == [f"{please}register with a site", f"{please}sign in"]


def test_a_key_that_verifies_its_user_itself_has_them_asked(serve: Serve) -> None:
    served = serve("passkey", uv=0.8)
    token = ClientPin(Ctap2(served.key)).get_uv_token(ClientPin.PERMISSION.MAKE_CREDENTIAL, "example.com")
    assert len(token) == 32
    assert served.asked == [f"▶ touch security key, {served.key.name}, so that it verifies you"]


def test_what_only_a_person_does_is_asked_of_one(serve: Serve) -> None:
    served = serve()
    served.key.touch()
    served.key.verify()
    served.key.verify(accepted=False)
    name = f"security key, {served.key.name}"
    assert served.asked == [
        f"▶ touch {name} now",
        f"▶ touch {name} with a finger that it knows",
        f"▶ touch {name} with a finger that it does not know",
    ]


def test_a_key_without_a_plug_cannot_be_power_cycled(serve: Serve) -> None:
    with pytest.raises(DeviceError, match="has no plug to pull"):
        serve().key.power_cycle()


# The PIN.


def test_the_pin_comes_from_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_OF_THE_TESTS", "2580")
    served = serve(destructive=True)
    ClientPin(Ctap2(served.key)).set_pin("2580")
    ceremonies(served.key, UserVerificationRequirement.REQUIRED)
    assert served.asked == []


def test_a_wrong_pin_costs_one_try_and_no_more(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_OF_THE_TESTS", "0000")
    served = serve(destructive=True)
    client_pin = ClientPin(Ctap2(served.key))
    client_pin.set_pin("2580")
    before = client_pin.get_pin_retries()[0]
    with pytest.raises(ClientError) as refused:
        ceremonies(served.key, UserVerificationRequirement.REQUIRED)
    assert isinstance(refused.value.cause, CtapError)
    assert refused.value.cause.code == CtapError.ERR.PIN_INVALID
    with pytest.raises(DeviceError, match="was wrong; it is not tried again"):
        ceremonies(served.key, UserVerificationRequirement.REQUIRED)
    assert client_pin.get_pin_retries()[0] == before - 1


# What is not to be changed.


def reset(key: Key) -> None:
    Ctap2(key).reset()


def set_pin(key: Key) -> None:
    ClientPin(Ctap2(key)).set_pin("2580")


def store(key: Key) -> None:
    make_credential(key, options={"rk": True})


def reset_on_a_channel_of_ones_own(key: Key) -> None:
    Ctap2(key.open()).reset()


def reset_by_raw_packet(key: Key) -> None:
    (init,) = encode_message(BROADCAST_CID, CTAPHID.INIT, b"nonce123")
    key.send_packet(init)
    answer = key.receive_packet(1.0)
    assert answer is not None
    (packet,) = encode_message(int.from_bytes(answer[15:19], "big"), CTAPHID.CBOR, b"\x07")
    key.send_packet(packet)
    assert key.receive_packet(5.0) is not None


@pytest.mark.parametrize("deed", [reset, set_pin, store, reset_on_a_channel_of_ones_own, reset_by_raw_packet])
def test_a_key_is_not_changed_unless_that_is_allowed(serve: Serve, deed: Callable[[Key], None]) -> None:
    kept = serve()
    before = Ctap2(kept.key).get_info()
    with pytest.raises(DeviceError, match="only with --destructive"):
        deed(kept.key)
    assert Ctap2(kept.key).get_info() == before
    deed(serve(destructive=True).key)
