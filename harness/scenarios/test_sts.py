"""Session tokens: a TOTP code gives them MFA, a FIDO security key cannot."""

import pytest

from harness.world import World


@pytest.mark.source("S1", "STS API")
def test_session_token_with_a_totp_code(world: World) -> None:
    """A session token for a TOTP code."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    wrong = alice.session_token(serial_number=token.serial_number, code=_other_than(token.read()))
    assert (wrong.status, wrong.code) == (403, "AccessDenied")
    assert "invalid MFA one time pass code" in wrong.text
    given = alice.session_token(token)
    assert given.accepted
    assert given.answer.sts.get_caller_identity()["Arn"] == alice.arn
    assert given.answer.iam.get_user()["User"]["UserName"] == "alice"
    assert alice.session_token(token).refused  # the code is used up
    world.wait(hours=13)
    expired = alice.call("goes on with it", lambda sdk: sdk.iam.get_user(), sdk=given.answer)
    assert (expired.status, expired.code) == (403, "ExpiredToken")


@pytest.mark.source("S1")
def test_session_token_with_a_security_key(world: World) -> None:
    """No session token for a FIDO security key."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    serial_number = alice.sdk.iam.list_mfa_devices()["MFADevices"][0]["SerialNumber"]
    refused = alice.session_token(serial_number=serial_number, code="123456")
    assert refused.refused
    assert (refused.status, refused.code) == (403, "AccessDenied")


def _other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"
