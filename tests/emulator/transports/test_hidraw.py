from __future__ import annotations

import threading
from pathlib import Path

import pytest

from emulator.transports.hidraw import node_of
from emulator.transports.port import PortError


def a_node(sysfs: Path, name: str, serial_number: str) -> None:
    (sysfs / name / "device").mkdir(parents=True)
    (sysfs / name / "device" / "uevent").write_text(
        f"DRIVER=hid-generic\nHID_ID=0003:00001209:0000000F\nHID_PHYS=keyrig/1\nHID_UNIQ={serial_number}\n"
    )


def test_node_is_found_by_its_whole_serial_number(tmp_path: Path) -> None:
    for name, serial_number in (("hidraw0", "123456"), ("hidraw1", "12345"), ("hidraw2", "")):
        a_node(tmp_path / "sys", name, serial_number)
        (tmp_path / name).touch()
    assert node_of("12345", sysfs=tmp_path / "sys", devices=tmp_path, patience=0) == tmp_path / "hidraw1"


def test_node_that_is_slow_to_come_is_waited_for(tmp_path: Path) -> None:
    a_node(tmp_path / "sys", "hidraw0", "1")
    threading.Timer(0.1, (tmp_path / "hidraw0").touch).start()
    assert node_of("1", sysfs=tmp_path / "sys", devices=tmp_path) == tmp_path / "hidraw0"


def test_no_node_at_all_names_the_module(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"no hidraw node.*modprobe hid-generic"):
        node_of("1", sysfs=tmp_path / "sys", devices=tmp_path, patience=0)


def test_node_that_cannot_be_seen_here_names_the_container(tmp_path: Path) -> None:
    a_node(tmp_path / "sys", "hidraw7", "1")
    with pytest.raises(PortError, match=r"made hidraw7, but there is no .*in a container"):
        node_of("1", sysfs=tmp_path / "sys", devices=tmp_path, patience=0)
