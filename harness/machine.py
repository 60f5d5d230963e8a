"""What this machine has, as its files say: modules, device nodes, programs, security keys."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FIDO_DEVICE = bytes.fromhex("06d0f10901")
"""How the report descriptor of a security key begins: usage page and usage, CTAP 2.3 §11.2.8.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNode:
    """A security key that the kernel knows: the hidraw node it has or should have, and what it is."""

    path: Path
    product: str
    vendor_id: int
    product_id: int


def why_not(path: Path) -> int | None:
    """The error number for which a device node cannot be used; ``None`` if it can. Opening does no more."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.errno
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user ID that nobody was given
        return str(os.geteuid())


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine whose file system is at ``root``, and the person ``user`` on it."""

    root: Path = Path("/")
    user: str = field(default_factory=_user)
    superuser: bool = field(default_factory=lambda: os.geteuid() == 0)
    search_path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    why_not: Callable[[Path], int | None] = why_not
    may_write: Callable[[Path], bool] = lambda folder: os.access(folder, os.W_OK)

    @property
    def in_container(self) -> bool:
        marks = (".dockerenv", "run/.containerenv", "run/systemd/container")
        return any((self.root / mark).exists() for mark in marks)

    def has_module(self, name: str) -> bool:
        """Whether the kernel that runs can load the module ``name``."""
        release = self._text("proc/sys/kernel/osrelease")
        return f"/{name}.ko" in self._text(f"lib/modules/{release}/modules.dep")

    def has_loaded(self, name: str) -> bool:
        """Whether the module ``name`` is loaded, or part of the kernel."""
        return (self.root / "sys/module" / name).exists()

    def has_program(self, name: str) -> bool:
        """Whether a program is where programs are looked for, or where those of root are."""
        folders = [*self.search_path.split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/sbin"]
        return any((self.root / folder.lstrip("/") / name).is_file() for folder in folders)

    def group(self, name: str) -> tuple[int, frozenset[str]] | None:
        """The ID and the members of a group, if there is one of that name."""
        for line in self._text("etc/group").splitlines():
            match line.split(":"):
                case [found, _, number, members] if found == name:
                    return int(number), frozenset(members.split(","))
        return None

    def security_keys(self) -> Iterator[KeyNode]:
        """The security keys that the kernel knows, whether or not one may use them, in order."""
        for folder in sorted(self.root.glob("sys/class/hidraw/hidraw*"), key=_number):
            try:
                described = (folder / "device/report_descriptor").read_bytes()
                event = (folder / "device/uevent").read_text(errors="replace")
            except OSError:  # it has just gone
                continue
            if described.startswith(_FIDO_DEVICE):
                said = dict(line.split("=", 1) for line in event.splitlines() if "=" in line)
                _, vendor_id, product_id = said.get("HID_ID", "0:0:0").split(":")
                yield KeyNode(
                    path=self.root / "dev" / folder.name,
                    product=said.get("HID_NAME", "security key"),
                    vendor_id=int(vendor_id, 16),
                    product_id=int(product_id, 16),
                )

    def _text(self, path: str) -> str:
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""


def _number(node: Path) -> int:
    return int(re.sub(r"\D", "", node.name))
