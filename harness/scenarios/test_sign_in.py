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
@pytest.mark.needs("several-devices")
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


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_choosing_among_several_devices(world: World) -> None:
    """Which device a code is of can be said, and counts."""
    alice, office, home = world.user("alice"), world.token("GAHT12345678"), world.token("GAHT87654321")
    for token in (office, home):
        assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=1)
    asked = alice.sign_in()
    choices = asked.page.form("mfa-code").fields["device"].choices
    assert set(choices.values()) == {"Any of my devices", "GAHT12345678", "GAHT87654321"}
    assert world.events[-1].additional["MfaType"] == "Hardware MFA"
    assert alice.sign_in(home, choosing=office).refused
    assert alice.sign_in(home).accepted


@pytest.mark.source("S1", "CloudTrail")
@pytest.mark.needs("several-devices")
def test_what_the_trail_tells(world: World) -> None:
    """The audit trail tells who signed in, with what, or not."""
    alice, key, token = world.user("alice"), world.key(), world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert world.events[-1].additional["MFAUsed"] == "No"
    assert alice.register_key(key, "alice-key").accepted
    assert alice.enable_hardware(token, via="api").accepted
    assert alice.sign_in(key).accepted
    check, login = world.events.named("CheckMfa", "ConsoleLogin")[-2:]
    assert (check.name, check.additional["MfaType"]) == ("CheckMfa", "Multiple MFA Devices")
    assert (login.name, login.outcome, login.additional["MFAUsed"]) == ("ConsoleLogin", "Success", "Yes")
    assert "/alice-key-" in login.additional["MFAIdentifier"]
    assert alice.sign_in(token, code="000000").refused
    assert world.events[-1].record["errorMessage"] == "Failed authentication"
    assert world.events[-1].record["responseElements"] == {"ConsoleLogin": "Failure"}


@pytest.mark.source("S0", "S2")
def test_the_browser_remembers_the_account(world: World) -> None:
    """The browser remembers account and user, until told otherwise."""
    alice = world.user("alice")
    assert alice.sign_in().accepted
    browser = alice.browser
    browser.sign_out()
    remembered = browser.open("/sign-in").form("sign-in-iam").fields
    assert (remembered["account"].value, remembered["user_name"].value) == (world.account.id, "alice")
    world.story.tell("alice comes back another day: the browser knows her")
    elsewhere = browser.follow("different-account")
    assert elsewhere.form("choose-account").fields["account"].value == ""
    world.story.tell("alice chooses to sign in to a different account")
    page = browser.sign_in("example-corp", "alice", alice.password)
    assert "sign-out" in page.forms
    world.story.tell("alice signs in under the account's alias", "signed in", True)


@pytest.mark.source("S1")
def test_roots_device_is_roots_alone(world: World) -> None:
    """Root's MFA is root's affair, and each user's their own."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert world.root.sign_in().accepted
    assert world.root.enable_hardware(token).accepted
    assert alice.sign_in().accepted
    world.wait(minutes=1)
    assert world.root.sign_in().refused
    assert world.root.sign_in(token).accepted


@pytest.mark.source("IAM guide")
def test_root_has_35_days(world: World) -> None:
    """Root has 35 days to be given a device, and then must."""
    root, key = world.root, world.key()
    assert "35 days are left" in root.sign_in().page.texts["root-mfa-due"]
    world.wait(days=34)
    assert "1 day is left" in root.sign_in().page.texts["root-mfa-due"]
    world.wait(days=1)
    overdue = root.sign_in()
    assert "time to give the root user an MFA device is over" in overdue.page.texts["root-mfa-due"]
    assert root.browser.open("/users").heading == "My security credentials (root user)"
    world.story.tell("root wants to see the users", "sent to the security credentials", False)
    assert root.register_key(key, "root-key").accepted
    assert root.sign_in(key).accepted
    assert root.browser.open("/users").heading == "Users"


@pytest.mark.source("IAM guide")
def test_guessing_is_slowed_down(world: World) -> None:
    """After ten wrong codes, not even the right one; for a while."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    for guess in range(world.identity.profile.lockout_failures):
        assert alice.session_token(token, code=f"{guess:06}").refused
    for door in (alice.session_token(token), alice.sign_in() and alice.resync_and_sign_in(token)):
        assert door.refused
        assert door.diagnosis == "locked out after too many failures"
    world.wait(minutes=5)
    assert alice.resync_and_sign_in(token).accepted


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_a_colleague_far_away_signs_in_with_a_key_of_their_own(world: World) -> None:
    """Two people far apart share a user, each with a key at hand."""
    shared, key, other = world.user("build"), world.key(), world.key("emulated:u2f-only")
    assert shared.sign_in().accepted
    assert shared.register_key(key, "osaka").accepted
    assert shared.sign_in(key).accepted
    assert shared.register_key(other, "dublin").accepted
    assert shared.sign_in(other).accepted
    assert shared.sign_in(key).accepted
