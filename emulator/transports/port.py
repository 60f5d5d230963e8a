"""What packet transports have in common: packets in and out, and who the operating system is told we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

VENDOR_ID = 0x1209
PRODUCT_ID = 0x000F
"""pid.codes' vendor ID and one of its test product IDs, which no product that is sold may have."""

# CTAP 2.3 §11.2.8.2 in the words of HID 1.11 §6.2.2.
REPORT_DESCRIPTOR = bytes.fromhex(
    "06 d0f1"  # usage page: FIDO Alliance
    "09 01 a1 01"  # an authenticator device
    "09 20 15 00 26 ff00 75 08 95 40 81 02"  # input: 64 bytes
    "09 21 15 00 26 ff00 75 08 95 40 91 02"  # output: 64 bytes
    "c0"
)


class PortError(Exception):
    """A transport cannot be opened; one line that says which part is missing and what mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbIdentity:
    """What the operating system is told about a key."""

    serial_number: str
    product: str = "keyrig security key"
    manufacturer: str = "keyrig"
    vendor_id: int = VENDOR_ID
    product_id: int = PRODUCT_ID


class PacketPort(Protocol):
    """A key's open way to its platform. One thread reads, another writes and closes."""

    @property
    def name(self) -> str:
        """What a client opens to reach the key, such as ``/dev/hidraw3``."""

    def read(self) -> bytes | None:
        """Wait for the next packet from the platform; ``None`` once the port is closed."""

    def write(self, packet: bytes) -> None:
        """Send a packet; one that nobody takes is lost. It does not wait for the platform."""

    def close(self) -> None:
        """Unplug; a waiting :meth:`read` returns ``None``. Closing twice is harmless."""
