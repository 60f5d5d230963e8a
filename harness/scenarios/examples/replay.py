"""Copy this to where you want it, and ``keyrig run replay.py``: what a stolen code is worth.

``token.read()`` is what the token shows; ``code=`` types something else.
"""

from harness.world import World


def test_code_read_over_the_shoulder(world: World) -> None:
    """Whoever comes second with a code does not get in."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    seen = token.read()
    world.story.tell("mallory reads alice's code over her shoulder")
    assert alice.sign_in(token, code=seen).accepted
    assert alice.sign_in(token, code=seen).diagnosis == "code already used"


def test_code_stolen_before_it_is_used(world: World) -> None:
    """A thief who is faster gets in, and the owner is told nothing but no."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    world.story.tell("mallory's page looks like the console, and alice types her code there")
    assert alice.session_token(token).accepted
    owner = alice.sign_in(token)
    assert owner.refused
    assert world.events.named("GetSessionToken")[-1].outcome == "Success"
