"""What a touch is worth to U2F, whose platform does not wait but asks again."""

from __future__ import annotations

U2F_TOUCH_WINDOW = 10.0
"""Seconds that a touch waits for the U2F platform's next poll, and that a poll counts as going on."""


class U2fPresence:
    """A touch for U2F, whose platform polls: U2F Raw Message Formats v1.1 §4.1, §5.1. Times are seconds."""

    def __init__(self) -> None:
        self._touched: float | None = None
        self._first_poll: float | None = None
        self._last_poll: float | None = None

    def touch(self, now: float) -> None:
        """Remember a touch by call."""
        self._touched = now

    def is_polled(self, now: float) -> bool:
        """Whether a platform asked in vain and may be expected to ask again."""
        return self._last_poll is not None and now - self._last_poll < U2F_TOUCH_WINDOW

    def take(self, now: float, delay: float | None) -> bool:
        """Use up the touch at hand, if any; by policy it comes ``delay`` after the first poll."""
        if self._first_poll is None or not self.is_polled(now):
            self._first_poll = now
        self._last_poll = now
        by_call = self._touched is not None and now - self._touched < U2F_TOUCH_WINDOW
        by_policy = delay is not None and now >= self._first_poll + delay
        if by_call or by_policy:
            self._touched = self._last_poll = None
        return by_call or by_policy
