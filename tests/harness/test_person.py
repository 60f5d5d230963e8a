"""What people do beyond signing in: root without its device, roles, the account's phone number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.page import PlatformError
from harness.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed="test") as world:
        yield world


@pytest.fixture
def lost(world: World) -> World:
    """Root has a device, and it is lost."""
    assert world.root.sign_in().accepted
    assert world.root.enable_hardware(world.token("GAHT12345678")).accepted
    return world


def test_each_step_of_the_recovery_is_told(lost: World) -> None:
    root = lost.root
    for step in (root.ask_for_another_way, root.have_email_sent, root.follow_email, root.take_call):
        assert step().accepted
    assert root.finish_recovery().accepted
    assert [step.text for step in lost.story.steps[2:]] == [
        "root asks for another way in",
        "root has the e-mail sent",
        "root follows the link in the e-mail",
        "root answers the call and types the digits",
        "root signs in without the device",
    ]


def test_wrong_digits_are_a_refusal(lost: World) -> None:
    root = lost.root
    for step in (root.ask_for_another_way, root.have_email_sent, root.follow_email):
        assert step().accepted
    refused = root.take_call("000000")
    assert (refused.refused, refused.status) == (True, 403)
    assert "not the digits on the screen" in refused.text


def test_a_user_is_offered_no_other_way(world: World) -> None:
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    with pytest.raises(PlatformError, match="no link 'alternative-factors'"):
        alice.ask_for_another_way()


def test_a_role_is_assumed_with_a_code_or_without(world: World) -> None:
    admin, token = world.user("admin", administrator=True), world.token("GAHT12345678")
    role = world.role("auditor")
    assert admin.enable_hardware(token, via="api").accepted
    assert admin.assume_role(role).accepted
    with_mfa = admin.assume_role(role, token, code=token.read_next())
    assert with_mfa.answer.sts.get_caller_identity()["Arn"].endswith("assumed-role/auditor/keyrig")
    assert world.story.steps[-1].text == "admin assumes the role auditor with GAHT12345678"


def test_a_phone_number_that_is_none_is_refused(world: World) -> None:
    assert world.root.sign_in().accepted
    refused = world.root.change_phone_number("call me")
    assert refused.refused
    assert "country code" in refused.text


def test_another_client_is_told_the_same_credentials_and_nothing_of_the_machines(world: World) -> None:
    sdk = world.root.sdk
    told = sdk.environment()
    assert (told["AWS_ENDPOINT_URL"], told["AWS_ACCESS_KEY_ID"]) == (sdk.base_url, sdk.access_key_id)
    assert "AWS_SESSION_TOKEN" not in told
    assert sdk.get_session().environment()["AWS_SESSION_TOKEN"]
