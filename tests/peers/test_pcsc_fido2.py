"""python-fido2's smart-card device, over a real pcscd, at ``keyrig emulate``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip(
    "smartcard", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from fido2.ctap import CtapError
from fido2.ctap1 import APDU, ApduError, Ctap1
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CAPABILITY
from fido2.pcsc import CtapPcscDevice

RP = {"id": "example.com", "name": "Example"}
USER = {"id": b"alice", "name": "alice"}
ES256 = [{"type": "public-key", "alg": -7}]
MOST_POLLS = 200


@pytest.fixture(scope="module")
def card(pcscd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    output = tmp_path_factory.mktemp("card") / "said"
    with pcscd.card("--control", "0", "--touch", "after=0.3", output=output) as card:
        yield card


@pytest.fixture
def device(card: Any, smart_cards: ModuleType) -> Iterator[CtapPcscDevice]:
    [device] = CtapPcscDevice.list_devices(smart_cards.READER)
    yield device
    device.close(release=True)


def make(device: CtapPcscDevice, **more: Any) -> Any:
    return Ctap2(device).make_credential(b"c" * 32, RP, USER, ES256, **more)


def test_card_speaks_u2f_and_ctap2(device: CtapPcscDevice) -> None:
    assert device.capabilities & CAPABILITY.CBOR
    assert device.get_atr()[-7:-1] == b"keyrig"
    info = Ctap2(device).info
    assert info.transports == ["nfc"]
    assert "U2F_V2" in info.versions


@pytest.mark.parametrize("extended", [False, True], ids=["short APDUs", "extended APDUs"])
def test_credentials_are_made_and_used_when_the_key_is_touched(
    device: CtapPcscDevice, extended: bool
) -> None:
    device.use_ext_apdu = extended
    heard: list[int] = []
    made = make(device, on_keepalive=heard.append)
    assert heard == [2]
    credential = made.auth_data.credential_data
    allowed = [{"type": "public-key", "id": credential.credential_id}]
    assertion = Ctap2(device).get_assertion(RP["id"], b"d" * 32, allowed)
    assertion.verify(b"d" * 32, credential.public_key)


@pytest.mark.parametrize("polls", [True, False], ids=["that polls", "that waits for the answer"])
def test_long_messages_go_both_ways_to_a_client(device: CtapPcscDevice, polls: bool) -> None:
    device.use_nfcctap_getresponse = polls
    made = make(device)
    known = {"type": "public-key", "id": made.auth_data.credential_data.credential_id}
    excluded = [{"type": "public-key", "id": bytes((n,)) * 128} for n in range(5)]
    assert len(make(device, exclude_list=excluded).att_stmt["x5c"][0]) > 256
    with pytest.raises(CtapError, match="CREDENTIAL_EXCLUDED"):
        make(device, exclude_list=[*excluded, known])


def test_u2f_is_asked_again_until_the_touch(device: CtapPcscDevice) -> None:
    u2f = Ctap1(device)
    assert u2f.get_version() == "U2F_V2"
    client, app = b"c" * 32, b"a" * 32
    registration = _until_touched(lambda: u2f.register(client, app))
    registration.verify(app, client)
    signed = _until_touched(lambda: u2f.authenticate(client, app, registration.key_handle))
    signed.verify(app, client, registration.public_key)


def _until_touched(ask: Callable[[], Any]) -> Any:
    for _ in range(MOST_POLLS):
        try:
            return ask()
        except ApduError as error:
            if error.code != APDU.USE_NOT_SATISFIED:
                raise
        time.sleep(0.05)
    pytest.fail("the touch never came")


def test_pin_is_set_and_a_token_got_and_power_forgets_the_token(device: CtapPcscDevice) -> None:
    pin = ClientPin(Ctap2(device))
    pin.set_pin("1234")
    token = pin.get_pin_token("1234", ClientPin.PERMISSION.MAKE_CREDENTIAL, RP["id"])
    proof = pin.protocol.authenticate(token, b"c" * 32)
    verified = {"pin_uv_param": proof, "pin_uv_protocol": pin.protocol.VERSION}
    assert make(device, **verified).auth_data.is_user_verified()
    device.close()
    device.connect()
    with pytest.raises(CtapError, match="PIN_AUTH_INVALID"):
        make(device, **verified)
    Ctap2(device).reset()
