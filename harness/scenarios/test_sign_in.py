"""Signing in: with a password alone where no device is enabled, otherwise on a second page."""

import pytest

from harness.world import World


@pytest.mark.source("S3")
def test_without_mfa(world: World) -> None:
    """A password is enough before any device is enabled."""
    alice = world.user("alice")
    signed_in = alice.sign_in()
    assert signed_in.accepted
    assert signed_in.page.texts["mfa-used"] == "not used"
    assert "no-mfa-used" in signed_in.page.texts


@pytest.mark.source("S1", "S3")
def test_with_a_totp_code(world: World) -> None:
    """A token's code on the second page."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=1)
    password_alone = alice.sign_in()
    assert password_alone.refused
    assert password_alone.page.heading == "Multi-factor authentication"
    signed_in = alice.sign_in(token)
    assert signed_in.accepted
    assert signed_in.page.texts["mfa-used"] == "GAHT12345678"


@pytest.mark.source("S0", "S1")
def test_with_a_security_key(world: World) -> None:
    """A security key's touch on the second page."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    world.wait(days=1)
    signed_in = alice.sign_in(key)
    assert signed_in.accepted
    assert "/alice-key-" in signed_in.page.texts["mfa-used"]


@pytest.mark.source("S1")
@pytest.mark.needs("several-keys")
def test_with_somebody_elses_security_key(world: World) -> None:
    """A security key that is not theirs signs nobody in."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(world.key()).refused
    assert alice.sign_in(key).accepted


@pytest.mark.source("S1")
def test_with_any_of_several_devices(world: World) -> None:
    """Any one of several devices."""
    alice, token, key = world.user("alice"), world.token("GAHT12345678"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    assert alice.enable_hardware(token).accepted
    phone = alice.enable_virtual(world.app(), "alice-phone")
    assert phone.accepted
    world.wait(days=1)
    assert alice.sign_in(token).accepted
    assert alice.sign_in(phone.token).accepted
    assert alice.sign_in(key).accepted
