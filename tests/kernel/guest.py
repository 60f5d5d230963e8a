"""A throw-away Linux guest with ``/dev/uhid``: Debian's stock kernel under QEMU, the host's root over 9p.

Containers and CI machines rarely have UHID, so tests that need a kernel boot one. The guest sees the
host's files, writes into a tmpfs over them that is gone when it stops, runs one shell script as root, and
leaves its results in the one folder it shares with the host. There is no KVM: software emulation boots in
seconds wherever QEMU does. It has one CPU: emulating two together costs twice as much of the host's time.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PARTS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "setpriv": "util-linux",
}
"""Commands a guest is built and booted with, and the Debian packages that have them."""

CLIENTS = {
    "fido2-token": "fido2-tools",
    "ssh-keygen": "openssh-client",
    "pamu2fcfg": "pamu2fcfg libpam-u2f",
    "pamtester": "pamtester",
    "sudo": "sudo",
    "udevadm": "udev",
    "chromium": "chromium",
    "chromium-headless-shell": "chromium-headless-shell",
    "firefox-esr": "firefox-esr",
}
"""Commands that the tests run in the guest, which sees the host's, and the packages that have them."""

KERNEL = "linux-image-amd64"
"""The package that depends on Debian's current kernel, whatever its version."""

# Loaded by init, with what they depend on; the others a job loads with modprobe.
BOOT_MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay", "uhid", "hid-generic")

INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /host /upper /root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules.order); do insmod "/modules/$module"; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /host || poweroff -f
mount -t tmpfs tmpfs /upper
mkdir -p /upper/data /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/data,workdir=/upper/work overlay /root
for place in proc sys dev; do mount --move /$place /root/$place; done
mkdir -p /root/dev/pts /root/dev/shm /root/run /root/share
mount -t devpts devpts /root/dev/pts
for place in dev/shm run; do mount -t tmpfs tmpfs /root/$place; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 share /root/share
ip link set lo up
hostname localhost
exec switch_root /root /bin/sh /share/.init
"""

# The first process after the switch, which must not end before the machine does.
JOB = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run/home LANG=C.UTF-8
mkdir -p /run/home /lib/modules
mount --bind {modules} /lib/modules
cd /run/home
sh /share/.job >/share/stdout 2>/share/stderr </dev/null
echo $? >/share/rc
sync
echo o >/proc/sysrq-trigger
sleep 60
"""


class GuestError(Exception):
    """The guest could not be built, or did not finish its job; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A job's exit code and what it printed; files that it left in ``/share`` are in the shared folder."""

    returncode: int
    stdout: str
    stderr: str


def missing_parts() -> list[str]:
    """The Debian packages that this machine lacks for a guest and for what is run in it."""
    return [package for command, package in (PARTS | CLIENTS).items() if _which(command) is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A kernel, its modules, and an initramfs that mounts the host and runs one job."""

    kernel: Path
    initramfs: Path
    modules: Path

    @classmethod
    def build(cls, cache: Path) -> Guest:
        """Fetch Debian's current kernel into ``cache`` and make an initramfs; what is there is used again.

        :raises GuestError: when the kernel's package cannot be had.
        """
        tree = _unpacked_kernel(cache)
        modules = tree / "lib" / "modules"
        release = next(modules.iterdir()).name
        guest = cls(
            kernel=tree / "boot" / f"vmlinuz-{release}",
            initramfs=tree.parent / f"initramfs-{_digest(INIT, *BOOT_MODULES)}.gz",
            modules=modules,
        )
        if not guest.initramfs.exists():
            _run("depmod", "-b", str(tree), release)
            _make_initramfs(guest.initramfs, tree, release)
        return guest

    def run(self, job: str, share: Path, *, timeout: float, memory_mb: int = 2048) -> Done:
        """Boot, run the shell script ``job`` as root with ``share`` at ``/share``, and stop.

        The guest ends at once with the thread that called, however that ends.

        :raises GuestError: when no exit code came back within ``timeout`` seconds.
        """
        share.mkdir(parents=True, exist_ok=True)
        (share / "rc").unlink(missing_ok=True)
        (share / ".job").write_text(job)
        (share / ".init").write_text(JOB.format(modules=self.modules))
        command = [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64",
            "-M", "q35", "-accel", "tcg,tb-size=1024", "-cpu", "max", "-smp", "1",
            "-m", str(memory_mb), "-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-kernel", str(self.kernel), "-initrd", str(self.initramfs),
            "-append", "console=ttyS0 quiet panic=-1 tsc=reliable",  # QEMU's counters do not drift apart
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={share},mount_tag=share,security_model=none",
        ]  # fmt: skip
        try:
            console = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as hung:
            raise GuestError(f"the guest did not finish in {timeout:.0f} s: {_tail(hung.stdout)}") from hung
        if not (share / "rc").exists():
            raise GuestError(f"the guest left no exit code: {_tail(console.stdout)}{_tail(console.stderr)}")
        return Done(
            returncode=int((share / "rc").read_text()),
            stdout=(share / "stdout").read_text(errors="replace"),
            stderr=(share / "stderr").read_text(errors="replace"),
        )


def _unpacked_kernel(cache: Path) -> Path:
    """The files of Debian's current kernel package."""
    depends = _run("apt-cache", "depends", KERNEL).splitlines()
    names = [line.split()[-1] for line in depends if "Depends: linux-image-" in line]
    if not names:
        raise GuestError(f"apt knows no {KERNEL}; run 'apt-get update' as root")
    folder = cache / names[0]
    unpacked, partial = folder / "unpacked", folder / "partial"
    if not unpacked.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run("apt-get", "download", names[0], cwd=folder)
        _run("dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(partial))
        partial.rename(unpacked)
    return unpacked


def _make_initramfs(target: Path, kernel: Path, release: str) -> None:
    tree = target.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", "modules"):
        (tree / folder).mkdir(parents=True)
    busybox = _which("busybox")
    assert busybox is not None
    shutil.copy(busybox, tree / "bin")
    order: list[str] = []
    for name in BOOT_MODULES:
        for line in _run("modprobe", "-d", str(kernel), "-S", release, "--show-depends", name).splitlines():
            module = Path(line.removeprefix("insmod ").strip())
            if line.startswith("insmod") and module.name not in order:
                order.append(module.name)
                shutil.copy(module, tree / "modules")
    (tree / "modules.order").write_text("\n".join(order))
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        cwd=tree,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    target.with_suffix(".new").write_bytes(gzip.compress(archive.stdout, 1))
    target.with_suffix(".new").rename(target)
    shutil.rmtree(tree)


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _which(command: str) -> str | None:
    return shutil.which(command, path=_path())


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "PATH": _path()}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GuestError(f"'{' '.join(command)}' failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _tail(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")[-1500:]
