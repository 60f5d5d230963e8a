"""A random walk of frequency that can be asked about any moment, in any order, without stepping through it.

Brownian motion and its integral are drawn together, coarse first: forwards over intervals that double in
length, then by halving the one that holds the moment asked for (a Brownian bridge). Each draw is a keyed
hash of where it stands, so that the same seed is the same walk whatever was asked before.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass, field

DAY = 86_400.0
_LEAF = 1024.0
"""Seconds: within one, the walk is its smoothest course between the ends; the phase that leaves out is below
a microsecond for any crystal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalk:
    """Random-walk frequency modulation: ``ppm_per_sqrt_day`` is the deviation that one day adds.

    The same ``seed`` gives the same walk. Before time 0 there is none. A crystal's is about 0.01.
    """

    ppm_per_sqrt_day: float = 0.01
    seed: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ppm_per_sqrt_day) and self.ppm_per_sqrt_day >= 0):
            raise ValueError(f"ppm_per_sqrt_day must be finite and 0 or more, not {self.ppm_per_sqrt_day}")

    def rate_ppm(self, elapsed: float) -> float:
        """The frequency error w at ``elapsed`` seconds, in ppm."""
        return self.ppm_per_sqrt_day * self._at(elapsed)[0]

    def phase(self, elapsed: float) -> float:
        """Seconds gained by ``elapsed`` seconds: the integral of w."""
        return self.ppm_per_sqrt_day * self._at(elapsed)[1] * DAY * 1e-6

    def allan_deviation_ppm(self, tau: float) -> float:
        """What the Allan deviation of such a walk is at an averaging time of ``tau`` seconds (IEEE 1139)."""
        return self.ppm_per_sqrt_day * math.sqrt(tau / DAY / 3)

    def _at(self, elapsed: float) -> tuple[float, float]:
        """Standard Brownian motion and its integral, with days as the unit of time."""
        if elapsed <= 0 or self.ppm_per_sqrt_day == 0:
            return 0.0, 0.0
        level, begin, length = 0, 0.0, _LEAF
        start, end = (0.0, 0.0), self._forward(0, (0.0, 0.0), length)
        while elapsed > begin + length:
            begin = begin + length
            length = begin  # as long as all before it together
            level += 1
            start, end = end, self._forward(level, end, length)
        path = 1
        while length > _LEAF:
            length /= 2
            middle = self._middle(level, path, start, end, 2 * length)
            right = elapsed > begin + length
            start, end, begin = (middle, end, begin + length) if right else (start, middle, begin)
            path = 2 * path + right
        return _between(start, end, length / DAY, (elapsed - begin) / length)

    def _forward(self, level: int, start: tuple[float, float], length: float) -> tuple[float, float]:
        """Draw where the walk is ``length`` seconds after ``start``."""
        first, second = self._normals(level, 0)
        days = length / DAY
        gained = math.sqrt(days) * first
        area = days * (start[0] + gained / 2) + days**1.5 / math.sqrt(12) * second
        return start[0] + gained, start[1] + area

    def _middle(
        self, level: int, path: int, start: tuple[float, float], end: tuple[float, float], length: float
    ) -> tuple[float, float]:
        """Draw the middle of an interval of ``length`` seconds whose ends are known.

        Given the ends the two draws are independent: the motion's deviation is √length / 4, its integral's
        length^(3/2) / √192.
        """
        first, second = self._normals(level, path)
        days = length / DAY
        gained, area = end[0] - start[0], end[1] - start[1] - start[0] * days
        motion = -gained / 4 + 1.5 * area / days + math.sqrt(days) / 4 * first
        half_area = area / 2 - days * gained / 8 + days**1.5 / math.sqrt(192) * second
        return start[0] + motion, start[1] + start[0] * days / 2 + half_area

    def _normals(self, level: int, path: int) -> tuple[float, float]:
        """Two independent standard normal draws of that place in the tree (Box and Muller)."""
        place = level.to_bytes(2, "big") + path.to_bytes(16, "big")
        drawn = hmac.digest(self.seed, place, "sha256")
        first, second = (int.from_bytes(drawn[i : i + 7], "big") / 2**56 for i in (0, 7))
        radius = math.sqrt(-2 * math.log(1 - first))
        return radius * math.cos(math.tau * second), radius * math.sin(math.tau * second)


def _between(
    start: tuple[float, float], end: tuple[float, float], days: float, part: float
) -> tuple[float, float]:
    """The likeliest course at ``part`` (0 to 1) of an interval whose ends are known: a cubic."""
    gained, area = end[0] - start[0], end[1] - start[1] - start[0] * days
    square, cube = 3 * area - days * gained, days * gained - 2 * area
    motion = (2 * square * part + 3 * cube * part**2) / days
    return start[0] + motion, start[1] + start[0] * days * part + square * part**2 + cube * part**3
