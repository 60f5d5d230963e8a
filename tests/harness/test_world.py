"""A world is one clock and one account, and its people are told what the service makes of them."""

from collections.abc import Iterator

import pytest

from harness.devices.find import find_key
from harness.page import PlatformError
from harness.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed="test") as world:
        yield world


def test_waiting_moves_the_service_the_tokens_and_the_story_together(world: World) -> None:
    slow = world.token("GAHT12345678", drift_ppm=-10)
    world.wait(days=1, hours=2, minutes=3, seconds=4)
    assert world.story.elapsed == 86_400 + 2 * 3_600 + 3 * 60 + 4
    assert world.identity.clock() == world.clock()
    assert slow.clock.error == pytest.approx(-0.9378, abs=1e-3)


def test_two_worlds_share_nothing(world: World) -> None:
    with World(seed="other") as other:
        world.wait(days=1)
        assert other.story.elapsed == 0
        assert world.account.id != other.account.id
        alice = world.user("alice")
        other.user("alice")
        assert alice.sign_in().accepted
        assert other.story.steps == []


def test_a_seed_decides_everything_that_is_random() -> None:
    def told(seed: str) -> tuple[object, ...]:
        with World(seed=seed) as world:
            alice, token = world.user("alice"), world.token("GAHT12345678")
            assert alice.sign_in().accepted
            assert alice.register_key(world.key(), "alice-key").accepted
            (key,) = world.identity.list_mfa_devices(world.identity.root_caller(world.account.id), "alice")
            return world.account.id, token.secret, token.read(), key

    assert told("one") == told("one")
    assert told("one") != told("two")


def test_every_key_of_a_world_is_another(world: World) -> None:
    alice = world.user("alice")
    assert alice.sign_in().accepted
    assert alice.register_key(world.key(), "alice-key").accepted
    assert "NO_CREDENTIALS" in alice.sign_in(world.key()).text


def test_a_clone_holds_the_same_credentials(world: World) -> None:
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert "NO_CREDENTIALS" not in alice.sign_in(world.clone(key)).text


def test_a_key_of_another_world_cannot_be_cloned(world: World) -> None:
    with pytest.raises(ValueError, match="was not made by this world"):
        world.clone(find_key("emulated:ctap21").new(clock=world.clock, seed=""))


def test_a_key_may_be_chosen_by_name(world: World) -> None:
    assert world.key("emulated:u2f-only").name == "emulated:u2f-only"
    assert world.key().name == "emulated:ctap21"


def test_a_refusal_in_the_console_is_a_page_that_says_so(world: World) -> None:
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    refused = alice.sign_in(token, code="000000")
    assert refused.refused
    assert refused.text == refused.page.error
    assert refused.status == refused.page.status
    assert refused.diagnosis == "wrong code"
    assert "wrong code" not in refused.page.text
    assert repr(refused).startswith(f"<refused, {refused.status} ")


def test_a_refusal_by_api_has_its_code_and_no_page(world: World) -> None:
    alice = world.user("alice", policies=[])
    denied = alice.call("lists the users", lambda sdk: sdk.iam.list_users())
    assert (denied.refused, denied.status, denied.code) == (True, 403, "AccessDenied")
    assert "iam:ListUsers" in denied.text
    with pytest.raises(AssertionError, match="leads to no page"):
        _ = denied.page


def test_each_attempt_is_a_step_that_says_when_it_began(world: World) -> None:
    alice, token = world.user("alice"), world.token("GAHT12345678")
    alice.enable_hardware(token, via="api")
    alice.sign_in(token)
    world.wait(minutes=1)
    alice.sign_in(token)
    assert [str(step) for step in world.story.steps] == [
        "day  0 00:00:00  alice enables GAHT12345678, by API → enabled",
        "day  0 00:00:30  alice signs in with GAHT12345678 → refused, code already used",
        "day  0 00:01:30  alice signs in with GAHT12345678 → signed in",
    ]
    assert [step.accepted for step in world.story.steps] == [True, False, True]


def test_an_attempt_that_the_pages_do_not_allow_breaks_off_and_is_told(world: World) -> None:
    alice = world.user("alice")
    with pytest.raises(PlatformError, match="no form 'mfa-code'"):
        alice.sign_in(world.token("GAHT12345678"))  # she has no device, so that no page asks for a code
    assert "broke off" in str(world.story.steps[-1])


def test_a_key_that_refuses_is_a_refusal(world: World) -> None:
    alice, key = world.user("alice"), world.key()
    alice.sign_in()
    alice.register_key(key, "alice-key")
    alice.sign_in(key)
    again = alice.register_key(key, "once-more")
    assert again.refused
    assert "the security key cannot be assigned" in again.text


def test_root_signs_in_by_e_mail_and_has_an_sdk(world: World) -> None:
    assert world.root.sign_in().accepted
    assert world.root.sdk.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{world.account.id}:root"


def test_an_administrator_may_do_what_others_may_not(world: World) -> None:
    admin, alice = world.user("admin", administrator=True), world.user("alice")
    names = [user["UserName"] for user in admin.sdk.iam.list_users()["Users"]]
    assert names == ["admin", "alice"]
    assert alice.call("lists the users", lambda sdk: sdk.iam.list_users()).refused
