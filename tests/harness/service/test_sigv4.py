"""Signatures are judged by botocore: what SigV4Auth signs verifies, and nothing else does."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from harness.service import sigv4
from harness.service.errors import (
    AwsError,
    IncompleteSignature,
    InvalidClientTokenId,
    MissingAuthenticationToken,
    SignatureDoesNotMatch,
)
from harness.service.sigv4 import HttpRequest

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BODY = b"Action=GetUser&Version=2010-05-08"


def sign(
    *,
    method: str = "POST",
    url: str = "http://localhost:8000/",
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    region: str = "us-east-1",
    service: str = "iam",
) -> HttpRequest:
    """A request signed by botocore, as it would come over the wire, dated with the machine's clock."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    SigV4Auth(Credentials(KEY_ID, SECRET, token), service, region).add_auth(request)
    parts = urlsplit(url)
    names = [("Host", parts.netloc)] if "Host" not in request.headers else []
    return HttpRequest(
        method=method,
        path=parts.path.encode(),
        query=parts.query.encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in [*names, *request.headers.items()]),
        body=body,
    )


def verify(request: HttpRequest, *, now: float | None = None) -> sigv4.Signer:
    return sigv4.verify(
        request,
        secret_of={KEY_ID: SECRET}.get,
        services={"iam", "sts"},
        now=datetime.now(UTC).timestamp() if now is None else now,
        max_skew_s=900,
    )


def changed(request: HttpRequest, name: str, change: Callable[[bytes], bytes]) -> HttpRequest:
    """``request`` with the value of header ``name`` changed."""
    headers = tuple(
        (key, change(value) if key.decode().lower() == name else value) for key, value in request.headers
    )
    assert headers != request.headers
    return dataclasses.replace(request, headers=headers)


def without(request: HttpRequest, name: str) -> HttpRequest:
    return dataclasses.replace(
        request, headers=tuple(pair for pair in request.headers if pair[0].decode().lower() != name)
    )


def signed_at(request: HttpRequest) -> float:
    (date,) = request.values("x-amz-date")
    return datetime.strptime(date.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


segments = st.text(alphabet="abcXYZ019-_.~%", max_size=6).map(lambda text: text.replace("%", "%20"))
words = st.text(alphabet="abcXYZ019-_.", min_size=1, max_size=6)
query_values = st.text(alphabet="abcXYZ019-_.~", max_size=6).map(lambda text: text + "%2F%20")
header_values = st.text(alphabet="abc 019,;=\t", max_size=12)


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=st.lists(segments, max_size=4).map("/".join),
    query=st.lists(st.tuples(words, query_values), max_size=4),
    headers=st.dictionaries(words.map(lambda word: f"x-amz-z{word}".lower()), header_values, max_size=3),
    body=st.binary(max_size=60),
    token=st.none() | st.text(alphabet="abcXYZ019+/=", min_size=1, max_size=40),
    region=st.sampled_from(["us-east-1", "eu-west-1", "ap-northeast-1"]),
    service=st.sampled_from(["iam", "sts"]),
)
@example("GET", "a/../b//./c/", [("b", "2"), ("a", "1"), ("a", "0")], {}, b"", None, "us-east-1", "iam")
def test_what_botocore_signs_verifies(
    method: str,
    path: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    token: str | None,
    region: str,
    service: str,
) -> None:
    search = "&".join(f"{name}={value}" for name, value in query)
    url = f"http://localhost:8000/{path}" + (f"?{search}" if search else "")
    request = sign(
        method=method, url=url, headers=headers, body=body, token=token, region=region, service=service
    )
    signer = verify(request)
    assert (signer.access_key_id, signer.session_token) == (KEY_ID, token)
    assert (signer.region, signer.service) == (region, service)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_request_dated_by_the_date_header_verifies_in_any_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(time.tzset)
    with monkeypatch.context() as environment:
        environment.setenv("TZ", zone)
        time.tzset()
        signed = sign(headers={"Date": "to be set by botocore"})
        assert signed.values("x-amz-date") == []
        assert verify(signed).access_key_id == KEY_ID


@given(data=st.data())
def test_one_changed_bit_is_refused(data: st.DataObject) -> None:
    request = sign(
        url="http://localhost:8000/path/to?name=value",
        headers={"X-Amz-Meta": "one", "Content-Type": "text/plain"},
        token="session+token/=",
    )
    verify(request)
    places: dict[str, bytes] = {"path": request.path, "query": request.query, "body": request.body}
    places |= {key.decode().lower(): value for key, value in request.headers}
    place = data.draw(st.sampled_from(sorted(places)))
    bit = data.draw(st.integers(0, 8 * len(places[place]) - 1))

    def flip(value: bytes) -> bytes:
        return bytes(octet ^ (1 << bit % 8 if i == bit // 8 else 0) for i, octet in enumerate(value))

    if place in ("path", "query", "body"):
        tampered = dataclasses.replace(request, **{place: flip(places[place])})
    else:
        tampered = changed(request, place, flip)
    with pytest.raises((SignatureDoesNotMatch, IncompleteSignature, InvalidClientTokenId)):
        verify(tampered)


def test_another_method_is_refused() -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(dataclasses.replace(sign(), method="GET"))


def test_a_tampered_body_is_refused_as_a_signature_that_does_not_match() -> None:
    with pytest.raises(SignatureDoesNotMatch, match="signature we calculated"):
        verify(dataclasses.replace(sign(), body=BODY + b"&UserName=root"))


def test_a_body_hash_that_is_not_the_bodys_is_refused() -> None:
    request = sign(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    with pytest.raises(SignatureDoesNotMatch, match="x-amz-content-sha256"):
        verify(request)


def test_an_unknown_key_is_an_invalid_client_token_id() -> None:
    with pytest.raises(InvalidClientTokenId):
        verify(changed(sign(), "authorization", lambda value: value.replace(b"AKIAIO", b"AKIAXX")))


def test_a_request_without_authorization_is_missing_its_token() -> None:
    with pytest.raises(MissingAuthenticationToken):
        verify(without(sign(), "authorization"))


@pytest.mark.parametrize("offset", [-900, 0, 900])
def test_a_date_within_a_quarter_of_an_hour_is_accepted(offset: float) -> None:
    request = sign()
    assert verify(request, now=signed_at(request) + offset).access_key_id == KEY_ID


def test_a_date_more_than_a_quarter_of_an_hour_past_is_expired() -> None:
    request = sign()
    with pytest.raises(SignatureDoesNotMatch, match=r": Signature expired: \d{8}T\d{6}Z is now earlier than"):
        verify(request, now=signed_at(request) + 901)


def test_a_date_more_than_a_quarter_of_an_hour_ahead_is_not_yet_current() -> None:
    request = sign()
    with pytest.raises(SignatureDoesNotMatch, match=r": Signature not yet current: .* \+ 15 min\.\)$"):
        verify(request, now=signed_at(request) - 901)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"/iam/", b"/s3/", "correct service: 'iam' or 'sts'"),
        (b"/us-east-1/", b"/US EAST/", "valid region, not 'US EAST'"),
        (b"/us-east-1/", b"/everywhere/", "valid region, not 'everywhere'"),
        (b"/aws4_request", b"/aws4", "valid terminator: 'aws4_request', not 'aws4'"),
        (b"EXAMPLE/2", b"EXAMPLE/1", "Date in Credential scope does not match"),
    ],
)
def test_a_wrong_credential_scope_is_refused(old: bytes, new: bytes, text: str) -> None:
    with pytest.raises(SignatureDoesNotMatch, match=text):
        verify(changed(sign(), "authorization", lambda value: value.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256", "Unsupported AWS 'algorithm'"),
        (b"/aws4_request", b"", "exactly 5 slash-delimited elements"),
        (b"Signature=", b"Sign=", "Credential, SignedHeaders and Signature"),
        (b"SignedHeaders=", b"Credential=", "each once"),
        (b"host;", b"Host;", "lower-case names"),
        (b"host;x-amz-date", b"x-amz-date;host", "sorted"),
        (b"Signature=", b"Signature=z", "64 lower-case hexadecimal"),
        (b"SignedHeaders=host;x-amz-date, ", b"", "requires 'SignedHeaders' parameter"),
    ],
)
def test_a_malformed_authorization_is_an_incomplete_signature(old: bytes, new: bytes, text: str) -> None:
    with pytest.raises(IncompleteSignature, match=text):
        verify(changed(sign(), "authorization", lambda value: value.replace(old, new, 1)))


def test_an_unsigned_amz_header_is_refused() -> None:
    request = sign()
    added = dataclasses.replace(request, headers=(*request.headers, (b"X-Amz-Security-Token", b"stolen")))
    with pytest.raises(SignatureDoesNotMatch, match=r"must be signed: x-amz-security-token\."):
        verify(added)


def test_an_unsigned_host_is_refused() -> None:
    with pytest.raises(SignatureDoesNotMatch, match="'Host' or ':authority'"):
        verify(changed(sign(), "authorization", lambda value: value.replace(b"host;", b"")))


def test_a_signed_header_that_is_absent_is_refused() -> None:
    with pytest.raises(SignatureDoesNotMatch, match=r"not in the request: x-amz-meta\."):
        verify(without(sign(headers={"X-Amz-Meta": "one"}), "x-amz-meta"))


def test_a_request_without_any_date_is_an_incomplete_signature() -> None:
    with pytest.raises(IncompleteSignature, match="'X-Amz-Date' or a 'Date'"):
        verify(without(sign(), "x-amz-date"))


@pytest.mark.parametrize(
    "date",
    ["20260101", "20261301T000000Z", "99990101T000000", "0000", "Thu, 01 Jan 0001 00:00:00 +2359", "x"],
)
@pytest.mark.parametrize("name", ["x-amz-date", "date"])
def test_an_unreadable_date_is_an_incomplete_signature(name: str, date: str) -> None:
    request = without(sign(), "x-amz-date")
    dated = dataclasses.replace(request, headers=(*request.headers, (name.encode(), date.encode())))
    with pytest.raises((IncompleteSignature, SignatureDoesNotMatch)):
        verify(dated)


def test_a_repeated_authorization_header_is_refused() -> None:
    request = sign()
    (value,) = request.values("authorization")
    with pytest.raises(IncompleteSignature, match="appears 2 times"):
        verify(dataclasses.replace(request, headers=(*request.headers, (b"authorization", value))))


@given(
    authorization=st.binary(max_size=80) | st.builds(b"AWS4-HMAC-SHA256 ".__add__, st.binary(max_size=80)),
    date=st.binary(max_size=40) | st.just(b"20260101T000000Z"),
    name=st.sampled_from([b"date", b"x-amz-date"]),
)
def test_any_bytes_are_refused_with_an_aws_error(authorization: bytes, date: bytes, name: bytes) -> None:
    headers = ((b"host", b"localhost"), (b"authorization", authorization), (name, date))
    with pytest.raises(AwsError):
        verify(HttpRequest(method="POST", path=b"/", query=b"", headers=headers, body=b""))


def test_secrets_stay_out_of_reprs() -> None:
    request = sign(token="the-session-token")
    (header,) = request.values("authorization")
    parsed = sigv4.Authorization.parse(header.decode())
    assert "the-session-token" not in repr(request) + repr(verify(request))
    assert parsed.signature not in repr(request) + repr(parsed)


# Presigned URLs.


def presign(*, method: str = "GET", service: str = "sts", token: str | None = None) -> HttpRequest:
    """A URL signed by botocore, as it would be fetched."""
    url = "http://localhost:8000/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method=method, url=url)
    SigV4QueryAuth(Credentials(KEY_ID, SECRET, token), service, "us-east-1", expires=60).add_auth(request)
    headers = ((b"host", b"localhost:8000"), (b"user-agent", b"any"))
    query = urlsplit(request.url).query.encode()
    return HttpRequest(method=method, path=b"/", query=query, headers=headers, body=b"")


def queried(request: HttpRequest, old: str, new: str) -> HttpRequest:
    query = re.sub(old.encode(), new.encode(), request.query)
    assert query != request.query
    return dataclasses.replace(request, query=query)


@pytest.mark.parametrize("token", [None, "session+token/="])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_botocore_presigns_verifies(method: str, token: str | None) -> None:
    signer = verify(presign(method=method, token=token))
    assert (signer.access_key_id, signer.session_token, signer.service) == (KEY_ID, token, "sts")


def test_a_presigned_request_lives_a_quarter_of_an_hour_whatever_its_expiry_says() -> None:
    request, now = presign(), datetime.now(UTC).timestamp()
    assert verify(request, now=now + 800).access_key_id == KEY_ID
    with pytest.raises(SignatureDoesNotMatch, match="Signature expired"):
        verify(request, now=now + 902)


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ("GetCallerIdentity", "GetSessionToken", SignatureDoesNotMatch, "signature we calculated"),
        ("Expires=60", "Expires=61", SignatureDoesNotMatch, "signature we calculated"),
        ("AKIAIO", "AKIAXX", InvalidClientTokenId, "security token"),
        ("%2Fsts%2F", "%2Fs3%2F", SignatureDoesNotMatch, "correct service"),
        ("us-east-1", "everywhere", SignatureDoesNotMatch, "valid region"),
        ("X-Amz-Date=", "X-Amz-Day=", IncompleteSignature, "must include 'X-Amz-Date'"),
        ("X-Amz-Signature=[0-9a-f]+", "", IncompleteSignature, "must include 'X-Amz-Signature'"),
        ("Signature=[0-9a-f]+", "Signature=zz", IncompleteSignature, "64 lower-case hexadecimal"),
        ("AWS4-HMAC-SHA256", "AWS4-X", IncompleteSignature, "Unsupported AWS 'algorithm'"),
        ("SignedHeaders=host", "SignedHeaders=x", SignatureDoesNotMatch, "'Host' or ':authority'"),
        ("(X-Amz-Date=[^&]+)", r"\1&\1", IncompleteSignature, "twice"),
    ],
)
def test_a_presigned_request_that_was_changed_is_refused(
    old: str, new: str, error: type[AwsError], text: str
) -> None:
    with pytest.raises(error, match=text):
        verify(queried(presign(), old, new))


def test_a_request_signed_in_both_places_is_refused() -> None:
    request, (header,) = presign(), sign().values("authorization")
    both = dataclasses.replace(request, headers=(*request.headers, (b"authorization", header)))
    with pytest.raises(IncompleteSignature, match="not in both"):
        verify(both)


@given(query=st.lists(st.tuples(st.sampled_from(sigv4._IN_QUERY), st.text(max_size=30))))
def test_any_query_is_refused_with_an_aws_error(query: list[tuple[str, str]]) -> None:
    request = dataclasses.replace(presign(), query=urlencode(query).encode())
    with pytest.raises(AwsError):
        verify(request)
