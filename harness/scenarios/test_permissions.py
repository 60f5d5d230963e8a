"""What takes permissions away, or lends them out: boundaries, tags of a session, keys that are known."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.platform import Sdk
from harness.service.key_metadata import KeyMetadata
from harness.world import World

KNOWN = KeyMetadata.load(Path(__file__).parent / "certified.json")  # the model ctap21 alone
LOOK_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
TAGS = [{"Key": "team", "Value": "blue"}]
TAG: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*"}],
}
OWN_GROUP: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iam:GetGroup",
            "Resource": "arn:aws:iam::*:group/${aws:PrincipalTag/team}",
        }
    ],
}


@pytest.mark.source("IAM guide")
def test_boundary_takes_away(world: World) -> None:
    """An administrator within a boundary that only lets look."""
    admin, bob = world.user("admin", administrator=True), world.user("bob", administrator=True)
    tag = partial(_tag, bob.user.name)
    assert bob.call("tags himself", tag).accepted
    assert admin.call(
        "puts bob within a boundary that only lets look", partial(_bound, bob.user.name)
    ).accepted
    assert bob.call("lists the users", lambda sdk: sdk.iam.list_users()).accepted
    refused = bob.call("tags himself", tag)
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert str(refused.text).endswith("because no permissions boundary allows the iam:TagUser action")


@pytest.mark.source("IAM guide")
def test_boundary_in_the_console(world: World) -> None:
    """The console refuses what lies beyond the boundary, and the trail says so."""
    token = world.token("GAHT12345678")
    admin, bob = world.user("admin", administrator=True), world.user("bob", administrator=True)
    assert admin.call("puts bob within a boundary that only lets look", partial(_bound, "bob")).accepted
    assert bob.sign_in().accepted
    assert bob.enable_hardware(token).refused
    event = world.events[-1]
    assert (event.name, event.user_name, event.error_code) == ("EnableMFADevice", "bob", "AccessDenied")


@pytest.mark.source("IAM guide", "STS API")
def test_session_tag_opens_its_door(world: World) -> None:
    """One role for every team: the session's tag says whose group it may see."""
    account_id = world.account.id
    alice, iam = world.user("alice", policies=[TAG]), world.user("admin", administrator=True).sdk.iam
    for team in ("blue", "red"):
        iam.create_group(GroupName=team)
    role = world.role("member", policies=[OWN_GROUP])
    iam.update_assume_role_policy(RoleName="member", PolicyDocument=json.dumps(_trusting(account_id)))
    refused = alice.call("assumes member, for no team", lambda sdk: _as_member(sdk, role))
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assumed = alice.call("assumes member, for team blue", lambda sdk: _as_member(sdk, role, team="blue"))
    assert assumed.accepted
    for team, may in {"blue": True, "red": False}.items():
        found = alice.call(
            f"looks at group {team}",
            partial(_look_at, team),
            sdk=assumed.answer,
        )
        assert found.accepted is may


@pytest.mark.source("S1")
@pytest.mark.service(metadata=KNOWN, unknown_keys="refuse")
def test_no_key_of_an_unknown_model(world: World) -> None:
    """A relying party that takes no key but of a model it knows."""
    alice = world.user("alice")
    assert alice.sign_in().accepted
    unknown = alice.register_key(world.key("emulated:u2f-only"), "alice-key")
    assert unknown.refused
    assert unknown.diagnosis == "its attestation leads to no model in the metadata"
    assert alice.register_key(world.key("emulated:ctap21"), "alice-key").accepted


def _bound(name: str, sdk: Sdk) -> Any:
    return sdk.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=LOOK_ONLY)


def _tag(name: str, sdk: Sdk) -> Any:
    return sdk.iam.tag_user(UserName=name, Tags=TAGS)


def _trusting(account_id: str) -> dict[str, Any]:
    """A trust policy of the account's, for sessions that have a team."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account_id},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"Null": {"aws:RequestTag/team": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _look_at(team: str, sdk: Sdk) -> Any:
    return sdk.iam.get_group(GroupName=team)


def _as_member(sdk: Sdk, role: str, **tags: str) -> Sdk:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    answer = sdk.sts.assume_role(RoleArn=role, RoleSessionName="keyrig", Tags=pairs)
    return sdk.with_credentials(answer["Credentials"])
