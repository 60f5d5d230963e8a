"""Bad input to clientPIN, whose requests are encrypted (CTAP 2.3 §6.5.5)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap2 import ClientPin, Ctap2

from emulator.fido.session import Permission
from emulator.fido.status import CtapStatus

S, P = CtapStatus, Permission


class Pins:
    """The parameters of clientPIN's subcommands, as a platform encrypts them (§6.5.5)."""

    def __init__(self, platform: Any) -> None:
        self.platform, self.key = platform, platform.key
        self.agreement, self.secret = ClientPin(Ctap2(self.key), platform.protocol)._get_shared_secret()

    def request(self, sub_command: int, pin: str | None = None, new_pin: str = "141421") -> dict[int, Any]:
        protocol = self.platform.protocol
        request: dict[int, Any] = {1: 2, 2: sub_command, 3: self.agreement}
        new = protocol.encrypt(self.secret, new_pin.encode().ljust(64, b"\x00"))
        old = protocol.encrypt(self.secret, sha256((pin or self.platform.pin).encode()).digest()[:16])
        match sub_command:
            case 3:
                return request | {4: protocol.authenticate(self.secret, new), 5: new}
            case 4:
                return request | {4: protocol.authenticate(self.secret, new + old), 5: new, 6: old}
            case 5:
                return request | {6: old}
            case 6:
                return request | {9: P.GA, 10: self.platform.rp_id}
            case 9:
                return request | {6: old, 9: P.MC | P.GA, 10: self.platform.rp_id}
            case _:
                return request

    def status(self, request: dict[int, Any]) -> CtapStatus:
        return self.key.command(0x06, request)[0]


PIN_SECTIONS = {
    1: "§6.5.5.2",
    2: "§6.5.5.4",
    3: "§6.5.5.5",
    4: "§6.5.5.6",
    5: "§6.5.5.7.1",
    6: "§6.5.5.7.3",
    7: "§6.5.5.3",
    9: "§6.5.5.7.2",
}
PIN_NEEDS = {
    2: (1,),
    3: (1, 3, 4, 5),
    4: (1, 3, 4, 5, 6),
    5: (1, 3, 6),
    6: (1, 3, 9, 10),
    9: (1, 3, 6, 9, 10),
}


def pins(platform: Any, sub_command: int) -> Pins:
    """Of a key with a PIN, but for setPIN."""
    if sub_command == 3:
        platform.key.power_cycle()
        Ctap2(platform.key).reset()
    return Pins(platform)


@pytest.mark.parametrize("sub_command", PIN_SECTIONS, ids=PIN_SECTIONS.values())
def test_a_good_request_of_clientpin_succeeds(platform: Any, sub_command: int) -> None:
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command)) == S.SUCCESS


@pytest.mark.parametrize(
    ("sub_command", "member"),
    [
        pytest.param(sub_command, member, id=f"{PIN_SECTIONS[sub_command]} step 1: {member}")
        for sub_command, members in PIN_NEEDS.items()
        for member in (*members, 2)
    ],
)
def test_a_parameter_of_clientpin_that_is_missing_is_refused(platform, sub_command: int, member: int) -> None:
    given = pins(platform, sub_command)
    request = given.request(sub_command)
    del request[member]
    before = platform.key.snapshot()
    assert given.status(request) == S.MISSING_PARAMETER
    assert platform.key.snapshot() == before


@pytest.mark.parametrize("sub_command", PIN_SECTIONS, ids=PIN_SECTIONS.values())
@pytest.mark.parametrize("member", [1, 2, 3, 4, 5, 6, 9, 10])
def test_a_parameter_of_clientpin_of_the_wrong_type_is_refused(platform, sub_command, member: int) -> None:
    given = pins(platform, sub_command)
    wrong = b"bytes" if member in (1, 2, 3, 9, 10) else "text"
    before = platform.key.snapshot()
    assert given.status(given.request(sub_command) | {member: wrong}) == S.CBOR_UNEXPECTED_TYPE
    assert platform.key.snapshot() == before


@pytest.mark.parametrize("sub_command", PIN_NEEDS, ids=[PIN_SECTIONS[number] for number in PIN_NEEDS])
def test_a_protocol_unheard_of_is_refused_by_clientpin(platform: Any, sub_command: int) -> None:
    given = pins(platform, sub_command)
    for number in (0, 3, -1):
        assert given.status(given.request(sub_command) | {1: number}) == S.INVALID_PARAMETER


@pytest.mark.parametrize("sub_command", [3, 4, 5, 6, 9], ids=lambda number: PIN_SECTIONS[number])
@pytest.mark.parametrize("change", [{-2: bytes(32), -3: bytes(32)}, {-2: bytes(31)}, {3: -7}, {1: 1}, {4: 0}])
def test_a_key_agreement_key_that_is_none_is_refused(platform, sub_command: int, change: dict) -> None:
    """decapsulate, §6.5.6."""
    given = pins(platform, sub_command)
    request = given.request(sub_command)
    assert given.status(request | {3: request[3] | change}) == S.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (0, S.INVALID_PARAMETER),
        (-1, S.INVALID_PARAMETER),
        (0x80, S.SUCCESS),
        (P.PCMR | P.CM, S.UNAUTHORIZED_PERMISSION),
        (P.PCMR | P.MC, S.UNAUTHORIZED_PERMISSION),
    ],
)
@pytest.mark.parametrize("sub_command", [6, 9], ids=lambda number: f"{PIN_SECTIONS[number]} steps 3 and 4")
def test_permissions_that_nobody_can_have_are_refused(platform, sub_command, permissions, status) -> None:
    """Undefined ones are ignored."""
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command) | {9: permissions}) == status


def test_getpintoken_takes_neither_permissions_nor_an_rp_id_by_6_5_5_7_1(platform: Any) -> None:
    given = pins(platform, 5)
    for more in ({9: P.GA}, {10: platform.rp_id}):
        assert given.status(given.request(5) | more) == S.INVALID_PARAMETER


@pytest.mark.parametrize("sub_command", [4, 5, 9], ids=lambda number: PIN_SECTIONS[number])
def test_a_pin_that_is_blocked_is_told_as_such(platform: Any, sub_command: int) -> None:
    """§6.5.5.6 steps 3 and 7, §6.5.5.7.1 and §6.5.5.7.2 steps 5 and 9: three in a row, eight in all."""
    key, told = platform.key, []
    for _ in range(9):
        given = Pins(platform)
        told.append(given.status(given.request(sub_command, pin="wrong")))
        if told[-1] == S.PIN_AUTH_BLOCKED:
            assert given.status(given.request(sub_command)) == S.PIN_AUTH_BLOCKED  # and the right one too
            key.power_cycle()
    assert (
        told == [S.PIN_INVALID, S.PIN_INVALID, S.PIN_AUTH_BLOCKED] * 2 + [S.PIN_INVALID] + [S.PIN_BLOCKED] * 2
    )
    key.power_cycle()
    for number in (4, 5, 9):
        assert Pins(platform).status(Pins(platform).request(number)) in (S.PIN_BLOCKED, S.INVALID_PARAMETER)
    given = Pins(platform)
    assert given.status(given.request(sub_command)) == S.PIN_BLOCKED
    assert given.status(given.request(6)) == S.UV_BLOCKED  # §6.5.3.1 step 3


@pytest.mark.parametrize(
    ("new_pin", "status"),
    [("123", S.PIN_POLICY_VIOLATION), ("é" * 3, S.PIN_POLICY_VIOLATION), ("x" * 64, S.PIN_POLICY_VIOLATION)],
)
@pytest.mark.parametrize("sub_command", [3, 4], ids=lambda number: PIN_SECTIONS[number])
def test_a_pin_too_short_or_too_long_is_refused(platform, sub_command, new_pin: str, status) -> None:
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command, new_pin=new_pin)) == status


def test_setpin_is_for_keys_without_one_and_changepin_for_others_by_6_5_5_5_and_6_5_5_6(platform) -> None:
    given = Pins(platform)
    assert given.status(given.request(3)) == S.PIN_AUTH_INVALID
    platform.key.power_cycle()
    Ctap2(platform.key).reset()
    for sub_command in (4, 5, 9):
        given = Pins(platform)
        assert given.status(given.request(sub_command)) == S.PIN_NOT_SET
