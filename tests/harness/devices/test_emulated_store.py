"""Where the tokens to be measured are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.clock import ManualClock
from emulator.oath import pskc
from emulator.oath.record import TokenRecord
from emulator.random_stream import RandomStream
from emulator.stored_token import StoredToken
from emulator.token_desk import Desk
from harness.devices.emulated_store import append_private, record_of

RECORD = TokenRecord(serial_number="2600215704919", secret=b"12345678901234567890")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv("KEYRIG_STORE_PASSPHRASE", raising=False)
    return Desk(
        path=tmp_path / "tokens", ask_passphrase=False, clock=ManualClock(), random_bytes=RandomStream(1)
    )


def test_a_token_is_found_in_the_store_by_its_name(desk: Desk) -> None:
    with desk.store().change() as tokens:
        tokens["fob"] = StoredToken.of_record("fob", RECORD, 0.0)

    assert record_of(desk, "fob", None) == RECORD
    with pytest.raises(ValueError, match="no token 'other'"):
        record_of(desk, "other", None)


def test_a_token_is_found_in_a_seed_file_by_its_serial_number(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "seeds").write_bytes(pskc.write([RECORD]))

    assert record_of(desk, "2600215704919", str(tmp_path / "seeds")) == RECORD
    with pytest.raises(ValueError, match="it has 2600215704919"):
        record_of(desk, "fob", str(tmp_path / "seeds"))


def test_a_file_that_is_added_to_is_private(tmp_path: Path) -> None:
    append_private(tmp_path / "readings", "a\n")
    append_private(tmp_path / "readings", "b\n")

    assert (tmp_path / "readings").read_text() == "a\nb\n"
    assert (tmp_path / "readings").stat().st_mode & 0o777 == 0o600
