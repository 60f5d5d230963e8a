"""A key without a kernel: 64-byte packets as UDP datagrams, as soft keys have them."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from fido2.hid.base import HidDescriptor

from harness.devices.connection import Connection
from harness.devices.key import DeviceError

ANSWER_PORT = 7112
"""Where soft keys send their answers to, unless told otherwise."""

_PACKET_SIZE = 64


class UdpPlug:
    """The key at ``host:port``, which sends its answers to ``answer_port`` here. It has no plug to pull."""

    can_be_pulled = False

    def __init__(self, host: str, port: int, answer_port: int = ANSWER_PORT) -> None:
        self.key = (host, port)
        self._answer_port = answer_port
        self._socket: socket.socket | None = None
        self._connections: list[_UdpConnection] = []
        self.descriptor = HidDescriptor(self.name, 0, 0, _PACKET_SIZE, _PACKET_SIZE, "security key", None)

    @classmethod
    def find(cls, which: str) -> UdpPlug:
        """The key at ``HOST:PORT``, or at ``HOST:PORT:ANSWER_PORT``.

        :raises DeviceError: when that is no address.
        """
        host, *ports = which.split(":")
        try:
            return cls(socket.gethostbyname(host), *map(int, ports))
        except (ValueError, TypeError, OSError):
            raise DeviceError(f"no key can be at {which!r}; say where as in udp:127.0.0.1:8111") from None

    @property
    def name(self) -> str:
        return f"udp:{self.key[0]}:{self.key[1]}"

    def connect(self) -> Connection:
        if self._socket is None:
            self._socket = self._bound()
        connection = _UdpConnection(self)
        self._connections.append(connection)
        return connection

    def replug(self, ask: Callable[[str], None], time_limit: float) -> None:
        raise DeviceError(f"{self.name} has no plug to pull; restart what emulates it")

    def send(self, packet: bytes) -> None:
        """Send a packet to the key."""
        assert self._socket is not None
        try:
            self._socket.sendto(packet, self.key)
        except (OSError, OverflowError) as error:
            raise DeviceError(f"nothing can be sent to {self.name}: {error}") from None

    def hear(self, timeout: float) -> None:
        """Wait for a packet of the key, which each connection then hears."""
        assert self._socket is not None
        self._socket.settimeout(timeout)
        try:
            packet, (sender, _) = self._socket.recvfrom(_PACKET_SIZE)
        except (TimeoutError, ConnectionError):
            return
        if sender == self.key[0] and len(packet) == _PACKET_SIZE:
            for connection in self._connections:
                connection.heard.append(packet)

    def disconnect(self, connection: _UdpConnection) -> None:
        """End a connection; the port is free after the last."""
        if connection in self._connections:
            self._connections.remove(connection)
        if not self._connections and self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bound(self) -> socket.socket:
        """A socket at the answer port, of the address from which the key can be reached."""
        new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(self.key)
                address = probe.getsockname()[0]
            new.bind((address, self._answer_port))
        except (OSError, OverflowError) as error:
            new.close()
            raise DeviceError(
                f"answers of {self.name} cannot be received at port {self._answer_port}: {error}"
            ) from None
        return new


class _UdpConnection(Connection):
    def __init__(self, plug: UdpPlug) -> None:
        super().__init__(plug.name)
        self._plug = plug
        self.heard: deque[bytes] = deque()

    def send(self, packet: bytes) -> None:
        self._plug.send(packet)

    def next_packet(self, timeout: float) -> bytes | None:
        if not self.heard:
            self._plug.hear(timeout)
        return self.heard.popleft() if self.heard else None

    def close(self) -> None:
        self._plug.disconnect(self)
