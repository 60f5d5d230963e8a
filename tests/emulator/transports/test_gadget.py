"""What can be judged without a kernel that has gadgets; tests/kernel judges the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.transports.gadget import free_controller
from emulator.transports.port import PortError


def test_first_controller_that_no_gadget_uses_is_taken(tmp_path: Path) -> None:
    for name in ("fe980000.usb", "dummy_udc.1", "dummy_udc.0"):
        (tmp_path / "udc" / name).mkdir(parents=True)
    (tmp_path / "gadgets" / "theirs").mkdir(parents=True)
    (tmp_path / "gadgets" / "theirs" / "UDC").write_text("dummy_udc.0\n")
    assert free_controller(gadgets=tmp_path / "gadgets", controllers=tmp_path / "udc") == "dummy_udc.1"


def test_no_controller_left_says_who_has_them(tmp_path: Path) -> None:
    (tmp_path / "udc" / "dummy_udc.0").mkdir(parents=True)
    (tmp_path / "gadgets" / "theirs").mkdir(parents=True)
    (tmp_path / "gadgets" / "theirs" / "UDC").write_text("dummy_udc.0\n")
    with pytest.raises(PortError, match=r"in use \(dummy_udc\.0\)"):
        free_controller(gadgets=tmp_path / "gadgets", controllers=tmp_path / "udc")


def test_no_controller_at_all_names_the_two_ways_to_one(tmp_path: Path) -> None:
    (tmp_path / "gadgets").mkdir()
    with pytest.raises(PortError, match=r"a board that has one.*modprobe dummy_hcd"):
        free_controller(gadgets=tmp_path / "gadgets", controllers=tmp_path / "udc")


def test_kernel_without_gadgets_names_the_module(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="modprobe libcomposite"):
        free_controller(gadgets=tmp_path / "gadgets", controllers=tmp_path / "udc")
