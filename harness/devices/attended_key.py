"""A key in somebody's hand: an attendant does what takes a person, and it is left as it is."""

from __future__ import annotations

from typing import Protocol

from fido2.hid.base import HidDescriptor

from harness.devices.attendant import Attendant
from harness.devices.key import Key, Unchangeable
from harness.devices.owners_pin import owners_pin
from harness.devices.request import change


class Place(Protocol):
    """Where a key is plugged in."""

    @property
    def name(self) -> str:
        """What it was found by."""

    @property
    def descriptor(self) -> HidDescriptor:
        """What it is."""


class AttendedKey(Key):
    """The key at ``place``, which ``attendant`` attends.

    It keeps what it is: what would change it, other than its counters, is :class:`Unchangeable` unless
    ``destructive``; ``changed`` says whether anything did.
    """

    def __init__(self, place: Place, attendant: Attendant, *, destructive: bool = False) -> None:
        self._place = place
        self._attendant = attendant
        self._destructive = destructive
        self._alone = False
        self.changed = False

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        return self._place.name

    @property
    def title(self) -> str:
        """What a person knows it by."""
        return f"{self._place.descriptor.product_name}, {self.name}"

    def touch(self) -> None:
        self._attendant.touch_now(self.title)

    def verify(self, accepted: bool = True) -> None:
        self._attendant.verify_now(self.title, accepted)

    def leave_alone(self, alone: bool = True) -> None:
        self._alone = alone
        self._attendant.leave_alone(self.title, alone)

    def wait(self, seconds: float) -> None:
        self._attendant.wait(seconds)

    def pin(self) -> str:
        return owners_pin(self._attendant, self, self.title)

    def refuse_to_change(self, command: int, data: bytes) -> None:
        """Raise :class:`Unchangeable` for a request that would change the key, if that is not allowed."""
        what = change(command, data)
        if what and not self._destructive:
            raise Unchangeable(f"{what} would change {self.title}; only with --destructive is that done")
        self.changed |= what is not None
