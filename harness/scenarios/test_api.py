"""By API alone and in no time, so that it can be tried anywhere: ``keyrig run --endpoint-url URL``."""

from typing import Any

import pytest

from harness.devices.token import Token
from harness.outcome import Outcome
from harness.page import PlatformError
from harness.person import Codes, Person
from harness.platform import Sdk
from harness.world import ADMINISTRATOR, MANAGE_OWN_MFA, World

WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
WITHOUT_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


@pytest.mark.source("IAM API")
def test_life_of_a_virtual_device(world: World) -> None:
    """A virtual device is made, enabled, listed, removed and deleted."""
    alice = world.user("alice")
    phone = alice.enable_virtual(world.app(), "phone", via="api")
    assert phone.accepted
    assert _listed(alice) == [phone.token.serial_number]
    assert phone.token.serial_number in _virtual(alice, "Assigned")
    assert alice.remove(phone.token.serial_number, via="api").accepted
    assert _listed(alice) == []
    assert phone.token.serial_number in _virtual(alice, "Unassigned")
    assert alice.call("deletes phone", lambda sdk: _delete(sdk, phone.token)).accepted
    assert phone.token.serial_number not in _virtual(alice, "Any")


@pytest.mark.source("IAM API")
def test_picture_and_text_tell_the_same_secret(world: World) -> None:
    """The QR code is a picture, and says what the text secret says."""
    alice, app, name = world.user("alice"), world.app(), world.called("phone")
    made = alice.sdk.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    world.story.tell("alice scans the QR code, and types the secret into another app")
    try:
        scanned = app.scan(made["QRCodePNG"])
    except ValueError as error:
        world.story.tell("alice's phone looks at the picture", str(error), False)
        raise
    typed = app.add(f"otpauth://totp/typed?secret={made['Base32StringSeed'].decode()}")
    assert scanned.read() == typed.read()
    assert alice.call(
        "deletes phone", lambda sdk: sdk.iam.delete_virtual_mfa_device(SerialNumber=made["SerialNumber"])
    ).accepted


@pytest.mark.source("IAM API")
@pytest.mark.parametrize("how", ["made up", "of another device", "swapped", "the same twice", "with a gap"])
def test_wrong_pairs_enable_nothing(world: World, how: str) -> None:
    """Two codes that are not what a device shows in a row enable nothing."""
    alice = world.user("alice")
    refused = alice.enable_virtual(world.app(), "phone", via="api", codes=lambda token: _wrong(token, how))
    world.story.tell(f"the codes were {how}")
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert _listed(alice) == []


@pytest.mark.source("S1")
def test_device_of_another_user(world: World) -> None:
    """A device that is one user's cannot be another's."""
    alice, bob = world.user("alice"), world.user("bob")
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    taken = bob.call("enables alice's phone", lambda sdk: _enable(sdk, bob, phone, phone.read_two()))
    assert (taken.status, taken.code) == (409, "EntityAlreadyExists")


@pytest.mark.source("S1")
def test_name_that_is_taken(world: World) -> None:
    """A device's name is one device's in the account."""
    alice, bob = world.user("alice"), world.user("bob")
    assert alice.enable_virtual(world.app(), "phone", via="api").accepted
    taken = bob.enable_virtual(world.app(), "phone", via="api")
    assert (taken.status, taken.code) == (409, "EntityAlreadyExists")


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_one_device_too_many(world: World) -> None:
    """Eight devices to a user, and not nine."""
    alice, app = world.user("alice"), world.app()
    for number in range(1, 9):
        assert alice.enable_virtual(app, f"phone-{number}", via="api").accepted
    ninth = alice.enable_virtual(app, "phone-9", via="api")
    assert (ninth.status, ninth.code) == (409, "LimitExceeded")


@pytest.mark.source("IAM API")
def test_device_in_use_is_not_deleted(world: World) -> None:
    """A device in use is not deleted."""
    alice = world.user("alice")
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    refused = alice.call("deletes phone", lambda sdk: _delete(sdk, phone))
    assert (refused.status, refused.code) == (409, "DeleteConflict")


@pytest.mark.source("users")
def test_user_with_a_device_is_not_deleted(world: World) -> None:
    """A user with a device is not deleted."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    assert bob.enable_virtual(world.app(), "phone", via="api").accepted
    refused = admin.call("deletes bob", lambda sdk: sdk.iam.delete_user(UserName=bob.name))
    assert (refused.status, refused.code) == (409, "DeleteConflict")


@pytest.mark.source("S2", "IAM API")
def test_resync_takes_right_codes(world: World) -> None:
    """A resync takes two codes in a row, and no others."""
    alice = world.user("alice")
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    refused = alice.resync(phone, via="api", codes=("123456", "654321"))
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")


@pytest.mark.source("STS API")
def test_session_takes_the_right_code(world: World) -> None:
    """A session token takes the device's code, once."""
    alice = world.user("alice")
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    code = phone.read_next()
    wrong = alice.session_token(phone, code=f"{(int(code) + 1) % 1_000_000:06}")
    assert (wrong.status, wrong.code) == (403, "AccessDenied")
    assert alice.session_token(phone, code=code).accepted
    assert alice.session_token(phone, code=code).refused


@pytest.mark.source("RFC 6238 §5.2")
def test_enrolment_code_is_used_up(world: World) -> None:
    """A code that enabled a device gives no session."""
    alice, codes = world.user("alice"), []

    def read(token: Token) -> Codes:
        codes.append(token.read_two())
        return codes[0]

    phone = alice.enable_virtual(world.app(), "phone", via="api", codes=read).token
    refused = alice.session_token(phone, code=codes[0][1])
    assert (refused.status, refused.code) == (403, "AccessDenied")


@pytest.mark.source("S1", "STS API")
def test_session_with_another_users_device(world: World) -> None:
    """Another user's device gives no session."""
    alice, bob = world.user("alice"), world.user("bob")
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    refused = bob.session_token(phone, code=phone.read_next())
    assert (refused.status, refused.code) == (403, "AccessDenied")


@pytest.mark.source("users")
def test_session_from_a_session(world: World) -> None:
    """A session asks for no session."""
    alice = world.user("alice")
    plain = alice.session_token()
    assert plain.accepted
    refused = alice.call("asks for a session from a session", lambda sdk: sdk.get_session(), sdk=plain.answer)
    assert (refused.status, refused.code) == (403, "AccessDenied")


@pytest.mark.source("IAM guide")
def test_policy_that_denies_without_mfa(world: World) -> None:
    """Deny with BoolIfExists: an access key may not, a session with MFA may."""
    admin = world.user("admin", policies=[ADMINISTRATOR, _deny("iam:ListUsers")])
    phone = admin.enable_virtual(world.app(), "phone", via="api").token
    denied = admin.call("lists the users", lambda sdk: sdk.iam.list_users())
    assert (denied.status, denied.code) == (403, "AccessDenied")
    session = admin.session_token(phone, code=phone.read_next())
    assert admin.call("lists the users", lambda sdk: sdk.iam.list_users(), sdk=session.answer).accepted


@pytest.mark.source("S0", "S1")
def test_other_peoples_devices(world: World) -> None:
    """Without the right to it, nobody touches others' devices."""
    alice, bob = world.user("alice"), world.user("bob")
    phone = bob.enable_virtual(world.app(), "phone", via="api").token
    denied = alice.remove(phone.serial_number, of=bob, via="api")
    assert (denied.status, denied.code) == (403, "AccessDenied")


@pytest.mark.source("STS API")
def test_role_that_takes_mfa(world: World) -> None:
    """A role that takes MFA is not assumed without."""
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    alice = world.user("alice", policies=[MANAGE_OWN_MFA, {"Version": "2012-10-17", "Statement": [assume]}])
    role = world.role("auditor", trust=WITH_MFA)
    phone = alice.enable_virtual(world.app(), "phone", via="api").token
    without = alice.assume_role(role)
    assert (without.status, without.code) == (403, "AccessDenied")
    assert alice.assume_role(role, phone, code=phone.read_next()).accepted


@pytest.mark.source("mock suite")
def test_user_who_is_not_there(world: World) -> None:
    """Nobody's devices cannot be listed."""
    admin = world.user("admin", administrator=True)
    missing = admin.call("looks at nobody's devices", lambda sdk: sdk.iam.list_mfa_devices(UserName="nobody"))
    assert (missing.status, missing.code) == (404, "NoSuchEntity")
    assert missing.text == "The user with name nobody cannot be found."


@pytest.mark.source("IAM API")
def test_tags_of_a_device(world: World) -> None:
    """A device has up to fifty tags."""
    admin = world.user("admin", administrator=True)
    phone = admin.enable_virtual(world.app(), "phone", via="api").token
    tags = [{"Key": f"tag-{number}", "Value": "x"} for number in range(51)]
    assert _tag(admin, phone, tags[:50]).accepted
    one_more = _tag(admin, phone, tags[50:])
    assert (one_more.status, one_more.code) == (409, "LimitExceeded")


def _wrong(token: Token, how: str) -> Codes:
    first, second, third = token.read(), token.read_next(), token.read_next()
    match how:
        case "made up":
            return "000000", "000000"
        case "of another device":
            return f"{(int(first) + 1) % 1_000_000:06}", f"{(int(second) + 1) % 1_000_000:06}"
        case "swapped":
            return second, first
        case "the same twice":
            return second, second
        case "with a gap":
            return first, third
        case _:
            raise PlatformError(f"no pair is {how}")


def _enable(sdk: Sdk, user: Person, token: Token, codes: Codes) -> Any:
    return sdk.iam.enable_mfa_device(
        UserName=user.name,
        SerialNumber=token.serial_number,
        AuthenticationCode1=codes[0],
        AuthenticationCode2=codes[1],
    )


def _listed(user: Person) -> list[str]:
    devices = user.sdk.iam.list_mfa_devices(UserName=user.name)["MFADevices"]
    return [device["SerialNumber"] for device in devices]


def _virtual(user: Person, assignment: str) -> list[str]:
    devices = user.sdk.iam.list_virtual_mfa_devices(AssignmentStatus=assignment)["VirtualMFADevices"]
    return [device["SerialNumber"] for device in devices]


def _delete(sdk: Sdk, token: Token) -> None:
    sdk.iam.delete_virtual_mfa_device(SerialNumber=token.serial_number)


def _tag(user: Person, token: Token, tags: list[dict[str, str]]) -> Outcome:
    return user.call(
        f"puts {len(tags)} tags on phone",
        lambda sdk: sdk.iam.tag_mfa_device(SerialNumber=token.serial_number, Tags=tags),
    )


def _deny(action: str) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Action": action, "Resource": "*", "Condition": WITHOUT_MFA}
    return {"Version": "2012-10-17", "Statement": [statement]}
