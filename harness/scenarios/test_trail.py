"""What the audit trail tells of those who were refused."""

import pytest

from harness.world import World


@pytest.mark.source("CloudTrail guide")
def test_name_that_is_nobodys(world: World) -> None:
    """A password typed as user name is in no log."""
    alice = world.user("alice")
    page = alice.browser.sign_in(world.account.id, alice.password, "alice")
    world.story.tell("alice types her password where her name belongs", f"refused, {page.error}", False)
    event = world.events[-1]
    assert (event.name, event.outcome) == ("ConsoleLogin", "Failure")
    assert event.user_name == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert event.record["errorMessage"] == "No username found in supplied account"
    assert alice.password not in "".join(each.line for each in world.events)


@pytest.mark.source("CloudTrail guide")
def test_page_that_is_refused(world: World) -> None:
    """Whoever opens a page that is not theirs leaves a trace."""
    admin, mallory = world.user("admin", administrator=True), world.user("mallory")
    assert mallory.sign_in().accepted
    for path, name in (
        ("/users", "ListUsers"),
        ("/users/admin", "ListMFADevices"),
        ("/events", "LookupEvents"),
    ):
        page = mallory.browser.open(path)
        world.story.tell(f"mallory opens {path}", f"refused, {page.status}", False)
        event = world.events[-1]
        assert (event.name, event.user_name, event.error_code) == (name, "mallory", "AccessDenied")
    assert admin.sign_in().accepted
    rows = admin.browser.open("/events?user_name=mallory").tables["events"]
    assert [row["Event name"] for row in rows[:3]] == ["LookupEvents", "ListMFADevices", "ListUsers"]
    assert {row["Outcome"] for row in rows[:3]} == {"refused"}
