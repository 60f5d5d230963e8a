"""A card in a virtual reader of pcscd: the protocol of vsmartcard's vpcd, over TCP.

The reader listens and the card connects to it. Messages are a length of two bytes and that many of data;
one of a single byte is the reader's, about power or the answer to reset, all others are APDUs. The reader
sends length and data apart, hence TCP_QUICKACK: with a delayed acknowledgement each would cost 40 ms.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from contextlib import suppress
from enum import IntEnum

from emulator.card import Apdus
from emulator.transports.port import PortError

HOST = "127.0.0.1"
READER_PORT = 35963
"""Where the first reader of Debian's vsmartcard-vpcd listens; the second does at the next port."""

RETRY_INTERVAL = 0.5
"""Seconds between attempts to reach a reader that is gone."""

PATIENCE = 5.0
"""Seconds within which a reader notices a new card."""

_READER_NAME = "Virtual PCD 00 {:02X}"
_LENGTH_SIZE = 2
_BUFFER_SIZE = 65_536

_log = logging.getLogger(__name__)


class Control(IntEnum):
    """A message of the reader's own."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


_POWER = {bytes((control,)) for control in (Control.POWER_OFF, Control.POWER_ON, Control.RESET)}
_GET_ATR = bytes((Control.GET_ATR,))


def _atr() -> bytes:
    """As PC/SC part 3 §3.1.3.2.3 makes one for a contactless card (T=0, T=1, historical bytes, a check).

    The historical bytes (ISO 7816-4:2013 §12.1.1) tell of chaining and extended lengths, and our name.
    """
    name = b"keyrig"
    historical = bytes.fromhex("80 73 C021C0") + bytes((0x50 | len(name),)) + name
    body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))


ATR = _atr()


class Slot:
    """Stands between a port and its ``card``: power and answer to reset are the slot's, APDUs the card's."""

    def __init__(self, card: Apdus) -> None:
        self._card = card
        self._answers: list[bytes] = []

    def receive(self, packet: bytes, now: float) -> None:
        if packet in _POWER:
            self._card.power_cycle(now)
        elif packet == _GET_ATR:
            self._answers.append(ATR)
        else:
            self._card.receive(packet, now)

    def packets_to_send(self) -> list[bytes]:
        answers, self._answers = self._answers, []
        return answers + self._card.packets_to_send()

    def power_cycle(self, now: float) -> None:
        self._card.power_cycle(now)


class VpcdPort:
    """A card in the reader that listens at ``host`` and ``port``, put in again when pcscd comes back.

    :raises PortError: when nobody listens there, or the reader has a card already.
    """

    def __init__(self, *, host: str = HOST, port: int = READER_PORT) -> None:
        self.name = _name(host, port)
        self._address = (host, port)
        self._closed = threading.Event()
        self._askers: deque[socket.socket] = deque()
        try:
            self._connect()
        except OSError as error:
            raise PortError(_why_not(host, port, error)) from error

    def read(self) -> bytes | None:
        """The reader's next message; a reader that has gone is one that takes the card's power."""
        try:
            message = self._message()
        except OSError:
            return bytes((Control.POWER_OFF,)) if self._come_back() else None
        if message not in _POWER:
            self._askers.append(self._socket)
        return message

    def write(self, packet: bytes) -> None:
        """Answer the message that was read first among those not answered, if its reader is still there."""
        with suppress(OSError):
            self._askers.popleft().sendall(len(packet).to_bytes(_LENGTH_SIZE, "big") + packet)

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _connect(self) -> None:
        """Put the card in, and wait until the reader has asked it something."""
        connection = socket.create_connection(self._address, timeout=PATIENCE)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError
            connection.settimeout(None)
        except OSError:
            connection.close()
            raise
        self._socket, self._read = connection, b""

    def _come_back(self) -> bool:
        """Put the card in again as soon as there is a reader; false once the port is closed."""
        if not self._closed.is_set():
            _log.warning("%s has gone; its card is put in again when it comes back", self.name)
        self._socket.close()
        while not self._closed.wait(RETRY_INTERVAL):
            with suppress(OSError):
                self._connect()
                _log.warning("%s is back", self.name)
                return True
        return False

    def _message(self) -> bytes:
        size = int.from_bytes(self._take(_LENGTH_SIZE), "big")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # it does not last
            received = self._socket.recv(_BUFFER_SIZE)
            if not received:
                raise ConnectionResetError
            self._read += received
        taken, self._read = self._read[:size], self._read[size:]
        return taken


def _name(host: str, port: int) -> str:
    """What pcscd calls the reader, where that can be told from its address."""
    number = port - READER_PORT
    return f"pcsc:{_READER_NAME.format(number)}" if host == HOST and 0 <= number < 16 else f"{host}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"the reader at {host}:{port} takes no card; another one may be in it: stop that first"
    if isinstance(error, ConnectionError):
        return (
            f"no virtual reader listens at {host}:{port}; install one with 'apt-get install pcscd "
            f"vsmartcard-vpcd' and start pcscd, or see 'keyrig doctor --for pcscd'"
        )
    where = f"no virtual reader can be reached at {host}:{port}"
    return f"{where}: {error.strerror}; choose another with --reader-address"
