"""What was used once is worth nothing: codes, assertions, and a cloned key's count."""

import pytest

from harness.service.model import FidoSecurityKey
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


@pytest.mark.source("RFC 6238 §5.2", "STS API")
def test_code_used_at_the_other_door(world: World) -> None:
    """A code used at one door is used at the other, too."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    assert alice.sign_in(token).accepted
    refused = alice.session_token(token)
    assert (refused.status, refused.diagnosis) == (403, "code already used")
    assert alice.session_token(token, code=token.read_next()).accepted
    assert alice.sign_in(token).diagnosis == "code already used"


@pytest.mark.source("RFC 6238 §5.2")
def test_unused_code_from_before_a_used_one(world: World) -> None:
    """A code that was never used is dead once a later one was."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    noted, used = token.read_two()
    assert alice.sign_in(token, code=used).accepted
    stolen = alice.sign_in(token, code=noted)
    assert stolen.refused
    assert stolen.diagnosis == "code already used"


@pytest.mark.source("WebAuthn §6.1.1")
@pytest.mark.needs("clone", "sign-count")
def test_thief_with_a_clone_is_found_out(world: World) -> None:
    """A clone gets in once, and the owner's refusal tells."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    clone = world.clone(key)
    world.story.tell("somebody makes a clone of the key")
    for _ in range(3):
        assert alice.sign_in(clone).accepted
    owner = alice.sign_in(key)
    assert owner.refused
    assert "may have been cloned" in owner.diagnosis
    assert world.events.named("ConsoleLogin")[-1].outcome == "Failure"


@pytest.mark.source("WebAuthn §6.1.1")
@pytest.mark.needs("clone", "sign-count")
@pytest.mark.service(sign_count_fault="note")
def test_clone_that_is_only_noted(world: World) -> None:
    """A relying party may let a clone in, and note it."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    cloned = alice.sign_in(world.clone(key))
    assert cloned.accepted
    assert "may have been cloned" in world.events[-1].additional["diagnosis"]


@pytest.mark.source("WebAuthn §6.1.1", "S1")
def test_synced_passkey_on_two_phones(world: World) -> None:
    """A synced passkey is on two phones, and counts nothing."""
    alice, phone = world.user("alice"), world.key("emulated:synced-passkey")
    assert alice.sign_in().accepted
    assert alice.register_key(phone, "alice-passkey").accepted
    tablet = world.clone(phone)
    world.story.tell("the passkey is synced to alice's tablet")
    for device in (phone, tablet, phone):
        assert alice.sign_in(device).accepted
    (passkey,) = world.identity.list_mfa_devices(world.identity.root_caller(world.account.id), "alice")
    assert isinstance(passkey, FidoSecurityKey)
    assert (passkey.sign_count, passkey.backup_eligible, passkey.backed_up) == (0, True, True)


@pytest.mark.source("WebAuthn §13.4.3")
def test_challenge_left_lying(world: World) -> None:
    """A challenge answered after five minutes is too old."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in().refused
    alice.browser.key = key
    answer = alice.browser.answer_challenge()
    world.wait(minutes=5)
    late = alice.post_assertion(answer)
    assert late.refused
    assert late.diagnosis == "the challenge has expired"
    assert alice.sign_in(key).accepted
