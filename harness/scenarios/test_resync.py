"""A TOTP device out of sync is resynced with two consecutive codes."""

import pytest

from harness.devices.token import Token
from harness.world import World

SLOW = -9.4
"""ppm: a minute behind after 74 days."""


@pytest.mark.source("S2")
def test_by_the_user(world: World) -> None:
    """Drift beyond the window is refused, then the user resyncs."""
    alice, token, key = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    assert alice.enable_hardware(token).accepted
    world.wait(days=74, seconds=1)
    refused = alice.sign_in(token)
    assert refused.refused
    assert refused.diagnosis == "code 61 s old"
    assert alice.sign_in(key).accepted
    assert alice.resync(token).accepted
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
def test_by_an_administrator(world: World) -> None:
    """An administrator resyncs another user's device."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    token = world.token("GAHT12345678", drift_ppm=SLOW)
    assert bob.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    assert bob.sign_in(token).refused
    assert admin.sign_in().accepted
    resynced = admin.resync(token, of=bob)
    assert resynced.accepted
    world.wait(minutes=1)
    assert bob.sign_in(token).accepted


@pytest.mark.source("S2", "IAM API")
def test_by_api(world: World) -> None:
    """A tool resyncs a device by API."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    assert alice.session_token(token).refused
    assert alice.resync(token, via="api").accepted
    world.wait(minutes=1)
    assert alice.session_token(token).accepted


@pytest.mark.source("S3")
def test_offered_after_three_failures(world: World) -> None:
    """Three refused codes, then an offer to resync."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    first = alice.sign_in(token)
    assert first.refused
    assert "resync-and-sign-in" not in first.page.forms
    world.wait(minutes=1)
    assert alice.enter_code(token).refused
    world.wait(minutes=1)
    third = alice.enter_code(token)
    assert third.refused
    assert "resync-and-sign-in" in third.page.forms
    assert alice.resync_and_sign_in(token).accepted
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
def test_codes_that_are_not_consecutive(world: World) -> None:
    """Codes that are not consecutive are refused."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    first, _, third = token.read(), token.read_next(), token.read_next()
    refused = alice.resync(token, via="api", codes=(first, third))
    assert refused.refused
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert alice.sign_in(token).refused
    assert alice.resync(token, via="api").accepted


@pytest.mark.source("S2")
def test_pair_sent_too_late(world: World) -> None:
    """A pair sent late enables, but out of sync; resync mends it."""
    alice, phone = world.user("alice"), world.app()

    def late(token: Token) -> tuple[str, str]:
        codes = token.read_two()
        world.wait(minutes=10)
        return codes

    assert alice.sign_in().accepted
    enabled = alice.enable_virtual(phone, "alice-phone", codes=late)
    assert enabled.accepted
    out_of_sync = alice.sign_in(enabled.token)
    assert out_of_sync.refused
    assert out_of_sync.diagnosis == "code 600 s ahead"
    assert alice.resync(enabled.token, via="api").accepted
    world.wait(minutes=1)
    assert alice.sign_in(enabled.token).accepted


@pytest.mark.source("S2")
def test_by_root_before_signing_in(world: World) -> None:
    """Root, locked out by drift, resyncs before signing in."""
    token = world.token("GAHT12345678", drift_ppm=SLOW)
    assert world.root.sign_in().accepted
    assert world.root.enable_hardware(token).accepted
    world.wait(days=90)
    assert world.root.sign_in(token).refused
    assert world.root.resync_before_sign_in(token).accepted
    world.wait(minutes=1)
    assert world.root.sign_in(token).accepted
