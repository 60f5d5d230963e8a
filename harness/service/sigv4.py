"""Verify AWS Signature Version 4 (IAM User Guide, "Signature Version 4").

Pure: the request as bytes, a look-up of secrets and ``now`` in; who signed it out. What IAM and STS
clients send is covered: AWS4-HMAC-SHA256, the signature in the Authorization header or in the query string
(presigned URLs), the whole body hashed. Chunked payloads and SigV4A are absent: such a request is refused.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from harness.service.errors import (
    IncompleteSignature,
    InvalidClientTokenId,
    MissingAuthenticationToken,
    SignatureDoesNotMatch,
)

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
_BASIC_FORMAT = "%Y%m%dT%H%M%SZ"
_FIELDS = ("Credential", "SignedHeaders", "Signature")
_IN_QUERY = ("X-Amz-Algorithm", *(f"X-Amz-{name}" for name in _FIELDS), "X-Amz-Date")
# The shape of regions in botocore's partitions; which region it is does not matter to a service on loopback.
_REGION = re.compile("[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as it came over the wire: path and query still percent-encoded, header names in any case."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def values(self, name: str) -> list[bytes]:
        """Every value of the header ``name`` (lower case), in the order sent."""
        return [value for key, value in self.headers if key.lower() == name.encode()]

    def sole_value(self, name: str) -> str | None:
        """The one value of the header ``name``, ``None`` without it; twice is IncompleteSignature."""
        values = self.values(name)
        if len(values) > 1:
            raise IncompleteSignature(f"The header '{name}' appears {len(values)} times; send it once.")
        return values[0].decode("latin-1").strip() if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose secret signed the request, and for which region and service the signature was scoped."""

    access_key_id: str
    session_token: str | None = field(repr=False)
    region: str
    service: str


def verify(
    request: HttpRequest,
    *,
    secret_of: Callable[[str], str | None],
    services: Collection[str],
    now: float,
    max_skew_s: int,
) -> Signer:
    """Who signed ``request``, if its signature holds at ``now``: seconds since the epoch, the machine's.

    Its date may be ``max_skew_s`` off, either way; X-Amz-Expires says nothing here. ``secret_of`` gives an
    access key ID's secret, ``None`` if nobody has it; ``services`` are the names a credential scope may carry
    here. Raises MissingAuthenticationToken, IncompleteSignature, InvalidClientTokenId or
    SignatureDoesNotMatch. The session token is only read: whether it belongs to the access key is the
    caller's to judge.
    """
    header, query = request.sole_value("authorization"), _query_authentication(request.query)
    if header is None and not query:
        raise MissingAuthenticationToken
    if header is not None and query:
        raise IncompleteSignature("Sign in the Authorization header or in the query string, not in both.")
    authorization = Authorization.of_query(query) if header is None else Authorization.parse(header)
    timestamp = _request_timestamp(request) if header is not None else _basic_format(query["X-Amz-Date"])
    _check_scope(authorization, timestamp, services)
    _check_signed_headers(request, authorization)
    secret = secret_of(authorization.access_key_id)
    if secret is None:
        raise InvalidClientTokenId
    _check_date(timestamp, now, max_skew_s)
    _check_body_hash(request)
    text = _string_to_sign(authorization, timestamp, _canonical_request(request, authorization))
    expected = _hmac(_signing_key(authorization, secret), text).hex()
    if not hmac.compare_digest(expected, authorization.signature):
        raise SignatureDoesNotMatch
    return Signer(
        access_key_id=authorization.access_key_id,
        session_token=query.get("X-Amz-Security-Token") or request.sole_value("x-amz-security-token"),
        region=authorization.region,
        service=authorization.service,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The Authorization header, parsed: credential scope, names of the signed headers, signature in hex."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)

    @classmethod
    def parse(cls, header: str) -> Authorization:
        """``AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…``, or IncompleteSignature."""
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise IncompleteSignature(
                f"Unsupported AWS 'algorithm': '{algorithm}'; this service reads {ALGORITHM}."
            )
        return cls._of(_authorization_fields(rest))

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Authorization:
        """The same from the X-Amz parameters of a presigned URL."""
        for name in _IN_QUERY:
            if not query.get(name):
                raise IncompleteSignature(
                    f"AWS query-string parameters must include '{name}'. "
                    "Re-examine the query-string parameters."
                )
        if query["X-Amz-Algorithm"] != ALGORITHM:
            raise IncompleteSignature(
                f"Unsupported AWS 'algorithm': '{query['X-Amz-Algorithm']}'; this service reads {ALGORITHM}."
            )
        return cls._of({name: query[f"X-Amz-{name}"] for name in _FIELDS})

    @classmethod
    def _of(cls, fields: Mapping[str, str]) -> Authorization:
        scope = fields["Credential"].split("/")
        if len(scope) != 5 or not all(scope):
            raise IncompleteSignature(
                "Credential must have exactly 5 slash-delimited elements, "
                f"e.g. keyid/date/region/service/term, got '{fields['Credential']}'"
            )
        names = tuple(fields["SignedHeaders"].split(";"))
        if list(names) != sorted(set(names)) or any(
            name != name.lower() or not name.isascii() for name in names
        ):
            raise IncompleteSignature(
                "SignedHeaders must be lower-case names, each once, sorted, joined by ';'."
            )
        if re.fullmatch("[0-9a-f]{64}", fields["Signature"]) is None:
            raise IncompleteSignature("Signature must be 64 lower-case hexadecimal digits.")
        access_key_id, date, region, service, terminator = scope
        return cls(
            access_key_id=access_key_id,
            date=date,
            region=region,
            service=service,
            terminator=terminator,
            signed_headers=names,
            signature=fields["Signature"],
        )


def _authorization_fields(text: str) -> dict[str, str]:
    """The three parameters after the algorithm, each exactly once and nothing else."""
    fields: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in _FIELDS or name in fields:
            raise IncompleteSignature(
                "Authorization must hold Credential, SignedHeaders and Signature as key=value, each once."
            )
        fields[name] = value
    missing = [name for name in _FIELDS if not fields.get(name)]
    if missing:
        raise IncompleteSignature(
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        )
    return fields


def _query_authentication(query: bytes) -> dict[str, str]:
    """The parameters that sign a presigned URL, each once; none if it is not one."""
    pairs = [_pair(pair) for pair in query.split(b"&")]
    found = [(name, value) for name, value in pairs if name in (*_IN_QUERY, "X-Amz-Security-Token")]
    if len(dict(found)) != len(found):
        raise IncompleteSignature("The query string has a parameter of the signature twice; send it once.")
    return dict(found) if any(name != "X-Amz-Security-Token" for name, _ in found) else {}


def _pair(text: bytes) -> tuple[str, str]:
    name, _, value = text.partition(b"=")
    return unquote_to_bytes(name).decode("latin-1"), unquote_to_bytes(value).decode("latin-1")


def _request_timestamp(request: HttpRequest) -> str:
    """The request's date as ``YYYYMMDDTHHMMSSZ``: X-Amz-Date, else Date (either form of it)."""
    amz_date = request.sole_value("x-amz-date")
    if amz_date is not None:
        return _basic_format(amz_date)
    date = request.sole_value("date")
    if date is None:
        raise IncompleteSignature(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return _basic_format(date)
    # RFC 5322's "-0000" parses as a time without a zone, and means UTC.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return _basic_format(aware.astimezone(UTC).strftime(_BASIC_FORMAT))
    except OverflowError:
        return _basic_format(date)


def _basic_format(date: str) -> str:
    try:
        if re.fullmatch("[0-9]{8}T[0-9]{6}Z", date) is None:
            raise ValueError(date)
        datetime.strptime(date, _BASIC_FORMAT)
    except ValueError:
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format' (YYYYMMDD'T'HHMMSS'Z'). Got '{date}'."
        ) from None
    return date


def _check_scope(authorization: Authorization, timestamp: str, services: Collection[str]) -> None:
    if authorization.date != timestamp[:8]:
        raise SignatureDoesNotMatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{authorization.date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    if _REGION.fullmatch(authorization.region) is None:
        raise SignatureDoesNotMatch(
            f"Credential should be scoped to a valid region, not '{authorization.region}'."
        )
    if authorization.service not in services:
        correct = " or ".join(f"'{service}'" for service in sorted(services))
        raise SignatureDoesNotMatch(f"Credential should be scoped to correct service: {correct}.")
    if authorization.terminator != TERMINATOR:
        raise SignatureDoesNotMatch(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', "
            f"not '{authorization.terminator}'."
        )


def _check_signed_headers(request: HttpRequest, authorization: Authorization) -> None:
    """Host, the date and every x-amz-* header are signed, and what is signed is there."""
    signed = set(authorization.signed_headers)
    present = {name.lower().decode("latin-1") for name, _ in request.headers}
    if "host" not in signed:
        raise SignatureDoesNotMatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS4 Authorization."
        )
    dates = {"date"} & present if "authorization" in present and "x-amz-date" not in present else set()
    if unsigned := sorted((dates | {name for name in present if name.startswith("x-amz-")}) - signed):
        raise SignatureDoesNotMatch(f"These headers must be signed: {', '.join(unsigned)}.")
    if absent := sorted(signed - present):
        raise SignatureDoesNotMatch(f"These signed headers are not in the request: {', '.join(absent)}.")


def _check_date(timestamp: str, now: float, max_skew_s: int) -> None:
    then = datetime.strptime(timestamp, _BASIC_FORMAT).replace(tzinfo=UTC).timestamp()
    minutes = max_skew_s // 60
    if then < now - max_skew_s:
        raise SignatureDoesNotMatch(
            f"Signature expired: {timestamp} is now earlier than {_timestamp(now - max_skew_s)} "
            f"({_timestamp(now)} - {minutes} min.)"
        )
    if then > now + max_skew_s:
        raise SignatureDoesNotMatch(
            f"Signature not yet current: {timestamp} is still later than {_timestamp(now + max_skew_s)} "
            f"({_timestamp(now)} + {minutes} min.)"
        )


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_BASIC_FORMAT)


def _check_body_hash(request: HttpRequest) -> None:
    """A declared body hash must be the body's; ``UNSIGNED-PAYLOAD`` is for S3 and never is."""
    declared = request.sole_value("x-amz-content-sha256")
    if declared is not None and declared != hashlib.sha256(request.body).hexdigest():
        raise SignatureDoesNotMatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed."
        )


def _canonical_request(request: HttpRequest, authorization: Authorization) -> bytes:
    """IAM User Guide, "Create a canonical request"."""
    headers = [
        name.encode() + b":" + b",".join(b" ".join(value.split()) for value in request.values(name))
        for name in authorization.signed_headers
    ]
    return b"\n".join(
        [
            request.method.upper().encode(),
            _canonical_path(request.path),
            _canonical_query(request.query),
            *headers,
            b"",
            ";".join(authorization.signed_headers).encode(),
            hashlib.sha256(request.body).hexdigest().encode(),
        ]
    )


def _canonical_path(path: bytes) -> bytes:
    """Without empty and dot segments (RFC 3986 §5.2.4), percent-encoded once more (all services but S3)."""
    normal = posixpath.normpath(b"/" + path.lstrip(b"/"))
    if path.endswith(b"/") and normal != b"/":
        normal += b"/"
    return quote(normal, safe="/~").encode()


def _canonical_query(query: bytes) -> bytes:
    """Names and values percent-encoded, sorted; the signature itself left out."""
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    pairs = [pair for pair in pairs if pair[0] != b"X-Amz-Signature"]
    encoded = sorted((_encode(name), _encode(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded).encode()


def _encode(text: bytes) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _string_to_sign(authorization: Authorization, timestamp: str, canonical_request: bytes) -> bytes:
    """IAM User Guide, "Create a string to sign"."""
    scope = "/".join(
        [authorization.date, authorization.region, authorization.service, authorization.terminator]
    )
    return "\n".join([ALGORITHM, timestamp, scope, hashlib.sha256(canonical_request).hexdigest()]).encode()


def _signing_key(authorization: Authorization, secret: str) -> bytes:
    """IAM User Guide, "Derive a signing key"."""
    key = f"AWS4{secret}".encode()
    for part in (authorization.date, authorization.region, authorization.service, authorization.terminator):
        key = _hmac(key, part.encode())
    return key


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
