"""``keyrig emulate`` as a person runs it: what it plugs in, how it ends, what it says where it cannot."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice, get_descriptor, open_connection

GADGETS = Path("/sys/kernel/config/usb_gadget")
ES256 = [{"type": "public-key", "alg": -7}]
GUEST_TIMEOUT = 600


class Running:
    """A ``keyrig emulate``, and the nodes that it named."""

    def __init__(self, *options: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator.emulate", *map(str, options)], stdout=subprocess.PIPE, text=True
        )
        self.created = self.line()
        self.nodes = re.findall(r"/dev/hidraw\d+", self.created)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit code and what it still said."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=300)
        return self.process.returncode, out


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: object) -> Running:
        started.append(Running(*options))
        return started[-1]

    yield start
    for one in started:
        with one.process:
            one.process.kill()


def device_at(node: str) -> CtapHidDevice:
    descriptor = get_descriptor(node)
    return CtapHidDevice(descriptor, open_connection(descriptor))


def make(device: CtapHidDevice, user: bytes, **more: Any) -> Any:
    rp, alice = {"id": "example.com"}, {"id": user}
    return Ctap2(device).make_credential(b"c" * 32, rp, alice, ES256, options={"rk": True}, **more)


def wait_until_gone(*nodes: str) -> None:
    deadline = time.monotonic() + 120
    while any(Path(node).exists() for node in nodes):
        assert time.monotonic() < deadline, f"{nodes} are still there"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_keys_are_named_served_gone_and_remembered(
    running: Callable[..., Running], tmp_path: Path, number: signal.Signals
) -> None:
    keys = running("-n", 2, "--touch", "never", "--control", 8112, "--store", tmp_path / "keys.db")
    assert keys.created == f"{keys.nodes[0]} {keys.nodes[1]}, 2 keys, ctap21"
    assert keys.line() == "control http://127.0.0.1:8112"
    device = device_at(keys.nodes[1])
    kept = make(device, b"alice", on_keepalive=lambda status: control("/usb2/touch/on"))
    ended: list[Any] = []
    with pytest.raises(OSError):
        make(device, b"bob", on_keepalive=lambda status: ended.append(keys.end(number)))
    wait_until_gone(*keys.nodes)
    code, said = ended[0]
    assert code == (0 if number == signal.SIGTERM else -number)
    assert re.search(r"key 2 +makeCredential +example.com +SUCCESS", said)
    assert ("stopped" in said) == (number == signal.SIGTERM)

    again = running("-n", 2, "--store", tmp_path / "keys.db")
    device = device_at(again.nodes[1])
    assertion = Ctap2(device).get_assertion("example.com", b"d" * 32)
    assert assertion.number_of_credentials is None  # bob's was never made
    assertion.verify(b"d" * 32, kept.auth_data.credential_data.public_key)
    assert make(device, b"bob")


def control(path: str) -> None:
    """As curl would."""
    from urllib.request import urlopen

    urlopen(f"http://127.0.0.1:8112{path}", timeout=120).close()


def test_gadget_of_a_killed_process_is_cleared_away_by_the_next(
    running: Callable[..., Running], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("_gadgets")
    first = running("--transport", "gadget")
    assert device_at(first.nodes[0]).ping(b"x") == b"x"
    first.end(signal.SIGKILL)
    second = running("--transport", "gadget")
    assert device_at(second.nodes[0]).ping(b"x") == b"x"
    assert [path.name.split("-")[1] for path in GADGETS.iterdir()] == [str(second.process.pid)]
    assert second.end(signal.SIGINT)[0] == 0
    assert list(GADGETS.iterdir()) == []
    wait_until_gone(second.nodes[0])


def refusal(*prefix: str) -> str:
    """What it says, in one line, where it cannot."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "emulator.emulate"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_user_without_permission_is_told_so() -> None:
    for place in (Path.cwd(), Path(sys.prefix)):  # where root's files may be; the guest forgets it
        for folder in (place, *place.parents):
            folder.chmod(folder.stat().st_mode | 0o055)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert refusal(*nobody).startswith("Error: no permission to use /dev/uhid; run 'keyrig udev install'")


def test_module_that_is_not_loaded_is_named() -> None:
    subprocess.run(["modprobe", "-r", "uhid"], check=True)
    try:
        assert refusal().startswith("Error: /dev/uhid is not there; run 'modprobe uhid' as root")
    finally:
        subprocess.run(["modprobe", "uhid"], check=True)
