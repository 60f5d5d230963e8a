"""What must fail, and how it says so."""

import pytest

from harness.devices.token import Token
from harness.platform import Sdk
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
    assert refused.text == "MFA Device is already in use."


@pytest.mark.source("IAM API")
def test_wrong_codes_at_enrolment(world: World) -> None:
    """Wrong codes enable nothing."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    stranger = world.token("GAHT87654321")
    refused = alice.enable_hardware(token, via="api", codes=stranger.read_two())
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert refused.text == "Authentication code for device is not valid."
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


@pytest.mark.source("IAM API")
def test_deleting_what_is_in_use(world: World) -> None:
    """Neither an enabled device nor its user can be deleted."""
    admin, alice = world.user("admin", administrator=True), world.user("alice")
    phone = alice.enable_virtual(world.app(), "alice-phone", via="api").token
    in_use = alice.call("deletes alice-phone", lambda sdk: _delete_device(sdk, phone))
    assert (in_use.status, in_use.code) == (409, "DeleteConflict")
    assert in_use.text == "MFA VirtualDevice in use. Must deactivate first."
    has_devices = admin.call("deletes alice", lambda sdk: sdk.iam.delete_user(UserName=alice.name))
    assert (has_devices.status, has_devices.code) == (409, "DeleteConflict")
    assert has_devices.text == "Cannot delete entity, must delete MFA device first."
    assert admin.remove(phone.serial_number, of=alice, via="api").accepted
    assert admin.call("deletes alice-phone", lambda sdk: _delete_device(sdk, phone)).accepted


@pytest.mark.source("IAM API")
@pytest.mark.parametrize(
    "code", [pytest.param("1234567", id="seven"), "12a456", pytest.param("１２３４５６", id="full-width")]
)
def test_what_is_no_code(world: World, code: str) -> None:
    """A code has six digits, and nothing else is tried."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    refused = alice.call(
        "resyncs with what is no code",
        lambda sdk: sdk.iam.resync_mfa_device(
            UserName="alice",
            SerialNumber="GAHT12345678",
            AuthenticationCode1=code,
            AuthenticationCode2="123456",
        ),
    )
    assert (refused.status, refused.code) == (400, "ValidationError")
    assert "authenticationCode1" in refused.text


@pytest.mark.source("IAM API")
def test_devices_and_users_that_are_not_there(world: World) -> None:
    """What is not there is said in AWS's words."""
    admin, arn = world.user("admin", administrator=True), f"arn:aws:iam::{world.account.id}:mfa/lost"
    ghost = admin.call("looks at nobody's devices", lambda sdk: sdk.iam.list_mfa_devices(UserName="ghost"))
    assert (ghost.status, ghost.code) == (404, "NoSuchEntity")
    assert ghost.text == "The user with name ghost cannot be found."
    assert admin.enable_virtual(world.app(), "phone", via="api").accepted
    again = admin.enable_virtual(world.app(), "phone", via="api")
    assert (again.status, again.text) == (409, "MFA device already exists.")
    gone = admin.remove(arn, via="api")
    assert (gone.status, gone.code) == (404, "NoSuchEntity")
    assert gone.text == f"MFA Device with serial number {arn} does not exist."
    marker = admin.call(
        "turns to a page that is not there", lambda sdk: sdk.iam.list_mfa_devices(Marker="nonsense")
    )
    assert (marker.status, marker.code, marker.text) == (400, "ValidationError", "Invalid Marker.")


@pytest.mark.source("S1")
def test_who_exists_is_not_told(world: World) -> None:
    """A wrong password and a wrong name are refused alike."""
    alice = world.user("alice")
    pages = [
        alice.browser.sign_in(world.account.id, name, "not the password") for name in ("alice", "nobody")
    ]
    world.story.tell("somebody guesses names and passwords", f"refused, {pages[0].error}", False)
    assert [page.status for page in pages] == [403, 403]
    assert pages[0].error == pages[1].error
    assert alice.sign_in().accepted


@pytest.mark.source("CloudTrail", "S1")
def test_no_secret_in_the_trail(world: World) -> None:
    """The audit trail holds no password, code or secret."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    codes = token.read_two()
    assert alice.enable_hardware(token, via="api", codes=codes).accepted
    phone = alice.enable_virtual(world.app(), "alice-phone", via="api")
    assert alice.sign_in(token, code=token.read_next()).accepted
    written = "\n".join(event.line for event in world.events)
    for secret in (
        *codes,
        alice.password,
        token.secret.hex(),
        alice.sdk.environment()["AWS_SECRET_ACCESS_KEY"],
    ):
        assert secret not in written
    assert phone.accepted or world.identity.profile.max_devices == 1


@pytest.mark.source("WebAuthn §7.1")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("mc-up-not-set", "User presence", id="no touch"),
        pytest.param("mc-rp-id-hash-wrong", "RP ID hash", id="another relying party"),
        pytest.param("mc-algorithm-other", "Unsupported credential public key alg", id="another algorithm"),
        pytest.param("mc-attestation-bad", "signature", id="bad attestation"),
    ],
)
def test_broken_key_is_not_registered(world: World, fault: str, reason: str) -> None:
    """A key that is broken is not registered, and the log says why."""
    alice, key = world.user("alice"), world.key(f"emulated:ctap21+{fault}")
    assert alice.sign_in().accepted
    refused = alice.register_key(key, "alice-key")
    assert refused.refused
    assert reason in refused.diagnosis
    assert alice.sign_in().accepted


@pytest.mark.source("WebAuthn §7.2")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("ga-up-not-set", "User was not present", id="no touch"),
        pytest.param("ga-rp-id-hash-wrong", "RP ID hash", id="another relying party"),
        pytest.param("ga-signature-bad", "signature", id="bad signature"),
        pytest.param("ga-hash-not-signed", "signature", id="challenge not signed"),
    ],
)
def test_broken_key_does_not_sign_in(world: World, fault: str, reason: str) -> None:
    """A key that breaks signs nobody in, and the log says why."""
    alice, key = world.user("alice"), world.key(f"emulated:ctap21+{fault}")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    refused = alice.sign_in(key)
    assert refused.refused
    assert reason in refused.diagnosis


def _delete_device(sdk: Sdk, token: Token) -> None:
    sdk.iam.delete_virtual_mfa_device(SerialNumber=token.serial_number)
