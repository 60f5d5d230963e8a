"""Clocks drift: a little is forgiven, and a security key has none."""

import pytest

from harness.world import World


@pytest.mark.source("S2", "RFC 6238 §5.2")
def test_drift_within_the_window(world: World) -> None:
    """A token 25 s slow after 90 days still signs in."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=-3.2)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    assert -30 < token.clock.error < -20
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
def test_security_key_is_immune_to_a_wrong_clock(world: World) -> None:
    """A security key is immune to a wrong clock."""
    alice, key, token = world.user("alice"), world.key(), world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.enable_hardware(token, via="api").accepted
    token.step_clock(-3_600)
    world.wait(days=3_650)
    assert alice.sign_in(token).refused
    assert alice.sign_in(key).accepted
    resync = alice.call(
        "resyncs her security key by API",
        lambda sdk: sdk.iam.resync_mfa_device(
            UserName="alice",
            SerialNumber=alice.sdk.iam.list_mfa_devices()["MFADevices"][0]["SerialNumber"],
            AuthenticationCode1="123456",
            AuthenticationCode2="654321",
        ),
    )
    assert resync.refused
