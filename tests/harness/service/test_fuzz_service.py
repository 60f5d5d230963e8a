"""Whatever is sent to the service's two doors: AWS's errors from the API, a page from the console, no 500."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
import socket
import string
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import argon2
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emulator.clock import ManualClock
from harness.service.app import RunningService, build_app
from harness.service.identity import Identity
from harness.service.operations import OPERATIONS
from harness.service.query_protocol import service_model
from harness.service.store import MemoryStore

PASSWORD = "Correct-horse-1"
NOW = 1_767_225_600.0
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
Headers = list[tuple[bytes, bytes]]


@dataclass
class Door:
    """The whole application without a server: a request as ASGI brings it, the answer as it would go out."""

    app: Any
    identity: Identity
    key: Credentials
    browser: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: bytes, query: bytes = b"", headers: Headers | None = None, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; an exception that leaves the application is a failure."""
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            # As uvicorn does it.
            "path": path.decode("latin-1") if b"%" not in path else _unquoted(path),
            "raw_path": path,
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", b"localhost:8000"), *(headers or [])],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        answered = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:])

    def call(self, service: str, form: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a form to the API, rightly signed."""
        request = AWSRequest("POST", "http://localhost:8000/", data=form, headers={"Host": "localhost:8000"})
        SigV4Auth(self.key, service, "us-east-1").add_auth(request)
        headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
        return self.ask("POST", b"/", headers=[each for each in headers if each[0] != b"host"], body=form)

    def visit(
        self, method: str, path: str, form: dict[str, str] | None = None, query: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """Go to a page of the console in a browser that keeps its cookies."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.items())
        headers = [(b"cookie", cookies.encode()), (b"content-type", b"application/x-www-form-urlencoded")]
        body = urlencode(form or {}).encode()
        answer = self.ask(method, path.encode(), query.encode(), headers, body)
        cookie = re.match(r"([^=;]+)=\"?([^;\"]*)", answer[1].get("set-cookie", ""))
        if cookie and cookie[1] == "keyrig-browser":
            self.browser[cookie[1]] = cookie[2]
        return answer


def _unquoted(path: bytes) -> str:
    from urllib.parse import unquote

    return unquote(path.decode("latin-1"))


@pytest.fixture(scope="module")
def door() -> Door:
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    clock = ManualClock(NOW)
    identity = Identity(MemoryStore(), clock=clock, password_hasher=cheap)
    account = identity.create_account("example-corp", "root@example.com", PASSWORD, "123456789012")
    root = identity.root_caller(account.id)
    identity.create_user(root, "alice")
    identity.create_login_profile(root, "alice", PASSWORD)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": everything})
    identity.put_user_policy(root, "alice", "all", document)
    key = identity.create_access_key(root, "alice")
    # Requests are signed by the machine's clock and judged by it.
    app = build_app(identity)
    door = Door(app, identity, Credentials(key.id, key.secret))
    session = identity.sign_in("example-corp", "alice", PASSWORD)
    door.browser["keyrig-session"] = session.id
    return door


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What the service did not foresee it logs with a traceback."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [record for record in caplog.records if record.name.startswith("harness")] == []


def check_api(answer: tuple[int, dict[str, str], bytes]) -> None:
    """IAM API, "Common Errors": XML with a type, a code and a message, or the operation's answer."""
    status, headers, body = answer
    assert status in (200, 400, 403, 404, 409, 410, 413, 501), body
    assert headers["content-type"].startswith("text/xml")
    assert b"Traceback" not in body
    root = ET.fromstring(body)  # noqa: S314 - our own
    if status == 200:
        assert root.tag.endswith("Response")
        return
    assert root.tag.endswith("ErrorResponse")
    space = root.tag.removesuffix("ErrorResponse")
    assert root.findtext(f"{space}Error/{space}Code")
    assert root.find(f"{space}Error/{space}Message") is not None
    assert root.findtext(f"{space}RequestId") == headers["x-amzn-requestid"]


def check_console(answer: tuple[int, dict[str, str], bytes]) -> None:
    """A page with a heading, or the way to one."""
    status, headers, body = answer
    assert status in (200, 303, 400, 403, 404, 405, 409, 413, 415, 429), body
    assert b"Traceback" not in body
    if status == 303:
        assert headers["location"].startswith("/")
        return
    assert headers["content-type"].startswith(("text/html", "text/css", "text/javascript"))
    if headers["content-type"].startswith("text/html"):
        assert b"<h1" in body
        assert "default-src 'none'" in headers["content-security-policy"]


anything = st.binary(max_size=60)
header_values = st.binary(max_size=60).map(lambda value: value.translate(None, b"\r\n\0"))
words = st.text(max_size=30) | st.sampled_from(
    ["alice", "root", "*", "\0", "../..", "GAHT1", "a" * 5000, "arn:aws:iam::123456789012:mfa/phone", "true",
     "1", "-1", "9" * 40, "123456", "[" * 2000, "{}", "\ud7ff\uffff", "<x>&", "%00", "١٢٣٤٥٦", "Active"]
)  # fmt: skip
fuzz = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(service=st.sampled_from(["iam", "sts"]), data=st.data())
def test_every_operation_answers_any_parameters(door: Door, service: str, data: st.DataObject) -> None:
    action = data.draw(st.sampled_from(sorted(OPERATIONS[service])), label="action")
    shape = service_model(service).operation_model(action).input_shape
    form = {"Action": action, "Version": VERSIONS[service]}
    for name in shape.members if shape is not None else ():
        if data.draw(st.booleans()):
            suffix = data.draw(st.sampled_from(["", "", ".member.1", ".member.1.Key", ".member.99999", "."]))
            form[name + suffix] = data.draw(words, label=name)
    check_api(door.call(service, urlencode(form, errors="surrogatepass").encode()))


@fuzz
@given(
    form=anything
    | st.lists(st.tuples(words, words), max_size=4).map(
        lambda pairs: urlencode([("Action", "GetUser"), ("Version", VERSIONS["iam"]), *pairs]).encode()
    )
    | st.integers(1, 2000).map(lambda number: b"&".join(b"a%d=1" % each for each in range(number)))
)
def test_any_signed_body_is_answered_as_aws_would(door: Door, form: bytes) -> None:
    check_api(door.call("iam", form))


def test_a_huge_body_is_refused(door: Door) -> None:
    answer = door.call("iam", b"Action=" + b"x" * (2 << 20))
    check_api(answer)
    assert answer[0] == 413


authorizations = (
    header_values
    | st.text(string.printable, max_size=80).map(lambda text: f"AWS4-HMAC-SHA256 {text}".encode())
    | st.builds(
        lambda key, date, region, service, end, names, signature: (
            f"AWS4-HMAC-SHA256 Credential={key}/{date}/{region}/{service}/{end},"
            f"SignedHeaders={names},Signature={signature}"
        ).encode(errors="replace"),
        st.sampled_from(["AKIA", "", "é", "x" * 500]),
        st.sampled_from(["20260101", "00000000", "99999999", ""]),
        st.sampled_from(["us-east-1", "*", ""]),
        st.sampled_from(["iam", "sts", "s3", ""]),
        st.sampled_from(["aws4_request", ""]),
        st.sampled_from(["host;x-amz-date", "host", "", ";;", "date;host"]),
        st.sampled_from(["0" * 64, "", "zz"]),
    )
)


dates = st.sampled_from([b"20260101T000000Z", b"99999999T999999Z", b"now", b"", b"\xff"]) | header_values
odd_headers = st.tuples(
    st.sampled_from([b"x-amz-security-token", b"date", b"x-amz-content-sha256", b"x-odd"]), header_values
)


@fuzz
@given(
    authorization=st.none() | authorizations,
    date=st.none() | dates,
    more=st.lists(odd_headers, max_size=3),
    body=anything,
)
def test_any_signature_is_refused_as_aws_would(
    door: Door, authorization: bytes | None, date: bytes | None, more: Headers, body: bytes
) -> None:
    headers = [*more]
    headers += [] if authorization is None else [(b"authorization", authorization)]
    headers += [] if date is None else [(b"x-amz-date", date)]
    answer = door.ask("POST", b"/", headers=headers, body=body)
    check_api(answer)
    assert answer[0] in (400, 403)


PATHS = [
    "/", "/sign-in", "/sign-in/account", "/sign-in/iam", "/sign-in/root", "/sign-in/mfa", "/sign-out",
    "/home", "/users", "/users/alice", "/users/nobody", "/security-credentials",
    "/security-credentials/mfa/assign",
    "/events", "/outbox", "/static/console.css", "/static/..", "/nowhere",
]  # fmt: skip
methods = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X-ODD"])
paths = st.sampled_from([path.encode() for path in PATHS]) | st.binary(max_size=40).map(
    lambda raw: b"/" + raw.translate(None, b" ?#\r\n\0")
) | st.text(max_size=20).map(lambda text: urlencode({"": text}).replace("=", "/").encode())  # fmt: skip
cookies = header_values | st.builds(
    lambda name, value: f"{name}={value}".encode("utf-8", "replace").translate(None, b"\r\n\0"),
    st.sampled_from(["keyrig-session", "keyrig-browser", "keyrig-account", "keyrig-language"]),
    words,
)


kinds = [b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain", b"\xff", b""]
visits = st.builds(
    dict,
    method=methods,
    path=paths,
    query=anything.map(lambda raw: raw.translate(None, b" #\r\n\0")),
    headers=st.tuples(cookies, st.sampled_from(kinds), header_values).map(
        lambda values: [*zip((b"cookie", b"content-type", b"accept-language"), values, strict=True)]
    ),
    body=anything | st.just(b"a=" + b"x" * 70_000) | st.just(b"csrf=%FF%00&csrf=2"),
)


@fuzz
@example(visit={"method": "GET", "path": b"/%0A0", "query": b"", "headers": [], "body": b""})
@given(visit=visits)
def test_the_console_answers_any_request_with_a_page(door: Door, visit: dict[str, Any]) -> None:
    answer = door.ask(**visit)
    if (visit["method"], visit["path"]) == ("POST", b"/"):
        check_api(answer)
    elif visit["method"] == "HEAD":
        assert answer[0] < 500
    else:
        check_console(answer)


@dataclass(frozen=True)
class Form:
    """A form of a page, as it would be sent."""

    action: str
    fields: dict[str, str]


def forms_of(door: Door) -> Iterator[Form]:
    """Every form of every page that alice can go to, with her CSRF token."""
    for path in PATHS:
        status, headers, body = door.visit("GET", path)
        if status != 200 or not headers["content-type"].startswith("text/html"):
            continue
        for found in re.finditer(r"<form\b([^>]*)>(.*?)</form>", body.decode(), re.DOTALL):
            action = re.search(r'action="([^"]*)"', found[1])
            inputs = re.findall(r"<(?:input|select|textarea|button)\b[^>]*>", found[2])
            names = {tag_attribute(tag, "name"): tag_attribute(tag, "value") for tag in inputs}
            yield Form(action[1] if action else path, {name: value for name, value in names.items() if name})


def tag_attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""


def test_every_form_takes_any_answers(door: Door) -> None:
    door.visit("GET", "/home")  # the browser has its cookie, so that tokens hold
    forms = [form for form in forms_of(door) if "sign-out" not in form.action]
    assert len(forms) >= 3

    @fuzz
    @given(form=st.sampled_from(forms), data=st.data())
    def send(form: Form, data: st.DataObject) -> None:
        answers = {
            name: value if name == "csrf" or data.draw(st.booleans()) else data.draw(words, label=name)
            for name, value in form.fields.items()
            if name == "csrf" or data.draw(st.integers(0, 9)) > 0
        }
        check_console(door.visit("POST", form.action.partition("?")[0], answers))

    send()


MEMBERS = [
    "id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "signature",
    "authenticatorData", "userHandle", "transports", "clientExtensionResults",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | anything.map(
    lambda raw: base64.urlsafe_b64encode(raw).decode()
)  # fmt: skip
WEBAUTHN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    max_leaves=12,
)


@fuzz
@given(response=WEBAUTHN.map(json.dumps) | words)
def test_no_webauthn_response_breaks_registration(door: Door, response: str) -> None:
    from harness.service.errors import AwsError

    session = door.identity.session(door.browser["keyrig-session"])
    caller = door.identity.console_caller(session)  # type: ignore[arg-type]
    name = "key-" + hashlib.sha256(response.encode("utf-8", "replace")).hexdigest()[:8]
    door.identity.begin_security_key_registration(caller, None, name)
    with pytest.raises(AwsError):
        door.identity.finish_security_key_registration(caller, None, name, response)


RAW = [
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /sign-in?\xff\x80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a\x00b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%00%ff%FE HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xff:99999999\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET http://elsewhere.example/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a=b; " * 20_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x00" * 1000,
    bytes(range(256)) * 10,
]


def test_no_bytes_on_the_wire_bring_the_server_down(door: Door) -> None:
    with RunningService(door.identity) as service:
        port = int(service.base_url.rpartition(":")[2])
        for raw in RAW:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                said = b""
                with suppress(ConnectionResetError):
                    while more := connection.recv(65_536):
                        said += more
            assert re.match(rb"$|HTTP/1\.1 [1234]", said), (raw[:60], said[:200])
            assert b"Traceback" not in said
        assert httpx.get(service.base_url, follow_redirects=True).status_code == 200
