"""What an administrator does: other users' devices, the list of users, the trail, the account's phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Arrive = Callable[..., Any]


def test_an_administrator_looks_after_another_user_s_devices(arrive: Arrive) -> None:
    visitor = arrive()
    token = visitor.world.token("GAHT12345678")
    visitor.sign_in("ada")
    visitor.follow("users-list")
    before = visitor.rows("users")["alice"]
    visitor.follow("users a >> text=alice")
    assert visitor.path == "/users/alice"
    visitor.plug_in()
    visitor.assign_key("alice-key", "alice")
    visitor.assign_app("alice-phone", "alice")
    visitor.choose_device("any", "hardware-token", "alice")
    assert visitor.text("subject") == "alice"
    code_1, code_2 = token.read_two()
    visitor.submit("assign-hardware-token", serial_number="GAHT12345678", code_1=code_1, code_2=code_2)
    assert len(visitor.rows("mfa-devices")) == 3
    token.step_clock(900)
    visitor.page.locator("#mfa-devices a[href*='/resync?serial_number=GAHT']").click()
    code_1, code_2 = token.read_two()
    visitor.submit("resync-device", code_1=code_1, code_2=code_2)
    assert visitor.done
    visitor.follow("mfa-devices a[href*='/remove?serial_number=GAHT']")
    visitor.submit("remove-device")
    assert visitor.done
    visitor.follow("users-list")
    after = visitor.rows("users")["alice"].split("\t")[2]
    assert before.split("\t")[2] != after
    assert len(after.replace("、", ",").split(",")) == 2, "two types of device"


def test_whoever_may_not_see_is_told_so(visitor: Any) -> None:
    visitor.sign_in("alice")
    for path in ("/users", "/users/ada", "/events", "/account"):
        visitor.open(path)
        assert "arn:aws:iam::" in visitor.alert, path
    visitor.sign_in("ada")
    visitor.open("/users/nobody")
    assert "nobody" in visitor.alert


def test_the_trail_is_looked_up_by_name_and_user(visitor: Any) -> None:
    visitor.sign_in("alice")
    visitor.sign_in("ada")
    visitor.follow("events-list")
    assert "ConsoleLogin" in visitor.rows("events")
    visitor.submit("look-up-events", name="ConsoleLogin", user_name="alice")
    assert len(visitor.rows("events")) == 1
    visitor.page.click("#events summary")
    assert '"userName": "alice"' in visitor.page.inner_text("#events pre")
    visitor.submit("look-up-events", name="NoSuchEvent")
    assert visitor.rows("events") == {}


def test_the_account_s_phone_number_is_changed(visitor: Any) -> None:
    visitor.sign_in("ada")
    visitor.follow("account-page")
    visitor.submit("change-phone-number", phone_number="03-1234")
    assert visitor.alert
    assert visitor.page.input_value("#phone_number") == "03-1234", "kept, to be corrected"
    visitor.submit("change-phone-number", phone_number="+81 3 1234 5678")
    assert visitor.done
    assert visitor.text("phone") == "+81312345678"


def test_a_number_that_short_messages_went_to_is_shown_and_no_more(visitor: Any) -> None:
    identity, account = visitor.world.identity, visitor.world.account
    identity.keep_sms_mfa_device(account.id, "alice", "+819012345678")
    visitor.sign_in("ada")
    visitor.follow("users-list")
    visitor.follow("users a >> text=alice")
    assert "+819012345678" in visitor.text("sms")
