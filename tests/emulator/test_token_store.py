"""The store of tokens: sealed, private, changed as a whole or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.oath.record import TokenRecord
from emulator.random_stream import RandomStream
from emulator.sealing import StoreError, key_path
from emulator.stored_token import StoredToken
from emulator.token_store import TokenStore

SECRET = b"12345678901234567890"


def kept(name: str, counter: int = 0) -> StoredToken:
    record = TokenRecord(serial_number="2600215704919", secret=SECRET, kind="hotp", counter=counter)
    return StoredToken(name=name, record=record, since=1_767_225_600.25, drift_ppm=-4.2, place="drawer")


def store(path: Path, passphrase: str | None = None) -> TokenStore:
    return TokenStore(path, random_bytes=RandomStream(1), passphrase=passphrase)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A store with one token, in a folder that was made for it."""
    path = tmp_path / "keyrig" / "tokens"
    with store(path).change() as tokens:
        tokens["fob"] = kept("fob")
    return path


def test_a_store_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert store(tmp_path / "tokens").tokens() == {}
    assert list(tmp_path.iterdir()) == []


def test_what_was_put_in_is_there_when_it_is_opened_again(made: Path) -> None:
    with store(made).change() as tokens:
        tokens["other"] = kept("other", counter=2)

    assert list(store(made).tokens().values()) == [kept("fob"), kept("other", counter=2)]
    assert store(made).token("other").record.counter == 2


def test_its_files_are_private_and_show_nothing(made: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in made.parent.iterdir()} == {0o600}
    for form in (SECRET, SECRET.hex().encode(), b"2600215704919", b"fob"):
        assert form not in made.read_bytes()


def test_a_passphrase_opens_what_was_made_with_it_and_no_other_does(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    with store(path, "correct horse").change() as tokens:
        tokens["fob"] = kept("fob")

    assert store(path).needs_passphrase
    assert not key_path(path).exists()
    assert store(path, "correct horse").token("fob") == kept("fob")
    with pytest.raises(StoreError, match="its passphrase or key file is another"):
        store(path, "battery staple").tokens()
    with pytest.raises(StoreError, match="needs its passphrase"):
        store(path).tokens()


def test_a_change_that_fails_leaves_the_file_as_it_was(made: Path) -> None:
    before = made.read_bytes()

    def change() -> None:
        with store(made).change() as tokens:
            tokens.clear()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        change()
    assert made.read_bytes() == before


def test_two_who_change_it_at_once_take_turns(made: Path) -> None:
    def press() -> None:
        mine = store(made)
        for _ in range(20):
            with mine.change() as tokens:
                _, tokens["fob"] = tokens["fob"].pressed(0)

    people = [threading.Thread(target=press) for _ in range(3)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert store(made).token("fob").record.counter == 60


def test_an_unknown_name_is_told_the_names_there_are(made: Path) -> None:
    with pytest.raises(StoreError, match=r"no token 'nobody' is in .*; it has fob"):
        store(made).token("nobody")


def _with(**values: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **values}).encode()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda _: b"hello", "holds no tokens of keyrig's"),
        (lambda _: b"[" * 100_000, "holds no tokens of keyrig's"),
        (lambda data: data[:200], "holds no tokens of keyrig's"),
        (_with(version=2), "is a store of version 2; this keyrig knows 1"),
        (_with(salt=7), "is damaged"),
        (_with(sealed="?"), "is damaged"),
        (_with(sealed="AAAA"), "does not open"),
        (_with(salt="AAAA"), "needs its passphrase"),
    ],
)
def test_a_file_that_is_not_right_is_a_sentence(
    made: Path, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    made.write_bytes(damaged := damage(made.read_bytes()))

    with pytest.raises(StoreError, match=sentence) as caught:
        store(made).tokens()
    assert str(made) in str(caught.value)
    with pytest.raises(StoreError), store(made).change() as tokens:
        tokens.clear()
    assert made.read_bytes() == damaged


def test_a_lost_key_file_is_a_sentence(made: Path) -> None:
    key_path(made).unlink()

    with pytest.raises(StoreError, match=r"tokens\.key is missing"):
        store(made).tokens()


def test_a_folder_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Is a directory"):
        store(tmp_path).tokens()
