"""What must fail, and how it says so."""

import pytest

from harness.world import World


@pytest.mark.source("S1")
def test_another_users_code(world: World) -> None:
    """Another user's code signs nobody in."""
    alice, bob = world.user("alice"), world.user("bob")
    hers, his = world.token("GAHT12345678"), world.token("GAHT87654321")
    assert alice.enable_hardware(hers, via="api").accepted
    assert bob.enable_hardware(his, via="api").accepted
    world.wait(minutes=5)
    refused = alice.sign_in(his)
    assert refused.refused
    assert refused.diagnosis == "wrong code"
    assert alice.session_token(his).refused
    assert alice.sign_in(hers).accepted
    assert bob.sign_in(his).accepted


@pytest.mark.source("S1")
def test_token_of_another_user(world: World) -> None:
    """Another user's token cannot be enabled."""
    alice, bob, token = world.user("alice"), world.user("bob"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    refused = bob.enable_hardware(token, via="api")
    assert (refused.status, refused.code) == (409, "EntityAlreadyExists")


@pytest.mark.source("IAM API")
def test_wrong_codes_at_enrolment(world: World) -> None:
    """Wrong codes enable nothing."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    stranger = world.token("GAHT87654321")
    refused = alice.enable_hardware(token, via="api", codes=stranger.read_two())
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert alice.sign_in().accepted
    assert alice.enable_hardware(token, via="api").accepted


@pytest.mark.source("S1")
def test_device_name_used_twice(world: World) -> None:
    """A device name is taken once in an account."""
    alice, bob = world.user("alice"), world.user("bob")
    assert alice.enable_virtual(world.app(), "phone", via="api").accepted
    refused = bob.enable_virtual(world.app(), "phone", via="api")
    assert (refused.status, refused.code) == (409, "EntityAlreadyExists")


@pytest.mark.source("S0")
def test_root_on_the_page_for_iam_users(world: World) -> None:
    """Root cannot sign in on the page for IAM users."""
    page = world.root.browser.sign_in(world.account.id, "root", world.root.password)
    world.story.tell("root signs in on the page for IAM users", f"refused, {page.error}", False)
    assert page.error is not None
    assert "sign-out" not in page.forms
    assert world.root.sign_in().accepted
