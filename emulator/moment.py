"""Moments as people write them."""

from __future__ import annotations

import math
from datetime import datetime


def moment(text: str) -> float:
    """Seconds since the epoch, from just that or from ISO 8601; one without a zone is local time.

    Anything else, and what no calendar has, is a ``ValueError``.
    """
    written = text.strip()
    try:
        seconds = float(written)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(written).timestamp()
        except (ValueError, OverflowError):
            raise ValueError(
                f"{written[:40]!r} is no time; write one as in 2026-03-01T12:00:00Z, or seconds since 1970"
            ) from None
    if not (math.isfinite(seconds) and 0 <= seconds < 1e11):
        raise ValueError(f"the time {written[:40]!r} is before 1970 or beyond all calendars")
    return seconds
