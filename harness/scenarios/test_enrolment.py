"""Devices of every kind are enabled: by their user, by an administrator, for root."""

import pytest
from fido2.webauthn import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from harness.platform import client_of
from harness.service.model import FidoSecurityKey
from harness.world import World

# What another service asks of a key.
EXAMPLE_COM = PublicKeyCredentialCreationOptions(
    rp=PublicKeyCredentialRpEntity(id="example.com", name="example.com"),
    user=PublicKeyCredentialUserEntity(id=b"alice", name="alice"),
    challenge=bytes(32),
    pub_key_cred_params=[PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=-7)],
    authenticator_selection=AuthenticatorSelectionCriteria(
        user_verification=UserVerificationRequirement.DISCOURAGED
    ),
)


@pytest.mark.source("S1", "IAM API")
def test_virtual_device_by_api(world: World) -> None:
    """A virtual device by API, with two consecutive codes."""
    alice = world.user("alice")
    enabled = alice.enable_virtual(world.app(), "alice-phone", via="api")
    assert enabled.accepted
    listed = alice.sdk.iam.list_mfa_devices(UserName=alice.name)["MFADevices"]
    assert [device["SerialNumber"] for device in listed] == [enabled.token.serial_number]
    world.wait(minutes=1)
    assert alice.sign_in(enabled.token).accepted


@pytest.mark.source("S3")
def test_virtual_device_in_the_console(world: World) -> None:
    """An authenticator app scans the console's QR code."""
    alice = world.user("alice")
    signed_in = alice.sign_in()
    assert signed_in.accepted
    assert "No MFA device is assigned" in alice.browser.security_credentials().text
    enabled = alice.enable_virtual(world.app(), "alice-phone")
    assert enabled.accepted
    assert [row["Name"] for row in enabled.page.tables["mfa-devices"]] == ["alice-phone"]
    world.wait(minutes=1)
    assert alice.sign_in(enabled.token).accepted


@pytest.mark.source("S1")
def test_hardware_token_by_its_serial_number(world: World) -> None:
    """A hardware token by the serial number printed on it."""
    alice = world.user("alice")
    token = world.token("GAHT12345678")
    assert alice.sign_in().accepted
    enabled = alice.enable_hardware(token)
    assert enabled.accepted
    assert enabled.page.tables["mfa-devices"][0]["Identifier"] == "GAHT12345678"
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S0", "S1")
def test_security_key_for_oneself(world: World) -> None:
    """A user registers a FIDO security key of their own."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in().refused
    assert alice.sign_in(key).accepted


@pytest.mark.source("S0")
def test_security_key_for_another_user_by_an_administrator(world: World) -> None:
    """An administrator registers a FIDO key for another user."""
    admin, bob, key = world.user("admin", administrator=True), world.user("bob"), world.key()
    assert admin.sign_in().accepted
    registered = admin.register_key(key, "bob-key", of=bob)
    assert registered.accepted
    assert registered.page.heading == "Security credentials of bob"
    assert bob.sign_in(key).accepted
    assert admin.sign_in().accepted


@pytest.mark.source("S0")
def test_security_key_for_root(world: World) -> None:
    """Root registers a FIDO security key."""
    key = world.key()
    assert world.root.sign_in().accepted
    assert world.root.register_key(key, "root-key").accepted
    assert world.root.sign_in().refused
    assert world.root.sign_in(key).accepted


@pytest.mark.source("S0")
def test_key_that_another_service_uses(world: World) -> None:
    """A key that another service uses already."""
    alice, key = world.user("alice"), world.key()
    client_of(key, "https://example.com").make_credential(EXAMPLE_COM)
    world.story.tell(f"alice signs in at example.com with {key.name}, too")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted


@pytest.mark.source("S0")
def test_each_registration_makes_a_key_pair_of_its_own(world: World) -> None:
    """A security key makes another key pair for each user."""
    alice, bob, key = world.user("alice"), world.user("bob"), world.key()
    for person in (alice, bob):
        assert person.sign_in().accepted
        assert person.register_key(key, f"{person}-key").accepted
    root = world.identity.root_caller(world.account.id)
    (hers,), (his,) = (world.identity.list_mfa_devices(root, name) for name in ("alice", "bob"))
    assert isinstance(hers, FidoSecurityKey)
    assert isinstance(his, FidoSecurityKey)
    assert hers.public_key != his.public_key
    assert hers.credential_id != his.credential_id


@pytest.mark.source("S0")
def test_security_key_that_knows_only_u2f(world: World) -> None:
    """A key that knows only U2F."""
    alice, key = world.user("alice"), world.key("emulated:u2f-only")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "old-key").accepted
    assert alice.sign_in(key).accepted


@pytest.mark.source("S1")
def test_one_security_key_for_two_users(world: World) -> None:
    """One security key for two users and root."""
    alice, bob, key = world.user("alice"), world.user("bob"), world.key()
    for person in (alice, bob, world.root):
        assert person.sign_in().accepted
        assert person.register_key(key, f"{person}-key").accepted
    for person in (alice, bob, world.root):
        assert person.sign_in(key).accepted
    assert alice.sign_in(key).accepted


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_a_ninth_device_is_refused(world: World) -> None:
    """Eight devices of every type, and the ninth is refused."""
    alice, phone = world.user("alice"), world.app()
    assert alice.sign_in().accepted
    assert alice.register_key(key := world.key(), "device-1").accepted
    assert alice.sign_in(key).accepted
    assert alice.enable_virtual(phone, "device-2").accepted
    for number in range(3, 9):
        assert alice.enable_hardware(world.token(f"GAHT0000000{number}"), via="api").accepted
    ninth = alice.enable_hardware(world.token("GAHT87654321"), via="api")
    assert ninth.refused
    assert (ninth.status, ninth.code) == (409, "LimitExceeded")
    assert len(alice.sdk.iam.list_mfa_devices()["MFADevices"]) == 8


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_the_same_key_twice(world: World) -> None:
    """A security key is not registered twice for one user."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    again = alice.register_key(key, "the-same-key")
    assert again.refused
    assert again.text.startswith("the security key cannot be assigned")


@pytest.mark.source("S0")
@pytest.mark.service(max_devices=1)
def test_one_device_and_no_more_in_2020(world: World) -> None:
    """As it was in 2020: one device, and to replace it, remove it first."""
    alice, key, token = world.user("alice"), world.key(), world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    second = alice.enable_hardware(token, via="api")
    assert (second.status, second.code) == (409, "LimitExceeded")
    assert alice.remove("alice-key").accepted
    assert alice.enable_hardware(token).accepted
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_another_device_takes_an_existing_one(world: World) -> None:
    """Adding or removing a device takes signing in with another."""
    alice, key, token = world.user("alice"), world.key(), world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert alice.enable_hardware(token).accepted
    for without in (alice.register_key(key, "alice-key"), alice.remove("GAHT12345678")):
        assert without.refused
        assert without.status == 403
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted
    assert alice.register_key(key, "alice-key").accepted


@pytest.mark.source("S0", "S1")
def test_security_key_by_api(world: World) -> None:
    """Neither API nor CLI can enable a FIDO security key."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    serial_number = alice.sdk.iam.list_mfa_devices()["MFADevices"][0]["SerialNumber"]
    bob = world.user("bob")
    refused = bob.call(
        "enables alice-key by API",
        lambda sdk: sdk.iam.enable_mfa_device(
            UserName="bob",
            SerialNumber=serial_number,
            AuthenticationCode1="123456",
            AuthenticationCode2="654321",
        ),
    )
    assert refused.refused
    assert bob.sdk.iam.list_mfa_devices()["MFADevices"] == []


@pytest.mark.source("S0", "S1")
def test_authenticator_app_for_root(world: World) -> None:
    """Root enables an authenticator app, in the console."""
    assert world.root.sign_in().accepted
    enabled = world.root.enable_virtual(world.app(), "root-phone")
    assert enabled.accepted
    world.wait(minutes=1)
    assert world.root.sign_in().refused
    assert world.root.sign_in(enabled.token).accepted
    assert world.events[-1].additional["MFAUsed"] == "Yes"


@pytest.mark.source("S2", "S1")
def test_hardware_token_for_another_user_by_an_administrator(world: World) -> None:
    """An administrator hands a new colleague a token, enabled."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    token = world.token("GAHT12345678")
    assert admin.sign_in().accepted
    assert admin.enable_hardware(token, of=bob).accepted
    (enabled,) = world.events.named("EnableMFADevice")
    assert (enabled.user_name, enabled.additional["userName"]) == ("admin", "bob")
    world.wait(minutes=1)
    assert bob.sign_in(token).accepted


@pytest.mark.source("S1")
def test_synced_passkey(world: World) -> None:
    """A synced passkey, unlocked by a fingerprint."""
    admin, alice = world.user("admin", administrator=True), world.user("alice")
    passkey = world.key("emulated:synced-passkey")
    assert alice.sign_in().accepted
    assert alice.register_key(passkey, "alice-passkey").accepted
    assert alice.sign_in(passkey).accepted
    assert admin.sign_in().accepted
    users = {row["User name"]: row["MFA"] for row in admin.browser.users().tables["users"]}
    assert users == {"admin": "none", "alice": "Synced passkey"}


@pytest.mark.source("S1")
def test_who_still_uses_text_messages(world: World) -> None:
    """Users left with SMS codes are found; nobody new gets them."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    world.identity.keep_sms_mfa_device(world.account.id, "bob", "+81312345678")
    world.story.tell("bob had his codes sent as text messages, years ago")
    assert admin.sign_in().accepted
    users = {row["User name"]: row["MFA"] for row in admin.browser.users().tables["users"]}
    assert users["bob"] == "SMS"
    assert bob.sign_in().accepted
    assert "no longer supported" in bob.browser.security_credentials().texts["sms"]
    kinds = bob.browser.follow("assign-mfa").form("choose-mfa-device").fields["type"].choices
    assert set(kinds) == {"security-key", "authenticator-app", "hardware-token"}


@pytest.mark.source("IAM API")
def test_previous_and_current_code_at_once(world: World) -> None:
    """The last code and this one enable a device at once."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    codes = token.read_two()
    world.wait(seconds=5)
    assert alice.enable_hardware(token, via="api", codes=codes).accepted
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S3")
def test_a_secret_typed_instead_of_scanned(world: World) -> None:
    """The text secret is what the QR code says."""
    alice, phone = world.user("alice"), world.app()
    assert alice.sign_in().accepted
    shown = alice.browser.assign_authenticator_app("alice-phone")
    scanned = phone.scan(shown.qr_code)
    typed = phone.add(f"otpauth://totp/typed?secret={shown.secret}")
    world.story.tell("alice scans the QR code, and types the secret into another app")
    assert scanned.read() == typed.read()
    page = alice.browser.enter_two_codes(*typed.read_two())
    world.story.tell("alice enables alice-phone with the other app", "enabled", True)
    assert page.error is None
    world.wait(minutes=1)
    assert alice.sign_in(scanned).accepted
