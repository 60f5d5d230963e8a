"""The card's side of the reader, against a reader in this process."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

pytest.importorskip(
    "smartcard", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

import smartcard.ATR

from emulator.card import Card, FidoApplet
from emulator.clock import ManualClock
from emulator.exchange import ExchangeLog
from emulator.security_key import SecurityKey
from emulator.store import MemoryStore
from emulator.transports.loop import KeyClock
from emulator.transports.port import PortError, UsbIdentity
from emulator.transports.robot import Robot
from emulator.transports.vpcd import ATR, READER_PORT, Control, Slot, VpcdPort, _name

PATIENCE = 20.0
OFF, ON, GET_ATR = (bytes((control,)) for control in (Control.POWER_OFF, Control.POWER_ON, Control.GET_ATR))
SELECT = bytes.fromhex("00A4040008A0000006472F0001")


class Reader:
    """A virtual reader: it listens, and asks each card that comes for its answer to reset."""

    def __init__(self, port: int = 0) -> None:
        self.socket = socket.create_server(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.taken = threading.Event()
        self.card: socket.socket | None = None
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            self.card, _ = self.socket.accept()
            self.card.settimeout(PATIENCE)
            self.send(GET_ATR)
            self.taken.set()

    def send(self, message: bytes) -> None:
        assert self.card is not None
        self.card.sendall(len(message).to_bytes(2, "big"))
        self.card.sendall(message)

    def receive(self) -> bytes:
        assert self.taken.wait(PATIENCE)
        assert self.card is not None
        size = int.from_bytes(self.card.recv(2, socket.MSG_WAITALL), "big")
        return self.card.recv(size, socket.MSG_WAITALL)

    def ask(self, message: bytes) -> bytes:
        self.send(message)
        return self.receive()

    def close(self) -> None:
        if self.card is not None:
            self.card.close()
        self.socket.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture
def port(reader: Reader) -> Iterator[VpcdPort]:
    port = VpcdPort(port=reader.port)
    yield port
    port.close()


@pytest.fixture
def robot(reader: Reader) -> Iterator[Robot]:
    clock, store = KeyClock(), MemoryStore()
    log = ExchangeLog(clock)
    key = SecurityKey(random_bytes=os.urandom, store=store, now=clock(), observer=log)
    robot = Robot(
        key,
        lambda: VpcdPort(port=reader.port),
        identity=UsbIdentity(serial_number="1"),
        store=store,
        log=log,
        clock=clock,
        wire=Slot(Card(key, (FidoApplet(key),))),
    )
    with robot:
        yield robot


def test_answer_to_reset_is_well_formed_and_tells_of_chaining_and_extended_lengths() -> None:
    atr = smartcard.ATR.ATR(list(ATR))
    assert atr.hasChecksum
    assert atr.checksumOK
    assert atr.isT1Supported()
    assert bytes(atr.getHistoricalBytes()) == b"\x80\x73\xc0\x21\xc0\x56keyrig"


def test_slot_answers_the_reader_and_power_is_the_cards() -> None:
    key = SecurityKey(seed=1)
    slot = Slot(Card(key, (FidoApplet(key),)))
    for message in (GET_ATR, ON, SELECT, OFF, bytes.fromhex("80108000"), b"\x07"):
        slot.receive(message, ManualClock()())
    assert slot.packets_to_send() == [ATR, b"U2F_V2\x90\x00", b"\x69\x86", b"\x67\x00"]
    assert slot.packets_to_send() == []


def test_messages_come_in_and_answers_go_out(port: VpcdPort, reader: Reader) -> None:
    assert port.read() == GET_ATR
    reader.send(SELECT)
    assert port.read() == SELECT
    port.write(ATR)
    port.write(b"\x90\x00")
    assert (reader.receive(), reader.receive()) == (ATR, b"\x90\x00")


def test_empty_and_longest_messages_come_whole(port: VpcdPort, reader: Reader) -> None:
    assert port.read() == GET_ATR
    reader.send(b"")
    assert port.read() == b""
    threading.Thread(target=reader.send, args=(bytes(65_535),), daemon=True).start()
    assert port.read() == bytes(65_535)


def test_card_is_put_in_again_when_its_reader_comes_back(
    port: VpcdPort, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    assert port.read() == GET_ATR
    reader.send(SELECT)
    assert port.read() == SELECT
    with caplog.at_level(logging.WARNING, "emulator"):
        reader.close()
        again = Reader(reader.port)
        assert port.read() == OFF
    assert port.read() == GET_ATR
    for answer in (b"to the reader", b"that has gone", ATR):
        port.write(answer)
    assert again.receive() == ATR
    again.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"127.0.0.1:{reader.port} has gone; its card is put in again when it comes back",
        f"127.0.0.1:{reader.port} is back",
    ]


def test_close_ends_a_read_that_waits(port: VpcdPort) -> None:
    read: list[bytes | None] = []
    thread = threading.Thread(target=lambda: read.extend((port.read(), port.read())))
    thread.start()
    port.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert read[-1] is None
    port.close()


def test_close_ends_the_wait_for_a_reader(port: VpcdPort, reader: Reader) -> None:
    read: list[bytes | None] = []
    assert port.read() == GET_ATR
    reader.close()
    thread = threading.Thread(target=lambda: read.append(port.read()))
    thread.start()
    port.close()
    thread.join(PATIENCE)
    assert read == [None]


def test_reader_that_is_not_there_is_one_line_that_names_the_packages() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with pytest.raises(
        PortError, match=r"^no virtual reader listens .*'apt-get install pcscd vsmartcard-vpcd'"
    ):
        VpcdPort(port=free)


def test_reader_that_has_a_card_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.transports.vpcd.PATIENCE", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(PortError, match="another one may be in it"),
    ):
        VpcdPort(port=server.getsockname()[1])


def test_address_that_is_none_is_one_line() -> None:
    with pytest.raises(PortError, match=r"--reader-address$"):
        VpcdPort(host="nobody.invalid")


def test_name_is_what_pcscd_calls_the_reader() -> None:
    assert _name("127.0.0.1", READER_PORT + 1) == "pcsc:Virtual PCD 00 01"
    assert _name("10.0.0.1", READER_PORT) == f"10.0.0.1:{READER_PORT}"


def test_key_is_a_card_and_can_be_pulled_out(robot: Robot, reader: Reader) -> None:
    assert reader.receive() == ATR
    reader.send(ON)
    assert reader.ask(SELECT) == b"U2F_V2\x90\x00"
    robot.power_off()
    assert reader.card is not None
    assert reader.card.recv(1) == b""
    assert robot.name is None
