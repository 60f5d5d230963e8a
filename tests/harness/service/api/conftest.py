"""The Query API as SDKs meet it: stock boto3 over real HTTP on loopback."""

from __future__ import annotations

import json
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
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from emulator.clock import ManualClock
from harness.service.api import api_endpoint
from harness.service.identity import Identity
from harness.service.store import MemoryStore

ADMINISTRATOR = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
HTTP = httpx.Client(trust_env=False)


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


def _open_account(serve: Callable[[Any], str], **options: Any) -> Account:
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
    return _open_account(server)


@pytest.fixture
def account(server: Callable[[Any], str]) -> Account:
    """An account of the test's own."""
    return _open_account(server)


@pytest.fixture
def iam(account: Account) -> Any:
    return account.client("iam")


@pytest.fixture
def sts(account: Account) -> Any:
    return account.client("sts")


def _refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of the ClientError that ``call`` raises."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


def _new_device(iam: Any, name: str) -> tuple[str, pyotp.TOTP]:
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    return device["SerialNumber"], pyotp.TOTP(device["Base32StringSeed"].decode())


def _pair(totp: pyotp.TOTP, now: float) -> dict[str, str]:
    return {"AuthenticationCode1": totp.at(int(now) - 30), "AuthenticationCode2": totp.at(int(now))}


def _user_with_device(account: Account, name: str = "alice") -> tuple[tuple[str, str], str, pyotp.TOTP]:
    """A user with an access key and an enabled device; the clock stands past the enrolment's codes."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    serial, totp = _new_device(iam, name)
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **_pair(totp, account.clock()))
    account.clock.advance(300)
    return (key["AccessKeyId"], key["SecretAccessKey"]), serial, totp


@pytest.fixture(scope="session")
def open_account() -> Any:
    """``open_account(server, signature_clock= …)``: a new account with an administrator."""
    return _open_account


@pytest.fixture(scope="session")
def refusal() -> Any:
    """``refusal(call, **parameters)``: code, HTTP status and message of the ClientError that it raises."""
    return _refusal


@pytest.fixture(scope="session")
def new_device() -> Any:
    """``new_device(iam, name)``: a virtual device, as serial number and generator."""
    return _new_device


@pytest.fixture(scope="session")
def pair() -> Any:
    """``pair(totp, now)``: two codes in a row, as parameters."""
    return _pair


@pytest.fixture(scope="session")
def user_with_device() -> Any:
    """``user_with_device(account, name)``: access key, serial number and generator of a new user."""
    return _user_with_device


@pytest.fixture(scope="session")
def http() -> Any:
    """A client that knows nothing of AWS."""
    return HTTP
