"""A key as a real USB device: a Linux machine with a USB device port, through configfs and ``usb_f_hid``.

Linux, Documentation/usb/gadget_configfs.rst and gadget_hid.rst. The port may be that of a board, such as
a Raspberry Pi Zero's, or ``dummy_hcd``'s, whose other end is this machine.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from emulator.transports.descriptor import Descriptor
from emulator.transports.hidraw import node_of
from emulator.transports.port import REPORT_DESCRIPTOR, PortError, UsbIdentity

GADGETS = Path("/sys/kernel/config/usb_gadget")
CONTROLLERS = Path("/sys/class/udc")
DEVICE_NUMBERS = Path("/sys/dev/char")

PACKET_SIZE = 64
LIFETIME = 1.0
"""Seconds after which a packet that the computer has not fetched, no client being there, is lost."""

_ENGLISH = "0x409"
_DUMMY = "dummy_udc"


class GadgetPort:
    """A USB device for as long as it is open, on a device controller that is free.

    :raises PortError: when the kernel has no gadgets, no controller is free, or we may not use them.
    """

    def __init__(self, identity: UsbIdentity) -> None:
        _remove_abandoned()
        controller = free_controller()
        self._folder = GADGETS / f"keyrig-{os.getpid()}-{identity.serial_number}"
        try:
            _describe(self._folder, identity)
            (self._folder / "UDC").write_text(controller)
            node = _device_node(self._folder)
            self._file = Descriptor(os.open(node, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            _remove(self._folder)
            raise PortError(_why_not(error)) from error
        self._outgoing: deque[tuple[float, bytes]] = deque()
        self.name = f"{node} on {controller}"
        if controller.startswith(_DUMMY):  # the computer at the other end is this one
            try:
                self.name = str(node_of(identity.serial_number))
            except PortError:
                self.close()
                raise

    def read(self) -> bytes | None:
        """The next packet; meanwhile those to be sent are, whenever the computer fetches one."""
        with self._file.in_use:
            while not self._file.closed:
                events = self._file.wait(*self._awaited())
                with suppress(BlockingIOError, ConnectionError):
                    if events & select.POLLOUT:
                        self._send_one()
                    if events & select.POLLIN:
                        return os.read(self._file.fd, PACKET_SIZE)
                if events & (select.POLLERR | select.POLLHUP):  # the cable is out: it may come back
                    time.sleep(0.1)
        return None

    def write(self, packet: bytes) -> None:
        self._outgoing.append((time.monotonic() + LIFETIME, packet))
        self._file.ring()

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()
            _remove(self._folder)

    def _awaited(self) -> tuple[int, float | None]:
        """What to wait for, and for how many seconds, with what is left to send."""
        now = time.monotonic()
        while self._outgoing and self._outgoing[0][0] <= now:
            self._outgoing.popleft()
        if not self._outgoing:
            return select.POLLIN, None
        return select.POLLIN | select.POLLOUT, self._outgoing[0][0] - now

    def _send_one(self) -> None:
        _, packet = self._outgoing[0]
        os.write(self._file.fd, packet)
        self._outgoing.popleft()


def free_controller(*, gadgets: Path = GADGETS, controllers: Path = CONTROLLERS) -> str:
    """The name of a USB device controller that no gadget uses.

    :raises PortError: when there is none, or the kernel has no gadgets.
    """
    if not gadgets.is_dir():
        raise PortError(
            f"{gadgets} is not there; run 'modprobe libcomposite' as root "
            f"(and 'mount -t configfs none {gadgets.parent}' if configfs is not mounted)"
        )
    taken = {path.read_text().strip() for path in gadgets.glob("*/UDC")}
    names = sorted(path.name for path in controllers.glob("*"))
    for name in names:
        if name not in taken:
            return name
    if names:
        raise PortError(f"every USB device controller is in use ({', '.join(names)}); each serves one key")
    raise PortError(
        "this machine has no USB device controller; use a board that has one, "
        "or run 'modprobe dummy_hcd' as root for one that is wired to this machine"
    )


def _describe(folder: Path, identity: UsbIdentity) -> None:
    """Say in configfs what device it is; configfs makes some of the folders itself."""
    folder.mkdir()
    strings, configuration, function = _parts(folder)
    for part in (strings, configuration / "strings" / _ENGLISH, function):
        part.mkdir(parents=True)
    for path, value in {
        folder / "idVendor": f"0x{identity.vendor_id:04x}",
        folder / "idProduct": f"0x{identity.product_id:04x}",
        folder / "bcdDevice": "0x0100",
        folder / "bcdUSB": "0x0200",
        strings / "manufacturer": identity.manufacturer,
        strings / "product": identity.product,
        strings / "serialnumber": identity.serial_number,
        configuration / "strings" / _ENGLISH / "configuration": "FIDO",
        configuration / "MaxPower": "100",
        function / "protocol": "0",
        function / "subclass": "0",
        function / "report_length": str(PACKET_SIZE),
    }.items():
        path.write_text(value)
    (function / "report_desc").write_bytes(REPORT_DESCRIPTOR)
    (configuration / function.name).symlink_to(function)


def _parts(folder: Path) -> tuple[Path, Path, Path]:
    """A gadget's strings, configuration and function."""
    return folder / "strings" / _ENGLISH, folder / "configs" / "c.1", folder / "functions" / "hid.key"


def _remove(folder: Path) -> None:
    """Take a gadget away, whatever there is of it, in the order that configfs wants."""
    strings, configuration, function = _parts(folder)
    with suppress(OSError):
        (folder / "UDC").write_text("\n")
    with suppress(OSError):
        (configuration / function.name).unlink()
    for part in (configuration / "strings" / _ENGLISH, configuration, function, strings, folder):
        with suppress(OSError):
            part.rmdir()


def _remove_abandoned() -> None:
    """Take away the gadgets of keyrig processes that ended without doing so."""
    for folder in GADGETS.glob("keyrig-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            _remove(folder)


def _device_node(folder: Path) -> Path:
    """``/dev/hidgN`` of a gadget, from its device number."""
    number = (_parts(folder)[2] / "dev").read_text().strip()
    for line in (DEVICE_NUMBERS / number / "uevent").read_text().splitlines():
        if line.startswith("DEVNAME="):
            return Path("/dev", line.removeprefix("DEVNAME="))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(DEVICE_NUMBERS / number))


def _why_not(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"no permission to make a USB device in {GADGETS}; run keyrig as root"
        case errno.ENOENT if "functions" in str(error.filename):
            return "the kernel has no USB HID function; run 'modprobe usb_f_hid' as root"
        case _:
            return f"no USB device can be made: {error.strerror} ({error.filename}); run 'keyrig doctor'"
