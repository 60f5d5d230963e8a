"""Key files and passphrases: made once, private, and refused in a sentence when they are not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.random_stream import RandomStream
from emulator.sealing import StoreError, key_path, new_salt, replace_private, secret_of


def test_a_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens"

    assert new_salt(path, None, RandomStream(1)) is None
    secret = secret_of(path, None, None)

    assert key_path(path).stat().st_mode & 0o777 == 0o600
    new_salt(path, None, RandomStream(2))
    assert secret_of(path, None, None) == secret


def test_a_passphrase_gives_the_same_secret_with_the_same_salt_alone(tmp_path: Path) -> None:
    salt = new_salt(tmp_path / "tokens", "correct horse", RandomStream(1))
    assert salt is not None

    secret = secret_of(tmp_path / "tokens", salt, "correct horse")
    assert secret == secret_of(tmp_path / "tokens", salt, "correct horse")
    assert secret != secret_of(tmp_path / "tokens", salt[::-1], "correct horse")
    assert not key_path(tmp_path / "tokens").exists()


@pytest.mark.parametrize(
    ("salt", "passphrase", "sentence"),
    [
        (None, None, "is missing, and with it the key to the store"),
        (None, "correct horse", "has no passphrase, but a key file"),
        (b"salt", None, "needs its passphrase"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_a_sentence(
    salt: bytes | None, passphrase: str | None, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=sentence):
        secret_of(tmp_path / "tokens", salt, passphrase)


def test_a_file_is_replaced_as_a_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(b"before")

    replace_private(path, b"after")

    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["tokens"]
