"""Signatures, and the two clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

IAM_VERSION = "2010-05-08"


def test_a_wrong_secret_does_not_match(shared: Any, refusal: Any) -> None:
    sts = shared.client("sts", (shared.access_key_id, "not the secret"))
    assert refusal(sts.get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)


def test_an_unknown_key_is_an_invalid_client_token(shared: Any, refusal: Any) -> None:
    sts = shared.client("sts", ("AKIAUNKNOWN000000000", "secret"))
    assert refusal(sts.get_caller_identity) == (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid",
    )


def test_an_unsigned_request_is_missing_its_token(shared: Any, http: Any) -> None:
    response = http.post(shared.url, data={"Action": "ListUsers", "Version": IAM_VERSION})
    assert response.status_code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in response.text


def test_a_tampered_body_does_not_match(shared: Any, http: Any) -> None:
    body = f"Action=ListUsers&Version={IAM_VERSION}".encode()
    request = AWSRequest("POST", f"{shared.url}/", data=body)
    SigV4Auth(Credentials(shared.access_key_id, shared.secret), "iam", "us-east-1").add_auth(request)
    response = http.post(request.url, content=body + b"&MaxItems=1", headers=dict(request.headers.items()))
    assert response.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in response.text


def test_signatures_are_judged_by_the_signature_clock_alone(
    server: Callable[[Any], str], open_account: Any, refusal: Any
) -> None:
    account = open_account(server, signature_clock=lambda: time.time() + 3600)
    code, status, message = refusal(account.client("sts").get_caller_identity)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert message.startswith("Signature expired: ")


def test_the_worlds_clock_does_not_move_signatures(account: Any, sts: Any) -> None:
    account.clock.advance(5 * 365 * 86_400)
    assert sts.get_caller_identity()["Account"] == account.account_id
