"""The simulation of one block of tokens, each a lane of NumPy arrays, sign-in after sign-in.

A block's draws come from a counter-based generator keyed by the fleet's seed and the block's number, and
blocks are of one size: how they are shared out over shards, cores or machines changes nothing.

At a sign-in the server's clock stands ``phase`` seconds into its step, the token's is ``x`` seconds ahead and
the code is ``delay`` seconds old: its step is floor((phase + x - delay) / period), counted from the server's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.lab.crystals import BLOCK, Crystals
from harness.lab.fleet import Fleet
from harness.lab.rule import Lanes
from harness.lab.tally import Tally, together
from harness.service.totp_servers import TotpServer

_CHECKPOINTS = 128


def blocks_of(fleet: Fleet) -> int:
    """How many blocks the fleet's tokens fill; the last one may be part empty."""
    return -(-fleet.tokens // BLOCK)


def checkpoints(fleet: Fleet) -> list[int]:
    """The sign-ins at which idle tokens are looked at: at most 128, the last among them."""
    stride = -(-fleet.sign_ins // _CHECKPOINTS)
    return list(range(fleet.sign_ins - 1, -1, -stride))[::-1]


def simulate(fleet: Fleet, servers: Sequence[TotpServer], blocks: range) -> Tally:
    """What happens to the tokens of these blocks under each server's rule."""
    return together([_simulate_block(fleet, servers, block) for block in blocks])


def _simulate_block(fleet: Fleet, servers: Sequence[TotpServer], block: int) -> Tally:
    tokens = min(BLOCK, fleet.tokens - block * BLOCK)
    random = np.random.Generator(np.random.Philox(key=[fleet.seed, block]))
    crystals = Crystals.drawn(fleet, random, tokens)
    lanes = [Lanes(server, fleet, block, crystals.rate_ppm) for server in servers]
    highest, lowest = np.zeros(tokens, np.float32), np.zeros(tokens, np.float32)
    idle: list[list[int]] = [[] for _ in lanes]
    looked_at = set(checkpoints(fleet))
    for number, x in enumerate(crystals.errors(fleet, random)):
        phase = random.random(BLOCK, np.float32)[:tokens] * np.float32(fleet.period)
        delay = random.standard_exponential(BLOCK, np.float32)[:tokens] * np.float32(fleet.delay)
        for lane in lanes:
            lane.sign_in(x, phase, delay)
        if number in looked_at:
            np.maximum(highest, x, out=highest)
            np.minimum(lowest, x, out=lowest)
            for lane, counts in zip(lanes, idle, strict=True):
                counts.append(lane.idle_accepted(lowest, highest))
    return {lane.name: lane.tally(tuple(counts)) for lane, counts in zip(lanes, idle, strict=True)}
