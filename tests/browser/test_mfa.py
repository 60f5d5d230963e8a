"""The second page of signing in: codes, security keys, and resync where codes are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Arrive = Callable[..., Any]


def test_each_of_several_devices_signs_in(arrive: Arrive) -> None:
    visitor = arrive()
    token = visitor.world.token("GAHT12345678")
    visitor.sign_in("alice")
    visitor.plug_in()
    visitor.assign_key("alice-key")
    visitor.submit("sign-out")
    visitor.sign_in("alice")
    assert visitor.path == "/sign-in/mfa/security-key", "with keys only, the key's page"
    visitor.submit("mfa-security-key")
    assert visitor.path == "/home"
    app = visitor.assign_app("alice-phone")
    visitor.choose_device("any", "hardware-token")
    code_1, code_2 = token.read_two()
    visitor.submit("assign-hardware-token", serial_number="GAHT12345678", code_1=code_1, code_2=code_2)
    assert len(visitor.rows("mfa-devices")) == 3

    visitor.sign_in("alice")
    devices = visitor.page.locator("#device option").all_inner_texts()
    assert devices[1:] == ["alice-phone", "GAHT12345678"]
    visitor.submit("mfa-code", device="GAHT12345678", code=app.read())
    assert visitor.alert, "the code of another device"
    visitor.submit("mfa-code", device="GAHT12345678", code=token.read_next())
    assert visitor.text("mfa-used") == "GAHT12345678"
    visitor.sign_in("alice")
    visitor.submit("mfa-code", code=app.read_next())
    assert visitor.text("mfa-used").endswith(":mfa/alice-phone")
    visitor.sign_in("alice")
    visitor.follow("use-security-key")
    assert visitor.has("use-code")
    visitor.submit("mfa-security-key")
    assert "alice-key" in visitor.text("mfa-used")


def test_after_three_refused_codes_a_resync_signs_in(visitor: Any) -> None:
    visitor.sign_in("alice")
    token = visitor.assign_app("alice-phone")
    visitor.world.wait(days=1)
    token.clock.step(900)
    visitor.sign_in("alice")
    visitor.follow("troubleshoot-mfa")
    assert not visitor.has("resync-before-sign-in"), "that is root's"
    visitor.follow("back-to-mfa")
    for _ in range(3):
        assert not visitor.has("resync-and-sign-in")
        visitor.submit("mfa-code", code=token.read_next())
        assert visitor.alert
    code_1, code_2 = token.read_two()
    visitor.submit("resync-and-sign-in", code_1="000000", code_2=code_2)
    assert visitor.alert
    code_1, code_2 = token.read_two()
    visitor.submit("resync-and-sign-in", code_1=code_1, code_2=code_2)
    assert visitor.path == "/home"


def test_root_resyncs_before_signing_in(visitor: Any) -> None:
    visitor.sign_in("root")
    token = visitor.assign_app("root-phone")
    visitor.world.wait(days=1)
    token.clock.step(900)
    visitor.sign_in("root")
    visitor.follow("troubleshoot-mfa")
    code_1, code_2 = token.read_two()
    visitor.submit("resync-before-sign-in", code_1=code_1, code_2=code_2)
    assert visitor.path == "/sign-in/mfa"
    assert visitor.done
    visitor.submit("mfa-code", code=token.read_next())
    assert visitor.text("arn").endswith(":root")


def test_hands_that_never_leave_the_keyboard_sign_in_with_a_key(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("alice")
    visitor.plug_in()
    visitor.assign_key("alice-key")
    visitor.submit("sign-out")
    visitor.open("/sign-in/account")
    _tab_to(visitor, "a.skip")
    visitor.page.keyboard.press("Enter")
    _tab_to(visitor, "#choose-account input[name=account]")
    visitor.page.keyboard.type("example-corp")
    visitor.press("Enter")
    _tab_to(visitor, "#user_name")
    visitor.page.keyboard.type("alice")
    _tab_to(visitor, "#password")
    visitor.page.keyboard.type("Alice has 1 password")
    _tab_to(visitor, "#sign-in-iam button")
    visitor.press("Space")
    _tab_to(visitor, "[data-ceremony]")
    visitor.press("Enter")
    assert visitor.path == "/home"
    _tab_to(visitor, "#users-list")
    _tab_to(visitor, "#sign-out button")
    visitor.press("Enter")
    assert visitor.path == "/sign-in"


def _tab_to(visitor: Any, selector: str) -> None:
    """Press Tab until there; wherever it comes by, the focus can be seen."""
    at = "selector => document.activeElement.matches(selector)"
    outlined = "() => {const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);" \
        " return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2}"  # fmt: skip
    for _ in range(20):
        visitor.page.keyboard.press("Tab")
        assert visitor.page.evaluate(outlined), visitor.page.evaluate("document.activeElement.outerHTML")
        if visitor.page.evaluate(at, selector):
            return
    raise AssertionError(f"Tab does not come to {selector}")


def test_all_but_the_keys_works_without_javascript(arrive: Arrive) -> None:
    visitor = arrive(script=False)
    visitor.sign_in("ada")
    visitor.choose_device("ada-key", "security-key")
    assert "JavaScript" in visitor.alert
    token = visitor.assign_app("ada-phone")
    visitor.submit("sign-out")
    visitor.sign_in("ada")
    for _ in range(3):
        visitor.submit("mfa-code", code="000000")
    code_1, code_2 = token.read_next(), token.read_next()
    visitor.submit("resync-and-sign-in", code_1=code_1, code_2=code_2)
    visitor.open("/account")
    visitor.submit("change-phone-number", phone_number="+81 3 1234 5678")
    assert visitor.done
    visitor.open("/events")
    visitor.submit("look-up-events", name="ConsoleLogin")
    visitor.page.locator("summary").first.click()
    assert '"MFAUsed"' in visitor.page.locator("pre:visible").inner_text()
    visitor.switch_to("ja")
    visitor.open("/users/ada")
    visitor.follow("mfa-devices .actions a >> nth=1")
    visitor.submit("remove-device")
    assert visitor.done
