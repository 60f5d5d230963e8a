"""What a scenario or a conformance test may ask of a security key, emulated or in somebody's hand."""

from __future__ import annotations

from abc import abstractmethod

from fido2.ctap import CtapDevice
from fido2.hid import CtapHidDevice


class DeviceError(Exception):
    """A device is not there, or does not do what was asked; one sentence that says which and what to do."""


class NotCapable(DeviceError):  # noqa: N818  # the nature of a device, not a fault of it
    """A device cannot do what a scenario asks of it; the scenario is skipped."""


class PinUnknown(DeviceError):  # noqa: N818  # its owner's secret, not a fault
    """A key wants its PIN, and nobody has said it."""


class PinAtRisk(DeviceError):  # noqa: N818  # the owner's tries, not a fault
    """A key's PIN is not tried: it was wrong, or few tries are left before it is blocked."""


class Unchangeable(DeviceError):  # noqa: N818  # the owner's will, not a fault
    """A request would change a key for good, and its owner has not allowed that; nothing was sent."""


class Key(CtapDevice):
    """A python-fido2 ``CtapDevice``, and what a person does with a key besides.

    It is always on: after :meth:`power_cycle` it is the same key on a new channel.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called where it was chosen, such as ``emulated:ctap21``."""

    @property
    def has_packets(self) -> bool:
        """Whether it speaks CTAPHID, so that raw packets can be sent to it."""
        return True

    @abstractmethod
    def touch(self) -> None:
        """Touch it now."""

    @abstractmethod
    def verify(self, accepted: bool = True) -> None:
        """Be verified by it now; with a finger that it does not know unless ``accepted``."""

    @abstractmethod
    def leave_alone(self, alone: bool = True) -> None:
        """Touch it no more, nor be verified by it, whatever it asks; ``False`` ends that."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let that much of the key's time pass."""

    @abstractmethod
    def power_cycle(self) -> None:
        """Pull it out and plug it in again."""

    def pin(self) -> str | None:
        """What its owner types when it asks for its PIN; ``None`` if nobody knows of one."""
        return None

    @abstractmethod
    def open(self) -> CtapHidDevice:
        """A channel of one's own to it, as another application has; lost by :meth:`power_cycle`."""

    @abstractmethod
    def send_packet(self, packet: bytes) -> None:
        """Send one raw 64-byte CTAPHID packet."""

    @abstractmethod
    def receive_packet(self, timeout: float) -> bytes | None:
        """The next packet on a channel that :meth:`send_packet` used; ``None`` after ``timeout`` seconds."""
