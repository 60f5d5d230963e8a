"""What every credential store promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from emulator.fido.credential import Credential
from emulator.sqlite_store import SqliteStore
from emulator.store import Configuration, CredentialStore, Fingerprint, MemoryStore, UserVerificationState

FRESH = UserVerificationState(pin_retries=8, uv_retries=5, min_pin_length=4)
CONFIGURATION = Configuration(
    enterprise_attestation=True,
    always_uv=False,
    long_touch_for_reset=True,
    min_pin_length_rp_ids=("example.com", "example.org"),
    pin_complexity_policy=True,
)
FINGERS = (Fingerprint(template_id=b"1", name="thumb"), Fingerprint(template_id=b"2"))


def a_credential(number: int, rp: bytes = b"r", user: bytes = b"u") -> Credential:
    return Credential(
        credential_id=bytes((number,)) * 32,
        private_key=b"secret key material",
        rp_id_hash=rp * 32,
        rp_id="example.com",
        user_id=user,
        discoverable=True,
    )


class StoreContract:
    """A store's tests derive from this and make ``store``, one that nobody has used."""

    @pytest.fixture
    def store(self) -> CredentialStore:
        raise NotImplementedError

    @pytest.fixture
    def used(self, store: CredentialStore) -> CredentialStore:
        store.initialize(b"m" * 32, FRESH)
        store.put(a_credential(1))
        store.next_sign_count()
        store.set_user_verification(replace(FRESH, pin_hash=b"p" * 16, pin_retries=7))
        store.set_configuration(CONFIGURATION)
        store.set_fingerprints(FINGERS)
        store.set_persistent_token(b"t" * 32)
        store.set_large_blob_array(b"large blobs")
        store.set_oath(b"accounts")
        return store

    def test_a_new_store_has_no_master_secret_and_no_pin_state(self, store: CredentialStore) -> None:
        assert store.master_secret is None
        with pytest.raises(LookupError, match="not been initialized"):
            _ = store.user_verification

    def test_initialize_is_no_matter_of_the_other_applet(self, used: CredentialStore) -> None:
        used.initialize(b"n" * 32, FRESH)
        assert used.oath == b"accounts"

    def test_initialize_forgets_everything(self, used: CredentialStore) -> None:
        used.initialize(b"n" * 32, FRESH)
        assert used.master_secret == b"n" * 32
        assert used.user_verification == FRESH
        assert used.sign_count == 0
        assert used.credential_count == 0
        assert used.credential(a_credential(1).credential_id) is None
        assert list(used.credentials(b"r" * 32)) == []
        assert list(used.rp_id_hashes) == []
        assert used.configuration == Configuration()
        assert used.fingerprints == ()
        assert used.persistent_token is None

    def test_large_blobs_begin_as_an_empty_array_and_its_checksum(self, used: CredentialStore) -> None:
        used.initialize(b"n" * 32, FRESH)
        assert used.large_blob_array == b"\x80" + sha256(b"\x80").digest()[:16]

    def test_what_is_set_is_there(self, used: CredentialStore) -> None:
        assert used.configuration == CONFIGURATION
        assert used.fingerprints == FINGERS
        assert used.persistent_token == b"t" * 32
        assert used.large_blob_array == b"large blobs"
        assert used.oath == b"accounts"

    def test_each_signature_counts_one(self, used: CredentialStore) -> None:
        assert [used.next_sign_count() for _ in range(3)] == [2, 3, 4]
        assert used.sign_count == 4

    def test_credentials_come_newest_first_and_by_relying_party(self, store: CredentialStore) -> None:
        store.initialize(b"m" * 32, FRESH)
        for number, rp, user in ((1, b"r", b"u"), (2, b"s", b"u"), (3, b"r", b"v"), (4, b"r", b"w")):
            store.put(a_credential(number, rp, user))
        assert [c.credential_id[0] for c in store.credentials(b"r" * 32)] == [4, 3, 1]
        assert [c.credential_id[0] for c in store.credentials(b"s" * 32)] == [2]
        assert store.credential_count == 4
        assert store.credential(bytes((3,)) * 32) == a_credential(3, b"r", b"v")

    def test_a_credential_for_the_same_user_takes_the_place_of_the_old_one(
        self, store: CredentialStore
    ) -> None:
        store.initialize(b"m" * 32, FRESH)
        for number, user in ((1, b"u"), (2, b"v"), (3, b"u")):
            store.put(a_credential(number, user=user))
        assert [c.credential_id[0] for c in store.credentials(b"r" * 32)] == [3, 2]
        assert store.credential(bytes((1,)) * 32) is None
        assert store.credential_count == 2

    def test_an_updated_credential_keeps_its_place(self, store: CredentialStore) -> None:
        store.initialize(b"m" * 32, FRESH)
        for number, user in ((1, b"u"), (2, b"v")):
            store.put(a_credential(number, user=user))
        updated = replace(a_credential(1), user_name="another name")
        store.update(updated)
        assert list(store.credentials(b"r" * 32)) == [a_credential(2, user=b"v"), updated]
        assert store.credential(updated.credential_id) == updated

    def test_a_deleted_credential_is_gone_and_its_relying_party_with_the_last(
        self, store: CredentialStore
    ) -> None:
        store.initialize(b"m" * 32, FRESH)
        for number, rp, user in ((1, b"r", b"u"), (2, b"s", b"u"), (3, b"r", b"v")):
            store.put(a_credential(number, rp, user))
        store.delete(bytes((1,)) * 32)
        assert store.credential(bytes((1,)) * 32) is None
        assert [c.credential_id[0] for c in store.credentials(b"r" * 32)] == [3]
        assert sorted(store.rp_id_hashes) == [b"r" * 32, b"s" * 32]
        store.delete(bytes((3,)) * 32)
        assert (list(store.rp_id_hashes), store.credential_count) == ([b"s" * 32], 1)

    def test_what_is_not_there_can_be_neither_updated_nor_deleted(self, used: CredentialStore) -> None:
        before = used.snapshot()
        with pytest.raises(KeyError):
            used.update(a_credential(2))
        with pytest.raises(KeyError):
            used.delete(b"no such ID")
        assert used.snapshot() == before

    def test_every_change_of_a_credential_is_counted(self, used: CredentialStore) -> None:
        counts = [used.credential_changes]
        for change in (
            lambda: used.put(a_credential(2)),
            lambda: used.update(a_credential(2)),
            lambda: used.delete(a_credential(2).credential_id),
        ):
            change()
            counts.append(used.credential_changes)
        assert counts == sorted(set(counts))

    def test_a_snapshot_stays_as_it_was_and_can_be_put_back(self, used: CredentialStore) -> None:
        before = used.snapshot()
        assert used.snapshot() == before
        used.put(a_credential(2, user=b"v"))
        used.next_sign_count()
        used.set_user_verification(FRESH)
        assert used.snapshot() != before
        used.restore(before)
        assert used.snapshot() == before
        assert [c.credential_id[0] for c in used.credentials(b"r" * 32)] == [1]

    def test_a_transaction_that_fails_undoes_all_of_it(self, used: CredentialStore) -> None:
        before = used.snapshot()

        def fail_at_last() -> None:
            with used.transaction():
                used.put(a_credential(2, user=b"v"))
                used.delete(a_credential(1).credential_id)
                used.next_sign_count()
                used.set_configuration(Configuration())
                used.set_user_verification(FRESH)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_at_last()
        assert used.snapshot() == before
        assert used.next_sign_count() == before.sign_count + 1

    def test_a_transaction_s_writes_are_there_after_it(self, used: CredentialStore) -> None:
        with used.transaction():
            used.initialize(b"n" * 32, FRESH)
            used.set_persistent_token(b"s" * 32)
        assert (used.master_secret, used.persistent_token) == (b"n" * 32, b"s" * 32)
        assert used.credential_count == 0

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.put(a_credential(2, user=b"v")),
            lambda store: store.put(a_credential(2)),
            lambda store: store.next_sign_count(),
            lambda store: store.update(replace(a_credential(1), user_name="another name")),
            lambda store: store.delete(a_credential(1).credential_id),
            lambda store: store.set_user_verification(FRESH),
            lambda store: store.set_configuration(replace(CONFIGURATION, always_uv=True)),
            lambda store: store.set_fingerprints(FINGERS[:1]),
            lambda store: store.set_persistent_token(None),
            lambda store: store.set_large_blob_array(b"others"),
            lambda store: store.set_oath(b"others"),
            lambda store: store.initialize(b"n" * 32, FRESH),
        ],
    )
    def test_every_write_shows_in_the_snapshot(self, used: CredentialStore, write) -> None:
        before = used.snapshot()
        write(used)
        assert used.snapshot() != before

    def test_no_representation_shows_a_secret(self, used: CredentialStore) -> None:
        shown = repr(used.snapshot()) + repr(used.user_verification)
        for secret in (b"m" * 32, b"secret key material", b"p" * 16, b"t" * 32, b"large blobs", b"accounts"):
            assert repr(secret)[2:-1] not in shown


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> CredentialStore:
        return MemoryStore()

    def test_a_copy_goes_its_own_way(self, used: CredentialStore) -> None:
        copy = MemoryStore(used.snapshot())
        assert copy.snapshot() == used.snapshot()
        copy.next_sign_count()
        copy.put(a_credential(2, user=b"v"))
        assert (used.sign_count, copy.sign_count) == (1, 2)
        assert (used.credential_count, copy.credential_count) == (1, 2)


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[CredentialStore]:
        store = SqliteStore(tmp_path / "keys.db", serial_number="1", random_bytes=os.urandom)
        yield store
        store.close()

    def test_all_of_it_is_there_when_the_file_is_opened_again(
        self, used: SqliteStore, tmp_path: Path
    ) -> None:
        used.put(a_credential(2, user=b"v"))
        used.put(a_credential(3))
        used.update(replace(a_credential(2, user=b"v"), user_name="another", cred_blob=b"blob"))
        used.put(a_credential(4, user=b"w"))
        used.delete(a_credential(4).credential_id)
        before = used.snapshot()
        used.close()
        again = SqliteStore(tmp_path / "keys.db", serial_number="2", random_bytes=os.urandom)
        assert again.snapshot() == before
        assert again.serial_number == "1"
        again.close()
