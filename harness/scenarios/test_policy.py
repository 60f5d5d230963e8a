"""The policies that the documents quote in full decide as AWS would."""

from pathlib import Path
from typing import Any

import pytest

from harness.devices.token import Token
from harness.service.key_metadata import KeyMetadata
from harness.world import ADMINISTRATOR as ALLOW_ALL
from harness.world import MANAGE_OWN_MFA, World

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

# The model ctap21 as the FIDO Metadata Service might know it: certified at level 2.
CERTIFIED = KeyMetadata.load(Path(__file__).parent / "certified.json")


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


@pytest.mark.source("S0")
@pytest.mark.needs("several-devices")
def test_deactivating_needs_mfa_in_the_console(world: World) -> None:
    """S0's policy in the console: looking is free, removing takes MFA."""
    alice = world.user("alice", policies=[MANAGE_OWN_ONCE_SIGNED_IN_WITH_MFA])
    token, spare = world.token("GAHT12345678"), world.token("GAHT87654321")
    assert alice.sign_in().accepted
    assert alice.enable_hardware(token).accepted
    assert len(alice.browser.security_credentials().tables["mfa-devices"]) == 1
    denied = alice.remove("GAHT12345678")
    assert denied.refused
    assert denied.status == 403
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted
    assert alice.enable_hardware(spare).accepted
    assert alice.remove("GAHT12345678").accepted


@pytest.mark.source("S2")
def test_resync_is_all_that_is_allowed_in_the_console(world: World) -> None:
    """S2's policy in the console: resync, and nothing else."""
    admin, alice = world.user("admin", administrator=True), world.user("alice", policies=[RESYNC_OWN])
    token = world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert admin.enable_hardware(token, of=alice, via="api").accepted
    assert alice.resync(token, codes=_later(world, token)).accepted
    for denied in (alice.remove("GAHT12345678"), alice.enable_hardware(world.token("GAHT87654321"))):
        assert denied.refused
        assert denied.status == 403


@pytest.mark.source("IAM guide")
def test_deny_with_bool_misses_access_keys(world: World) -> None:
    """Deny with Bool misses access keys; BoolIfExists catches them."""
    gap = world.user("gap", policies=[ALLOW_ALL, _deny_without_mfa("Bool")])
    shut = world.user("shut", policies=[ALLOW_ALL, _deny_without_mfa("BoolIfExists")])
    assert gap.call("lists the users with an access key", lambda sdk: sdk.iam.list_users()).accepted
    denied = shut.call("lists the users with an access key", lambda sdk: sdk.iam.list_users())
    assert (denied.status, denied.code) == (403, "AccessDenied")
    for user in (gap, shut):
        assert user.sign_in().accepted
        page = user.browser.open("/users")
        world.story.tell(f"{user} opens the list of users without MFA", f"refused, {page.error}", False)
        assert page.status == 403


@pytest.mark.source("IAM guide", "STS API")
def test_mfa_that_is_too_long_ago(world: World) -> None:
    """MFA an hour ago is not MFA now, where a policy says so."""
    fresh_mfa = {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}
    alice = world.user("alice", policies=[MANAGE_OWN_MFA, _allow("iam:ListUsers", fresh_mfa)])
    token = world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    assert alice.call("lists the users without MFA", lambda sdk: sdk.iam.list_users()).refused
    world.wait(minutes=5)
    session = alice.session_token(token)
    for minutes, allowed in ((0, True), (59, True), (1, False)):
        world.wait(minutes=minutes)
        listed = alice.call("lists the users", lambda sdk: sdk.iam.list_users(), sdk=session.answer)
        assert listed.accepted is allowed


@pytest.mark.source("IAM authorization reference")
@pytest.mark.service(metadata=CERTIFIED)
def test_only_certified_keys(world: World) -> None:
    """Only keys certified by FIDO at level 2 are let in."""
    level_2 = {"StringEquals": {"iam:FIDO-certification": ["L2", "L3"]}}
    begin = {"StringEquals": {"iam:RegisterSecurityKey": "Create"}}
    policies = [_allow("iam:EnableMFADevice", level_2), _allow("iam:EnableMFADevice", begin)]
    alice = world.user("alice", policies=[*policies, _allow("iam:ListMFADevices", {})])
    certified, plain = world.key("emulated:ctap21"), world.key("emulated:ctap20")
    assert alice.sign_in().accepted
    refused = alice.register_key(plain, "plain-key")
    assert refused.refused
    assert refused.status == 403
    assert "iam:EnableMFADevice" in refused.text
    registered = alice.register_key(certified, "certified-key")
    assert registered.accepted
    assert "FIDO L2" in registered.page.tables["mfa-devices"][0]["Type"]


@pytest.mark.source("IAM authorization reference")
def test_no_security_keys_at_all(world: World) -> None:
    """A policy may keep users from registering security keys."""
    no_keys = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": "iam:EnableMFADevice",
                "Resource": "*",
                "Condition": {"StringEquals": {"iam:RegisterSecurityKey": ["Create", "Activate"]}},
            }
        ],
    }
    alice, token = world.user("alice", policies=[MANAGE_OWN_MFA, no_keys]), world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert alice.register_key(world.key(), "alice-key").status == 403
    assert alice.enable_hardware(token).accepted


def _later(world: World, token: Token) -> tuple[str, str]:
    world.wait(minutes=5)
    return token.read_two()


def _allow(action: str, condition: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _deny_without_mfa(operator: str) -> dict[str, Any]:
    condition = {operator: {"aws:MultiFactorAuthPresent": "false"}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}
