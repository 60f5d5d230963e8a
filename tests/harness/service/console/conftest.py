"""A service with one account, its root, an administrator and a user, and a browser at its console."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import argon2
import pytest

from emulator.clock import ManualClock
from harness.devices.emulated_token import AuthenticatorApp, EmulatedToken
from harness.platform import Browser
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.store import MemoryStore

PASSWORD = "Correct-horse-1"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OWN_MFA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["iam:*MFADevice", "iam:ListMFADevices"],
            "Resource": ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:mfa/*"],
        },
    ],
}


@dataclass(frozen=True)
class Town:
    """The service and what the tests need to know of it."""

    clock: ManualClock
    identity: Identity
    account_id: str
    base_url: str


@contextmanager
def _open_town() -> Iterator[Town]:
    clock = ManualClock()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    identity = Identity(MemoryStore(), clock=clock, password_hasher=cheap)
    account = identity.create_account("example-corp", "root@example.com", PASSWORD, account_id="123456789012")
    root = identity.root_caller(account.id)
    for name, policy in (("ada", ALLOW_ALL), ("alice", OWN_MFA)):
        identity.create_user(root, name)
        identity.create_login_profile(root, name, PASSWORD)
        identity.put_user_policy(root, name, "policy", json.dumps(policy))
    with RunningService(identity) as service:
        yield Town(clock, identity, account.id, service.base_url)


@pytest.fixture(scope="session")
def open_town() -> Callable[[], AbstractContextManager[Town]]:
    return _open_town


@pytest.fixture
def town() -> Iterator[Town]:
    with _open_town() as town:
        yield town


@pytest.fixture
def browser(town: Town) -> Iterator[Browser]:
    with Browser(town.base_url) as browser:
        yield browser


@pytest.fixture
def alice(browser: Browser) -> Browser:
    """A browser in which alice has signed in."""
    browser.sign_in("example-corp", "alice", PASSWORD)
    return browser


@pytest.fixture
def phone(town: Town) -> AuthenticatorApp:
    return AuthenticatorApp(town.clock)


@pytest.fixture
def assign_app(phone: AuthenticatorApp) -> Callable[..., EmulatedToken]:
    """Assigns an authenticator app in a browser: the QR code is scanned, two codes are entered."""

    def assign(browser: Browser, name: str, user: str | None = None) -> EmulatedToken:
        token = phone.scan(browser.assign_authenticator_app(name, user).qr_code)
        assert browser.enter_two_codes(*token.read_two()).notices == ("The MFA device is assigned.",)
        return token

    return assign


@pytest.fixture
def issue_token(town: Town) -> Callable[..., EmulatedToken]:
    """Issues a hardware token that the service knows."""

    def issue(serial_number: str, offset: float = 0.0) -> EmulatedToken:
        token = EmulatedToken.issue(
            serial_number, clock=town.clock, random_bytes=lambda size: bytes(range(size)), offset=offset
        )
        town.identity.import_hardware_token(serial_number, token.secret)
        return token

    return issue
