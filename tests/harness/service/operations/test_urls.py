"""Requests that are signed in their URL, as boto3 makes them for others to fetch."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

HTTP = httpx.Client(trust_env=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whoever_fetches_a_presigned_url_is_its_signer(firm: Any, method: str, keys_of: Any) -> None:
    keys, device = firm.user("alice"), firm.device("alice")
    code = device.code()
    session = firm.client("sts", keys).get_session_token(SerialNumber=device.serial, TokenCode=code)
    for signer in (keys, keys_of(session["Credentials"])):
        sts = firm.client("sts", signer)
        url = sts.generate_presigned_url("get_caller_identity", HttpMethod=method)
        answer = HTTP.request(method, url)
        assert answer.status_code == 200, answer.text
        assert f"<Arn>{firm.arn('user/alice')}</Arn>" in answer.text
        other = HTTP.request(method, url.replace("GetCallerIdentity", "GetSessionToken"))
        assert (other.status_code, "SignatureDoesNotMatch" in other.text) == (403, True)


def test_iam_can_be_asked_by_url_too_with_its_parameters(firm: Any) -> None:
    url = firm.iam.generate_presigned_url("get_user", {"UserName": "admin"}, HttpMethod="GET")
    assert "<UserName>admin</UserName>" in HTTP.get(url).text


def test_a_url_without_an_action_is_the_consoles(firm: Any) -> None:
    assert "html" in HTTP.get(f"{firm.url}/", follow_redirects=True).headers["content-type"]
    unsigned = HTTP.get(f"{firm.url}/?Action=GetCallerIdentity&Version=2011-06-15")
    assert (unsigned.status_code, "MissingAuthenticationToken" in unsigned.text) == (403, True)
