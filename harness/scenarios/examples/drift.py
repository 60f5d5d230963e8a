"""Copy this to where you want it, and ``keyrig run drift.py``: a cheap token over five years.

By the vendor's word it is two minutes wrong in a year at most, 3.8 ppm.
"""

import pytest

from harness.world import World


@pytest.mark.parametrize("drift_ppm", [-3.8, 3.8])
def test_five_years_of_a_cheap_token(world: World, drift_ppm: float) -> None:
    """A cheap token signs in every day, and is resynced when it must be."""
    alice, token, resyncs = world.user("alice"), world.token("GAHT12345678", drift_ppm=drift_ppm), 0
    assert alice.enable_hardware(token, via="api").accepted
    for _ in range(10):
        world.wait(days=182)
        if alice.session_token(token).refused:
            assert alice.resync(token, via="api").accepted
            resyncs += 1
    assert 1 <= resyncs <= 10
