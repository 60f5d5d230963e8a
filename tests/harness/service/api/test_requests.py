"""Pages, and requests that no SDK would send."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.service.api import MAX_BODY, api_endpoint
from harness.service.operations import OPERATIONS

ADMINISTRATOR = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
IAM_VERSION, STS_VERSION = "2010-05-08", "2011-06-15"


def test_a_paginator_walks_every_page(iam: Any) -> None:
    names = [f"user{number}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 2]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert [user["UserName"] for page in pages for user in page["Users"]] == ["admin", *names]


def test_a_paginator_walks_every_page_of_virtual_devices(iam: Any, new_device: Any) -> None:
    serials = [new_device(iam, f"phone{number}")[0] for number in range(5)]
    paginator = iam.get_paginator("list_virtual_mfa_devices")
    pages = list(paginator.paginate(AssignmentStatus="Any", PaginationConfig={"PageSize": 2}))
    assert [device["SerialNumber"] for page in pages for device in page["VirtualMFADevices"]] == serials


def test_a_bad_marker_is_a_validation_error(shared: Any, refusal: Any) -> None:
    assert refusal(shared.client("iam").list_users, Marker="page two") == (
        "ValidationError",
        400,
        "Invalid Marker.",
    )


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
    shared: Any, service: str, body: bytes, code: str, status: int
) -> None:
    response = shared.post(body, service=service)
    assert response.status_code == status
    assert f"<Code>{code}</Code>" in response.text
    assert f"<RequestId>{response.headers['x-amzn-requestid']}</RequestId>" in response.text


def test_a_parameter_we_do_not_have_is_said_not_to_be_implemented(shared: Any, refusal: Any) -> None:
    request = {"RoleArn": "arn:aws:iam::123456789012:role/a", "RoleSessionName": "alice"}
    code, status, message = refusal(shared.client("sts").assume_role, **request, SourceIdentity="alice")
    assert (code, status) == ("NotImplemented", 501)
    assert message == "This emulator does not implement the parameter SourceIdentity of AssumeRole."


def test_a_body_too_long_is_refused_before_anything_else(shared: Any) -> None:
    response = shared.post(b"Action=" + b"a" * MAX_BODY)
    assert response.status_code == 413
    assert "<Code>RequestEntityTooLarge</Code>" in response.text


def test_a_failure_of_ours_is_a_service_failure_and_tells_nothing(
    server: Callable[[Any], str], caplog: pytest.LogCaptureFixture, open_account: Any, http: Any
) -> None:
    account = open_account(server)

    def broken_clock() -> float:
        raise RuntimeError("the oscillator of world 7 fell off")

    url = server(api_endpoint(account.identity, signature_clock=broken_clock))
    response = http.post(
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
def test_no_form_makes_the_service_fail(shared: Any, request: tuple[str, str], form: dict[str, str]) -> None:
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
def test_no_body_makes_the_service_fail(shared: Any, body: bytes) -> None:
    response = shared.post(body)
    assert 400 <= response.status_code < 500
    assert "<ErrorResponse" in response.text
