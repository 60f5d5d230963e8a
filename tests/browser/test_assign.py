"""The wizard that assigns an MFA device, each of its types, and what becomes of the devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.devices.emulated_token import AuthenticatorApp

Arrive = Callable[..., Any]
PASSKEY = {
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "defaultBackupEligibility": True,
    "defaultBackupState": True,
}


@pytest.fixture
def alice(visitor: Any) -> Any:
    """Alice, signed in."""
    visitor.sign_in("alice")
    return visitor


def test_an_authenticator_app_scans_the_code_from_the_screen(alice: Any) -> None:
    alice.choose_device("no spaces", "authenticator-app")
    assert alice.alert
    alice.submit("choose-mfa-device", name="alice-phone", type="authenticator-app")
    token = alice.scan()
    assert not alice.page.is_visible("#secret")
    alice.page.locator("summary").last.click()
    assert AuthenticatorApp(alice.world.clock).add(
        f"otpauth://totp/x?secret={alice.text('secret')}"
    ).secret == token.secret  # fmt: skip
    alice.submit("assign-authenticator-app", code_1="000000", code_2="000000")
    assert alice.alert
    assert not alice.has("qr-code")
    code_1, code_2 = token.read_two()
    alice.submit("assign-authenticator-app", code_1=code_1, code_2=code_2)
    assert alice.done
    assert list(alice.rows("mfa-devices")) == ["alice-phone"]
    assert alice.has("second-device")


def test_the_wizard_starts_again_with_a_new_secret_and_leaves_nothing_when_cancelled(
    arrive: Arrive,
) -> None:
    alice = arrive()
    alice.sign_in("alice")
    alice.choose_device("alice-phone", "authenticator-app")
    first = alice.scan()
    alice.submit("start-again")
    assert alice.scan().secret != first.secret
    alice.submit("cancel")
    assert alice.path == "/security-credentials"
    assert alice.has("no-mfa-assigned")
    alice.assign_app("alice-phone")


def test_a_hardware_token_is_assigned_resynced_and_removed(alice: Any) -> None:
    token = alice.world.token("GAHT12345678")
    alice.choose_device("any", "hardware-token")
    code_1, code_2 = token.read_two()
    alice.submit("assign-hardware-token", serial_number="GAHT00000000", code_1=code_1, code_2=code_2)
    assert alice.alert
    alice.submit("assign-hardware-token", serial_number="GAHT12345678", code_1=code_1, code_2=code_2)
    assert list(alice.rows("mfa-devices")) == ["GAHT12345678"]
    token.step_clock(900)
    alice.follow("mfa-devices .actions a >> nth=0")
    alice.submit("resync-device", code_1="000000", code_2="000000")
    assert alice.alert
    code_1, code_2 = token.read_two()
    alice.submit("resync-device", code_1=code_1, code_2=code_2)
    assert alice.done
    alice.submit("sign-out")
    alice.sign_in("alice")
    alice.submit("mfa-code", code=token.read_next())
    alice.open("/security-credentials")
    alice.follow("mfa-devices .actions a >> nth=1")
    assert "GAHT12345678" in alice.text("remove-device")
    alice.submit("remove-device")
    assert alice.done
    assert alice.has("no-mfa-assigned")


def test_a_security_key_is_assigned_once_and_a_passkey_beside_it(alice: Any) -> None:
    key = alice.plug_in()
    alice.assign_key("alice-key")
    assert alice.done
    assert alice.path == "/security-credentials"
    alice.choose_device("second", "security-key")
    assert alice.alert, "after signing in with the first"
    alice.sign_in("alice")
    alice.submit("mfa-security-key")
    alice.choose_device("again", "security-key")
    alice.page.click("[data-ceremony]")
    refused = alice.page.locator("#ceremony-refused")
    refused.wait_for()
    said = refused.inner_text()
    assert "(" not in said, "a reason, not the name of an error"
    assert alice.page.is_enabled("[data-ceremony]")
    alice.devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    alice.plug_in(**PASSKEY)
    alice.submit("assign-security-key")
    rows = alice.rows("mfa-devices")
    assert list(rows) == ["alice-key", "again"]
    assert len({row.split("\t")[1] for row in rows.values()}) == 2, "of two types"


def test_at_an_address_that_is_not_the_service_s_a_key_is_not_asked_for(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.world.service.base_url = visitor.world.service.base_url.replace("localhost", "127.0.0.1")
    visitor.sign_in("alice")
    visitor.plug_in()
    visitor.choose_device("key", "security-key")
    visitor.page.click("[data-ceremony]")
    visitor.page.get_by_text("Open the console at localhost or over HTTPS.").wait_for()
