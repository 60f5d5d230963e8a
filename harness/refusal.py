"""When a measured token is refused under a server's rule: how far from it, and on which date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.measure import MILLION, Measured
from harness.service.totp_limits import TotpLimits
from harness.service.totp_servers import TotpServer

YEAR = 365.25 * 86_400
HORIZON = 30 * YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """When a server begins to refuse some of a token's prompt codes.

    ``behind`` and ``ahead`` are the errors, in seconds, between which it accepts all of them; a server that
    ``learns`` counts them from the last sign-in. ``earliest``, ``median`` and ``latest`` (95 %) are seconds
    since the epoch, ``None`` beyond thirty years; for one that learns, if nobody signs in until then.
    """

    server: TotpServer
    behind: float
    ahead: float
    earliest: float | None
    median: float | None
    latest: float | None


def refusal(
    measured: Measured, server: TotpServer, period: int, now: float, *, enrolled: float | None = None
) -> Refusal:
    """Forecast one server's refusals from ``now``.

    A server that remembers where a token stood when it was ``enrolled`` or resynchronised counts from there,
    in whole steps; else it takes the token to be right.
    """
    limits = server.limits
    behind, ahead = _accepted(limits, period)
    if limits.learns:
        outside = _drifted_since(measured, now, behind, ahead)
    else:
        if enrolled is not None and limits.resync != "none":
            shift = round(measured.error(enrolled).middle / period) * period
            behind, ahead = behind + shift, ahead + shift
        outside = _outside(measured, behind, ahead)
    earliest, median, latest = (_when(outside, share, now) for share in (0.025, 0.5, 0.975))
    return Refusal(server=server, behind=behind, ahead=ahead, earliest=earliest, median=median, latest=latest)


def _accepted(limits: TotpLimits, period: int) -> tuple[float, float]:
    """The errors between which every prompt code is accepted, whatever the phase; RFC 6238 §5.2.

    An error of k periods shows now the code of k steps away, now that of the next. A server that learns
    remembers whole steps, of which one may be over when it is asked again.
    """
    reach = limits.sign_in_reach(period)
    behind, ahead = reach.start * period, (reach.stop - 1) * period
    if limits.learns:
        behind, ahead = min(0, behind + period), max(0, ahead - period)
    return float(behind), float(ahead)


def _outside(measured: Measured, behind: float, ahead: float) -> Callable[[float], float]:
    def share(when: float) -> float:
        a, b = measured.at(when)
        return 1 - measured.region.share(a, b, ahead) + measured.region.share(a, b, behind)

    return share


def _drifted_since(measured: Measured, now: float, behind: float, ahead: float) -> Callable[[float], float]:
    def share(when: float) -> float:
        b = (when - now) / MILLION
        if b == 0:
            return 0.0
        return 1 - measured.region.share(0.0, b, ahead) + measured.region.share(0.0, b, behind)

    return share


def _when(outside: Callable[[float], float], share: float, now: float) -> float | None:
    """The first time at which it is outside with that probability; ``None`` beyond the horizon."""
    if outside(now) >= share:
        return now
    low, high = now, now + HORIZON
    if outside(high) < share:
        return None
    while high - low > 60:
        middle = (low + high) / 2
        low, high = (low, middle) if outside(middle) >= share else (middle, high)
    return high
