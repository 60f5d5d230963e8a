"""A key in somebody's hand, or one that another process emulates: under python-fido2, over hidraw or UDP.

What takes a person asks one on the terminal. A touch takes real seconds, and the world's clock stands still
meanwhile: scenarios that let days pass do so for the service and its tokens; the key knows nothing of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event, Timer

from fido2.ctap import STATUS
from fido2.hid import TYPE_INIT, CtapHidDevice

from harness.devices.attendant import Attendant
from harness.devices.attended import attended
from harness.devices.attended_key import AttendedKey
from harness.devices.connection import Connection, Plug
from harness.devices.hidraw import HidrawPlug, keys_at_hand

REPLUG_TIME_LIMIT = 60.0
"""Seconds to pull a key out and plug it in again."""
PATIENCE = 90.0
"""Seconds after which a request that still runs is cancelled: whoever was to touch the key has gone."""
CANCEL_TIME = 2.0
"""Seconds that the key then has to end it."""


class HardwareKey(AttendedKey):
    """The key at ``plug``; the rest as in :class:`AttendedKey`."""

    def __init__(self, plug: Plug, attendant: Attendant, *, destructive: bool = False) -> None:
        super().__init__(plug, attendant, destructive=destructive)
        self._plug = plug
        self._opened: list[CtapHidDevice | Connection] = []
        self._raw: Connection | None = None
        self._device = self.open()

    @property
    def capabilities(self) -> int:
        return self._device.capabilities

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        return self._device.call(cmd, data, event, on_keepalive)

    def power_cycle(self) -> None:
        if self._attendant.replugs and not self._plug.can_be_pulled:
            self._attendant.replug(f"replug {self.title}")
        else:
            self._plug.replug(self._attendant.replug, REPLUG_TIME_LIMIT)
        self.close()
        self._device = self.open()

    def open(self) -> CtapHidDevice:
        device = _Channel(self, self._plug, self._attendant)
        self._opened.append(device)
        return device

    def send_packet(self, packet: bytes) -> None:
        if len(packet) > 7 and packet[4] & TYPE_INIT:
            self.refuse_to_change(packet[4] & ~TYPE_INIT, packet[7 : 7 + int.from_bytes(packet[5:7], "big")])
        if self._raw is None:
            self._raw = self._plug.connect()
            self._opened.append(self._raw)
        self._raw.write_packet(packet)

    def receive_packet(self, timeout: float) -> bytes | None:
        return self._raw.receive(timeout) if self._raw is not None else None

    def close(self) -> None:
        """End what raw packets began, and close every channel to it."""
        if self._raw is not None:
            self._raw.settle()
        if self._alone:
            self.leave_alone(False)
        for opened in self._opened:
            opened.close()
        self._opened.clear()
        self._raw = None

    @classmethod
    def list_devices(cls) -> Iterator[HardwareKey]:
        """The keys over hidraw that may be used."""
        attendant = Attendant.here()
        return (cls(HidrawPlug(descriptor), attendant) for descriptor in keys_at_hand())


class _Channel(CtapHidDevice):
    """A channel to a key, whose attendant is asked for a touch that does not come by itself."""

    def __init__(self, key: HardwareKey, plug: Plug, attendant: Attendant) -> None:
        self._key = key
        self._attendant = attendant
        self._way = connection = plug.connect()
        try:
            super().__init__(plug.descriptor, connection)
        except Exception:
            connection.close()
            raise

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        self._key.refuse_to_change(cmd, data)
        given_up = event or Event()
        self._way.until = time.monotonic() + PATIENCE + CANCEL_TIME
        patience = Timer(PATIENCE, given_up.set)
        patience.daemon = True
        patience.start()
        exchange = partial(super().call, cmd, data, given_up)
        try:
            return attended(self._attendant, self._key.title, exchange, cmd, data, on_keepalive)
        finally:
            patience.cancel()
            self._way.until = math.inf
