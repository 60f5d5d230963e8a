"""The harness with keys that Linux sees: scenarios over hidraw, people who replug, doctor, udev rules."""

from __future__ import annotations

import ast
import grp
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fido2.ctap2 import Ctap2

from emulator.clock import ManualClock
from harness.devices.attendant import Attendant
from harness.devices.find import find_key, names_at_hand
from harness.devices.hardware import HardwareKey
from harness.devices.hidraw import HidrawPlug
from harness.devices.key import DeviceError
from harness.doctor import examine
from harness.machine import Machine

GUEST_TIMEOUT = 1200

ROOT = Path(__file__).parent.parent.parent
KEYRIG = [sys.executable, "-m", "harness"]
LEAN = ["--", "-p", "no:hypothesispytest", "-p", "no:benchmark"]
"""Without what takes pytest long to import."""


def keyrig(*args: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KEYRIG, *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        **how,  # type: ignore[call-overload]
    )


@contextmanager
def emulated(*args: str, **how: object) -> Iterator[list[str]]:
    """``keyrig emulate`` while the block lasts; gives what it says that it plugged in."""
    command = [*KEYRIG, "emulate", *args]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **how) as emulator:  # type: ignore[call-overload]
        assert emulator.stdout is not None
        try:
            said = [emulator.stdout.readline() for _ in range(1 + ("--control" in args))]
            yield [line.strip() for line in said]
        finally:
            emulator.terminate()
            emulator.communicate(timeout=300)


@pytest.fixture
def attendant(tmp_path: Path) -> Iterator[Attendant]:
    terminal = os.open(tmp_path / "terminal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield Attendant(terminal)
    os.close(terminal)


def at_hand(attendant: Attendant) -> HardwareKey:
    key = find_key("hid", lambda: attendant).new(clock=ManualClock(), seed="")
    assert isinstance(key, HardwareKey)
    return key


def control(said: list[str], **verb: str) -> None:
    """Ask the control endpoint of the emulator that ``said`` where it is."""
    address = said[1].removeprefix("control ") + "/keys/1"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(verb).encode(), headers)  # noqa: S310 - loopback
    urllib.request.urlopen(request).close()  # noqa: S310


# Several keys.


def test_of_several_keys_one_is_to_be_chosen() -> None:
    with emulated("-n", "2") as said:
        nodes = said[0].partition(",")[0].split()
        names = [f"hid:{node}" for node in nodes]
        assert len(names) == 2
        assert names_at_hand() == names
        with pytest.raises(DeviceError, match=rf"choose one of {names[0]} \(.*\), {names[1]} \("):
            find_key("hid")
        assert "ctap2" in find_key(names[1]).capabilities
        assert {"ok" if not finding.missing else "" for finding in examine(Machine(), ["hidraw"])} == {"ok"}


# People.


def test_a_key_that_is_pulled_out_and_plugged_in_again_is_the_same_key(
    attendant: Attendant, tmp_path: Path
) -> None:
    with emulated("--control", "0") as said:
        key = at_hand(attendant)
        before = Ctap2(key).get_info()
        threading.Timer(1.0, control, [said], {"power": "off"}).start()
        threading.Timer(2.0, control, [said], {"power": "on"}).start()
        began = time.monotonic()
        key.power_cycle()
        assert time.monotonic() - began >= 1.0
        assert Ctap2(key).get_info() == before
        key.close()
    asked = (tmp_path / "terminal").read_text(encoding="utf-8")
    assert asked.startswith("▶ pull out ")
    assert asked.endswith(f"hid:{said[0].partition(',')[0]}, and plug it in again\n")


def test_a_key_that_nobody_replugs_is_not_waited_for_for_ever(attendant: Attendant) -> None:
    with emulated("--control", "0") as said:
        plug = HidrawPlug.find()
        with pytest.raises(DeviceError, match="was not pulled out within 1 s"):
            plug.replug(attendant.say, 1.0)
        with pytest.raises(DeviceError, match="was not plugged in again within 2 s"):
            plug.replug(lambda _: control(said, power="off"), 2.0)


def test_a_key_pulled_out_while_it_waits_for_a_touch_is_a_clear_error(attendant: Attendant) -> None:
    with emulated("--control", "0", "--touch", "never") as said:
        key = at_hand(attendant)
        threading.Timer(1.0, control, [said], {"power": "off"}).start()
        with pytest.raises(DeviceError, match="was unplugged, or fails"):
            Ctap2(key).selection()
        with pytest.raises(DeviceError, match="was unplugged, or fails"):
            key.call(0x01, b"ping")
        key.close()


# doctor.


@pytest.fixture
def no_container() -> None:
    """The guest sees the files of its host, which may be a container; it is none itself."""
    for mark in (".dockerenv", "run/.containerenv", "run/systemd/container"):
        Path("/", mark).unlink(missing_ok=True)


@pytest.mark.usefixtures("no_container")
@pytest.mark.parametrize(
    ("part", "modules"), [("uhid", ["uhid"]), ("gadget", ["dummy_hcd", "usb_f_hid", "libcomposite"])]
)
def test_what_doctor_says_mends_a_transport(part: str, modules: list[str]) -> None:
    for module in modules:  # other tests may have loaded them
        subprocess.run(["modprobe", "-r", module], check=True)
    mended = []
    while (finding := next(examine(Machine(), [part]))).mend is not None:
        assert finding.mend not in mended, finding
        mended.append(finding.mend)
        subprocess.run(finding.mend.split(), check=True)
    assert mended[-1].startswith("modprobe ")
    if part == "gadget":
        subprocess.run(["modprobe", "-r", "dummy_hcd"], check=True)


# udev.


@pytest.fixture(scope="module")
def people() -> Iterator[None]:
    """udev runs, its rules are installed; alice is in their group and mallory is not."""
    for needed in (ROOT, Path(sys.prefix), Path(sys.base_prefix)):
        open_to_all(needed)
    subprocess.run(["/lib/systemd/systemd-udevd", "--daemon"], check=True)
    until = time.monotonic() + 120
    while not Path("/run/udev/control").exists():  # it is a daemon before it listens
        assert time.monotonic() < until
        time.sleep(0.1)
    subprocess.run(["udevadm", "control", "--ping", "--timeout=120"], check=True)
    done = keyrig("udev", "install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "have udev apply them" in done.stdout, done.stdout
    for name, groups in (("alice", "keyrig"), ("mallory", "")):
        subprocess.run(["useradd", "--no-create-home", "--groups", groups, name], check=True)
    yield
    subprocess.run(["udevadm", "control", "--exit"], check=True)


def open_to_all(path: Path) -> None:
    """Let everybody reach ``path``: the guest's files are root's, and its changes to them are lost."""
    for folder in (path, *path.parents):
        folder.chmod(folder.stat().st_mode | 0o055)


def who(name: str) -> dict[str, object]:
    groups = [grp.getgrnam("keyrig").gr_gid] if name == "alice" else []
    return {
        "user": name,
        "group": name,
        "extra_groups": groups,
        "env": {**os.environ, "USER": name, "LOGNAME": name},
    }


@pytest.fixture(scope="module")
def hers(people: None) -> Iterator[str]:
    """The node of a key that alice has plugged in."""
    with emulated(**who("alice")) as said:
        subprocess.run(["udevadm", "settle"], check=True)
        yield said[0].partition(",")[0]


@pytest.mark.usefixtures("people")
def test_the_rules_give_nodes_to_the_group_and_to_whoever_sits_there(hers: str) -> None:
    uhid = Path("/dev/uhid").stat()
    assert (grp.getgrgid(uhid.st_gid).gr_name, uhid.st_mode & 0o777) == ("keyrig", 0o660)
    node = Path(hers).stat()
    assert (grp.getgrgid(node.st_gid).gr_name, node.st_mode & 0o777) == ("keyrig", 0o660)
    known = ["udevadm", "info", "--query=property", hers]
    assert ":uaccess:" in subprocess.run(known, capture_output=True, text=True, check=True).stdout


def test_who_is_in_the_group_runs_every_scenario_that_the_key_can(hers: str, tmp_path: Path) -> None:
    (report := tmp_path / "report.xml").touch()
    report.chmod(0o666)
    open_to_all(tmp_path)
    names = " or ".join(scenarios_with_keys())
    done = keyrig("run", "--key=hid", "-k", names, f"--junit-xml={report}", *LEAN, **who("alice"))
    assert done.returncode == 0, done.stdout + done.stderr
    root = ElementTree.parse(report)  # noqa: S314 - pytest wrote it
    skipped = [skip.get("message", "") for skip in root.iter("skipped")]
    assert len(list(root.iter("testcase"))) - len(skipped) >= 25
    assert all(f", which hid:{hers} does not have" in reason for reason in skipped), skipped
    assert done.stdout.count(f"registers hid:{hers}") >= 9


def scenarios_with_keys() -> list[str]:
    """The packaged scenarios that ask their world for a key; of the others no key knows anything."""
    modules = [ast.parse(path.read_text()) for path in (ROOT / "harness" / "scenarios").glob("test_*.py")]
    functions = [node for module in modules for node in module.body if isinstance(node, ast.FunctionDef)]
    return sorted(node.name for node in functions if "world.key(" in ast.unparse(node))


@pytest.mark.usefixtures("no_container")
def test_who_is_not_in_the_group_is_refused_and_told_how_to_join(hers: str) -> None:
    run = keyrig("run", "--key=hid", *LEAN, **who("mallory"))
    assert run.returncode == 2
    assert run.stderr.strip() == f"ERROR: no permission to use {hers}; run 'keyrig doctor --for hidraw'"
    doctor = keyrig("doctor", "--for", "uhid", "--for", "hidraw", **who("mallory"))
    assert doctor.returncode == 1
    assert doctor.stdout.count("sudo usermod -aG keyrig mallory, then log in anew") == 2
    install = keyrig("udev", "install", **who("mallory"))
    assert install.returncode == 2
    assert install.stderr == f"Error: that takes root; run: sudo {sys.executable} -m harness udev install\n"
