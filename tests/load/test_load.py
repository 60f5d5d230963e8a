"""Two hundred people sign in at once, with codes and with keys: nobody is lost, nothing is accepted twice."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

import argon2
import pyotp
import pytest

from emulator.clock import ManualClock
from harness.devices.emulated import EmulatedKey
from harness.page import Page
from harness.platform import Browser
from harness.service.app import RunningService
from harness.service.identity import Identity
from harness.service.model import FidoSecurityKey, HardwareTotpDevice, SignedIn
from harness.service.store import SqliteStore

WITH_CODES, WITH_KEYS, TWICE = 140, 60, 30
PASSWORD = "Correct-horse-1"
R = TypeVar("R")
OWN_KEY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:*MFADevice*"], "Resource": "*"}],
}


@dataclass
class Town:
    """A service on disk, at a clock that stands still, with many users and what they sign in with."""

    identity: Identity
    store: SqliteStore
    base_url: str
    codes: dict[str, str]
    keys: dict[str, EmulatedKey]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    path = tmp_path_factory.mktemp("load")
    clock = ManualClock()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with ExitStack() as stack:
        store = stack.enter_context(closing(SqliteStore(path / "accounts.db")))
        identity = Identity(store, clock=clock, password_hasher=cheap)
        account = identity.create_account("example-corp", "root@example.com", PASSWORD)
        root = identity.root_caller(account.id)
        service = stack.enter_context(RunningService(identity))
        secrets = {f"coder{n}": bytes([n]) * 20 for n in range(WITH_CODES)}
        keys = {f"keeper{n}": EmulatedKey("ctap21", clock=clock, seed=f"key {n}") for n in range(WITH_KEYS)}
        for name in (*secrets, *keys):
            identity.create_user(root, name)
            identity.create_login_profile(root, name, PASSWORD)
        for name, secret in secrets.items():
            totp = pyotp.TOTP(base64.b32encode(secret).decode())
            serial = identity.import_hardware_token(f"GAHT-{name}", secret).serial_number
            now = int(clock())
            identity.enable_mfa_device(root, name, serial, totp.at(now - 30), totp.at(now))
        clock.advance(60)
        codes = {
            name: pyotp.TOTP(base64.b32encode(secret).decode()).at(int(clock()))
            for name, secret in secrets.items()
        }
        for name in keys:
            identity.put_user_policy(root, name, "own", json.dumps(OWN_KEY))
        town = Town(identity, store, service.base_url, codes, keys)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: register(town, name), keys))
        yield town


def register(town: Town, name: str) -> None:
    with Browser(town.base_url, key=town.keys[name]) as browser:
        browser.sign_in("example-corp", name, PASSWORD)
        page = browser.assign_security_key(f"{name}-key")
        assert page.error is None, page.error


def all_at_once(doings: list[Callable[[Callable[[], object]], Page]]) -> list[Page]:
    """What each leads to; each gets what waits until all the others have come as far."""
    barrier = threading.Barrier(len(doings), timeout=120)
    with ThreadPoolExecutor(len(doings)) as pool:
        return [done.result() for done in [pool.submit(doing, barrier.wait) for doing in doings]]


def test_all_are_let_in_and_each_code_and_each_assertion_counts_once(town: Town) -> None:
    def by_code(name: str) -> Callable[[Callable[[], object]], Page]:
        def sign_in(together: Callable[[], object]) -> Page:
            with Browser(town.base_url) as browser:
                browser.sign_in("example-corp", name, PASSWORD)
                together()
                return browser.enter_code(town.codes[name])

        return sign_in

    def by_key(name: str) -> Callable[[Callable[[], object]], Page]:
        def sign_in(together: Callable[[], object]) -> Page:
            with Browser(town.base_url, key=town.keys[name]) as browser:
                browser.sign_in("example-corp", name, PASSWORD)
                together()
                return browser.use_security_key()

        return sign_in

    counts = {key.user_name: key.sign_count for key in kept(town, FidoSecurityKey)}
    assert len(counts) == WITH_KEYS
    before = len(town.identity.events.named("ConsoleLogin"))
    names = [*town.codes, *town.keys, *list(town.codes)[:TWICE]]
    pages = all_at_once([by_code(name) if name in town.codes else by_key(name) for name in names])

    let_in = Counter(name for name, page in zip(names, pages, strict=True) if "sign-out" in page.forms)
    assert let_in == dict.fromkeys([*town.codes, *town.keys], 1)
    assert {page.status for page in pages} <= {200, 403}
    with_mfa = [session for session in kept(town, SignedIn) if session.mfa_authenticated_at is not None]
    assert Counter(session.user_name for session in with_mfa) == let_in
    events = town.identity.events.named("ConsoleLogin")[before:]
    assert Counter(event.outcome for event in events) == {"Success": WITH_CODES + WITH_KEYS, "Failure": TWICE}
    diagnoses = {event.additional["diagnosis"] for event in events if event.outcome == "Failure"}
    assert diagnoses == {"code already used"}
    steps = {device.totp.last_step for device in kept(town, HardwareTotpDevice)}
    assert steps == {int(town.identity.clock()) // 30}
    assert all(key.sign_count > counts[key.user_name] for key in kept(town, FidoSecurityKey))


def test_one_assertion_sent_by_many_at_once_signs_in_once(town: Town) -> None:
    (name, key) = next(iter(town.keys.items()))
    with Browser(town.base_url, key=key) as browser:
        browser.sign_in("example-corp", name, PASSWORD)
        if "mfa-security-key" not in browser.page.forms:
            browser.follow("use-security-key")
        form, response = browser.page.form("mfa-security-key"), browser.answer_challenge()

        def send(together: Callable[[], object]) -> Page:
            with Browser(town.base_url) as other:
                other._http.cookies = browser._http.cookies
                together()
                return other.send(form, {"response": response})

        pages = all_at_once([send] * 20)
    assert sum("sign-out" in page.forms for page in pages) == 1


def kept(town: Town, kind: type[R]) -> list[R]:
    with town.store.transaction() as transaction:
        return transaction.list(kind)
