"""What a command may wait for from the person at the key.

A command that needs a person is a generator: it yields the :class:`Gesture` it waits for and is resumed
with a :class:`Given`. A gesture that does not come in time is thrown at the generator as a ``CtapError``
of ``USER_ACTION_TIMEOUT``, for what it costs is the command's to say. Closing the generator abandons the
command with nothing changed; that is how CANCEL and a power cycle reach it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, IntEnum

LONG_TOUCH_TIME = 5.0
"""Seconds that a long touch lasts (CTAP 2.3 §6.6)."""


class Gesture(Enum):
    """User presence (a touch), built-in user verification (a finger, a PIN pad on the key), and others.

    A long touch lasts :data:`LONG_TOUCH_TIME`; a sample is of a finger that is being enrolled.
    """

    PRESENCE = "presence"
    VERIFICATION = "verification"
    LONG_TOUCH = "long touch"
    SAMPLE = "fingerprint sample"


class SampleStatus(IntEnum):
    """What became of a fingerprint's sample, lastEnrollSampleStatus (CTAP 2.3 §6.7)."""

    GOOD = 0x00
    TOO_HIGH = 0x01
    TOO_LOW = 0x02
    TOO_LEFT = 0x03
    TOO_RIGHT = 0x04
    TOO_FAST = 0x05
    TOO_SLOW = 0x06
    POOR_QUALITY = 0x07
    TOO_SKEWED = 0x08
    TOO_SHORT = 0x09
    MERGE_FAILURE = 0x0A
    EXISTS = 0x0B
    NO_USER_ACTIVITY = 0x0D
    NO_USER_PRESENCE_TRANSITION = 0x0E


@dataclass(frozen=True, slots=True)
class Within:
    """A gesture that must be made within so many ``seconds``, whatever the key's own patience."""

    gesture: Gesture
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A gesture made at ``now`` (seconds).

    ``accepted`` is false for a finger that was not recognised and a user who declines; ``sample`` is what
    the sensor says of a finger that is being enrolled.
    """

    now: float
    accepted: bool = True
    sample: SampleStatus = SampleStatus.GOOD


Command = Generator[Gesture | Within, Given, bytes]
"""A running command: yields gestures it waits for, returns the whole answer (status first)."""
