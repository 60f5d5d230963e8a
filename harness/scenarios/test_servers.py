"""Other servers' rules for TOTP codes, in our service's place: what each gets wrong, in one scenario."""

import pytest

from harness.devices.token import HardwareToken
from harness.person import Person
from harness.world import World


@pytest.mark.source("privacyIDEA")
@pytest.mark.service(totp_server="privacyidea")
def test_privacyidea(world: World) -> None:
    """privacyIDEA: after a resync, the very next code is refused."""
    alice, token = _with_token(world)
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).refused
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("LinOTP")
@pytest.mark.service(totp_server="linotp")
def test_linotp(world: World) -> None:
    """LinOTP: five minutes slow is forgiven, five minutes fast is not."""
    (alice, fast), (bob, slow) = _with_token(world), _with_token(world, "bob", "GAHT87654321")
    fast.step_clock(300)
    slow.step_clock(-300)
    assert bob.sign_in(slow).accepted
    assert alice.sign_in(fast).refused


@pytest.mark.source("FreeIPA")
@pytest.mark.service(totp_server="freeipa")
def test_freeipa(world: World) -> None:
    """FreeIPA: it takes a right token for fast: 300 s ahead works, 270 s behind does not."""
    (alice, fast), (bob, slow) = _with_token(world), _with_token(world, "bob", "GAHT87654321")
    fast.step_clock(300)
    slow.step_clock(-270)
    assert alice.sign_in(fast).accepted
    assert bob.sign_in(slow).refused


@pytest.mark.source("Ceph RGW")
@pytest.mark.service(totp_server="ceph")
def test_ceph(world: World) -> None:
    """Ceph: after a code read late, the prompt ones are refused."""
    alice, token = _with_token(world)
    noted = token.read()
    world.wait(seconds=60)
    assert alice.sign_in(token, code=noted).accepted
    assert alice.sign_in(token).diagnosis == "code already used"
    world.wait(seconds=60)
    assert alice.sign_in(token).diagnosis == "code already used"
    world.wait(seconds=60)
    assert alice.sign_in(token).accepted


@pytest.mark.source("FreeRADIUS")
@pytest.mark.service(totp_server="freeradius")
def test_freeradius(world: World) -> None:
    """FreeRADIUS: a code works twice, and a token a little fast does not."""
    alice, token = _with_token(world)
    code = token.read()
    for _ in range(2):
        assert alice.sign_in(token, code=code).accepted
    token.step_clock(5)
    world.wait(seconds=26)
    assert alice.sign_in(token).refused


@pytest.mark.source("Keycloak")
@pytest.mark.service(totp_server="keycloak")
def test_keycloak(world: World) -> None:
    """Keycloak: a code from before the last one still works."""
    alice, token = _with_token(world)
    noted, used = token.read_two()
    assert alice.sign_in(token, code=used).accepted
    assert alice.sign_in(token, code=noted).accepted
    assert alice.sign_in(token, code=noted).refused


@pytest.mark.source("django-otp")
@pytest.mark.service(totp_server="django-otp")
def test_django_otp(world: World) -> None:
    """django-otp: two codes read late, and a prompt one is refused."""
    alice, token = _with_token(world)
    for _ in range(2):
        noted = token.read()
        world.wait(seconds=45)
        assert alice.sign_in(token, code=noted).accepted
        world.wait(minutes=5)
    assert alice.sign_in(token).refused


def _with_token(
    world: World, name: str = "alice", serial_number: str = "GAHT12345678"
) -> tuple[Person, HardwareToken]:
    """A user with a token, its enrolment long ago."""
    user, token = world.user(name), world.token(serial_number)
    assert user.enable_hardware(token, via="api").accepted
    world.wait(minutes=30)
    return user, token
