"""Session tokens: a TOTP code gives them MFA, a FIDO security key cannot."""

import pytest

from harness.world import MANAGE_OWN_MFA, World

WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
}


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


@pytest.mark.source("STS API")
def test_role_that_asks_for_mfa(world: World) -> None:
    """A role that asks for MFA, assumed with a code and not without."""
    alice, token = world.user("alice", policies=[MANAGE_OWN_MFA, MAY_ASSUME]), world.token("GAHT12345678")
    role = world.role("auditor", trust=WITH_MFA)
    assert alice.enable_hardware(token, via="api").accepted
    without = alice.assume_role(role)
    assert (without.status, without.code) == (403, "AccessDenied")
    world.wait(minutes=5)
    assumed = alice.assume_role(role, token)
    assert assumed.accepted
    assert assumed.answer.sts.get_caller_identity()["Arn"].endswith(":assumed-role/auditor/keyrig")
    assert world.events.named("AssumeRole")[-1].outcome == "Success"
    assert alice.assume_role(role, token).diagnosis == "code already used"


@pytest.mark.source("IAM guide", "STS API")
def test_role_carries_no_mfa(world: World) -> None:
    """What a role may do does not know of the MFA it was assumed with."""
    needs_mfa = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": WITH_MFA},
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"},
        ],
    }
    alice, token = world.user("alice", policies=[MANAGE_OWN_MFA, MAY_ASSUME]), world.token("GAHT12345678")
    role = world.role("auditor", trust=WITH_MFA, policies=[needs_mfa])
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    auditor = alice.assume_role(role, token).answer
    assert alice.call("lists the roles as auditor", lambda sdk: sdk.iam.list_roles(), sdk=auditor).accepted
    denied = alice.call("lists the users as auditor", lambda sdk: sdk.iam.list_users(), sdk=auditor)
    assert (denied.status, denied.code) == (403, "AccessDenied")


@pytest.mark.source("STS API")
def test_role_assumed_from_a_session_with_mfa(world: World) -> None:
    """A session that has MFA brings it to the role's door."""
    alice, token = world.user("alice", policies=[MANAGE_OWN_MFA, MAY_ASSUME]), world.token("GAHT12345678")
    role = world.role("auditor", trust=WITH_MFA)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(minutes=5)
    session = alice.session_token(token).answer
    assumed = alice.call("assumes the role from her session", lambda sdk: sdk.assume_role(role), sdk=session)
    assert assumed.accepted


@pytest.mark.source("STS API")
def test_sessions_from_sessions(world: World) -> None:
    """A session cannot ask for another, nor IAM without MFA."""
    admin, token = world.user("admin", administrator=True), world.token("GAHT12345678")
    assert admin.enable_hardware(token, via="api").accepted
    plain = admin.session_token()
    assert plain.accepted
    again = admin.call("asks for a session from a session", lambda sdk: sdk.get_session(), sdk=plain.answer)
    assert (again.status, again.code) == (403, "AccessDenied")
    assert again.text == "Cannot call GetSessionToken with session credentials"
    refused = admin.call("lists users without MFA", lambda sdk: sdk.iam.list_users(), sdk=plain.answer)
    assert (refused.status, refused.code) == (403, "InvalidClientTokenId")


@pytest.mark.source("STS API")
def test_how_long_a_session_lasts(world: World) -> None:
    """A user's session lasts up to 36 hours, root's one."""
    alice, root = world.user("alice", administrator=True), world.root
    too_long = alice.session_token(duration_s=129_601)
    assert (too_long.status, too_long.code) == (400, "ValidationError")
    long = alice.session_token(duration_s=129_600).answer
    roots = root.session_token(duration_s=43_200).answer
    world.wait(hours=1)
    expired = root.call("goes on after an hour", lambda sdk: sdk.sts.get_caller_identity(), sdk=roots)
    assert (expired.status, expired.code) == (403, "ExpiredToken")
    world.wait(hours=34)
    assert alice.call("goes on after 35 hours", lambda sdk: sdk.sts.get_caller_identity(), sdk=long).accepted


@pytest.mark.source("STS API")
def test_words_of_a_refusal(world: World) -> None:
    """Wrong code, wrong device, no device: each in AWS's words."""
    alice, bob = world.user("alice"), world.user("bob")
    hers, his = world.token("GAHT12345678"), world.token("GAHT87654321")
    assert alice.enable_hardware(hers, via="api").accepted
    assert bob.enable_hardware(his, via="api").accepted
    world.wait(minutes=5)
    wrong_code = alice.session_token(hers, code=_other_than(hers.read()))
    assert wrong_code.text == "MultiFactorAuthentication failed with invalid MFA one time pass code. "
    wrong_device = alice.session_token(his)
    assert wrong_device.text == (
        "MultiFactorAuthentication failed, unable to validate MFA code.  "
        "Please verify your MFA serial number is valid and associated with this user."
    )
    too_long = alice.session_token(serial_number="GAHT12345678", code="1234567")
    assert "'tokenCode' failed to satisfy constraint" in too_long.text
