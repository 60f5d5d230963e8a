from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap1 import Ctap1
from fido2.ctap2 import ClientPin, Ctap2
from hypothesis import given
from hypothesis import strategies as st

from emulator.clock import ManualClock
from emulator.exchange import Asked, Exchange, ExchangeLog, OathRequest, describe
from emulator.fido import cbor
from emulator.fido.ctaphid import BROADCAST_CID, CtapHidCommand, Request, encode_message
from emulator.fido.gesture import Gesture
from emulator.security_key import SecurityKey

CBOR, MSG, CANCEL, INIT = CtapHidCommand.CBOR, CtapHidCommand.MSG, CtapHidCommand.CANCEL, CtapHidCommand.INIT
APPLICATION = sha256(b"https://example.com").digest()
U2F_REGISTER = bytes((0, 1, 3, 0, 0, 0, 64)) + b"c" * 32 + APPLICATION + bytes(2)


def cbor_request(code: int, parameters: Any = None) -> Request:
    return Request(command=CBOR, data=bytes((code,)) + (cbor.encode(parameters) if parameters else b""))


class Captured:
    """A python-fido2 device that keeps what it is given to send, and fails."""

    def __init__(self) -> None:
        self.capabilities = 0x04
        self.requests: list[Request] = []

    def call(self, cmd: int, data: bytes = b"", *_: Any) -> bytes:
        self.requests.append(Request(command=CtapHidCommand(cmd), data=data))
        raise ConnectionAbortedError

    def say(self, how: Any) -> Request:
        with pytest.raises(ConnectionAbortedError):
            how(self)
        return self.requests[-1]


def ctap2(device: Captured) -> Ctap2:
    ctap = Ctap2.__new__(Ctap2)  # without the getInfo that its constructor asks for
    ctap.device = device
    ctap._strict_cbor = True
    ctap._max_msg_size = 1200
    return ctap


RP, USER, ES256 = {"id": "example.com"}, {"id": b"alice"}, [{"type": "public-key", "alg": -7}]


@pytest.mark.parametrize(
    ("how", "asked"),
    [
        (lambda d: ctap2(d).make_credential(b"c" * 32, RP, USER, ES256), ("makeCredential", "example.com")),
        (lambda d: ctap2(d).get_assertion("example.com", b"c" * 32), ("getAssertion", "example.com")),
        (lambda d: ctap2(d).get_info(), ("getInfo", None)),
        (lambda d: ctap2(d).get_next_assertion(), ("getNextAssertion", None)),
        (lambda d: ctap2(d).reset(), ("reset", None)),
        (lambda d: ctap2(d).selection(), ("selection", None)),
        (
            lambda d: ctap2(d).client_pin(2, ClientPin.CMD.GET_KEY_AGREEMENT),
            ("clientPIN getKeyAgreement", None),
        ),
        (
            lambda d: ctap2(d).client_pin(2, 9, permissions=1, permissions_rpid="example.com"),
            ("clientPIN getPinUvAuthTokenUsingPin", "example.com"),
        ),
        (lambda d: Ctap1(d).get_version(), ("U2F version", None)),
        (
            lambda d: Ctap1(d).register(b"c" * 32, APPLICATION),
            ("U2F register", f"sha256:{APPLICATION.hex()[:12]}…"),
        ),
        (
            lambda d: Ctap1(d).authenticate(b"c" * 32, APPLICATION, b"h" * 64),
            ("U2F authenticate", f"sha256:{APPLICATION.hex()[:12]}…"),
        ),
    ],
)
def test_requests_of_the_stock_client_are_named(how: Any, asked: tuple[str, str | None]) -> None:
    assert describe(Captured().say(how)) == Asked(command=asked[0], rp=asked[1])


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (cbor_request(0x55), "command 0x55"),
        (Request(command=CBOR, data=b"\x01\xff"), "makeCredential"),
        (cbor_request(0x01, {2: "no map"}), "makeCredential"),
        (cbor_request(0x02, [1, 2]), "getAssertion"),
        (cbor_request(0x06, {2: 0x77}), "clientPIN 119"),
        (cbor_request(0x06, {2: "text"}), "clientPIN"),
        (Request(command=MSG, data=b"\x00"), "U2F, malformed"),
        (Request(command=MSG, data=b"\x00\x99\x00\x00"), "U2F 0x99"),
    ],
)
def test_malformed_request_is_named_by_what_it_begins_like(request_: Request, command: str) -> None:
    assert describe(request_) == Asked(command=command, rp=None)


@given(st.sampled_from([CBOR, MSG]), st.binary(min_size=1, max_size=40))
def test_any_bytes_can_be_described(command: CtapHidCommand, data: bytes) -> None:
    assert describe(Request(command=command, data=data)).command


def test_relying_party_cannot_drive_the_terminal() -> None:
    shown = describe(cbor_request(0x02, {1: "\x1b[2Jexample\r\n.com" + "x" * 1000})).rp
    assert shown is not None
    assert shown.isprintable()
    assert len(shown) < 300


class Rig:
    """A key with a log, on one clock, and a platform whose packets need no answer read."""

    def __init__(self, **more: Any) -> None:
        self.clock = ManualClock(1000.0)
        self.told: list[Exchange] = []
        self.waits: list[tuple[Asked, Gesture]] = []
        self.log = ExchangeLog(
            self.clock,
            on_waiting=lambda asked, gesture: self.waits.append((asked, gesture)),
            on_exchange=self.told.append,
        )
        self.key = SecurityKey(seed=1, now=1000.0, observer=self.log, **more)
        self.send(INIT, bytes(8), cid=BROADCAST_CID)

    def send(self, command: int, data: bytes = b"", cid: int = 1) -> None:
        for packet in encode_message(cid, command, data):
            self.key.receive(packet, self.clock())


def test_exchange_tells_command_result_and_time_apart_from_the_wait() -> None:
    rig = Rig(touch="by call")
    rig.send(CBOR, b"\x0b")
    rig.clock.advance(2)
    rig.key.touch(rig.clock())
    assert rig.waits == [(Asked(command="selection", rp=None), Gesture.PRESENCE)]
    assert (
        rig.told
        == list(rig.log.exchanges)
        == [
            Exchange(
                number=1,
                command="selection",
                rp=None,
                result="SUCCESS",
                started=1000.0,
                duration=2.0,
                waited=2.0,
            )
        ]
    )


@pytest.mark.parametrize(
    ("end", "result"),
    [
        (lambda rig: rig.send(CANCEL), "KEEPALIVE_CANCEL"),
        (lambda rig: rig.send(INIT, bytes(8)), "abandoned"),
        (lambda rig: rig.key.power_cycle(1000.0), "abandoned"),
        (lambda rig: rig.key.handle_timer(1030.0), "USER_ACTION_TIMEOUT"),
    ],
)
def test_request_that_came_to_nothing_says_how(end: Any, result: str) -> None:
    rig = Rig(touch="never")
    rig.send(CBOR, b"\x0b")
    assert rig.log.waiting_for == (Asked(command="selection", rp=None), Gesture.PRESENCE)
    end(rig)
    assert [exchange.result for exchange in rig.told] == [result]
    assert rig.log.waiting_for is None


def test_polls_of_u2f_in_vain_are_one_exchange_and_one_wait() -> None:
    rig = Rig(touch="by call")
    for _ in range(5):
        rig.send(MSG, U2F_REGISTER)
        rig.clock.advance(0.2)
    assert rig.log.waiting_for is not None
    rig.key.touch(rig.clock())
    rig.send(MSG, U2F_REGISTER)
    assert [exchange.result for exchange in rig.told] == ["CONDITIONS_NOT_SATISFIED", "NO_ERROR"]
    assert len(rig.waits) == 1
    assert rig.log.waiting_for is None


def test_log_keeps_the_last_thousand() -> None:
    rig = Rig()
    for _ in range(1001):
        rig.send(CBOR, b"\x55")
    assert [exchange.number for exchange in rig.log.exchanges] == list(range(2, 1002))


def test_line_has_command_relying_party_result_and_milliseconds() -> None:
    exchange = Exchange(
        number=1,
        command="getAssertion",
        rp="example.com",
        result="SUCCESS",
        started=1000.0,
        duration=2.0123,
        waited=2.0,
    )
    words = " ".join(str(exchange).split())
    assert words == "getAssertion example.com SUCCESS 12.3 ms + 2.0 s waiting for the user"


@pytest.mark.parametrize(
    ("apdu", "asked"),
    [
        ("00a1000000", Asked(command="OATH list", rp=None)),
        ("00a20001067104 612f621b 00", Asked(command="OATH calculate", rp="a/b\N{REPLACEMENT CHARACTER}")),
        ("0001000003 710961", Asked(command="OATH put", rp="a")),
        ("000100000171", Asked(command="OATH put", rp=None)),
        ("0003000003 730121", Asked(command="OATH set code", rp=None)),
        ("00ee0000", Asked(command="OATH 0xee", rp=None)),
    ],
)
def test_oath_commands_tell_the_account_and_nothing_secret(apdu: str, asked: Asked) -> None:
    assert describe(OathRequest(data=bytes.fromhex(apdu))) == asked


def test_an_oath_code_that_waits_for_a_touch_is_one_exchange() -> None:
    now = ManualClock()
    told: list[Exchange] = []
    log = ExchangeLog(now, on_exchange=told.append)
    request = OathRequest(data=bytes.fromhex("00a2000003710161"))
    log.started(request)
    log.waiting(request, Gesture.PRESENCE)
    assert log.waiting_for == (Asked(command="OATH calculate", rp="a"), Gesture.PRESENCE)
    now.advance(3)
    log.resumed(request)
    log.answered(request, b"\x90\x00")
    assert [(exchange.result, exchange.waited) for exchange in told] == [("NO_ERROR", 3)]
