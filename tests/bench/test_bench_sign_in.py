"""Sign-ins a second with a password and a TOTP code: by the rules alone, with a store on disk, over HTTP.

The floor is what no service can do without: one password hash of the same parameters and the code itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import argon2
import pyotp
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emulator import ManualClock
from harness.platform import Browser
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.model import AwaitingMfa, SignedIn
from harness.service.profile import ServiceProfile
from harness.service.store import AccountStore, MemoryStore, SqliteStore

GROUP = "sign-in, password and code"
PASSWORD = "Alice has 1 password"
SERIAL_NUMBER = "GAHT12345678"
SECRET = bytes(range(20))
HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Service:
    """A service with one user and her token; every code asked for is of a step of its own."""

    def __init__(self, store: AccountStore) -> None:
        self.clock = ManualClock()
        self.codes = pyotp.TOTP(base64.b32encode(SECRET).decode())
        self.identity = Identity(
            store, clock=self.clock, profile=ServiceProfile.load("aws-2026"), password_hasher=HASHER
        )
        self.account = self.identity.create_account("example-corp", "root@example.com", PASSWORD)
        root = self.identity.root_caller(self.account.id)
        self.identity.create_user(root, "alice")
        self.identity.create_login_profile(root, "alice", PASSWORD)
        self.identity.import_hardware_token(SERIAL_NUMBER, SECRET)
        self.identity.enable_mfa_device(root, "alice", SERIAL_NUMBER, self.code(), self.code())

    def code(self) -> str:
        """The code of the next step, to which the clock moves."""
        self.clock.advance(30)
        return self.codes.at(int(self.clock()))

    def sign_in(self) -> None:
        session = self.identity.sign_in(self.account.id, "alice", PASSWORD)
        assert isinstance(session, AwaitingMfa)
        assert isinstance(self.identity.present_code(session.id, self.code()), SignedIn)


@pytest.fixture(params=["memory", "sqlite"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "accounts.db")
    with closing(store):
        yield Service(store)


@pytest.mark.benchmark(group=GROUP)
def test_floor_one_password_hash_and_one_code(benchmark: BenchmarkFixture) -> None:
    hashed, codes = HASHER.hash(PASSWORD), pyotp.TOTP(base64.b32encode(SECRET).decode())
    benchmark(lambda: (HASHER.verify(hashed, PASSWORD), codes.at(0)))


@pytest.mark.benchmark(group=GROUP)
def test_by_the_rules(benchmark: BenchmarkFixture, service: Service) -> None:
    benchmark(service.sign_in)


@pytest.mark.benchmark(group=GROUP)
def test_in_the_console_over_http(benchmark: BenchmarkFixture, service: Service) -> None:
    """Five pages: account, IAM sign-in, MFA, home, and out again."""
    with RunningService(service.identity) as running, Browser(running.base_url) as browser:

        def sign_in_and_out() -> None:
            browser.sign_in(service.account.id, "alice", PASSWORD)
            assert "sign-out" in browser.enter_code(service.code()).forms
            browser.sign_out()

        benchmark(sign_in_and_out)
