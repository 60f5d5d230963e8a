"""Finding the hidraw node that the kernel made for a key of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from emulator.transports.port import PortError

SYSFS = Path("/sys/class/hidraw")
DEVICES = Path("/dev")
PATIENCE = 5.0
"""Seconds that a kernel, perhaps an emulated one, has to make a node."""


def node_of(
    serial_number: str, *, sysfs: Path = SYSFS, devices: Path = DEVICES, patience: float = PATIENCE
) -> Path:
    """The node of the key with this serial number, such as ``/dev/hidraw3``, waited for.

    :raises PortError: when the kernel makes none, or makes one that is not to be seen here.
    """
    until = time.monotonic() + patience
    while True:
        names = list(_named(serial_number, sysfs))
        for name in names:
            if (devices / name).exists():
                return devices / name
        if time.monotonic() >= until:
            break
        time.sleep(0.01)
    if names:
        raise PortError(
            f"the kernel made {names[0]}, but there is no {devices / names[0]} here; "
            f"in a container, start it with the host's /dev (-v /dev:/dev)"
        )
    raise PortError("the kernel made no hidraw node for the key; run 'modprobe hid-generic'")


def _named(serial_number: str, sysfs: Path) -> Iterator[str]:
    for node in sorted(sysfs.glob("hidraw*")):
        try:
            uevent = (node / "device" / "uevent").read_text()
        except OSError:  # it has just gone
            continue
        if f"HID_UNIQ={serial_number}" in uevent.splitlines():
            yield node.name
