"""What is missing is said in plain words with what mends it, judged on file systems made for the purpose."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.transports.port import PRODUCT_ID, REPORT_DESCRIPTOR, VENDOR_ID
from harness.doctor import KEYRIG_IDS, PARTS, VIRTUAL_READERS, examine
from harness.machine import Machine
from harness.udev import INSTALLED, rules_text

RELEASE = "6.1.0-test"
KEYBOARD = bytes.fromhex("05010906")


def put(root: Path, path: str, content: str | bytes = "") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def plug_in(
    root: Path, number: int, ids: str = "0003:00001209:0000000F", descriptor: bytes = REPORT_DESCRIPTOR
) -> Path:
    device = f"sys/class/hidraw/hidraw{number}/device"
    put(root, f"{device}/report_descriptor", descriptor)
    put(root, f"{device}/uevent", f"DRIVER=hid-generic\nHID_ID={ids}\nHID_NAME=A key\nHID_UNIQ=123\n")
    return put(root, f"dev/hidraw{number}")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing is missing, seen by a user called alice."""
    put(tmp_path, "proc/sys/kernel/osrelease", f"{RELEASE}\n")
    modules = (
        "drivers/hid/uhid.ko",
        "drivers/usb/gadget/libcomposite.ko",
        "drivers/usb/gadget/udc/dummy_hcd.ko",
    )
    put(tmp_path, f"lib/modules/{RELEASE}/modules.dep", "".join(f"kernel/{path}:\n" for path in modules))
    put(tmp_path, "dev/uhid")
    put(tmp_path, "etc/group", f"root:x:0:\nkeyrig:x:{os.getgid()}:bob,alice\n")
    put(tmp_path, str(INSTALLED), rules_text())
    put(tmp_path, "usr/bin/firefox-esr")
    (tmp_path / "sys/kernel/config/usb_gadget").mkdir(parents=True)
    (tmp_path / "sys/class/udc/dummy_udc.0").mkdir(parents=True)
    plug_in(tmp_path, 0)
    return Machine(root=tmp_path, user="alice", superuser=False, search_path="/usr/local/bin:/usr/bin")


def found(machine: Machine, part: str) -> tuple[str, str | None]:
    (finding,) = examine(machine, [part])
    assert finding.part == part
    assert finding.missing is (finding.mend is not None)
    return finding.text, finding.mend


def refusing(machine: Machine, path: str, error: int) -> Machine:
    """The machine, with the device node ``path`` refused."""
    refused = {machine.root / path: error}
    return replace(machine, why_not=lambda node: refused.get(node) or machine.why_not(node))


@pytest.mark.parametrize("part", sorted(set(PARTS) - {"pcscd"}))
def test_on_a_machine_that_has_everything_nothing_is_to_be_mended(machine: Machine, part: str) -> None:
    assert found(machine, part)[1] is None


def test_unless_asked_for_some_all_parts_are_looked_for(machine: Machine) -> None:
    assert [finding.part for finding in examine(machine)] == list(PARTS)


# uhid.


def test_uhid_of_a_module_not_loaded(machine: Machine) -> None:
    (machine.root / "dev/uhid").unlink()
    assert found(machine, "uhid") == ("the module uhid is not loaded", "sudo modprobe uhid")
    assert found(replace(machine, superuser=True), "uhid")[1] == "modprobe uhid"


def test_uhid_whose_node_is_there_before_a_module_that_cannot_be_loaded(machine: Machine) -> None:
    text, mend = found(refusing(machine, "dev/uhid", errno.ENODEV), "uhid")
    assert (text, mend) == ("the module uhid is not loaded", "sudo modprobe uhid")


def test_uhid_of_a_module_without_a_node(machine: Machine) -> None:
    (machine.root / "dev/uhid").unlink()
    (machine.root / "sys/module/uhid").mkdir(parents=True)
    assert found(machine, "uhid")[1] == "sudo mknod /dev/uhid c 10 239"


def test_uhid_of_a_kernel_that_has_none(machine: Machine) -> None:
    (machine.root / "dev/uhid").unlink()
    (machine.root / f"lib/modules/{RELEASE}/modules.dep").unlink()
    text, mend = found(machine, "uhid")
    assert text == "this kernel has no uhid"
    assert mend is not None
    assert "CONFIG_UHID" in mend


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv", "run/systemd/container"])
@pytest.mark.parametrize("error", [None, errno.EPERM], ids=["absent", "not allowed"])
def test_uhid_in_a_container(machine: Machine, mark: str, error: int | None) -> None:
    put(machine.root, mark)
    (machine.root / "dev/uhid").unlink()
    text, mend = found(refusing(machine, "dev/uhid", error) if error else machine, "uhid")
    assert "container" in text
    assert mend is not None
    assert "--device /dev/uhid" in mend


def no_group(machine: Machine) -> None:
    put(machine.root, "etc/group", "root:x:0:\n")


def no_rules(machine: Machine) -> None:
    (machine.root / INSTALLED).unlink()


def other_rules(machine: Machine) -> None:
    put(machine.root, str(INSTALLED), "# an older version\n")


def not_applied(machine: Machine) -> None:
    put(machine.root, "etc/group", f"keyrig:x:{os.getgid() + 1}:alice\n")


def not_a_member(machine: Machine) -> None:
    put(machine.root, "etc/group", f"keyrig:x:{os.getgid()}:bob\n")


def member_since(machine: Machine) -> None:
    pass


@pytest.mark.parametrize(
    ("so", "mend"),
    [
        (no_group, " udev install"),
        (no_rules, " udev install"),
        (other_rules, " udev install"),
        (not_applied, " udev install"),
        (not_a_member, "sudo usermod -aG keyrig alice, then log in anew"),
        (member_since, "log in anew: you are in the group keyrig since you last did"),
    ],
)
@pytest.mark.parametrize("node", ["dev/uhid", "dev/hidraw0"])
def test_nodes_that_one_may_not_use(
    machine: Machine, node: str, so: Callable[[Machine], None], mend: str
) -> None:
    so(machine)
    text, offered = found(refusing(machine, node, errno.EACCES), "uhid" if "uhid" in node else "hidraw")
    assert "you may not use it" in text
    assert offered is not None
    assert offered.endswith(mend)


# gadget.


def test_gadget_of_a_module_not_loaded(machine: Machine) -> None:
    (machine.root / "sys/kernel/config/usb_gadget").rmdir()
    assert found(machine, "gadget") == ("the module libcomposite is not loaded", "sudo modprobe libcomposite")
    (machine.root / "sys/module/libcomposite").mkdir(parents=True)
    text, mend = found(machine, "gadget")
    assert (text, mend) == ("configfs is not mounted", "sudo mount -t configfs none /sys/kernel/config")


@pytest.mark.parametrize("container", [True, False])
def test_gadget_of_a_kernel_that_has_none(machine: Machine, container: bool) -> None:
    (machine.root / "sys/kernel/config/usb_gadget").rmdir()
    put(machine.root, ".dockerenv" if container else f"lib/modules/{RELEASE}/modules.dep")
    text, mend = found(machine, "gadget")
    assert ("container" in text) is container
    assert mend is not None
    assert "CONFIG_USB_LIBCOMPOSITE" in mend


def test_gadget_without_a_port(machine: Machine) -> None:
    (machine.root / "sys/class/udc/dummy_udc.0").rmdir()
    assert found(machine, "gadget")[1] == "sudo modprobe dummy_hcd"
    put(machine.root, f"lib/modules/{RELEASE}/modules.dep")
    text, mend = found(machine, "gadget")
    assert text == "no USB device port is there"
    assert mend is not None
    assert "Raspberry Pi Zero" in mend


def test_gadget_that_only_root_may_use(machine: Machine) -> None:
    text, mend = found(replace(machine, may_write=lambda folder: False), "gadget")
    assert "dummy_udc.0, but only root" in text
    assert mend is not None
    assert mend.startswith("sudo ")
    assert mend.endswith(" emulate --transport gadget")


# hidraw.


def test_no_security_key_among_the_hid_devices(machine: Machine) -> None:
    plug_in(machine.root, 0, descriptor=KEYBOARD)
    text, mend = found(machine, "hidraw")
    assert text == "no security key is plugged in"
    assert mend is not None


def test_each_security_key_is_looked_at_in_the_order_of_nodes(machine: Machine) -> None:
    for number in (10, 9):
        plug_in(machine.root, number)
    findings = list(examine(refusing(machine, "dev/hidraw9", errno.EACCES), ["hidraw"]))
    assert [finding.missing for finding in findings] == [False, True, False]
    assert "hidraw9" in findings[1].text


def test_a_key_of_another_make_is_given_to_the_user_by_itself(machine: Machine) -> None:
    node = plug_in(machine.root, 0, ids="0003:00001050:00000407")
    assert found(refusing(machine, "dev/hidraw0", errno.EACCES), "hidraw")[1] == f"sudo chown alice {node}"


def test_a_key_whose_node_the_container_lacks(machine: Machine) -> None:
    put(machine.root, ".dockerenv")
    node = plug_in(machine.root, 0)
    node.unlink()
    text, mend = found(machine, "hidraw")
    assert "container" in text
    assert mend == f"start it with --device {node}"


def test_a_key_that_fails(machine: Machine) -> None:
    text, mend = found(refusing(machine, "dev/hidraw0", errno.EIO), "hidraw")
    assert "Input/output error" in text
    assert mend == "pull it out and plug it in again"


def test_keyrigs_own_keys_are_known_by_what_they_say() -> None:
    assert KEYRIG_IDS == (VENDOR_ID, PRODUCT_ID)


# pcscd, browsers.


@pytest.mark.parametrize(
    ("files", "mend"),
    [
        ([], "sudo apt-get install pcscd vsmartcard-vpcd"),
        (["usr/sbin/pcscd"], "sudo apt-get install vsmartcard-vpcd, then restart pcscd"),
        (["usr/sbin/pcscd", VIRTUAL_READERS], "sudo pcscd"),
        (
            ["usr/sbin/pcscd", VIRTUAL_READERS, "run/systemd/system/.keep"],
            "sudo systemctl start pcscd.socket",
        ),
        (["usr/sbin/pcscd", VIRTUAL_READERS, "run/pcscd/pcscd.comm"], "sudo pcscd"),
    ],
)
def test_pcscd_that_does_not_answer(machine: Machine, files: list[str], mend: str) -> None:
    for path in files:
        put(machine.root, path, "left behind")
    assert found(machine, "pcscd")[1] == mend


def test_pcscd_that_answers(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine.root, "usr/sbin/pcscd", "")
    put(machine.root, VIRTUAL_READERS, "")
    (machine.root / "run/pcscd").mkdir(parents=True)
    monkeypatch.chdir(machine.root)  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as pcscd:
        pcscd.bind("run/pcscd/pcscd.comm")
        pcscd.listen()
        assert found(replace(machine, root=Path(".")), "pcscd") == (
            "pcscd is running, with virtual readers",
            None,
        )


def test_no_browser_on_the_path(machine: Machine) -> None:
    assert found(replace(machine, search_path="/usr/games"), "browser")[1] == "sudo apt-get install chromium"
