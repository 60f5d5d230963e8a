"""The Query API as SDKs meet it: stock boto3 over real HTTP on loopback, and requests no SDK would send."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import argon2
import boto3
import httpx
import pyotp
import pytest
import uvicorn
import zxingcpp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emulator.clock import ManualClock
from harness.service.api import MAX_BODY, api_endpoint
from harness.service.identity import Identity
from harness.service.operations import OPERATIONS
from harness.service.store import MemoryStore

ADMINISTRATOR = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
HTTP = httpx.Client(trust_env=False)
IAM_VERSION, STS_VERSION = "2010-05-08", "2011-06-15"


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[Any], str]]:
    """Serve an ASGI application over HTTP on a free port of loopback; ``server(app)`` is its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: Any) -> str:
        uvicorn_server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
        thread = threading.Thread(target=uvicorn_server.run, daemon=True)
        running.append((uvicorn_server, thread))
        thread.start()
        deadline = time.monotonic() + 10
        while not uvicorn_server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{uvicorn_server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for uvicorn_server, _ in running:
        uvicorn_server.should_exit = True
    for _, thread in running:
        thread.join(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account behind the API: its world's clock, its address, and the keys of its administrator."""

    identity: Identity
    clock: ManualClock
    url: str
    account_id: str
    access_key_id: str
    secret: str

    def client(self, service: str, key: tuple[str, str] | None = None, token: str | None = None) -> Any:
        """A stock boto3 client, the administrator's unless ``key`` is another pair of ID and secret."""
        key_id, secret = key or (self.access_key_id, self.secret)
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def post(self, body: bytes, *, service: str = "iam", secret: str | None = None) -> httpx.Response:
        """Any body at all, signed by botocore as an SDK would."""
        request = AWSRequest(
            "POST", f"{self.url}/", {"Content-Type": "application/x-www-form-urlencoded"}, body
        )
        credentials = Credentials(self.access_key_id, secret or self.secret)
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
        return HTTP.post(request.url, content=body, headers=dict(request.headers.items()))


def open_account(serve: Callable[[Any], str], **options: Any) -> Account:
    clock = ManualClock()
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    identity = Identity(MemoryStore(), clock=clock, password_hasher=hasher)
    account = identity.create_account("acme", "root@acme.example", "Correct-Horse-1")
    root = identity.root_caller(account.id)
    identity.create_user(root, "admin")
    identity.put_user_policy(root, "admin", "everything", ADMINISTRATOR)
    key = identity.create_access_key(root, "admin")
    return Account(
        identity=identity,
        clock=clock,
        url=serve(api_endpoint(identity, **options)),
        account_id=account.id,
        access_key_id=key.id,
        secret=key.secret,
    )


@pytest.fixture(scope="module")
def shared(server: Callable[[Any], str]) -> Account:
    """One account for the tests that leave nothing behind that another would trip over."""
    return open_account(server)


@pytest.fixture
def account(server: Callable[[Any], str]) -> Account:
    """An account of the test's own."""
    return open_account(server)


@pytest.fixture
def iam(account: Account) -> Any:
    return account.client("iam")


@pytest.fixture
def sts(account: Account) -> Any:
    return account.client("sts")


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of the ClientError that ``call`` raises."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


def new_device(iam: Any, name: str) -> tuple[str, pyotp.TOTP]:
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    return device["SerialNumber"], pyotp.TOTP(device["Base32StringSeed"].decode())


def pair(totp: pyotp.TOTP, now: float) -> dict[str, str]:
    return {"AuthenticationCode1": totp.at(int(now) - 30), "AuthenticationCode2": totp.at(int(now))}


def user_with_device(account: Account, name: str = "alice") -> tuple[tuple[str, str], str, pyotp.TOTP]:
    """A user with an access key and an enabled device; the clock stands past the enrolment's codes."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    serial, totp = new_device(iam, name)
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **pair(totp, account.clock()))
    account.clock.advance(300)
    return (key["AccessKeyId"], key["SecretAccessKey"]), serial, totp


# Users, keys, passwords and policies.


def test_a_user_is_created_read_listed_and_deleted(account: Account, iam: Any) -> None:
    created = iam.create_user(UserName="alice", Path="/a//b/")["User"]
    assert created["Arn"] == f"arn:aws:iam::{account.account_id}:user/a//b/alice"
    assert created["CreateDate"].timestamp() == account.clock()
    assert iam.get_user(UserName="alice")["User"] == created
    assert [user["UserName"] for user in iam.list_users(PathPrefix="/a/")["Users"]] == ["alice"]
    iam.delete_user(UserName="alice")
    assert refusal(iam.get_user, UserName="alice") == (
        "NoSuchEntity",
        404,
        "The user with name alice cannot be found.",
    )


def test_the_caller_is_who_the_access_key_says(account: Account, iam: Any, sts: Any) -> None:
    user = iam.get_user()["User"]
    identity = sts.get_caller_identity()
    assert (identity["UserId"], identity["Account"], identity["Arn"]) == (
        user["UserId"],
        account.account_id,
        f"arn:aws:iam::{account.account_id}:user/admin",
    )


def test_the_root_user_has_neither_name_nor_path(account: Account) -> None:
    key = account.identity.create_access_key(account.identity.root_caller(account.account_id))
    user = account.client("iam", (key.id, key.secret)).get_user()["User"]
    assert user.keys() == {"UserId", "Arn", "CreateDate"}
    assert user["Arn"] == f"arn:aws:iam::{account.account_id}:root"


def test_access_keys_are_created_listed_deactivated_and_deleted(account: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    own = account.client("sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    assert own.get_caller_identity()["Arn"].endswith(":user/alice")
    (listed,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert listed == {name: key[name] for name in ("UserName", "AccessKeyId", "Status", "CreateDate")}
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refusal(own.get_caller_identity)[0] == "InvalidClientTokenId"
    assert refusal(iam.update_access_key, UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Expired")[
        :2
    ] == ("InvalidInput", 400)
    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_passwords_are_set_and_changed(account: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    profile = iam.create_login_profile(UserName="alice", Password="Correct-Horse-2")["LoginProfile"]
    assert profile["PasswordResetRequired"] is False
    assert iam.get_login_profile(UserName="alice")["LoginProfile"] == profile
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    everything = {"UserName": "alice", "PolicyName": "all", "PolicyDocument": ADMINISTRATOR}
    iam.put_user_policy(**everything)
    own = account.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    wrong = {"OldPassword": "Wrong-Horse-2", "NewPassword": "Correct-Horse-3"}
    assert refusal(own.change_password, **wrong)[:2] == ("AccessDenied", 403)
    own.change_password(OldPassword="Correct-Horse-2", NewPassword="Correct-Horse-3")
    assert refusal(iam.update_login_profile, UserName="alice", Password="short")[:2] == (
        "PasswordPolicyViolation",
        400,
    )
    iam.update_login_profile(UserName="alice", Password="Correct-Horse-4")
    iam.delete_login_profile(UserName="alice")
    assert refusal(iam.get_login_profile, UserName="alice")[:2] == ("NoSuchEntity", 404)


def test_an_inline_policy_comes_back_as_it_was_put(iam: Any) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Käse", "Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
    iam.create_user(UserName="alice")
    put = {
        "UserName": "alice",
        "PolicyName": "none",
        "PolicyDocument": json.dumps(document, ensure_ascii=False),
    }
    code, status, message = refusal(iam.put_user_policy, **put)
    assert (code, status, message) == (
        "MalformedPolicyDocument",
        400,
        "Statement IDs (SID) must be alpha-numeric.",
    )
    document["Statement"] = [{"Effect": "Deny", "Action": "*", "Resource": "arn:aws:iam::*:user/a b+c%20&é"}]
    iam.put_user_policy(**{**put, "PolicyDocument": json.dumps(document, ensure_ascii=False, indent=1)})
    assert iam.get_user_policy(UserName="alice", PolicyName="none")["PolicyDocument"] == document
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == ["none"]
    iam.delete_user_policy(UserName="alice", PolicyName="none")
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == []


def test_the_account_has_an_alias_and_a_summary(iam: Any) -> None:
    assert iam.list_account_aliases()["AccountAliases"] == ["acme"]
    iam.create_account_alias(AccountAlias="acme-two")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme-two"]
    iam.delete_account_alias(AccountAlias="acme-two")
    assert iam.list_account_aliases()["AccountAliases"] == []
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["AccountMFAEnabled"]) == (1, 0)


def test_a_user_without_policies_is_denied_in_awss_words(account: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    own = account.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    alice = f"arn:aws:iam::{account.account_id}:user/alice"
    assert refusal(own.get_user) == (
        "AccessDenied",
        403,
        f"User: {alice} is not authorized to perform: iam:GetUser on resource: {alice} "
        "because no identity-based policy allows the iam:GetUser action",
    )


# MFA devices.


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


def test_a_device_is_enabled_listed_resynced_deactivated_and_deleted(account: Account, iam: Any) -> None:
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


def test_wrong_codes_do_not_enable_and_do_not_resync(account: Account, iam: Any) -> None:
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
def test_a_device_that_does_not_exist_is_no_such_entity(account: Account, iam: Any, operation: str) -> None:
    serial = f"arn:aws:iam::{account.account_id}:mfa/nowhere"
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    assert refusal(getattr(iam, operation), UserName="admin", SerialNumber=serial, **codes) == (
        "NoSuchEntity",
        404,
        f"MFA Device with serial number {serial} does not exist.",
    )


def test_a_device_in_use_and_a_name_in_use_already_exist(account: Account, iam: Any) -> None:
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


def test_tags_are_set_listed_and_removed(iam: Any) -> None:
    serial, _ = new_device(iam, "phone")
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "東 京"}])
    tags = [{"Key": "a", "Value": "東 京"}, {"Key": "b", "Value": "2"}]
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == tags
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["b", "c"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == tags[:1]


# Pages.


def test_a_paginator_walks_every_page(iam: Any) -> None:
    names = [f"user{number}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 2]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert [user["UserName"] for page in pages for user in page["Users"]] == ["admin", *names]


def test_a_paginator_walks_every_page_of_virtual_devices(iam: Any) -> None:
    serials = [new_device(iam, f"phone{number}")[0] for number in range(5)]
    paginator = iam.get_paginator("list_virtual_mfa_devices")
    pages = list(paginator.paginate(AssignmentStatus="Any", PaginationConfig={"PageSize": 2}))
    assert [device["SerialNumber"] for page in pages for device in page["VirtualMFADevices"]] == serials


def test_a_bad_marker_is_a_validation_error(shared: Account) -> None:
    assert refusal(shared.client("iam").list_users, Marker="page two") == (
        "ValidationError",
        400,
        "Invalid Marker.",
    )


# Session tokens.


def test_a_right_code_gives_a_session_with_mfa(account: Account) -> None:
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


def test_a_session_without_mfa_may_not_call_iam(account: Account) -> None:
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


def test_wrong_and_used_codes_and_wrong_serials_give_no_session(account: Account) -> None:
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


def test_a_code_of_another_length_is_a_validation_error(shared: Account) -> None:
    serial = f"arn:aws:iam::{shared.account_id}:mfa/alice"
    sts = shared.client("sts")
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode="1234567") == (
        "ValidationError",
        400,
        "1 validation error detected: Value '1234567' at 'tokenCode' failed to satisfy constraint: "
        "Member must have length less than or equal to 6",
    )


# Signatures and two clocks.


def test_a_wrong_secret_does_not_match(shared: Account) -> None:
    sts = shared.client("sts", (shared.access_key_id, "not the secret"))
    assert refusal(sts.get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)


def test_an_unknown_key_is_an_invalid_client_token(shared: Account) -> None:
    sts = shared.client("sts", ("AKIAUNKNOWN000000000", "secret"))
    assert refusal(sts.get_caller_identity) == (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid",
    )


def test_an_unsigned_request_is_missing_its_token(shared: Account) -> None:
    response = HTTP.post(shared.url, data={"Action": "ListUsers", "Version": IAM_VERSION})
    assert response.status_code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in response.text


def test_a_tampered_body_does_not_match(shared: Account) -> None:
    body = f"Action=ListUsers&Version={IAM_VERSION}".encode()
    request = AWSRequest("POST", f"{shared.url}/", data=body)
    SigV4Auth(Credentials(shared.access_key_id, shared.secret), "iam", "us-east-1").add_auth(request)
    response = HTTP.post(request.url, content=body + b"&MaxItems=1", headers=dict(request.headers.items()))
    assert response.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in response.text


def test_signatures_are_judged_by_the_signature_clock_alone(server: Callable[[Any], str]) -> None:
    account = open_account(server, signature_clock=lambda: time.time() + 3600)
    code, status, message = refusal(account.client("sts").get_caller_identity)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert message.startswith("Signature expired: ")


def test_the_worlds_clock_does_not_move_signatures(account: Account, sts: Any) -> None:
    account.clock.advance(5 * 365 * 86_400)
    assert sts.get_caller_identity()["Account"] == account.account_id


# What no SDK would send.


@pytest.mark.parametrize(
    ("service", "body", "code", "status"),
    [
        ("iam", b"", "MissingAction", 400),
        ("iam", b"Action=&Version=2010-05-08", "MissingAction", 400),
        ("iam", b"Action=Reboot&Version=2010-05-08", "InvalidAction", 400),
        ("iam", b"Action=GetUser", "InvalidAction", 400),
        ("iam", b"Action=GetCallerIdentity&Version=2011-06-15", "InvalidAction", 400),
        ("sts", b"Action=GetUser&Version=2010-05-08", "InvalidAction", 400),
        (
            "iam",
            b"Action=GetServiceLinkedRoleDeletionStatus&Version=2010-05-08&DeletionTaskId=1",
            "NotImplemented",
            501,
        ),
        ("iam", b"Action=GetUser&Action=GetUser&Version=2010-05-08", "MalformedQueryString", 404),
        ("iam", b"\xff\xfe", "MalformedQueryString", 404),
        ("iam", b"Action=%ff&Version=2010-05-08", "MalformedQueryString", 404),
        ("iam", b"&".join(b"a%d=1" % number for number in range(1001)), "MalformedQueryString", 404),
        ("iam", b"Action=GetUser&Version=2010-05-08&UserName=%00", "ValidationError", 400),
        ("iam", b"Action=GetUser&Version=2010-05-08&UserName=", "ValidationError", 400),
        ("s3", b"Action=GetUser&Version=2010-05-08", "SignatureDoesNotMatch", 403),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_awss_shape(
    shared: Account, service: str, body: bytes, code: str, status: int
) -> None:
    response = shared.post(body, service=service)
    assert response.status_code == status
    assert f"<Code>{code}</Code>" in response.text
    assert f"<RequestId>{response.headers['x-amzn-requestid']}</RequestId>" in response.text


def test_a_parameter_we_do_not_have_is_said_not_to_be_implemented(shared: Account) -> None:
    request = {"RoleArn": "arn:aws:iam::123456789012:role/a", "RoleSessionName": "alice"}
    code, status, message = refusal(shared.client("sts").assume_role, **request, SourceIdentity="alice")
    assert (code, status) == ("NotImplemented", 501)
    assert message == "This emulator does not implement the parameter SourceIdentity of AssumeRole."


def test_a_body_too_long_is_refused_before_anything_else(shared: Account) -> None:
    response = shared.post(b"Action=" + b"a" * MAX_BODY)
    assert response.status_code == 413
    assert "<Code>RequestEntityTooLarge</Code>" in response.text


def test_a_failure_of_ours_is_a_service_failure_and_tells_nothing(
    server: Callable[[Any], str], caplog: pytest.LogCaptureFixture
) -> None:
    account = open_account(server)

    def broken_clock() -> float:
        raise RuntimeError("the oscillator of world 7 fell off")

    url = server(api_endpoint(account.identity, signature_clock=broken_clock))
    response = HTTP.post(
        url,
        content=b"",
        headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential="
            + account.access_key_id
            + "/20260101/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature="
            + "0" * 64,
            "X-Amz-Date": "20260101T000000Z",
        },
    )
    assert response.status_code == 500
    assert "<Type>Receiver</Type><Code>ServiceFailure</Code>" in response.text
    assert "oscillator" not in response.text
    assert "Traceback" not in response.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert response.headers["x-amzn-requestid"] in record.getMessage()


MEMBERS = sorted({
    "UserName", "SerialNumber", "AuthenticationCode1", "AuthenticationCode2", "TokenCode", "DurationSeconds",
    "Marker", "MaxItems", "Path", "Tags.member.1.Key", "Tags.member.1.Value", "TagKeys.member.1", "Tags",
    "PolicyName", "PolicyDocument", "Password", "AccessKeyId", "Status", "VirtualMFADeviceName",
    "AccountAlias", "AssignmentStatus", "PathPrefix", "OldPassword", "NewPassword", "GroupName", "RoleName",
    "PolicyArn", "VersionId", "AssumeRolePolicyDocument", "RoleArn", "RoleSessionName", "PolicySourceArn",
    "ActionNames.member.1", "PolicyInputList.member.1", "ContextEntries.member.1.ContextKeyName",
    "NewUserName", "NewGroupName", "SetAsDefault", "MinimumPasswordLength", "MaxSessionDuration",
})  # fmt: skip
PLAUSIBLE = [
    *("alice", "admin", "arn:aws:iam::123456789012:mfa/alice", "123456", "1", "/", "Active", "900", "", "v1"),
    *("arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::123456789012:role/deploy", ADMINISTRATOR),
    *('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}', "iam:*", "{}"),
]
REQUESTS = [(service, action) for service, operations in OPERATIONS.items() for action in operations]


@settings(deadline=None)
@given(
    request=st.sampled_from(REQUESTS),
    form=st.dictionaries(
        st.sampled_from(MEMBERS) | st.text(max_size=6), st.sampled_from(PLAUSIBLE) | st.text(max_size=20)
    ),
)
def test_no_form_makes_the_service_fail(
    shared: Account, request: tuple[str, str], form: dict[str, str]
) -> None:
    service, action = request
    version = IAM_VERSION if service == "iam" else STS_VERSION
    fields = {**form, "Action": action, "Version": version}
    if action.startswith(("Delete", "Update", "Put", "Attach", "AddUser")):
        fields["UserName"] = "bob"  # the administrator is still needed
    response = shared.post(str(httpx.QueryParams(fields)).encode(), service=service)
    assert response.status_code in (200, 400, 403, 404, 409, 410, 501), response.text
    assert f"<RequestId>{response.headers['x-amzn-requestid']}</RequestId>" in response.text


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_no_body_makes_the_service_fail(shared: Account, body: bytes) -> None:
    response = shared.post(body)
    assert 400 <= response.status_code < 500
    assert "<ErrorResponse" in response.text
