"""The façade over both stores: atomic under threads, the same after a restart, repeatable with a seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import argon2
import pytest

from emulator.clock import ManualClock
from harness.service.errors import AwsError, EntityAlreadyExists, LimitExceeded
from harness.service.identity import Identity
from harness.service.sessions import SessionEnded
from harness.service.sign_in import MfaRefused
from harness.service.store import AccountStore, MemoryStore, SqliteStore

SERIAL = "GAHT12345678"
THREADS = 12


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountStore]:
    store: AccountStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def town(store: AccountStore, open_office: Callable[..., Any]) -> Any:
    return open_office(store)


def at_once(work: Callable[[int], object], refusals: tuple[type[Exception], ...]) -> list[object]:
    """What ``work(0)``, ``work(1)`` … gave, begun by many threads at the same instant, less the refusals."""
    barrier = threading.Barrier(THREADS)
    given: list[object] = []
    unexpected: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            with suppress(*refusals):
                given.append(work(number))
        except BaseException as error:
            unexpected.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unexpected == []
    return given


def test_of_many_threads_with_the_same_code_one_signs_in(town: Any) -> None:
    town.user("alice")
    token = town.token(SERIAL, "alice")
    sessions = [town.identity.sign_in("example-corp", "alice", town.password) for _ in range(THREADS)]
    code = token.code()
    accepted = at_once(lambda number: town.identity.present_code(sessions[number].id, code), (MfaRefused,))
    assert len(accepted) == 1


def test_of_many_threads_with_the_same_code_in_console_and_sts_one_gets_in(town: Any) -> None:
    alice = town.user("alice")
    token = town.token(SERIAL, "alice")
    sessions = [town.identity.sign_in("example-corp", "alice", town.password) for _ in range(THREADS)]
    code = token.code()

    def use(number: int) -> object:
        if number % 2:
            return town.identity.get_session_token(alice, None, SERIAL, code)
        return town.identity.present_code(sessions[number].id, code)

    assert len(at_once(use, (MfaRefused, AwsError))) == 1


def test_of_many_threads_with_the_same_assertion_one_signs_in(
    town: Any, software_key: Callable[..., Any]
) -> None:
    alice = town.user("alice", town.policy("*"))
    key = software_key()
    town.register(town.in_console(alice), None, "key", key)
    session = town.identity.sign_in("example-corp", "alice", town.password)
    response = key.respond(town.identity.begin_assertion(session.id))
    accepted = at_once(
        lambda number: town.identity.finish_assertion(session.id, response), (MfaRefused, SessionEnded)
    )
    assert len(accepted) == 1


def test_of_many_threads_enabling_one_token_for_many_users_one_gets_it(town: Any) -> None:
    for number in range(THREADS):
        town.user(f"user{number}", password=False)
    pair = town.token(SERIAL).pair()

    def enable(number: int) -> str:
        town.identity.enable_mfa_device(town.root, f"user{number}", SERIAL, *pair)
        return f"user{number}"

    [owner] = at_once(enable, (EntityAlreadyExists,))
    [device] = town.identity.list_mfa_devices(town.root, owner)
    assert device.serial_number == SERIAL


def test_many_threads_cannot_enable_a_ninth_device(town: Any) -> None:
    town.user("alice")
    tokens = [town.token(f"GAHT000000{number:02}") for number in range(THREADS)]

    def enable(number: int) -> bool:
        token = tokens[number]
        town.identity.enable_mfa_device(town.root, "alice", token.serial_number, *token.pair())
        return True

    assert len(at_once(enable, (LimitExceeded,))) == 8
    assert len(town.identity.list_mfa_devices(town.root, "alice")) == 8


def test_many_threads_cannot_take_one_name_twice(town: Any) -> None:
    made = at_once(lambda _: town.identity.create_user(town.root, "alice"), (EntityAlreadyExists,))
    assert len(made) == 1


def test_no_refusal_is_lost_when_many_threads_guess(town: Any) -> None:
    town.user("alice")
    token = town.token(SERIAL, "alice")
    sessions = [town.identity.sign_in("example-corp", "alice", town.password) for _ in range(THREADS)]
    at_once(lambda number: town.identity.present_code(sessions[number].id, "000000"), (MfaRefused,))
    session = town.identity.sign_in("example-corp", "alice", town.password)
    assert session.failures == 10
    with pytest.raises(MfaRefused, match="incorrect"):
        town.identity.present_code(session.id, token.code())


def test_what_a_file_keeps_is_there_after_a_restart(
    tmp_path: Path, open_office: Callable[..., Any], software_key: Callable[..., Any]
) -> None:
    path = tmp_path / "store.db"
    town = open_office(SqliteStore(path))
    alice = town.user("alice", town.policy("*"))
    key = software_key()
    town.register(town.in_console(alice), None, "key", key)
    token = town.token(SERIAL, "alice")
    signed_in = town.code_sign_in("alice", token)
    awaiting = town.identity.sign_in("example-corp", "alice", town.password)
    challenge = town.identity.begin_assertion(awaiting.id)
    town.store.close()

    again = Identity(SqliteStore(path), clock=town.clock)
    again.origins.append("http://localhost:8000")
    assert again.session(signed_in.id) == signed_in
    with pytest.raises(MfaRefused):
        again.present_code(awaiting.id, token.code())  # used before the restart
    assert again.finish_assertion(awaiting.id, key.respond(challenge)).mfa_serial_number
    assert again.list_user_policies(alice, "alice") == ["policy0"]


def test_the_same_seed_makes_the_same_world() -> None:
    def world() -> list[object]:
        drawn = iter(range(1_000_000))
        identity = Identity(
            MemoryStore(),
            clock=ManualClock(),
            random_bytes=lambda length: next(drawn).to_bytes(4) * (length // 4) + bytes(length % 4),
            password_hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )
        account = identity.create_account("example-corp", "root@example.com", "Correct-horse-1")
        root = identity.root_caller(account.id)
        user = identity.create_user(root, "alice")
        return [
            account.id,
            user.user_id,
            identity.create_access_key(root, "alice").secret,
            identity.create_virtual_mfa_device(root, "phone").totp.secret,
        ]

    assert world() == world()


def test_the_facade_shows_what_a_server_needs(office: Any) -> None:
    identity = office.identity
    assert identity.clock() == office.clock()
    assert identity.profile.name == "aws-2026"
    assert (identity.rp_id, identity.origins) == ("localhost", ["http://localhost:8000"])
    verbs = {name for name in vars(identity) if callable(getattr(identity, name))} - {"clock"}
    for name in verbs:
        assert getattr(identity, name).__doc__, name
    assert len(verbs) > 50


def test_no_secret_is_in_the_trail(office: Any) -> None:
    alice = office.user("alice", office.policy("*"))
    token = office.token(SERIAL, "alice")
    code = token.code()
    office.code_sign_in("alice", token)
    office.clock.advance(30)
    session = office.identity.get_session_token(alice, None, SERIAL, token.code())
    trail = repr(office.identity.events)
    for secret in (code, token.code(), token.secret.hex(), repr(token.secret), session.secret, session.token):
        assert secret not in trail
    assert office.password not in trail
