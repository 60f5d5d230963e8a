"""What a command may wait for from the person at the key.

A command that needs a person is a generator: it yields the :class:`Gesture` it waits for and is resumed
with a :class:`Given`. Closing the generator abandons the command with nothing changed; that is how
CANCEL, a time-out and a power cycle reach it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum


class Gesture(Enum):
    """User presence (a touch) or built-in user verification (a finger, a PIN pad on the key)."""

    PRESENCE = "presence"
    VERIFICATION = "verification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A gesture made at ``now`` (seconds); ``accepted`` is false for a finger that was not recognised."""

    now: float
    accepted: bool = True


Command = Generator[Gesture, Given, bytes]
"""A running command: yields gestures it waits for, returns the whole answer (status first)."""
