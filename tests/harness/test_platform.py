"""The platform: the browser over a real console with an emulated key, the SDK over the real API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import argon2
import pyotp
import pytest
from botocore.exceptions import ClientError as AwsClientError
from fido2.client import ClientError
from fido2.ctap2 import ClientPin, Ctap2

from emulator.clock import ManualClock
from harness.devices.emulated import EmulatedKey
from harness.page import PlatformError
from harness.platform import Browser, Sdk, SecurityKeyError
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.model import AccessKey
from harness.service.store import MemoryStore

PASSWORD = "Correct-horse-1"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def identity(clock: ManualClock) -> Identity:
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    identity = Identity(MemoryStore(), clock=clock, password_hasher=cheap)
    root = identity.root_caller(identity.create_account("example-corp", "root@example.com", PASSWORD).id)
    identity.create_user(root, "alice")
    identity.create_login_profile(root, "alice", PASSWORD)
    identity.put_user_policy(root, "alice", "all", json.dumps(ALLOW_ALL))
    return identity


@pytest.fixture
def base_url(identity: Identity) -> Iterator[str]:
    with RunningService(identity) as service:
        yield service.base_url


@pytest.fixture
def alice(base_url: str) -> Iterator[Browser]:
    with Browser(base_url) as browser:
        browser.sign_in("example-corp", "alice", PASSWORD)
        yield browser


@pytest.fixture
def access_key(identity: Identity) -> AccessKey:
    session = identity.sign_in("example-corp", "alice", PASSWORD)
    return identity.create_access_key(identity.root_caller(session.account_id), "alice")


@pytest.fixture
def sdk(base_url: str, access_key: AccessKey) -> Sdk:
    return Sdk(base_url, access_key.id, access_key.secret)


# The browser.


def test_a_new_browser_shows_the_front_page(base_url: str) -> None:
    with Browser(f"{base_url}/") as browser:
        assert browser.page.heading == "Sign in"


def test_a_page_without_the_form_wanted_is_an_error_that_names_both(alice: Browser) -> None:
    with pytest.raises(PlatformError, match=r"“Console home” .* has no form 'mfa-code'; it has: sign-out"):
        alice.enter_code("123456")


def test_no_service_is_a_clear_error() -> None:
    with Browser("http://localhost:9") as browser, pytest.raises(PlatformError, match="no answer from /"):
        browser.open("/")


def test_without_a_key_plugged_in_a_ceremony_ends_clearly(alice: Browser) -> None:
    with pytest.raises(PlatformError, match=r"security key” .* none is plugged in"):
        alice.assign_security_key("alice-key")


def test_a_page_without_options_has_no_challenge(alice: Browser, clock: ManualClock) -> None:
    alice.key = EmulatedKey(clock=clock)
    with pytest.raises(PlatformError, match="carries no WebAuthn options"):
        alice.answer_challenge()


@pytest.mark.parametrize("profile", ["u2f-only", "ctap20", "ctap21", "security-key"])
def test_keys_of_every_age_are_assigned_and_sign_in(alice: Browser, clock: ManualClock, profile: str) -> None:
    alice.key = EmulatedKey(profile, clock=clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    assert "/alice-key-" in alice.use_security_key().texts["mfa-used"]


def test_a_stranger_to_the_user_cannot_sign_in(alice: Browser, clock: ManualClock) -> None:
    alice.key = EmulatedKey(clock=clock)
    alice.assign_security_key("alice-key")
    alice.sign_in("example-corp", "alice", PASSWORD)
    alice.key = EmulatedKey(clock=clock)
    with pytest.raises(SecurityKeyError, match="cannot sign in: the key answered NO_CREDENTIALS") as refused:
        alice.use_security_key()
    assert refused.value.code is ClientError.ERR.DEVICE_INELIGIBLE


def test_a_key_that_nobody_touches_times_out(alice: Browser, clock: ManualClock) -> None:
    alice.key = EmulatedKey(clock=clock, touch="never")
    with pytest.raises(SecurityKeyError, match="cannot be assigned: the key answered OPERATION_DENIED"):
        alice.assign_security_key("alice-key")


def test_the_pin_is_typed_where_the_key_has_one(alice: Browser, clock: ManualClock) -> None:
    key = EmulatedKey(clock=clock)
    ClientPin(Ctap2(key)).set_pin("2580")
    alice.key = key
    with pytest.raises(SecurityKeyError, match="PIN required but not provided"):
        alice.assign_security_key("alice-key")
    alice.pin = "0000"
    with pytest.raises(SecurityKeyError, match="the key answered PIN_INVALID"):
        alice.assign_security_key("alice-key")
    alice.pin = "2580"
    assert alice.assign_security_key("alice-key").notices == ("The MFA device is assigned.",)


# The SDK.


def test_the_sdk_calls_iam_and_sts(sdk: Sdk) -> None:
    assert sdk.iam.get_user()["User"]["UserName"] == "alice"
    assert sdk.sts.get_caller_identity()["Arn"].endswith(":user/alice")


def test_a_session_with_mfa_goes_on_with_its_own_credentials(sdk: Sdk, clock: ManualClock) -> None:
    device = sdk.iam.create_virtual_mfa_device(VirtualMFADeviceName="alice-phone")["VirtualMFADevice"]
    totp = pyotp.TOTP(device["Base32StringSeed"].decode())
    codes = [totp.at(int(clock()) + offset) for offset in (-30, 0)]
    sdk.iam.enable_mfa_device(
        UserName="alice",
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1=codes[0],
        AuthenticationCode2=codes[1],
    )
    clock.advance(30)
    session = sdk.get_session(
        serial_number=device["SerialNumber"], token_code=totp.at(int(clock())), duration_s=900
    )
    assert session.access_key_id != sdk.access_key_id
    assert session.iam.get_user()["User"]["UserName"] == "alice"


def test_the_sdk_goes_by_nothing_of_the_machines(
    base_url: str, sdk: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-north-1\nendpoint_url = http://localhost:9\n")
    for name, value in {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_PROFILE": "nobody",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": "http://localhost:9",
        "AWS_MAX_ATTEMPTS": "7",
        "HTTP_PROXY": "http://localhost:9",
        "http_proxy": "http://localhost:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert sdk.iam.get_user()["User"]["UserName"] == "alice"
    assert sdk.iam.meta.region_name == "us-east-1"
    with Browser(base_url) as browser:
        assert browser.page.status == 200


class _Failing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.requests += 1  # type: ignore[attr-defined]
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def test_the_sdk_tries_every_request_once() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Failing)
    server.requests = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(AwsClientError):
            Sdk(f"http://localhost:{server.server_port}", "AKIAEXAMPLE", "secret").sts.get_caller_identity()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert server.requests == 1  # type: ignore[attr-defined]


def test_neither_shows_its_secrets(sdk: Sdk, access_key: AccessKey) -> None:
    assert access_key.secret not in repr(sdk)
