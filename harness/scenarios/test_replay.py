"""What was used once is worth nothing: codes, assertions, and a cloned key's count."""

import pytest

from harness.world import World


@pytest.mark.source("RFC 6238 §5.2")
def test_code_used_twice(world: World) -> None:
    """A used code is refused while it is still shown."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    code = token.read()
    assert alice.sign_in(token, code=code).accepted
    world.wait(seconds=10)
    replayed = alice.sign_in(token, code=code)
    assert replayed.refused
    assert replayed.diagnosis == "code already used"
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("RFC 6238 §5.2")
def test_enrolment_code_used_again_at_sign_in(world: World) -> None:
    """An enrolment code is refused at sign-in."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    codes = token.read_two()
    assert alice.enable_hardware(token, via="api", codes=codes).accepted
    replayed = alice.sign_in(token, code=codes[1])
    assert replayed.refused
    assert replayed.diagnosis == "code already used"
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("WebAuthn §7.2")
def test_assertion_sent_twice(world: World) -> None:
    """An assertion sent twice is refused."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in().refused
    alice.browser.key = key
    answer = alice.browser.answer_challenge()
    assert alice.post_assertion(answer).accepted
    assert alice.sign_in().refused
    replayed = alice.post_assertion(answer)
    assert replayed.refused
    assert "challenge" in replayed.diagnosis
    assert alice.sign_in(key).accepted


@pytest.mark.source("WebAuthn §6.1.1")
@pytest.mark.needs("clone", "sign-count")
def test_cloned_key_whose_count_has_fallen_behind(world: World) -> None:
    """A cloned key is given away by its signature count."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    for _ in range(3):
        assert alice.sign_in(key).accepted
    clone = world.clone(key)
    world.story.tell("somebody makes a clone of the key")
    cloned = alice.sign_in(clone)
    assert cloned.refused
    assert "count" in cloned.diagnosis
    assert alice.sign_in(key).accepted
