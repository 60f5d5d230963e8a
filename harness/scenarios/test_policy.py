"""The policies that the documents quote in full decide as AWS would."""

from typing import Any

import pytest

from harness.world import World

# S0: users manage their own MFA devices, but without MFA they may only enable, look and resync.
MANAGE_OWN_ONCE_SIGNED_IN_WITH_MFA: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AllowManageOwnUserMFA",
            "Effect": "Allow",
            "Action": [
                "iam:DeactivateMFADevice",
                "iam:EnableMFADevice",
                "iam:GetUser",
                "iam:ListMFADevices",
                "iam:ResyncMFADevice",
            ],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        },
        {
            "Sid": "DenyAllExceptListedIfNoMFA",
            "Effect": "Deny",
            "NotAction": [
                "iam:EnableMFADevice",
                "iam:GetUser",
                "iam:ListMFADevices",
                "iam:ResyncMFADevice",
            ],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    ],
}

# S2: users may resync their own devices, and without MFA nothing but that.
RESYNC_OWN: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AllowListActions",
            "Effect": "Allow",
            "Action": ["iam:ListVirtualMFADevices"],
            "Resource": "*",
        },
        {
            "Sid": "AllowUserToViewAndManageTheirOwnUserMFA",
            "Effect": "Allow",
            "Action": ["iam:ListMFADevices", "iam:ResyncMFADevice"],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        },
        {
            "Sid": "BlockAllExceptListedIfNoMFA",
            "Effect": "Deny",
            "NotAction": ["iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice"],
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    ],
}


@pytest.mark.source("S0")
def test_deactivating_needs_mfa(world: World) -> None:
    """Under S0's policy, deactivating a device takes MFA."""
    alice = world.user("alice", policies=[MANAGE_OWN_ONCE_SIGNED_IN_WITH_MFA])
    token = world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    denied = alice.remove(token.serial_number, via="api")
    assert (denied.status, denied.code) == (403, "AccessDenied")
    assert "explicit deny" in denied.text
    world.wait(minutes=5)
    with_mfa = alice.session_token(token)
    assert with_mfa.accepted
    removed = alice.call(
        "removes GAHT12345678 with the session token",
        lambda sdk: sdk.iam.deactivate_mfa_device(UserName="alice", SerialNumber=token.serial_number),
        sdk=with_mfa.answer,
    )
    assert removed.accepted


@pytest.mark.source("S2")
def test_resync_is_all_that_is_allowed(world: World) -> None:
    """Under S2's policy, resyncing takes none, and all else does."""
    admin, alice = world.user("admin", administrator=True), world.user("alice", policies=[RESYNC_OWN])
    token = world.token("GAHT12345678", drift_ppm=-9.5)
    assert admin.enable_hardware(token, of=alice, via="api").accepted
    world.wait(days=90)
    assert alice.resync(token, via="api").accepted
    for denied in (
        alice.remove(token.serial_number, via="api"),
        alice.enable_hardware(world.token("GAHT87654321"), via="api"),
    ):
        assert (denied.status, denied.code) == (403, "AccessDenied")


@pytest.mark.source("S0", "S1")
def test_looking_after_nobody_elses_devices(world: World) -> None:
    """Nobody looks after another user's devices."""
    alice, bob = world.user("alice"), world.user("bob")
    token = world.token("GAHT12345678")
    assert bob.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    for denied in (
        alice.resync(token, of=bob, via="api"),
        alice.remove(token.serial_number, of=bob, via="api"),
    ):
        assert (denied.status, denied.code) == (403, "AccessDenied")
        assert "is not authorized to perform: iam:" in denied.text
    assert bob.sign_in(token).accepted
