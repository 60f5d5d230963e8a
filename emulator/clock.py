"""Clocks: a clock is a callable that returns seconds since the Unix epoch.

Everything in the emulator is told the time by one of these, or by a ``now`` argument; nothing else
reads a clock. :class:`SystemClock` is the one door to the machine's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time: ``clock()`` is seconds since the Unix epoch."""

    def __call__(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def __call__(self) -> float:
        return time.time()


class ManualClock:
    """A clock that moves only when told to, so that ninety days take no time at all.

    ``now`` is seconds since the Unix epoch; the default is 2026-01-01 00:00:00 UTC.
    """

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on by ``seconds``; a negative number is our own misuse (``ValueError``)."""
        if seconds < 0:
            raise ValueError(f"a manual clock cannot advance by {seconds} s; use set() to move it back")
        self._now += seconds

    def set(self, now: float) -> None:
        """Put the clock at ``now`` (seconds since the Unix epoch), forwards or backwards."""
        self._now = now


class DriftingClock:
    """A clock that is ``offset`` seconds wrong and gains ``drift_ppm`` microseconds a second.

    It follows ``source``; the drift counts from ``since`` (the source's time at construction unless
    given). Positive is fast: ``error = offset + drift_ppm * 1e-6 * (source() - since)``. The rate is a
    crystal's (1 ppm is 31.6 s a year); a :meth:`step` is a battery dip or a hand that sets the clock.
    ``wander`` adds what else a real crystal does: the seconds gained by so many elapsed seconds, counted from
    ``since`` (``emulator.drift.Oscillator.error`` is one).
    A value that is not a finite number, or a rate at which the clock would stand still, is a ``ValueError``.
    """

    def __init__(
        self,
        source: Clock,
        *,
        offset: float = 0.0,
        drift_ppm: float = 0.0,
        since: float | None = None,
        wander: Callable[[float], float] | None = None,
    ) -> None:
        self._source = source
        self._offset = _finite("offset", offset)
        self._drift_ppm = _rate(drift_ppm)
        self._since = _finite("since", source() if since is None else since)
        self._wander = wander
        self._started = self._since

    def __call__(self) -> float:
        return self.at(self._source())

    def at(self, now: float) -> float:
        """What this clock shows when the true time is ``now``."""
        linear = self._offset + self._drift_ppm * 1e-6 * (now - self._since)
        return now + linear + (self._wander(now - self._started) if self._wander else 0.0)

    def when(self, reading: float) -> float:
        """The true time at which this clock shows ``reading``: the inverse of :meth:`at`, never early.

        A float near today's date resolves a quarter of a microsecond, so the plain inverse may fall just
        short; ``at(when(reading)) >= reading`` holds exactly. A clock that was set back shows some readings
        twice: the answer is a time from now on, if there is one.
        """
        if self._wander is not None:
            return self._search(reading)
        now = self._since + (reading - self._offset - self._since) / (1 + self._drift_ppm * 1e-6)
        nudge = math.ulp(now)
        while self.at(now) < reading:
            now += nudge
            nudge *= 2
        return now

    def _search(self, reading: float) -> float:
        """As :meth:`when`, of a clock that wanders: bracketed from the present, then halved."""
        early = late = self._source()
        reach = abs(reading - self.at(late)) + 1e-4
        while self.at(late) < reading:
            early, late, reach = late, late + reach, 2 * reach
        if early == late and self.at(late) > reading:
            while self.at(early) >= reading:
                early, reach = early - reach, 2 * reach
        while early < (middle := (early + late) / 2) < late:
            early, late = (middle, late) if self.at(middle) < reading else (early, middle)
        return late

    @property
    def error(self) -> float:
        """Seconds by which this clock is ahead of its source, now; negative when it is behind."""
        return self() - self._source()

    @property
    def drift_ppm(self) -> float:
        """The rate error in parts per million; positive runs fast."""
        return self._drift_ppm

    @drift_ppm.setter
    def drift_ppm(self, drift_ppm: float) -> None:
        # What has been gained so far stays gained: fold it into the offset before the rate changes.
        drift_ppm = _rate(drift_ppm)
        now = self._source()
        self._offset += self._drift_ppm * 1e-6 * (now - self._since)
        self._since = now
        self._drift_ppm = drift_ppm

    def step(self, seconds: float) -> None:
        """Jump by ``seconds`` at once, forwards or backwards."""
        self._offset += _finite("step", seconds)


def _finite(what: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"a clock's {what} must be a finite number of seconds, not {value}")
    return value


def _rate(drift_ppm: float) -> float:
    if not (math.isfinite(drift_ppm) and drift_ppm > -1e6):
        raise ValueError(f"drift_ppm must be finite and above -1000000 (a stopped clock), not {drift_ppm}")
    return drift_ppm
