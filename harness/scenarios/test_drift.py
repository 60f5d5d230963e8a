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
@pytest.mark.needs("several-devices")
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


@pytest.mark.source("S2", "RFC 6238 §5.2")
def test_how_wrong_a_clock_may_be(world: World) -> None:
    """One step early or late is forgiven, two are not."""
    for number, (offset, forgiven) in enumerate(((-30, True), (30, True), (-60, False), (60, False))):
        user, token = world.user(f"user-{number}"), world.token(f"GAHT0000000{number}")
        assert user.enable_hardware(token, via="api").accepted
        world.wait(minutes=5)
        token.step_clock(offset)
        assert user.sign_in(token).accepted is forgiven


@pytest.mark.source("RFC 6238 §6")
@pytest.mark.needs("late-pairs")
def test_resync_remembers_how_slow_a_token_is(world: World) -> None:
    """After a resync, a slow token signs in as slow as it is."""
    alice, token = world.user("alice"), world.token("GAHT12345678", offset=-600)
    assert alice.enable_hardware(token, via="api").accepted
    for _ in range(3):
        world.wait(days=10)
        assert alice.sign_in(token).accepted
    token.step_clock(600)
    world.story.tell("the token's clock is put right, which nobody told the service")
    assert alice.sign_in(token).refused
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("RFC 6238 §6")
@pytest.mark.service(totp_learns=True)
def test_memory_of_one_step_is_a_trap(world: World) -> None:
    """One step either side, with memory, is a trap for late readers."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=10)
    code = token.read()
    world.wait(seconds=45)
    assert alice.sign_in(token, code=code).accepted
    world.story.tell("the service takes the token for slow, as alice was slow")
    world.wait(minutes=10)
    code = token.read()
    world.wait(seconds=45)
    assert alice.sign_in(token, code=code).accepted
    world.wait(minutes=10)
    prompt = alice.sign_in(token)
    assert prompt.refused
    assert prompt.diagnosis == "code 60 s ahead"


@pytest.mark.source("RFC 6238 §5.2")
def test_time_traveller_signs_in_tomorrow(world: World) -> None:
    """A token's clock set ahead gives away tomorrow's code."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    token.step_clock(86_400)
    harvested = token.read()
    token.step_clock(-86_400)
    world.story.tell("a cleaner sets the token ahead, copies a code, sets it back")
    early = alice.sign_in(token, code=harvested)
    assert early.refused
    assert early.diagnosis == "wrong code"
    world.wait(days=1)
    assert alice.sign_in(token, code=harvested).accepted
    assert alice.sign_in(token).diagnosis == "code already used"


@pytest.mark.source("S2")
def test_time_travellers_resync_locks_the_owner_out(world: World) -> None:
    """A pair from the token's future locks its owner out until then."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    token.step_clock(3 * 3_600)
    harvested = token.read_two()
    token.step_clock(-3 * 3_600)
    world.story.tell("somebody sets the token ahead, copies two codes, sets it back")
    assert alice.resync(token, via="api", codes=harvested).accepted
    assert alice.sign_in(token).refused
    assert alice.resync(token, via="api").diagnosis == "code already used"
    world.wait(hours=3, minutes=1)
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S2")
@pytest.mark.needs("late-pairs")
def test_battery_that_dips(world: World) -> None:
    """A token that stood still for an hour is resynced."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=200)
    token.step_clock(-3_600)
    world.story.tell("GAHT12345678's battery dips, and its clock stands still for an hour")
    assert alice.sign_in(token).diagnosis == "code 3600 s old"
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S2", "S1")
def test_battery_that_dies(world: World) -> None:
    """A token that forgot the time is beyond resync, and replaced."""
    admin, alice = world.user("admin", administrator=True), world.user("alice")
    token, fresh = world.token("GAHT12345678"), world.token("GAHT87654321")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=900)
    token.step_clock(-300 * 86_400)
    world.story.tell("GAHT12345678's battery is changed, and its clock begins anew")
    assert alice.sign_in(token).diagnosis == "wrong code"
    assert alice.resync(token, via="api").refused
    assert admin.sign_in().accepted
    assert admin.remove("GAHT12345678", of=alice).accepted
    assert alice.sign_in().accepted
    assert alice.enable_hardware(fresh).accepted


@pytest.mark.source("S2")
def test_service_whose_clock_is_set_back(world: World) -> None:
    """When the service's clock is wrong, every token is; for a while."""
    people = [(world.user(f"user-{n}"), world.token(f"GAHT0000000{n}")) for n in range(3)]
    for user, token in people:
        assert user.enable_hardware(token, via="api").accepted
    world.wait(days=1)
    world.step_service_clock(-3_600)
    for user, token in people:
        assert user.sign_in(token).diagnosis == "code 3600 s ahead"
    world.step_service_clock(3_600)
    for user, token in people:
        assert user.sign_in(token).accepted


@pytest.mark.source("S2")
@pytest.mark.needs("late-pairs")
def test_resynced_while_the_service_was_wrong(world: World) -> None:
    """A token resynced to a wrong service is out of sync with the right one."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=1)
    world.step_service_clock(3_600)
    assert alice.sign_in(token).diagnosis == "code 3600 s old"
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted
    world.step_service_clock(-3_600)
    world.wait(minutes=5)
    assert alice.sign_in(token).diagnosis == "code 3600 s ahead"
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted
