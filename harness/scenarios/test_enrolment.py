"""Devices of every kind are enabled: by their user, by an administrator, for root."""

import pytest

from harness.world import World


@pytest.mark.source("S1", "IAM API")
def test_virtual_device_by_api(world: World) -> None:
    """A virtual device by API, with two consecutive codes."""
    alice = world.user("alice")
    enabled = alice.enable_virtual(world.app(), "alice-phone", via="api")
    assert enabled.accepted
    listed = alice.sdk.iam.list_mfa_devices(UserName="alice")["MFADevices"]
    assert [device["SerialNumber"] for device in listed] == [
        f"arn:aws:iam::{world.account.id}:mfa/alice-phone"
    ]
    world.wait(minutes=1)
    assert alice.sign_in(enabled.token).accepted


@pytest.mark.source("S3")
def test_virtual_device_in_the_console(world: World) -> None:
    """An authenticator app scans the console's QR code."""
    alice = world.user("alice")
    assert alice.sign_in().accepted
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
    again = alice.register_key(key, "the-same-key")
    assert again.refused
    assert again.text.startswith("the security key cannot be assigned")


@pytest.mark.source("S1")
def test_a_ninth_device_is_refused(world: World) -> None:
    """Eight devices, and the ninth is refused."""
    alice, phone = world.user("alice"), world.app()
    assert alice.sign_in().accepted
    assert alice.register_key(key := world.key(), "device-1").accepted
    for number in range(2, 8):
        assert alice.sign_in(key).accepted
        assert alice.enable_virtual(phone, f"device-{number}").accepted
    assert alice.enable_hardware(world.token("GAHT12345678"), via="api").accepted
    ninth = alice.enable_hardware(world.token("GAHT87654321"), via="api")
    assert ninth.refused
    assert (ninth.status, ninth.code) == (409, "LimitExceeded")
    assert len(alice.sdk.iam.list_mfa_devices()["MFADevices"]) == 8
