"""One contract for every store; and for the file, that what is not a whole store is refused in one line."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.model import (
    AccessKey,
    Account,
    AwaitingMfa,
    Challenge,
    FidoSecurityKey,
    HardwareTotpDevice,
    Record,
    User,
    VirtualMfaDevice,
)
from harness.service.store import AccountStore, MemoryStore, SqliteStore, StoreError
from harness.service.totp_rules import TotpState

ACCOUNT = Account(id="123456789012", alias="example-corp", root_email="root@example.com", created_at=1.5)
ALICE = User(
    account_id=ACCOUNT.id,
    name="alice",
    user_id="AIDA1",
    created_at=2.0,
    password_hash="$argon2id$secret-hash",
    policies={"all": '{"Version": "2012-10-17"}'},
)
RECORDS: list[Record] = [
    ACCOUNT,
    ALICE,
    VirtualMfaDevice(
        serial_number="arn:aws:iam::123456789012:mfa/phone",
        name="phone",
        account_id=ACCOUNT.id,
        totp=TotpState(secret=b"virtual-secret-123", learned_drift=-3, last_step=7),
        user_name="alice",
        enabled_at=3.0,
        created_at=2.5,
        tags={"owner": "alice"},
    ),
    HardwareTotpDevice(serial_number="GAHT12345678", totp=TotpState(secret=b"hardware-secret-1", digits=8)),
    FidoSecurityKey(
        serial_number="arn:aws:iam::123456789012:u2f/user/alice/key-A",
        name="key",
        account_id=ACCOUNT.id,
        user_name="alice",
        enabled_at=4.0,
        credential_id=b"\x00\xff",
        public_key=b"cose",
        sign_count=9,
        aaguid="00000000-0000-0000-0000-000000000000",
        attestation_format="packed",
        transports=("usb", "nfc"),
    ),
    AccessKey(
        id="AKIA1", secret="access-key-secret", account_id=ACCOUNT.id, user_name="alice", created_at=5.0
    ),
    AwaitingMfa(
        id="bearer-secret",
        account_id=ACCOUNT.id,
        user_name="alice",
        expires_at=6.0,
        challenge=Challenge(value=b"challenge-value", expires_at=7.0),
    ),
]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountStore]:
    store: AccountStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


# The contract.


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was_put(store: AccountStore, record: Record) -> None:
    with store.transaction() as transaction:
        transaction.put(record)
    with store.transaction() as transaction:
        assert transaction.get(type(record), record.key) == record
        assert transaction.list(type(record)) == [record]


def test_what_was_never_put_is_not_there(store: AccountStore) -> None:
    with store.transaction() as transaction:
        assert transaction.get(User, "nobody") is None
        assert transaction.list(User) == []
        transaction.delete(ALICE)


def test_records_of_different_kinds_may_have_the_same_key(store: AccountStore) -> None:
    device = HardwareTotpDevice(serial_number=ACCOUNT.key, totp=TotpState(secret=bytes(20)))
    with store.transaction() as transaction:
        transaction.put(ACCOUNT)
        transaction.put(device)
        assert transaction.get(Account, ACCOUNT.key) == ACCOUNT
        assert transaction.get(HardwareTotpDevice, ACCOUNT.key) == device


def test_a_record_put_again_replaces_the_old_one_and_keeps_its_place(store: AccountStore) -> None:
    bob = replace(ALICE, name="bob")
    changed = replace(ALICE, path="/staff/")
    with store.transaction() as transaction:
        for record in (ALICE, bob, changed):
            transaction.put(record)
        assert transaction.list(User) == [changed, bob]


def test_lists_are_of_one_account_or_of_one_user_and_follow_a_record_that_changes_hands(
    store: AccountStore,
) -> None:
    token = HardwareTotpDevice(serial_number="GAHT1", totp=TotpState(secret=bytes(20)))
    of_alice = replace(token, account_id=ACCOUNT.id, user_name="alice")
    with store.transaction() as transaction:
        transaction.put(token)
        assert transaction.list(HardwareTotpDevice, account_id=ACCOUNT.id) == []
        transaction.put(of_alice)
        assert transaction.list(HardwareTotpDevice, account_id=ACCOUNT.id, user_name="alice") == [of_alice]
        assert transaction.list(HardwareTotpDevice, account_id=ACCOUNT.id, user_name="bob") == []
        assert transaction.list(HardwareTotpDevice, account_id="999999999999", user_name="alice") == []


def test_a_deleted_record_is_gone(store: AccountStore) -> None:
    with store.transaction() as transaction:
        transaction.put(ALICE)
        transaction.delete(ALICE)
        assert transaction.get(User, ALICE.key) is None


def change_and_fail(store: AccountStore) -> None:
    with store.transaction() as transaction:
        transaction.put(replace(ALICE, path="/changed/"))
        transaction.delete(ACCOUNT)
        transaction.put(replace(ALICE, name="bob"))
        raise KeyError


def test_a_transaction_that_fails_leaves_no_trace(store: AccountStore) -> None:
    with store.transaction() as transaction:
        transaction.put(ALICE)
        transaction.put(ACCOUNT)
    with pytest.raises(KeyError):
        change_and_fail(store)
    with store.transaction() as transaction:
        assert transaction.list(User) == [ALICE]
        assert transaction.list(Account) == [ACCOUNT]


def test_a_transaction_inside_another_is_our_own_mistake(store: AccountStore) -> None:
    with store.transaction(), pytest.raises(AssertionError), store.transaction():
        pass
    with store.transaction() as transaction:
        transaction.put(ALICE)


def test_transactions_of_many_threads_do_not_overlap(store: AccountStore) -> None:
    with store.transaction() as transaction:
        transaction.put(replace(ALICE, created_at=0.0))

    def add() -> None:
        for _ in range(20):
            with store.transaction() as transaction:
                user = transaction.get(User, ALICE.key)
                assert user is not None
                transaction.put(replace(user, created_at=user.created_at + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.transaction() as transaction:
        assert transaction.list(User)[0].created_at == 160


# The file.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store file with every record in it, closed."""
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    with store.transaction() as transaction:
        for record in RECORDS:
            transaction.put(record)
    store.close()
    return path


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        SqliteStore(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


def key_of(path: Path) -> Path:
    return path.with_name(path.name + ".key")


def test_what_was_put_is_there_when_the_file_is_opened_again(path: Path) -> None:
    store = SqliteStore(path)
    with store.transaction() as transaction:
        for record in RECORDS:
            assert transaction.get(type(record), record.key) == record
    store.close()


def test_file_and_key_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "store.db")
        with store.transaction() as transaction:
            transaction.put(ALICE)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(old)
    assert modes.keys() >= {"store.db", "store.db.key"}
    assert set(modes.values()) == {0o600}


def test_no_secret_can_be_read_in_the_files(path: Path) -> None:
    content = b"".join(file.read_bytes() for file in path.parent.iterdir() if file != key_of(path))
    for secret in (
        b"virtual-secret",
        b"hardware-secret",
        b"secret-hash",
        b"access-key-secret",
        b"bearer-secret",
        b"challenge-value",
    ):
        assert secret not in content
    assert b"alice" in content  # the search itself works


def test_a_row_passed_off_as_another_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE record SET user_name = 'mallory' WHERE kind = 'AccessKey'")
    connection.close()
    store = SqliteStore(path)
    with (
        pytest.raises(StoreError, match="AccessKey AKIA1 has been altered"),
        store.transaction() as transaction,
    ):
        transaction.list(AccessKey)
    store.close()


def test_a_truncated_file_is_refused(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)
    assert "damaged" in refusal(path)


def test_an_emptied_file_is_refused_rather_than_begun_anew(path: Path) -> None:
    path.write_bytes(b"")
    assert "is empty; restore it" in refusal(path)


def test_a_file_with_a_spoilt_page_is_refused(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for offset in range(4096, len(content), 512):
        content[offset : offset + 64] = b"\xa5" * 64
    path.write_bytes(content)
    assert "damaged" in refusal(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    assert "is not a store, or damaged" in refusal(path)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipe (title TEXT)")
    connection.close()
    path.chmod(0o600)
    before = path.read_bytes()
    assert "some other program" in refusal(path)
    assert path.read_bytes() == before


def test_a_store_of_another_layout_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "has layout 99, not 2" in refusal(path)


def test_the_key_of_another_store_is_refused(path: Path) -> None:
    key_of(path).write_bytes(bytes(32))
    assert "is not the key of" in refusal(path)


def test_a_key_of_the_wrong_length_is_refused(path: Path) -> None:
    key_of(path).write_bytes(b"short")
    assert "it has 5 bytes, not 32" in refusal(path)


def test_a_store_without_its_key_and_a_key_without_its_store_are_refused(path: Path) -> None:
    key = key_of(path).read_bytes()
    key_of(path).unlink()
    assert f"{key_of(path)} is missing" in refusal(path)
    key_of(path).write_bytes(key)
    path.unlink()
    assert f"{path} is missing" in refusal(path)


@pytest.mark.parametrize("loose", ["store.db", "store.db.key"])
def test_a_file_that_others_may_read_is_refused(path: Path, loose: str) -> None:
    (path.parent / loose).chmod(0o644)
    assert "chmod 600" in refusal(path)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_a_path_in_no_directory_is_refused(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "absent" / "store.db")


def test_a_file_that_cannot_be_read_is_refused(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path.chmod(0)
    assert "cannot" in refusal(path)


def test_a_file_in_use_by_another_process_is_refused_in_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.service.store._BUSY_TIMEOUT_S", 0.05)
    store = SqliteStore(path)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process is using it"), store.transaction():
            pass
        other.execute("ROLLBACK")
    other.close()
    with store.transaction() as transaction:
        transaction.delete(ALICE)
    store.close()


def test_a_change_is_in_the_file_when_its_transaction_ends(path: Path) -> None:
    writer, reader = SqliteStore(path), SqliteStore(path)
    with writer.transaction() as transaction:
        transaction.put(replace(ALICE, name="bob"))
    with reader.transaction() as transaction:
        assert [user.name for user in transaction.list(User)] == ["alice", "bob"]
    writer.close()
    reader.close()


# What is found, and how.


def test_a_record_is_found_by_its_handles_as_they_change(store: AccountStore) -> None:
    with store.transaction() as transaction:
        for record in RECORDS:
            transaction.put(record)
        assert transaction.find(Account, "alias example-corp") == ACCOUNT
        assert transaction.find(Account, "email root@example.com") == ACCOUNT
        key = transaction.find(FidoSecurityKey, "credential 00ff")
        assert key is not None
        assert transaction.find(User, "alias example-corp") is None
        renamed = replace(ACCOUNT, alias=None, root_email="New@example.com")
        transaction.put(renamed)
        assert transaction.find(Account, "alias example-corp") is None
        assert transaction.find(Account, "email new@example.com") == renamed
        transaction.delete(key)
        assert transaction.find(FidoSecurityKey, "credential 00ff") is None


NAMES = st.sampled_from(["alice", "bob", "carol"])
ACCOUNTS = st.sampled_from(["1", "2", None])
PUT = st.builds(
    lambda name, account_id, path: User(
        account_id=account_id or "1", name=name, user_id=path, created_at=0.0
    ),
    NAMES,
    ACCOUNTS,
    st.sampled_from(["a", "b"]),
) | st.builds(
    lambda name, owner, account: HardwareTotpDevice(
        serial_number=name, totp=TotpState(secret=bytes(20)), account_id=account, user_name=owner
    ),
    NAMES,
    NAMES | st.none(),
    ACCOUNTS,
)
STEPS = st.lists(st.tuples(st.sampled_from(["put", "delete"]), PUT), max_size=6)


def seen(store: AccountStore) -> list[list[Record]]:
    with store.transaction() as transaction:
        return [
            [*transaction.list(kind, account_id=account_id, user_name=user_name)]
            for kind in (User, HardwareTotpDevice)
            for account_id in (None, "1", "2")
            for user_name in (None, "alice", "bob", "carol")
        ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(st.tuples(STEPS, st.booleans()), max_size=5))
def test_both_stores_keep_and_undo_alike(tmp_path: Path, transactions: list[tuple[Any, bool]]) -> None:
    memory, file = MemoryStore(), SqliteStore(tmp_path / f"{uuid.uuid4()}.db")
    for steps, fails in transactions:
        for store in (memory, file):
            with suppress(KeyError), store.transaction() as transaction:
                for verb, record in steps:
                    getattr(transaction, verb)(record)
                if fails:
                    raise KeyError
        assert seen(memory) == seen(file)
    file.close()


def test_no_statement_reads_a_whole_table(path: Path) -> None:
    store = SqliteStore(path)
    said: list[str] = []
    store._connection.set_trace_callback(said.append)
    with store.transaction() as transaction:
        transaction.list(FidoSecurityKey)
        transaction.list(FidoSecurityKey, account_id=ACCOUNT.id)
        transaction.list(FidoSecurityKey, account_id=ACCOUNT.id, user_name="alice")
        transaction.find(Account, "alias example-corp")
        transaction.put(ACCOUNT)
        transaction.delete(ACCOUNT)
    store._connection.set_trace_callback(None)
    asked = [each for each in said if each.split()[0] in ("SELECT", "INSERT", "DELETE", "UPDATE")]
    assert len(asked) >= 7
    plans = [row[3] for each in asked for row in store._connection.execute(f"EXPLAIN QUERY PLAN {each}")]
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN")] == []
    store.close()


def test_a_handle_cannot_be_read_in_the_file(path: Path) -> None:
    content = path.read_bytes()
    assert b"root@example.com" not in content
    assert b"example-corp" not in content
