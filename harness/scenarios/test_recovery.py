"""A device is lost; its user, or an administrator, detaches it."""

import pytest

from harness.world import World


@pytest.mark.source("S1")
def test_second_device_signs_in_and_detaches_the_lost_one(world: World) -> None:
    """A second device signs in and detaches the lost one."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    phone = alice.enable_virtual(world.app(), "alice-phone")
    assert phone.accepted
    world.wait(days=30)
    world.story.tell("alice loses her phone")
    assert alice.sign_in(key).accepted
    removed = alice.remove("alice-phone")
    assert removed.accepted
    assert [row["Name"] for row in removed.page.tables["mfa-devices"]] == ["alice-key"]
    listed = alice.sdk.iam.list_mfa_devices()["MFADevices"]
    assert len(listed) == 1
    assert "/alice-key-" in listed[0]["SerialNumber"]


@pytest.mark.source("S1")
def test_administrator_detaches_the_only_device(world: World) -> None:
    """An administrator detaches a lost only device."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    assert bob.enable_hardware(world.token("GAHT12345678"), via="api").accepted
    assert bob.sign_in().refused
    assert admin.sign_in().accepted
    assert admin.remove("GAHT12345678", of=bob).accepted
    assert bob.sign_in().accepted
    token = world.token("GAHT87654321")
    assert bob.enable_hardware(token).accepted
    world.wait(minutes=1)
    assert bob.sign_in(token).accepted
