"""What keyrig can use on this machine, and how to mend what it cannot: ``keyrig doctor``."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import udev
from harness.machine import KeyNode, Machine

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox", "firefox-esr")

VIRTUAL_READERS = "usr/lib/pcsc/drivers/serial/libifdvpcd.so"
"""pcscd's driver for them, of Debian's vsmartcard-vpcd."""

KEYRIG_IDS = (0x1209, 0x000F)
"""The vendor and product ID of keyrig's keys, which the udev rules are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What there is of a part. What is missing has a way to ``mend`` it: a command, or what to do."""

    part: str
    text: str
    mend: str | None = None

    @property
    def missing(self) -> bool:
        return self.mend is not None


def examine(machine: Machine, parts: Sequence[str] = ()) -> Iterator[Finding]:
    """Look for ``parts`` of :data:`PARTS`, or for all of them."""
    for part in parts or PARTS:
        for text, mend in PARTS[part](machine):
            yield Finding(part=part, text=text, mend=mend)


Found = Iterator[tuple[str, str | None]]
"""Texts, each with what mends it or, where nothing is missing, None."""


def _uhid(machine: Machine) -> Found:
    match machine.why_not(machine.root / "dev/uhid"):
        case None:
            yield "/dev/uhid is there, and you may use it", None
        case errno.EACCES:
            yield "/dev/uhid is there, but you may not use it", _admission(machine, "dev/uhid")
        case _ if machine.in_container:
            mend = "start it with --device /dev/uhid, after 'sudo modprobe uhid' on its host"
            yield "this is a container, which has no /dev/uhid to use", mend
        case errno.ENOENT if machine.has_loaded("uhid"):
            yield (
                "the module uhid is loaded, but /dev/uhid is missing",
                _root(machine, "mknod /dev/uhid c 10 239"),
            )
        case _ if machine.has_module("uhid"):
            yield "the module uhid is not loaded", _root(machine, "modprobe uhid")
        case _:
            yield (
                "this kernel has no uhid",
                "boot one that is built with CONFIG_UHID, as Debian's linux-image is",
            )


def _gadget(machine: Machine) -> Found:
    gadgets = machine.root / "sys/kernel/config/usb_gadget"
    ports = sorted(path.name for path in machine.root.glob("sys/class/udc/*"))
    if not gadgets.is_dir() and machine.has_loaded("libcomposite"):
        yield "configfs is not mounted", _root(machine, "mount -t configfs none /sys/kernel/config")
    elif not gadgets.is_dir() and machine.has_module("libcomposite") and not machine.in_container:
        yield "the module libcomposite is not loaded", _root(machine, "modprobe libcomposite")
    elif not gadgets.is_dir():
        where = "this is a container, which" if machine.in_container else "this kernel"
        yield (
            f"{where} has no USB gadgets",
            "use a machine whose kernel is built with CONFIG_USB_LIBCOMPOSITE",
        )
    elif not ports and machine.has_module("dummy_hcd"):
        yield "no USB device port is there; the module dummy_hcd is one", _root(machine, "modprobe dummy_hcd")
    elif not ports:
        yield "no USB device port is there", "use a board that has one, such as a Raspberry Pi Zero"
    elif not machine.may_write(gadgets):
        yield (
            f"a USB device port is there, {ports[0]}, but only root may use it",
            (f"sudo {udev.this_command()} emulate --transport gadget"),
        )
    else:
        yield f"a USB device port is there, {', '.join(ports)}, and you may use it", None


def _udp(machine: Machine) -> Found:
    yield "needs nothing", None


def _hidraw(machine: Machine) -> Found:
    keys = list(machine.security_keys())
    if not keys:
        yield "no security key is plugged in", f"plug one in, or run: {udev.this_command()} emulate"
    for key in keys:
        name = f"{key.product}, {key.path}"
        match machine.why_not(key.path):
            case None:
                yield f"{name}: you may use it", None
            case errno.EACCES:
                yield f"{name}: you may not use it", _admission_to_key(machine, key)
            case _ if machine.in_container:
                yield (
                    f"{name}: this container has no such device to use",
                    f"start it with --device {key.path}",
                )
            case int(error):
                yield f"{name}: {os.strerror(error)}", "pull it out and plug it in again"


def _udev(machine: Machine) -> Found:
    if udev.are_installed(machine):
        yield "the rules for keyrig's keys are installed", None
    else:
        yield "keyrig's rules are not installed, or others than these", _install_rules(machine)


def _pcscd(machine: Machine) -> Found:
    if not machine.has_program("pcscd"):
        yield "pcscd is not installed", _root(machine, "apt-get install pcscd vsmartcard-vpcd")
    elif not (machine.root / VIRTUAL_READERS).exists():
        mend = _root(machine, "apt-get install vsmartcard-vpcd") + ", then restart pcscd"
        yield "pcscd has no virtual readers, which keyrig's cards need", mend
    elif _answers(machine.root / "run/pcscd/pcscd.comm"):
        yield "pcscd is running, with virtual readers", None
    elif (machine.root / "run/systemd/system").is_dir():
        yield "pcscd is not running", _root(machine, "systemctl start pcscd.socket")
    else:
        yield "pcscd is not running", _root(machine, "pcscd")


def _browser(machine: Machine) -> Found:
    found = [name for name in BROWSERS if machine.has_program(name)]
    if found:
        yield f"found {', '.join(found)}", None
    else:
        yield "no browser was found", _root(machine, "apt-get install chromium")


PARTS: dict[str, Callable[[Machine], Found]] = {
    "uhid": _uhid,
    "gadget": _gadget,
    "udp": _udp,
    "hidraw": _hidraw,
    "udev": _udev,
    "pcscd": _pcscd,
    "browser": _browser,
}
"""What can be looked for: keyrig's transports, and what clients reach a key through."""


def _admission(machine: Machine, node: str) -> str:
    """What lets the user use a device node of the rules' group."""
    group = machine.group(udev.GROUP)
    if group is None or not udev.are_installed(machine):
        return _install_rules(machine)
    number, members = group
    if (machine.root / node).stat().st_gid != number:
        return _install_rules(machine)  # once more: they have not been applied
    if machine.user not in members:
        return _root(machine, f"usermod -aG {udev.GROUP} {machine.user}") + ", then log in anew"
    return f"log in anew: you are in the group {udev.GROUP} since you last did"


def _admission_to_key(machine: Machine, key: KeyNode) -> str:
    if (key.vendor_id, key.product_id) == KEYRIG_IDS:
        return _admission(machine, str(key.path.relative_to(machine.root)))
    return _root(machine, f"chown {machine.user} {key.path}")


def _install_rules(machine: Machine) -> str:
    return _root(machine, f"{udev.this_command()} udev install")


def _root(machine: Machine, command: str) -> str:
    """``command`` as root runs it, or another who may."""
    return command if machine.superuser else f"sudo {command}"


def _answers(path: Path) -> bool:
    """Whether somebody listens at the Unix socket ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
