"""A pcscd of one's own with virtual readers of its own, and cards of ``keyrig emulate`` in them.

pcscd takes its socket from whoever starts it, as from systemd, and its readers from a folder: neither the
machine's own pcscd nor its readers are touched, and whoever runs tests beside us has others.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

READER = "Virtual PCD 00 00"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"

_PROGRAM = Path("/usr/sbin/pcscd")
_PID_FILE = Path("/run/pcscd/pcscd.pid")
_PATIENCE = 120.0
_READERS = """\
FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x{port:04X}
LIBPATH {driver}
CHANNELID 0x{port:04X}
"""
# As systemd does: the socket is file descriptor 3, and LISTEN_PID says whose.
_START = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def missing() -> str | None:
    """What this machine lacks for a pcscd with virtual readers."""
    if not (_PROGRAM.exists() and DRIVER.exists()):
        return "smart-card readers: apt-get install pcscd vsmartcard-vpcd"
    if find_spec("smartcard") is None:
        return "pyscard: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
    return None if os.geteuid() == 0 else "the right to start pcscd: run the tests as root"


class Pcscd:
    """A pcscd whose clients find it by the environment variable :data:`SOCKET_VARIABLE`."""

    def __init__(self, folder: Path) -> None:
        self.port = _two_free_ports()
        (folder / "readers").mkdir()
        (folder / "readers/vpcd").write_text(_READERS.format(port=self.port, driver=DRIVER))
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(os.environ[SOCKET_VARIABLE])
        self._socket.listen()
        self.start()

    def start(self) -> None:
        """Start it, and wait until its readers listen."""
        of_the_machine = _PID_FILE.read_bytes() if _PID_FILE.exists() else None
        command = [sys.executable, "-c", _START, str(self._socket.fileno()), str(_PROGRAM)]
        with (self._folder / "pcscd.log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--foreground", "--config", str(self._folder / "readers")],
                pass_fds=[self._socket.fileno()],
                stdout=log,
                stderr=log,
            )
        _wait(lambda: _listens(self.port + 1), lambda: "pcscd's readers do not listen")
        if of_the_machine is not None:
            _PID_FILE.write_bytes(of_the_machine)

    def stop(self) -> None:
        """Stop it; its clients keep waiting for the next one."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_PATIENCE)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self._socket.close()

    @contextmanager
    def card(self, *options: str, output: Path, reader: int = 0) -> Iterator[EmulatedCard]:
        """A card of ``keyrig emulate`` with these options in the reader of this number, 0 or 1."""
        command = [sys.executable, "-m", "harness", "emulate", "--transport", "pcsc", *options]
        command += ["--reader-address", f"127.0.0.1:{self.port + reader}"]
        with output.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
            try:
                card = EmulatedCard(process, output)
                card.waits_for(", 1 key, ")
                _wait(lambda: _is_seen(reader), lambda: f"pcscd sees no card: {card.said}")
                yield card
            finally:
                process.terminate()


class EmulatedCard:
    """A ``keyrig emulate`` in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def said(self) -> str:
        """All that it has said on its terminal."""
        return self._output.read_text()

    def waits_for(self, line: str) -> None:
        """Wait until it has said what the regular expression ``line`` finds."""

        def is_over() -> bool:
            return self.process.poll() is not None or bool(re.search(line, self.said, re.MULTILINE))

        _wait(is_over, lambda: f"{line!r} is not in {self.said}")
        assert re.search(line, self.said, re.MULTILINE), self.said

    @property
    def controller(self) -> str:
        """Where its control endpoint is, which its options asked for."""
        self.waits_for(r"control http")
        return re.findall(r"^control (\S+)$", self.said, re.MULTILINE)[0]


def _wait(holds: Callable[[], bool], complaint: Callable[[], str]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < until, complaint()
        time.sleep(0.02)


def _listens(port: int) -> bool:
    """Whether somebody listens there, as the kernel lists it: to connect would put a card into a reader."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(fields[1].endswith(wanted) and fields[3] == "0A" for fields in map(str.split, lines))


def _is_seen(reader: int) -> bool:
    """Whether pcscd, which looks a few times a second, has found the card that is in this reader."""
    from smartcard import scard

    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    name = f"{READER[:-1]}{reader}"
    _, states = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE)])
    scard.SCardReleaseContext(context)
    return any(state & scard.SCARD_STATE_PRESENT for _, state, _ in states)


def _two_free_ports() -> int:
    while True:
        with socket.create_server(("", 0)) as first:
            port = first.getsockname()[1]
            try:
                socket.create_server(("", port + 1)).close()
            except (OSError, OverflowError):
                continue
            return int(port)
