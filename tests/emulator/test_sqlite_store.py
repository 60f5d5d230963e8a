"""What a store in a file promises beyond every store's contract: secrecy, durability, clear refusals."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from fido2.ctap2 import Ctap2
from webauthn.authentication.verify_authentication_response import verify_authentication_response
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import InvalidAuthenticationResponse

from emulator.fido.credential import Credential
from emulator.sealed_records import encoded
from emulator.sealing import StoreError, key_path
from emulator.sqlite_store import SIGN_COUNTS_AHEAD, SqliteStore
from emulator.store import Configuration, Fingerprint, UserVerificationState
from harness.devices.emulated import EmulatedKey

FRESH = UserVerificationState(pin_retries=8, uv_retries=5, min_pin_length=4)
SECRETS = (
    b"master secret of thirty-two byte",
    b"private key",
    b"relying.example",
    b"alice",
    b"hash of the PIN!",
)


def a_credential(number: int) -> Credential:
    return Credential(
        credential_id=number.to_bytes(32, "big"),
        private_key=SECRETS[1],
        rp_id_hash=b"r" * 32,
        rp_id=SECRETS[2].decode(),
        user_id=number.to_bytes(8, "big"),
        user_name=SECRETS[3].decode(),
        discoverable=True,
    )


def fill(store: SqliteStore) -> None:
    store.initialize(SECRETS[0], replace(FRESH, pin_hash=SECRETS[4]))
    store.put(a_credential(1))
    store.next_sign_count()


Opener = Callable[..., SqliteStore]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    stores: list[SqliteStore] = []

    def open_store(path: Path = tmp_path / "keys.db", **more: Any) -> SqliteStore:
        stores.append(SqliteStore(path, serial_number="1", random_bytes=os.urandom, **more))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def made(opened: Opener, tmp_path: Path) -> Path:
    """A closed store with something in it."""
    store = opened()
    fill(store)
    store.close()
    return tmp_path / "keys.db"


def refusal(opened: Opener, path: Path, **more: Any) -> str:
    with pytest.raises(StoreError) as refused:
        opened(path, **more)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_no_file_is_anyone_elses_or_shows_a_secret(opened: Opener, tmp_path: Path) -> None:
    fill(opened())
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} >= {"keys.db", "keys.db.key", "keys.db-wal"}
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        content = file.read_bytes()
        assert not [secret for secret in SECRETS if secret in content]


def test_serial_number_is_that_of_the_first_opening_and_openings_count(opened: Opener, made: Path) -> None:
    assert [(store.serial_number, store.openings) for store in [opened(made)]] == [("1", 2)]


def test_passphrase_opens_what_was_made_with_it(opened: Opener, tmp_path: Path) -> None:
    store = opened(passphrase="correct horse")
    fill(store)
    store.close()
    assert not key_path(tmp_path / "keys.db").exists()
    again = opened(passphrase="correct horse")
    assert again.master_secret == SECRETS[0]
    again.close()
    assert "passphrase" in refusal(opened, tmp_path / "keys.db", passphrase="battery staple")
    assert "set KEYRIG_STORE_PASSPHRASE" in refusal(opened, tmp_path / "keys.db")


def test_passphrase_for_a_store_with_a_key_file_is_refused(opened: Opener, made: Path) -> None:
    assert "has no passphrase" in refusal(opened, made, passphrase="x")


def test_second_process_is_told_that_the_store_is_open(opened: Opener, made: Path) -> None:
    opened(made)
    assert "another process has the store open" in refusal(opened, made)


def test_key_file_must_be_there_private_whole_and_the_right_one(opened: Opener, made: Path) -> None:
    key = key_path(made)
    right = key.read_bytes()
    key.chmod(0o640)
    assert f"chmod 600 {key}" in refusal(opened, made)
    key.chmod(0o600)
    key.write_bytes(right[:-1])
    assert "31 bytes, not 32" in refusal(opened, made)
    key.write_bytes(bytes(32))
    assert "passphrase or key file is another" in refusal(opened, made)
    key.unlink()
    assert "put it back" in refusal(opened, made)
    key.write_bytes(right)
    key.chmod(0o600)
    assert opened(made).master_secret == SECRETS[0]


def test_another_programs_file_is_refused_untouched(opened: Opener, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    database = sqlite3.connect(theirs)
    database.execute("CREATE TABLE passwords (x)")
    database.close()
    before = theirs.read_bytes()
    assert "another program's file" in refusal(opened, theirs)
    assert theirs.read_bytes() == before
    (tmp_path / "letter").write_text("Dear sir, " * 1000)
    assert "another kind of file" in refusal(opened, tmp_path / "letter")


def test_store_of_a_later_keyrig_is_refused(opened: Opener, made: Path) -> None:
    database = sqlite3.connect(made)
    database.execute("PRAGMA user_version = 3")
    database.close()
    assert "version 3; this keyrig knows 2" in refusal(opened, made)


def test_store_of_version_1_is_taken_over(opened: Opener, made: Path) -> None:
    """Version 1 had four records of state, and credentials without the members named here."""
    store = opened(made)
    before = store.snapshot()
    since = {"cred_blob", "large_blob_key", "third_party_payment"}
    (credential,) = before.credentials
    old = {key: value for key, value in encoded(credential).items() if key not in since}
    owner = store._seal.owner(credential)
    store._file.db.execute("UPDATE credential SET sealed = ?", (store._seal.seal(old, owner),))
    kept = "'master secret', 'user verification', 'sign count', 'openings'"
    store._file.db.execute(f"DELETE FROM state WHERE name NOT IN ({kept})")  # noqa: S608  # our own words
    store._file.db.execute("PRAGMA user_version = 1")
    store.close()
    taken_over = opened(made)
    assert taken_over.snapshot() == replace(before, credential_changes=0)
    assert taken_over._file.db.execute("PRAGMA user_version").fetchone() == (2,)


def test_path_that_cannot_be_a_file_is_named(opened: Opener, tmp_path: Path) -> None:
    assert "No such file" in refusal(opened, tmp_path / "nowhere" / "keys.db")
    assert str(tmp_path) in refusal(opened, tmp_path)


def test_record_moved_or_of_another_key_is_refused(opened: Opener, made: Path, tmp_path: Path) -> None:
    moves = (
        "UPDATE state SET sealed = (SELECT sealed FROM state WHERE name = 'sign count')",
        "UPDATE about SET serial_number = '2'",
        "UPDATE credential SET owner = x'00'",
        "DELETE FROM about",
        "UPDATE credential SET sealed = x''",
    )
    for move in moves:
        copy = tmp_path / "copy.db"
        shutil.copy(made, copy)
        shutil.copy(key_path(made), key_path(copy))
        database = sqlite3.connect(copy)
        database.execute(move)
        database.commit()
        database.close()
        assert "altered" in (message := refusal(opened, copy)) or "damaged" in message


def test_damage_anywhere_is_refused_in_a_line_or_harmless(opened: Opener, made: Path) -> None:
    whole = made.read_bytes()
    refused = 0
    used = [at for at, byte in enumerate(whole) if byte]
    for at in used:
        made.write_bytes(whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :])
        try:
            opened(made).close()
        except StoreError as error:
            refused += "\n" not in str(error)
        for left in made.parent.glob("keys.db-*"):
            left.unlink()
    assert refused > len(used) / 2


def test_copy_of_a_closed_store_is_a_clone(opened: Opener, made: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone.db"
    shutil.copy(made, clone)
    shutil.copy(key_path(made), key_path(clone))
    original, copy = opened(made), opened(clone)
    assert original.snapshot() == copy.snapshot()
    assert original.next_sign_count() == copy.next_sign_count() == 2


def an_assertion(key: EmulatedKey, credential_id: bytes) -> dict[str, Any]:
    """As a browser would send it on."""
    client_data = b'{"type": "webauthn.get", "challenge": "AAAA", "origin": "https://example.com"}'
    allow_list = [{"type": "public-key", "id": credential_id}]
    assertion = Ctap2(key).get_assertion("example.com", sha256(client_data).digest(), allow_list)
    response = {
        "clientDataJSON": client_data,
        "authenticatorData": assertion.auth_data,
        "signature": assertion.signature,
    }
    name = bytes_to_base64url(credential_id)
    encoded = {member: bytes_to_base64url(value) for member, value in response.items()}
    return {"id": name, "rawId": name, "type": "public-key", "response": encoded}


def test_a_clone_in_use_beside_its_original_is_seen_by_the_relying_party_s_count(
    opened: Opener, tmp_path: Path
) -> None:
    """WebAuthn Level 3 §7.2 step 22, by py_webauthn; both keys sign, and both signatures are good."""
    store = opened()
    made = Ctap2(EmulatedKey(store=store)).make_credential(
        b"c" * 32, {"id": "example.com"}, {"id": b"alice"}, [{"type": "public-key", "alg": -7}]
    )
    registered = made.auth_data.credential_data
    assert registered is not None
    store.close()
    clone = tmp_path / "clone.db"
    shutil.copy(tmp_path / "keys.db", clone)
    shutil.copy(key_path(tmp_path / "keys.db"), key_path(clone))
    keys = [EmulatedKey(store=opened(path)) for path in (tmp_path / "keys.db", clone)]

    def sign_in(key: EmulatedKey, last_seen: int) -> int:
        return verify_authentication_response(
            credential=an_assertion(key, registered.credential_id),
            expected_challenge=bytes(3),
            expected_rp_id="example.com",
            expected_origin="https://example.com",
            credential_public_key=cbor2.dumps(dict(registered.public_key)),
            credential_current_sign_count=last_seen,
        ).new_sign_count

    first = sign_in(keys[0], 0)
    second = sign_in(keys[0], first)
    with pytest.raises(InvalidAuthenticationResponse, match="sign count"):
        sign_in(keys[1], second)
    assert sign_in(keys[0], second) == second + 1


def test_sign_counts_go_on_after_a_close_and_skip_ahead_after_a_kill(opened: Opener, made: Path) -> None:
    store = opened(made)
    assert [store.next_sign_count() for _ in range(100)] == list(range(2, 102))
    store.close()
    killed = SqliteStore(made, serial_number="1", random_bytes=os.urandom)
    assert killed.next_sign_count() == 102
    killed._file.db.close()  # as a kill would
    assert 102 < opened(made).next_sign_count() <= 102 + SIGN_COUNTS_AHEAD


def test_write_that_fails_changes_nothing(opened: Opener, made: Path) -> None:
    store = opened(made)
    before = store.snapshot()
    store._file.db.execute("PRAGMA query_only = ON")
    for write in (
        store.next_sign_count,
        lambda: store.put(a_credential(2)),
        lambda: fill(store),
        lambda: store.update(a_credential(1)),
        lambda: store.delete(a_credential(1).credential_id),
        lambda: store.set_configuration(Configuration(always_uv=True)),
        lambda: store.set_fingerprints((Fingerprint(template_id=b"1"),)),
        lambda: store.set_persistent_token(bytes(32)),
        lambda: store.set_large_blob_array(b""),
        lambda: store.set_oath(b""),
    ):
        with pytest.raises(StoreError):
            write()
    assert store.snapshot() == before


def test_each_write_waits_for_the_disk(opened: Opener) -> None:
    ((synchronous,),) = opened()._file.db.execute("PRAGMA synchronous")
    assert synchronous >= 2  # FULL


def test_making_a_store_may_be_cut_short_anywhere(opened: Opener, tmp_path: Path) -> None:
    for name, content in (("keys.db.key.new", b"half"), ("keys.db", b"")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    store = opened()
    fill(store)
    store.close()
    assert opened().master_secret == SECRETS[0]
