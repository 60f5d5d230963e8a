from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2
from fido2.hid import CtapHidDevice

from emulator.exchange import Asked, Exchange
from emulator.fido.gesture import Gesture
from emulator.keyring import KeyRing, KeyRingError
from emulator.profile import Profile
from emulator.transports.port import PortError
from emulator.transports.robot import Robot
from emulator.transports.udp import UdpPort

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]
ES256 = [{"type": "public-key", "alg": -7}]


class Heard:
    def __init__(self) -> None:
        self.exchanges: list[tuple[int, str]] = []
        self.waits: list[tuple[int, Gesture]] = []

    def exchange(self, number: int, exchange: Exchange) -> None:
        self.exchanges.append((number, exchange.command))

    def waiting(self, number: int, asked: Asked, gesture: Gesture) -> None:
        self.waits.append((number, gesture))


def plugged_in(heard: Heard | None = None, profile: str = "ctap21", **more: Any) -> Any:
    """Keys on free UDP ports."""
    heard = heard or Heard()
    given = {"transport": "udp", "port": 0, "answer_port": None, "random_bytes": os.urandom, **more}
    ring = KeyRing(profile=Profile.load(profile), **given)
    return ring.plugged_in(on_exchange=heard.exchange, on_waiting=heard.waiting)


def port_of(robot: Robot) -> int:
    assert robot.name is not None
    return int(robot.name.rpartition(":")[2])


def make(device: CtapHidDevice, **more: Any) -> Any:
    rp, user = {"id": "example.com"}, {"id": b"alice"}
    return Ctap2(device).make_credential(b"c" * 32, rp, user, ES256, **more)


def test_each_key_has_its_own_serial_number_and_tells_its_own_story(device_at: Client) -> None:
    heard = Heard()
    with plugged_in(heard, count=3) as robots:
        assert len({robot.identity.serial_number for robot in robots}) == 3
        for robot in reversed(robots):
            with device_at(port_of(robot)) as device:
                assert Ctap2(device).info.aaguid == Profile.load("ctap21").aaguid
        assert heard.exchanges == [(3, "getInfo"), (2, "getInfo"), (1, "getInfo")]


def test_distinct_aaguids_are_valid_stable_and_begin_with_the_profiles(device_at: Client) -> None:
    seen = []
    for _ in range(2):
        with plugged_in(count=3, distinct_aaguid=True) as robots:
            for robot in robots:
                with device_at(port_of(robot)) as device:
                    seen.append(Ctap2(device).info.aaguid)
    assert seen[:3] == seen[3:]
    assert len(set(seen)) == 3
    assert seen[0] == Profile.load("ctap21").aaguid
    assert all(bytes(aaguid)[6] >> 4 == 4 and bytes(aaguid)[8] >> 6 == 2 for aaguid in seen[1:])


def test_distinct_aaguid_of_a_key_that_has_none_is_refused() -> None:
    with (
        pytest.raises(KeyRingError, match="u2f-only has no AAGUID"),
        plugged_in(profile="u2f-only", distinct_aaguid=True),
    ):
        pass


def test_seed_makes_the_same_keys_each_different(device_at: Client) -> None:
    def credentials() -> list[tuple[str, bytes]]:
        found = []
        with plugged_in(count=2, seed="s") as robots:
            for robot in robots:
                with device_at(port_of(robot)) as device:
                    data = make(device).auth_data.credential_data
                    found.append((robot.identity.serial_number, bytes(data.credential_id)))
        return found

    first = credentials()
    assert first == credentials()
    assert first[0] != first[1]
    with plugged_in(seed="s") as (alone,):
        assert alone.identity.serial_number == first[0][0]


def test_enterprise_attestation_tells_each_key_s_serial_number(device_at: Client) -> None:
    with plugged_in(profile="enterprise", count=2, pin="314159") as robots:
        for robot in robots:
            with device_at(port_of(robot)) as device:
                certificate = x509.load_der_x509_certificate(enterprise_attested(Ctap2(device))["x5c"][0])
            assert f"number {robot.identity.serial_number}" in certificate.subject.rfc4514_string()


def enterprise_attested(ctap2: Ctap2) -> Mapping[str, Any]:
    """The attestation statement of a key that has been told to tell which it is."""
    client, permission = ClientPin(ctap2), ClientPin.PERMISSION
    token = client.get_pin_token("314159", permission.AUTHENTICATOR_CFG)
    Config(ctap2, client.protocol, token).enable_enterprise_attestation()
    token = client.get_pin_token("314159", permission.MAKE_CREDENTIAL, "example.com")
    return ctap2.make_credential(
        bytes(32),
        {"id": "example.com"},
        {"id": b"alice"},
        ES256,
        pin_uv_param=client.protocol.authenticate(token, bytes(32)),
        pin_uv_protocol=client.protocol.VERSION,
        enterprise_attestation=1,
    ).att_stmt


def test_store_remembers_serial_number_and_credentials_of_each_key(device_at: Client, tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with plugged_in(count=2, store=tmp_path / "keys.db") as robots:
            for robot in robots:
                with device_at(port_of(robot)) as device:
                    if len(seen) < 2:
                        make(device, options={"rk": True})
                    assertion = Ctap2(device).get_assertion("example.com", b"c" * 32)
                    seen.append((robot.identity.serial_number, assertion.credential["id"]))
    assert seen[:2] == seen[2:]
    assert (tmp_path / "keys.db").exists()
    assert (tmp_path / "keys-2.db").exists()


def test_store_with_a_seed_never_makes_the_same_credential_twice(device_at: Client, tmp_path: Path) -> None:
    def run(store: Path) -> list[bytes]:
        made = []
        for _ in range(3):
            with plugged_in(store=store, seed="s") as (robot,), device_at(port_of(robot)) as device:
                made.append(bytes(make(device, options={"rk": True}).auth_data.credential_data.credential_id))
        return made

    first = run(tmp_path / "a.db")
    assert len(set(first)) == 3
    assert run(tmp_path / "b.db") == first


def test_initial_pin_is_what_the_stock_client_would_set(device_at: Client) -> None:
    for pin, normal in (("123456", "123456"), ("cafe\u0301", "caf\u00e9"), ("ключ", "ключ")):
        with plugged_in(pin=pin) as (robot,), device_at(port_of(robot)) as device:
            client = ClientPin(Ctap2(device))  # which leaves Normalization Form C to its caller
            assert client.get_pin_token(normal, ClientPin.PERMISSION.GET_ASSERTION, "example.com")
            client.change_pin(normal, "another")


def test_initial_pin_does_not_replace_one_that_is_there(device_at: Client, tmp_path: Path) -> None:
    for pin in ("first!", "second"):
        with plugged_in(pin=pin, store=tmp_path / "k.db") as (robot,), device_at(port_of(robot)) as device:
            assert ClientPin(Ctap2(device)).get_pin_token("first!", 2, "example.com")
            with pytest.raises(CtapError, match="PIN_INVALID"):
                ClientPin(Ctap2(device)).get_pin_token("second", 2, "example.com")


@pytest.mark.parametrize(
    ("profile", "pin", "why"),
    [
        ("ctap21", "123", "at least 4 characters"),
        ("ctap21", "x" * 64, "at most 63 bytes"),
        ("ctap21", "ключ" * 8, "at most 63 bytes"),
        ("u2f-only", "123456", "u2f-only has no PIN"),
    ],
)
def test_pin_that_cannot_be_is_refused_and_not_shown(profile: str, pin: str, why: str) -> None:
    with pytest.raises(KeyRingError, match=why) as refused, plugged_in(profile=profile, pin=pin):
        pass
    assert pin not in str(refused.value)
    assert pin not in repr(KeyRing(profile=Profile.load(profile), random_bytes=os.urandom, pin=pin))


def test_habits_reach_the_keys(device_at: Client) -> None:
    heard = Heard()
    with plugged_in(heard, touch=0.05) as (robot,), device_at(port_of(robot)) as device:
        Ctap2(device).selection()
    assert heard.waits == [(1, Gesture.PRESENCE)]


def test_port_taken_for_the_second_key_unplugs_the_first() -> None:
    first = UdpPort(port=0)
    first.close()
    second = UdpPort(port=first.port + 1)
    with pytest.raises(PortError, match=f"{second.port}.*in use"), plugged_in(count=2, port=first.port):
        pass
    second.close()
    UdpPort(port=first.port).close()


@pytest.mark.parametrize(("transport", "limit"), [("udp", 7609), ("uhid", 1200), ("gadget", 7609)])
def test_longest_message_is_what_the_transport_can_carry(transport: Any, limit: int) -> None:
    profile = replace(Profile.load("ctap21"), max_message_size=7609)
    ring = KeyRing(profile=profile, random_bytes=os.urandom, transport=transport)
    assert ring.profile_of(1).max_message_size == limit
