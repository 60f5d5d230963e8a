"""MFA devices, and the sessions that their codes give, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
import zxingcpp
from PIL import Image


def test_a_virtual_device_comes_with_its_seed_as_text_and_as_a_qr_code(iam: Any, tmp_path: Any) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Tags=tags)["VirtualMFADevice"]
    assert device["SerialNumber"].endswith(":mfa/phone")
    assert device["Tags"] == tags
    picture = tmp_path / "qr.png"
    picture.write_bytes(device["QRCodePNG"])
    read = pyotp.parse_uri(zxingcpp.read_barcode(Image.open(picture)).text)
    assert read.secret == device["Base32StringSeed"].decode()
    assert read.issuer == "Amazon Web Services"


def test_a_device_is_enabled_listed_resynced_deactivated_and_deleted(
    account: Any, iam: Any, refusal: Any, new_device: Any, pair: Any
) -> None:
    iam.create_user(UserName="alice")
    serial, totp = new_device(iam, "phone")
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"] == [
        {"SerialNumber": serial}
    ]
    iam.enable_mfa_device(UserName="alice", SerialNumber=serial, **pair(totp, account.clock()))

    (listed,) = iam.list_mfa_devices(UserName="alice")["MFADevices"]
    assert (listed["UserName"], listed["SerialNumber"]) == ("alice", serial)
    assert listed["EnableDate"].timestamp() == account.clock()
    (virtual,) = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert virtual["User"] == iam.get_user(UserName="alice")["User"]
    assert iam.get_mfa_device(SerialNumber=serial, UserName="alice")["EnableDate"] == listed["EnableDate"]

    account.clock.advance(3600)
    slow = account.clock() - 600
    iam.resync_mfa_device(UserName="alice", SerialNumber=serial, **pair(totp, slow))
    assert refusal(iam.delete_virtual_mfa_device, SerialNumber=serial) == (
        "DeleteConflict",
        409,
        "MFA VirtualDevice in use. Must deactivate first.",
    )
    assert refusal(iam.delete_user, UserName="alice") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must delete MFA device first.",
    )
    iam.deactivate_mfa_device(UserName="alice", SerialNumber=serial)
    assert iam.list_mfa_devices(UserName="alice")["MFADevices"] == []
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []


def test_wrong_codes_do_not_enable_and_do_not_resync(
    account: Any, iam: Any, refusal: Any, new_device: Any, pair: Any
) -> None:
    iam.create_user(UserName="alice")
    serial, totp = new_device(iam, "phone")
    right = pair(totp, account.clock())
    swapped = {
        "AuthenticationCode1": right["AuthenticationCode2"],
        "AuthenticationCode2": right["AuthenticationCode1"],
    }
    refused = ("InvalidAuthenticationCode", 403, "Authentication code for device is not valid.")
    assert refusal(iam.enable_mfa_device, UserName="alice", SerialNumber=serial, **swapped) == refused
    assert iam.list_mfa_devices(UserName="alice")["MFADevices"] == []
    iam.enable_mfa_device(UserName="alice", SerialNumber=serial, **right)
    assert refusal(iam.resync_mfa_device, UserName="alice", SerialNumber=serial, **right) == refused


@pytest.mark.parametrize("operation", ["enable_mfa_device", "resync_mfa_device"])
def test_a_device_that_does_not_exist_is_no_such_entity(
    account: Any, iam: Any, operation: str, refusal: Any
) -> None:
    serial = f"arn:aws:iam::{account.account_id}:mfa/nowhere"
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    assert refusal(getattr(iam, operation), UserName="admin", SerialNumber=serial, **codes) == (
        "NoSuchEntity",
        404,
        f"MFA Device with serial number {serial} does not exist.",
    )


def test_a_device_in_use_and_a_name_in_use_already_exist(
    account: Any, iam: Any, refusal: Any, pair: Any, user_with_device: Any
) -> None:
    _, serial, totp = user_with_device(account)
    codes = pair(totp, account.clock())
    assert refusal(iam.enable_mfa_device, UserName="admin", SerialNumber=serial, **codes) == (
        "EntityAlreadyExists",
        409,
        "MFA Device is already in use.",
    )
    assert refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName="alice") == (
        "EntityAlreadyExists",
        409,
        "MFA device already exists.",
    )


def test_tags_are_set_listed_and_removed(iam: Any, new_device: Any) -> None:
    serial, _ = new_device(iam, "phone")
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "東 京"}])
    tags = [{"Key": "a", "Value": "東 京"}, {"Key": "b", "Value": "2"}]
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == tags
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["b", "c"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == tags[:1]


def test_a_right_code_gives_a_session_with_mfa(account: Any, refusal: Any, user_with_device: Any) -> None:
    key, serial, totp = user_with_device(account)
    code = totp.at(int(account.clock()))
    answer = account.client("sts", key).get_session_token(
        SerialNumber=serial, TokenCode=code, DurationSeconds=900
    )
    credentials = answer["Credentials"]
    assert credentials["Expiration"].timestamp() == account.clock() + 900
    session = (credentials["AccessKeyId"], credentials["SecretAccessKey"])
    sts = account.client("sts", session, credentials["SessionToken"])
    assert sts.get_caller_identity()["Arn"].endswith(":user/alice")
    # With MFA, IAM is open to the session: what is missing is the permission.
    iam = account.client("iam", session, credentials["SessionToken"])
    assert refusal(iam.get_user)[:2] == ("AccessDenied", 403)

    assert refusal(sts.get_session_token) == (
        "AccessDenied",
        403,
        "Cannot call GetSessionToken with session credentials",
    )
    forged = account.client("sts", session, credentials["SessionToken"][:-4] + "AAA=")
    assert refusal(forged.get_caller_identity)[0] == "InvalidClientTokenId"
    assert refusal(account.client("sts", session).get_caller_identity)[0] == "InvalidClientTokenId"
    account.clock.advance(901)
    assert refusal(sts.get_caller_identity) == (
        "ExpiredToken",
        403,
        "The security token included in the request is expired",
    )


def test_a_session_without_mfa_may_not_call_iam(account: Any, refusal: Any, user_with_device: Any) -> None:
    key, _, _ = user_with_device(account)
    credentials = account.client("sts", key).get_session_token()["Credentials"]
    iam = account.client(
        "iam", (credentials["AccessKeyId"], credentials["SecretAccessKey"]), credentials["SessionToken"]
    )
    assert refusal(iam.get_user) == (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid",
    )


def test_wrong_and_used_codes_and_wrong_serials_give_no_session(
    account: Any, refusal: Any, user_with_device: Any
) -> None:
    key, serial, totp = user_with_device(account)
    sts = account.client("sts", key)
    code = totp.at(int(account.clock()))
    wrong = ("AccessDenied", 403, "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
    other = totp.at(int(account.clock()) + 86_400)
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode=other) == wrong
    sts.get_session_token(SerialNumber=serial, TokenCode=code)
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode=code) == wrong
    assert refusal(sts.get_session_token, SerialNumber=f"{serial}2", TokenCode=code)[2].startswith(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify"
    )


def test_a_code_of_another_length_is_a_validation_error(shared: Any, refusal: Any) -> None:
    serial = f"arn:aws:iam::{shared.account_id}:mfa/alice"
    sts = shared.client("sts")
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode="1234567") == (
        "ValidationError",
        400,
        "1 validation error detected: Value '1234567' at 'tokenCode' failed to satisfy constraint: "
        "Member must have length less than or equal to 6",
    )
