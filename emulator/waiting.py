"""A command from its start to its answer, gesture by gesture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.fido.ctaphid import KeepaliveStatus, Request
from emulator.fido.gesture import Command, Gesture, Given, Within
from emulator.fido.status import CtapError

KEEPALIVE_INTERVAL = 0.1
"""Seconds between keepalives while a CBOR command runs (CTAP 2.3 §11.2.9.1.7)."""

KEEPALIVE_STATUS = {
    Gesture.PRESENCE: KeepaliveStatus.UPNEEDED,
    Gesture.VERIFICATION: KeepaliveStatus.PROCESSING,
    Gesture.LONG_TOUCH: KeepaliveStatus.UPNEEDED,
    Gesture.SAMPLE: KeepaliveStatus.UPNEEDED,
}


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A command that waits for a gesture; times are seconds.

    Its answer goes to ``respond``; without one it came in packets, and so do its answer and keepalives go.
    """

    request: Request
    command: Command = field(repr=False)
    respond: Callable[[bytes], None] | None = None
    started: float
    asked: float
    gesture: Gesture = Gesture.PRESENCE
    deadline: float = 0.0
    keepalives: int = 0

    @property
    def next_keepalive(self) -> float:
        if self.respond is not None:
            return math.inf
        return self.started + KEEPALIVE_INTERVAL * (self.keepalives + 1)


def advance(
    command: Command,
    given: Given | CtapError | None,
    at_hand: Callable[[Within], Given | CtapError | None],
    patience: float,
) -> bytes | Within:
    """Resume ``command`` with ``given``, or start it, up to its answer or a gesture not at hand."""
    try:
        while True:
            asked = _resume(command, given)
            if isinstance(asked, Gesture):
                asked = Within(asked, patience)
            given = at_hand(asked)
            if given is None:
                return asked
    except StopIteration as answered:
        answer: bytes = answered.value
        return answer


def _resume(command: Command, given: Given | CtapError | None) -> Gesture | Within:
    """Run ``command`` up to the next gesture: from its start, a gesture made or one that timed out."""
    match given:
        case None:
            return next(command)
        case Given():
            return command.send(given)
        case CtapError():
            return command.throw(given)
