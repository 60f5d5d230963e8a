"""A key without a kernel: packets as UDP datagrams of 64 bytes on loopback, as other soft keys have them."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from emulator.transports.descriptor import Descriptor
from emulator.transports.port import PortError

LOOPBACK = "127.0.0.1"
DEVICE_PORT = 8111
ANSWER_PORT = 7112

_MAX_DATAGRAM = 65_535


class UdpPort:
    """Listens on ``port`` of loopback, 0 being a free one, and answers to ``answer_port``.

    Without an ``answer_port`` it answers to whoever sent the last packet.

    :raises PortError: when the port is taken.
    """

    def __init__(self, *, port: int = DEVICE_PORT, answer_port: int | None = ANSWER_PORT) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            reason = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise PortError(f"UDP port {port}: {reason}; choose another with --port") from error
        self.port = self._socket.getsockname()[1]
        self._fixed = answer_port is not None
        self._answer_to = None if answer_port is None else (LOOPBACK, answer_port)
        self._file = Descriptor(os.dup(self._socket.fileno()))

    @property
    def name(self) -> str:
        return f"udp:{LOOPBACK}:{self.port}"

    def read(self) -> bytes | None:
        """The next datagram, whatever its length."""
        with self._file.in_use:
            while self._file.wait():
                with suppress(ConnectionError):  # the last answer met a closed port
                    packet, sender = self._socket.recvfrom(_MAX_DATAGRAM)
                    self._answer_to = self._answer_to if self._fixed else sender
                    return packet
        return None

    def write(self, packet: bytes) -> None:
        if self._answer_to is not None:
            with suppress(ConnectionError):
                self._socket.sendto(packet, self._answer_to)

    def close(self) -> None:
        self._file.close()
        self._socket.close()
