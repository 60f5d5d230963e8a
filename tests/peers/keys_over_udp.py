"""A plugin for python-fido2's device tests: the key that they find is one of ``keyrig emulate``, over UDP.

Where it is, and whether it is plugged in, the control endpoint says, which is the tests' ``--controller``.
"""

from __future__ import annotations

import json
import urllib.request

import fido2.hid
import pytest
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

from harness.devices.udp import UdpPlug

ANSWER_TO_WHOEVER_ASKS = 0


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Stand in for the machine's HID devices before the tests' conftest takes these names from fido2.hid."""
    plugs: dict[str, UdpPlug] = {}

    def list_descriptors() -> list[HidDescriptor]:
        controller = early_config.getoption("--controller")
        with urllib.request.urlopen(f"{controller}/keys/1", timeout=5) as answer:  # noqa: S310  # loopback
            name = json.load(answer)["name"]
        if name is None:
            return []
        address = name.removeprefix("udp:")
        plug = plugs.setdefault(name, UdpPlug.find(f"{address}:{ANSWER_TO_WHOEVER_ASKS}"))
        return [plug.descriptor]

    def open_connection(descriptor: HidDescriptor) -> CtapHidConnection:
        return plugs[str(descriptor.path)].connect()

    def open_device(path: str) -> CtapHidDevice:
        plug = plugs[path]
        return CtapHidDevice(plug.descriptor, plug.connect())

    fido2.hid.list_descriptors = list_descriptors
    fido2.hid.open_connection = open_connection
    fido2.hid.open_device = open_device
