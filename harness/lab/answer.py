"""What the counts mean: rates with intervals, idle days and odds, as rows and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from harness.lab.block import checkpoints
from harness.lab.fleet import Fleet
from harness.lab.odds import guessing_odds
from harness.lab.tally import RuleTally, Tally, idle_days
from harness.service.totp_servers import TotpServer

IDLE_SHARES = (0.01, 0.1, 0.5)
_NORMAL_95 = 1.959964
_POISSON_95_OF_NONE = 3.688879
"""The most that a Poisson mean can be, at 95 %, where nothing was counted: -ln 0.025."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events per 1,000 tokens a year, with a 95 % interval from how tokens differ."""

    per_1000: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """One server's row. ``idle_days``: when 1, 10 and 50 % of idle tokens are refused; None if not by then.

    ``codes`` are those that sign-in accepts at a time; ``odds`` those of an attacker's guesses.
    """

    name: str
    title: str
    codes: int
    odds: float
    refused: Rate
    calls: Rate
    resyncs_per_1000: float
    issued_per_1000: float
    idle_days: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All that the lab found out of a fleet; ``tries`` are the attacker's guesses."""

    fleet: Fleet
    tries: int
    servers: tuple[ServerAnswer, ...]

    def to_json(self) -> str:
        document = {
            "fleet": asdict(self.fleet),
            "sign_ins_per_token": self.fleet.sign_ins,
            "tries": self.tries,
            "idle_shares": IDLE_SHARES,
            "servers": [asdict(server) for server in self.servers],
        }
        return json.dumps(document, indent=2) + "\n"


def answer(fleet: Fleet, servers: Sequence[TotpServer], tally: Tally, *, tries: int) -> Answer:
    """The rows for these servers, in their order."""
    return Answer(
        fleet=fleet,
        tries=tries,
        servers=tuple(_row(fleet, server, tally[server.name], tries) for server in servers),
    )


def _row(fleet: Fleet, server: TotpServer, tally: RuleTally, tries: int) -> ServerAnswer:
    codes = len(server.limits.sign_in_reach(fleet.period))
    days = [(number + 1) * fleet.every_days for number in checkpoints(fleet)]
    per_1000 = 1000 / fleet.token_years
    return ServerAnswer(
        name=server.name,
        title=server.title,
        codes=codes,
        odds=guessing_odds(codes, tries),
        refused=_rate(fleet, tally.refused, tally.refused_squares),
        calls=_rate(fleet, tally.calls, tally.calls_squares),
        resyncs_per_1000=tally.resyncs * per_1000,
        issued_per_1000=tally.issued * per_1000,
        idle_days=tuple(idle_days(tally, days, fleet.tokens, share) for share in IDLE_SHARES),
    )


def _rate(fleet: Fleet, total: int, squares: int) -> Rate:
    per_1000 = 1000 / fleet.token_years
    if total == 0:
        return Rate(per_1000=0.0, low=0.0, high=_POISSON_95_OF_NONE * per_1000)
    variance = squares - total**2 / fleet.tokens  # of the total, token by token
    if fleet.tokens > 1:
        variance *= fleet.tokens / (fleet.tokens - 1)
    margin = _NORMAL_95 * math.sqrt(max(variance, float(total) if fleet.tokens == 1 else 0.0))
    return Rate(
        per_1000=total * per_1000,
        low=max(0.0, total - margin) * per_1000,
        high=(total + margin) * per_1000,
    )
