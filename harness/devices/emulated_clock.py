"""Emulated crystals, for those who reckon with whole fleets of them: places, ageing and their integrals."""

from __future__ import annotations

from emulator.drift import PARABOLIC_PPM, PLACES, TURNOVER_C, YEAR, Ageing, Temperature
from emulator.random_walk import DAY

__all__ = ["DAY", "PARABOLIC_PPM", "PLACES", "TURNOVER_C", "YEAR", "Ageing", "Temperature"]
