"""A fleet of tokens and how they are used: the question that the lab answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from harness.devices.emulated_clock import DAY, PLACES, YEAR

NO_PLACE = "none"


class LabError(ValueError):
    """The question makes no sense, or this machine cannot answer it; the message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """``tokens`` are enrolled at once, right to the second, and sign in every ``every_days``.

    Each has a rate of its own (``ppm_sigma``), and its own turnover temperature, ageing and random walk; they
    live at one place, the ``profile`` ("none" leaves temperature out). A code arrives on average ``delay``
    seconds after it was read (exponential). A user who is refused reads the next code; refused again, he
    calls the help desk, which resyncs the token or, where that cannot help, issues another. ``seed`` decides
    all draws.
    """

    tokens: int
    years: float
    ppm_sigma: float = 4.0
    profile: str = "drawer"
    every_days: float = 1.0
    delay: float = 5.0
    ageing_ppm: float = 1.0
    random_walk_ppm: float = 0.01
    period: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise LabError(f"{_option(field.name)} must be a finite number, not {value}")
        bounds = {
            "tokens": (1, 10**9),
            "years": (1 / 365.25, 100),
            "ppm_sigma": (0, 10_000),
            "every_days": (1 / 96, 36_525),
            "delay": (0, 3_600),
            "ageing_ppm": (0, 1_000),
            "random_walk_ppm": (0, 100),
            "seed": (0, 2**63 - 1),
        }
        for name, (least, most) in bounds.items():
            if not least <= (value := getattr(self, name)) <= most:
                raise LabError(f"{_option(name)} must be {_text(least)} to {most}, not {_text(value)}")
        if self.profile not in (*PLACES, NO_PLACE):
            raise LabError(f"no profile {self.profile!r}; known are {', '.join(PLACES)}, or {NO_PLACE}")
        if self.sign_ins < 1:
            raise LabError(
                f"in {self.years:.4g} years nobody signs in who does so every {self.every_days:.4g} days"
            )

    def __str__(self) -> str:
        years = f"{self.years:g} year{'' if self.years == 1 else 's'}"
        place = f"at {self.profile} temperature" if self.profile != NO_PLACE else "at one temperature"
        return f"{self.tokens:,} tokens for {years}, {place}, ±{self.ppm_sigma:g} ppm"

    @property
    def sign_ins(self) -> int:
        """How often each token signs in."""
        return int(self.years * YEAR / (self.every_days * DAY) + 1e-9)

    @property
    def token_years(self) -> float:
        return self.tokens * self.sign_ins * self.every_days * DAY / YEAR


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _option(name: str) -> str:
    """How the user names it."""
    return name.replace("_", "-")
