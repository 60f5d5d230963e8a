"""Which key is meant: the only one, or the one at a path. What the kernel does is tested in tests/kernel."""

from __future__ import annotations

import pytest
from fido2.hid.base import HidDescriptor

from harness.devices.hidraw import HidrawPlug
from harness.devices.key import DeviceError


def key(path: str, product: str) -> HidDescriptor:
    return HidDescriptor(path, 0x1209, 0x000F, 64, 64, product, "123")


ONE = [key("/dev/hidraw3", "a key")]
TWO = [*ONE, key("/dev/hidraw4", "another key")]


def test_the_only_key_needs_no_path() -> None:
    plug = HidrawPlug.find(look=lambda: ONE)
    assert plug.name == "hid:/dev/hidraw3"
    assert plug.can_be_pulled


def test_of_several_keys_one_is_chosen_by_its_path() -> None:
    assert HidrawPlug.find("/dev/hidraw4", look=lambda: TWO).descriptor == TWO[1]
    with pytest.raises(DeviceError) as error:
        HidrawPlug.find(look=lambda: TWO)
    choice = "hid:/dev/hidraw3 (a key), hid:/dev/hidraw4 (another key)"
    assert str(error.value) == f"several keys are plugged in; choose one of {choice}"


def test_no_key_is_one_line_that_says_how_to_have_one() -> None:
    with pytest.raises(DeviceError, match=r"^no security key is at /dev/hidraw-none; 'keyrig emulate' plugs"):
        HidrawPlug.find("/dev/hidraw-none", look=lambda: TWO)


def test_a_key_that_has_just_gone_is_one_line() -> None:
    with pytest.raises(DeviceError, match=r"^hid:/nowhere cannot be opened: No such file or directory; run "):
        HidrawPlug(key("/nowhere", "a key")).connect()
