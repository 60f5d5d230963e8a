"""Keys that the Linux kernel has a hidraw node for, real or emulated."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import closing

from fido2.hid import list_descriptors, open_connection
from fido2.hid.base import HidDescriptor

from harness.devices.connection import Connection
from harness.devices.key import DeviceError
from harness.machine import Machine

_LOOK_AGAIN = 0.2
"""Seconds between looks for a key that comes back."""


def keys_at_hand() -> list[HidDescriptor]:
    """The keys that are plugged in and may be used, in the order of their nodes."""
    found: list[HidDescriptor] = list_descriptors()  # type: ignore[no-untyped-call]  # says nothing of types
    return sorted(found, key=lambda key: (len(str(key.path)), str(key.path)))


Look = Callable[[], list[HidDescriptor]]


class HidrawPlug:
    """The key that ``descriptor`` describes, wherever the kernel puts its node."""

    can_be_pulled = True

    def __init__(self, descriptor: HidDescriptor, look: Look = keys_at_hand) -> None:
        self.descriptor = descriptor
        self._look = look

    @classmethod
    def find(cls, path: str = "", look: Look = keys_at_hand) -> HidrawPlug:
        """The key at ``path``; without one the only key that is plugged in.

        :raises DeviceError: when there is no such key, or the choice is not clear.
        """
        match [key for key in look() if not path or key.path == path]:
            case [key]:
                return cls(key, look)
            case []:
                raise DeviceError(_why_none(path))
            case keys:
                choice = ", ".join(f"{cls(key).name} ({key.product_name})" for key in keys)
                raise DeviceError(f"several keys are plugged in; choose one of {choice}")

    @property
    def name(self) -> str:
        return f"hid:{os.fsdecode(self.descriptor.path)}"

    def connect(self) -> Connection:
        return _HidrawConnection(self.name, self.descriptor)

    def replug(self, ask: Callable[[str], None], time_limit: float) -> None:
        until = time.monotonic() + time_limit
        what = f"{self.descriptor.product_name}, {self.name}"
        with closing(_HidrawConnection(self.name, self.descriptor)) as old:
            ask(f"pull out {what}, and plug it in again")
            if not old.was_unplugged(time_limit):
                raise DeviceError(f"{what}, was not pulled out within {time_limit:.0f} s")
        while time.monotonic() < until:
            for key in self._look():
                if _identity(key) == _identity(self.descriptor):
                    self.descriptor = key
                    return
            time.sleep(_LOOK_AGAIN)
        raise DeviceError(f"{what}, was not plugged in again within {time_limit:.0f} s")


class _HidrawConnection(Connection):
    def __init__(self, name: str, descriptor: HidDescriptor) -> None:
        super().__init__(name)
        self._size = descriptor.report_size_in
        self._closed = False
        try:
            self._device = open_connection(descriptor)  # type: ignore[no-untyped-call]  # nor this
        except OSError as error:
            raise DeviceError(f"{name} cannot be opened: {error.strerror}; run 'keyrig doctor'") from None

    def send(self, packet: bytes) -> None:
        try:
            self._device.write_packet(packet)
        except OSError as error:
            raise self._lost(error) from None

    def next_packet(self, timeout: float) -> bytes | None:
        if not self._wait(select.POLLIN, timeout):
            return None
        try:
            return os.read(self._device.handle, self._size)
        except OSError as error:
            raise self._lost(error) from None

    def was_unplugged(self, timeout: float) -> bool:
        """Wait until the kernel says that the key is gone."""
        return bool(self._wait(0, timeout) & (select.POLLERR | select.POLLHUP))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._device.close()

    def _wait(self, events: int, timeout: float) -> int:
        poll = select.poll()
        poll.register(self._device.handle, events)
        return sum(found for _, found in poll.poll(timeout * 1000))

    def _lost(self, error: OSError) -> DeviceError:
        return DeviceError(f"{self._name} was unplugged, or fails: {error.strerror}")


def _identity(key: HidDescriptor) -> tuple[object, ...]:
    return key.vid, key.pid, key.product_name, key.serial_number


def _why_none(path: str) -> str:
    nodes = [str(node.path) for node in Machine().security_keys()]
    if refused := [node for node in nodes if not path or node == path]:
        return f"no permission to use {', '.join(refused)}; run 'keyrig doctor --for hidraw'"
    return f"no security key is {f'at {path}' if path else 'plugged in'}; 'keyrig emulate' plugs one in"
