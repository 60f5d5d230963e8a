"""One server's rule for a block of tokens at once: what :mod:`harness.service.totp_rules` does to one.

Steps are counted from the one that the server's clock stands in. Codes are taken to be all different, and
sign-ins to be so far apart that no watermark is in their way.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from harness.lab.fleet import Fleet
from harness.lab.tally import RuleTally
from harness.service.totp_limits import TotpLimits
from harness.service.totp_servers import TotpServer

Floats = NDArray[np.float32]
Lots = NDArray[np.intp]


class Lanes:
    """The state of a server's devices, and what was counted of them.

    ``believed`` is the remembered drift in steps, ``shift`` in seconds; ``behind`` is what a token issued
    anew is behind the first one of its lane, and grows by ``slower`` between sign-ins.
    """

    def __init__(self, server: TotpServer, fleet: Fleet, block: int, rate_ppm: Floats) -> None:
        self.name = server.name
        self._limits = limits = server.limits
        self._fleet = fleet
        self._period = np.float32(fleet.period)
        self._rate_ppm = rate_ppm
        # A generator for what is rare, of the rule's own: who else is compared changes nothing.
        own = int.from_bytes(hashlib.sha256(server.name.encode()).digest()[:8], "big") | 1
        self._random = np.random.Generator(np.random.Philox(key=[fleet.seed, block], counter=[0, 0, 0, own]))
        self._reach = limits.sign_in_reach(fleet.period)
        self._middle = np.float32((self._reach[0] + self._reach[-1]) / 2)
        self._half = np.float32((self._reach[-1] - self._reach[0]) / 2)
        self._shifts = limits.memory == "seconds" or limits.resync == "oldest-of-each"
        lanes = len(rate_ppm)
        self._believed, self._shift, self._behind, self._slower, self._x = np.zeros((5, lanes), np.float32)
        self._step, self._off = np.empty((2, lanes), np.float32)
        self._any_issued = False
        self._refused, self._calls = np.zeros((2, lanes), np.int32)
        self._resyncs = self._issued = 0

    def sign_in(self, x: Floats, phase: Floats, delay: Floats) -> None:
        """Every token signs in; who is refused tries again, and then calls the help desk."""
        if self._any_issued:
            self._behind += self._slower
            x = np.subtract(x, self._behind, out=self._x)
        step, off = self._step, self._off
        np.add(phase, x, out=step)
        step -= delay
        step /= self._period
        np.floor(step, out=step)
        np.subtract(step, self._expected(phase, slice(None)), out=off)
        off -= self._middle
        np.abs(off, out=off)
        refused = np.flatnonzero(off > self._half)
        if not len(refused):
            self._learn(slice(None), step, phase)
            return
        believed, shift = self._believed[refused], self._shift[refused]
        self._learn(slice(None), step, phase)
        self._believed[refused], self._shift[refused] = believed, shift
        self._refused[refused] += 1
        self._try_again(refused, x)

    def idle_accepted(self, lowest: Floats, highest: Floats) -> int:
        """How many would still be accepted that were never used, by their clocks' extremes so far.

        Of a code read in the middle of the server's step and sent at once.
        """
        first, last, half = self._reach[0], self._reach[-1], self._fleet.period / 2
        slow, fast = first * self._fleet.period - half, (last + 1) * self._fleet.period - half
        return int(np.count_nonzero((lowest >= np.float32(slow)) & (highest < np.float32(fast))))

    def tally(self, idle: tuple[int, ...]) -> RuleTally:
        refused, calls = self._refused.astype(np.int64), self._calls.astype(np.int64)
        return RuleTally(
            refused=int(refused.sum()),
            refused_squares=int((refused**2).sum()),
            calls=int(calls.sum()),
            calls_squares=int((calls**2).sum()),
            resyncs=self._resyncs,
            issued=self._issued,
            idle=idle,
        )

    def _expected(self, phase: Floats, lanes: Lots | slice) -> Floats:
        if not self._shifts:
            return self._believed[lanes]
        shifted: Floats = np.floor((phase + self._shift[lanes]) / self._period)
        return shifted + self._believed[lanes]

    def _learn(self, lanes: Lots | slice, step: Floats, phase: Floats) -> None:
        """Remember where the tokens of an accepted sign-in were found."""
        match self._limits:
            case TotpLimits(learns=False):
                pass
            case TotpLimits(memory="seconds"):
                self._shift[lanes] = step * self._period - np.floor(phase)
            case _:
                self._believed[lanes] = step
                if self._shifts:
                    self._shift[lanes] = 0

    def _try_again(self, lanes: Lots, x: Floats) -> None:
        phase = self._random.random(len(lanes), np.float32) * self._period
        delay = self._random.standard_exponential(len(lanes), np.float32) * np.float32(self._fleet.delay)
        step: Floats = np.floor((phase + x[lanes] - delay) / self._period)
        accepted = np.abs(step - self._expected(phase, lanes) - self._middle) <= self._half
        self._learn(lanes[accepted], step[accepted], phase[accepted])
        if not accepted.all():
            self._help_desk(lanes[~accepted], x)

    def _help_desk(self, lanes: Lots, x: Floats) -> None:
        """Resync with two prompt codes; where that fails, issue another token."""
        self._calls[lanes] += 1
        phase = self._random.random(len(lanes), np.float32) * self._period
        second: Floats = np.floor((phase + x[lanes]) / self._period)
        reach = self._limits.resync_reach(self._fleet.period)
        match self._limits.resync:
            case "nearest-pair":
                found = (second >= reach[0]) & (second <= reach[-1])
                self._believed[lanes[found]] = second[found]
            case "outwards":
                first = second - 1 - self._expected(phase, lanes)
                found = (first >= reach[0]) & (first <= reach[-1])
                self._believed[lanes[found]] = second[found] + 1
            case "oldest-of-each":
                away = second - self._expected(phase, lanes)
                found = (away >= reach[0]) & (away <= reach[-1])
                self._believed[lanes[found]] = 0
                self._shift[lanes[found]] = (second[found] + np.float32(0.5)) * self._period - phase[found]
            case "none":
                found = np.zeros(len(lanes), np.bool_)
        self._resyncs += int(np.count_nonzero(found))
        if not found.all():
            self._issue(lanes[~found], x)

    def _issue(self, lanes: Lots, x: Floats) -> None:
        """Another token of the same make, right to the second, in place of the one in each lane."""
        self._any_issued = True
        self._issued += len(lanes)
        rate = self._random.standard_normal(len(lanes), np.float32) * np.float32(self._fleet.ppm_sigma)
        span = np.float32(self._fleet.every_days * 86_400e-6)
        self._behind[lanes] += x[lanes]
        self._slower[lanes] = (self._rate_ppm[lanes] - rate) * span
        self._believed[lanes] = self._shift[lanes] = 0
