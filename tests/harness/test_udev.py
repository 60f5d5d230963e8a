"""Installing the rules: what is to be done depends on the machine, is said first, and fails in one line."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from emulator.transports.port import PRODUCT_ID, VENDOR_ID
from harness.machine import Machine
from harness.udev import INSTALLED, Step, UdevError, are_installed, carry_out, rules_text, steps

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A bare machine: no group, no module, no udev."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    return Machine(root=tmp_path, user="alice")


def commands(machine: Machine) -> list[str]:
    return [str(step).partition(": ")[2] for step in steps(machine)]


def test_the_rules_are_those_at_the_top_of_the_repository() -> None:
    assert rules_text() == (ROOT / "udev/70-keyrig.rules").read_text()


def test_the_rules_are_for_the_keys_that_keyrig_makes() -> None:
    assert f'KERNELS=="0003:{VENDOR_ID:04X}:{PRODUCT_ID:04X}.*"' in rules_text()


def test_a_bare_machine_gets_group_and_rules(machine: Machine) -> None:
    assert commands(machine) == ["groupadd --system keyrig", str(machine.root / INSTALLED)]


def test_a_machine_with_udev_and_the_module_gets_the_node_and_has_the_rules_applied(machine: Machine) -> None:
    for path, text in {
        "run/udev/control": "",
        "proc/sys/kernel/osrelease": "6.1\n",
        "lib/modules/6.1/modules.dep": "kernel/drivers/hid/uhid.ko.xz: kernel/drivers/hid/hid.ko.xz\n",
        "etc/group": "keyrig:x:999:\n",
    }.items():
        (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / path).write_text(text)
    assert commands(machine) == [
        str(machine.root / INSTALLED),
        "modprobe uhid",
        "udevadm control --reload",
        "udevadm trigger --action=change --subsystem-match=misc",
        "udevadm trigger --action=change --subsystem-match=hidraw",
        "udevadm settle",
    ]


def test_carried_out_the_rules_are_installed(machine: Machine) -> None:
    ran: list[Sequence[str]] = []
    assert not are_installed(machine)
    for step in steps(machine):
        carry_out(step, ran.append)
    assert are_installed(machine)
    assert ran == [["groupadd", "--system", "keyrig"]]


def test_rules_of_another_version_count_as_missing(machine: Machine) -> None:
    (machine.root / INSTALLED).parent.mkdir(parents=True)
    (machine.root / INSTALLED).write_text(rules_text() + "# older\n")
    assert not are_installed(machine)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (subprocess.CalledProcessError(1, [], stderr="warning\nno such module\n"), "no such module"),
        (subprocess.CalledProcessError(9, [], stderr=""), "exit code 9"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file or directory"),
    ],
)
def test_a_command_that_fails_is_one_line(failure: Exception, said: str) -> None:
    def run(command: Sequence[str]) -> None:
        raise failure

    with pytest.raises(UdevError) as error:
        carry_out(Step(what="make /dev/uhid", command=["modprobe", "uhid"]), run)
    assert str(error.value) == f"cannot make /dev/uhid: modprobe uhid: {said}"


def test_rules_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("no folder")
    with pytest.raises(UdevError, match=r"^cannot write the rules: .*rules: (Not a directory|File exists)$"):
        carry_out(Step(what="write the rules", file=tmp_path / INSTALLED, content="x"))
