"""A key under the kernel's virtual HID devices, ``/dev/uhid`` (Linux, Documentation/hid/uhid.rst).

The kernel keeps 32 events for us and slows no writer down: of a message of more than 31 packets some are
lost unless they are read at once. Hence a key here says :data:`MAX_MESSAGE_SIZE`, and whoever calls
:meth:`UhidPort.read` should do so in a thread that does nothing else. The other way each reader of a
hidraw node has room for 64 packets, so a long message is sent with pauses.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from enum import IntEnum
from pathlib import Path

from emulator.transports.descriptor import Descriptor
from emulator.transports.hidraw import node_of
from emulator.transports.port import REPORT_DESCRIPTOR, PortError, UsbIdentity

DEVICE = Path("/dev/uhid")

MAX_MESSAGE_SIZE = 1200
"""Bytes: 21 packets, which leave a third of the kernel's room to other clients of the key."""

BURST = 48
PAUSE = 0.02
"""Packets sent without a pause, and the pause in seconds."""

_BUS_USB = 0x03


class Event(IntEnum):
    """``enum uhid_event_type`` of ``<linux/uhid.h>``, as far as a security key meets it."""

    DESTROY = 1
    OUTPUT = 6
    GET_REPORT = 9
    GET_REPORT_REPLY = 10
    CREATE2 = 11
    INPUT2 = 12
    SET_REPORT = 13
    SET_REPORT_REPLY = 14


# Events are packed structures that begin with their type; one is read or written at a time.
_EVENT_SIZE = 4380
_TYPE = struct.Struct("=I")
_CREATE2 = struct.Struct("=I128s64s64sHHIIII")
_INPUT2 = struct.Struct("=IH")
_OUTPUT = struct.Struct("=I4096sHB")
_REPORT_REQUEST = struct.Struct("=II")
_GET_REPORT_REPLY = struct.Struct("=IIHH")
_SET_REPORT_REPLY = struct.Struct("=IIH")


class UhidPort:
    """A HID device of our making for as long as it is open, on ``fd``, an open ``/dev/uhid``."""

    def __init__(self, fd: int, identity: UsbIdentity) -> None:
        self.name = ""
        self._file = Descriptor(fd)
        self._burst, self._last_write = 0, 0.0
        create = _CREATE2.pack(
            Event.CREATE2,
            _text(f"{identity.manufacturer} {identity.product}", 128),
            _text(f"keyrig/{identity.serial_number}", 64),
            _text(identity.serial_number, 64),
            len(REPORT_DESCRIPTOR),
            _BUS_USB,
            identity.vendor_id,
            identity.product_id,
            0,
            0,
        )
        self._send(create + REPORT_DESCRIPTOR)

    @classmethod
    def open(cls, identity: UsbIdentity, *, device: Path = DEVICE) -> UhidPort:
        """Plug in a key; its ``name`` is its hidraw node.

        :raises PortError: when ``/dev/uhid`` is missing or not ours to use, or no node comes of it.
        """
        try:
            port = cls(os.open(device, os.O_RDWR | os.O_CLOEXEC), identity)
        except OSError as error:
            raise PortError(_why_not(device, error)) from error
        try:
            port.name = str(node_of(identity.serial_number))
        except PortError:
            port.close()
            raise
        return port

    def read(self) -> bytes | None:
        """The next output report. Feature and other reports, which a key has none of, are refused here."""
        with self._file.in_use:
            while self._file.wait():
                event = os.read(self._file.fd, _EVENT_SIZE)
                match _TYPE.unpack_from(event)[0]:
                    case Event.OUTPUT:
                        _, data, size, _ = _OUTPUT.unpack(event[: _OUTPUT.size])
                        return _packet(data[:size])
                    case Event.GET_REPORT:
                        _, request = _REPORT_REQUEST.unpack_from(event)
                        self._send(_GET_REPORT_REPLY.pack(Event.GET_REPORT_REPLY, request, errno.EIO, 0))
                    case Event.SET_REPORT:
                        _, request = _REPORT_REQUEST.unpack_from(event)
                        self._send(_SET_REPORT_REPLY.pack(Event.SET_REPORT_REPLY, request, errno.EIO))
        return None

    def write(self, packet: bytes) -> None:
        """An input report."""
        self._pause_if_long()
        self._send(_INPUT2.pack(Event.INPUT2, len(packet)) + packet)

    def close(self) -> None:
        if not self._file.closed:
            self._send(_TYPE.pack(Event.DESTROY))
            self._file.close()

    def _send(self, event: bytes) -> None:
        os.write(self._file.fd, event)

    def _pause_if_long(self) -> None:
        rested = time.monotonic() - self._last_write >= PAUSE
        self._burst = 1 if rested else self._burst + 1
        if self._burst > BURST:
            time.sleep(PAUSE)
            self._burst = 1
        self._last_write = time.monotonic()


def _text(text: str, size: int) -> bytes:
    """As much of ``text`` as fits a field of ``size`` bytes with its terminating zero."""
    return text.encode()[: size - 1].decode(errors="ignore").encode()


def _packet(report: bytes) -> bytes:
    """What would reach a USB device: a report without its number, which is 0 as there is only one."""
    return report[1:] if report[:1] == b"\x00" else report


def _why_not(device: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return f"{device} is not there; run 'modprobe uhid' as root (for a container, on its host)"
        case errno.EACCES | errno.EPERM:
            return f"no permission to use {device}; run 'keyrig udev install' as root once, then log in anew"
        case _:
            return f"{device} cannot be used: {error.strerror}; run 'keyrig doctor'"
