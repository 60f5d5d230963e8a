"""What the width of a window gives an attacker: closed forms."""

from __future__ import annotations

import math


def guessing_odds(codes: int, tries: int, *, digits: int = 6) -> float:
    """The probability that one of ``tries`` guesses is among ``codes`` accepted ones: 1 - (1 - c/10^d)^v."""
    return -math.expm1(tries * math.log1p(-codes / 10**digits))


def false_resync_odds(look_ahead: int, consecutive: int = 2, *, digits: int = 6) -> float:
    """The probability that made-up consecutive codes fit some step of a resync: about (2W + 1) 10^(-dk)."""
    return -math.expm1((2 * look_ahead + 1) * math.log1p(-(10.0 ** (-digits * consecutive))))
