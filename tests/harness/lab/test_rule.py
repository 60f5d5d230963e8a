"""Lanes of a rule, against the rule for one token with real codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from emulator.oath.otp import hotp
from harness.lab.fleet import Fleet
from harness.lab.rule import Lanes
from harness.service.totp_rules import Accepted, TotpState, resync, verify
from harness.service.totp_servers import TotpServer, packaged_servers

SERVERS = packaged_servers()
FIRST, LATER = 58_907_520, 58_910_400
LANES = 600


@pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])
def test_two_sign_ins_of_many_tokens_are_judged_as_each_alone(
    server: TotpServer, bare: Callable[..., Fleet]
) -> None:
    draw = np.random.default_rng(5)
    reach = server.limits.sign_in_reach(30)
    phase = draw.uniform(0, 30, (2, LANES)).astype(np.float32)
    first_step = draw.integers(reach[0], reach[-1] + 1, LANES)
    x = np.stack([first_step * 30 + 15 - phase[0], draw.uniform(-700, 700, LANES)]).astype(np.float32)
    no_delay = np.zeros(LANES, np.float32)

    lanes = Lanes(server, bare(tokens=1, years=1), 0, no_delay)
    for moment in range(2):
        lanes.sign_in(x[moment], phase[moment], no_delay)

    alone = [_refused(server, x[:, lane], phase[:, lane], bytes([lane % 250] * 20)) for lane in range(LANES)]
    assert lanes.tally(()).refused == sum(alone)
    assert LANES / 4 < sum(alone) < LANES


def _refused(server: TotpServer, x: np.ndarray, phase: np.ndarray, secret: bytes) -> bool:
    limits = replace(server.limits, look_ahead=50, look_ahead_unit="steps")
    state, outcomes = TotpState(secret=secret, digits=8), []
    for step, wrong_by, into in zip((FIRST, LATER), x, phase, strict=True):
        now = step * 30 + float(into)
        outcome = verify(state, hotp(secret, int((now + float(wrong_by)) // 30), digits=8), now, limits)
        outcomes.append(isinstance(outcome, Accepted))
        state = outcome.state if isinstance(outcome, Accepted) else state
    assert outcomes[0]
    return not outcomes[1]


@pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])
def test_the_help_desk_does_what_a_resync_does(server: TotpServer, bare: Callable[..., Fleet]) -> None:
    # A token 100 steps fast is refused twice over, and resynced or issued anew; then a prompt code is tried
    # at every distance from where it stood, by lanes and by the rule alone, in the middle of a step.
    away = np.arange(-15, 16, dtype=np.float32)
    zeros = np.zeros(len(away), np.float32)
    lanes = Lanes(server, bare(tokens=1, years=1, ppm_sigma=0), 0, zeros)
    lanes.sign_in(zeros + 3000, zeros, zeros)
    done = lanes.tally(())
    resynced = server.limits.resync != "none"
    assert (done.calls, done.resyncs, done.issued) == (31, 31 * resynced, 31 * (not resynced))

    if server.limits.memory == "seconds" or server.limits.resync == "oldest-of-each":
        return  # what those remember depends on the moment of the call; the windows are tested above
    lanes.sign_in(zeros + 3000 + 30 * away, zeros + 15, zeros)

    state = TotpState(secret=bytes(20), digits=8)
    believed = 100
    if resynced:
        first, second = (hotp(bytes(20), FIRST + step, digits=8) for step in (99, 100))
        outcome = resync(state, first, second, FIRST * 30.0, server.limits)
        assert isinstance(outcome, Accepted)
        believed = outcome.state.learned_drift
    reach = server.limits.sign_in_reach(30)
    assert lanes.tally(()).refused - 31 == sum(100 + int(step) - believed not in reach for step in away)


def test_a_token_that_no_resync_finds_is_replaced(bare: Callable[..., Fleet]) -> None:
    aws, zeros = SERVERS[0], np.zeros(4, np.float32)
    lanes = Lanes(aws, bare(tokens=1, years=1, ppm_sigma=0), 0, zeros)

    lanes.sign_in(zeros + 30 * 1100, zeros, zeros)
    lanes.sign_in(zeros + 30 * 1100, zeros, zeros)  # the new one is right, and stays so

    done = lanes.tally(())
    assert (done.refused, done.calls, done.resyncs, done.issued) == (4, 4, 0, 4)
    assert (done.refused_squares, done.calls_squares) == (4, 4)


def test_a_new_token_drifts_at_a_rate_of_its_own(bare: Callable[..., Fleet]) -> None:
    # Lanes at -40 ppm go out of a window of one step; their new tokens have no rate at all, and do not.
    keycloak = next(server for server in SERVERS if server.name == "keycloak")
    rate = np.full(8, -40, np.float32)
    lanes = Lanes(keycloak, bare(tokens=1, years=1, ppm_sigma=0), 0, rate)
    zeros = np.zeros(8, np.float32)

    for day in range(1, 200):
        lanes.sign_in(rate * np.float32(0.0864 * day), zeros, zeros)

    assert lanes.tally(()).issued == 8
