"""A pcscd that is stopped and started again finds the card of ``keyrig emulate`` in its reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def test_card_is_there_again_after_pcscd_was_restarted(
    pcscd: Any, smart_cards: ModuleType, tmp_path: Path
) -> None:
    ykman = [sys.executable, "-m", "ykman._cli", "--reader", smart_cards.READER, "oath", "accounts"]
    with pcscd.card("--store", str(tmp_path / "key.db"), output=tmp_path / "said") as card:
        subprocess.run([*ykman, "add", "kept", "GEZDGNBVGY3TQOJQ"], check=True, capture_output=True)
        pcscd.stop()
        card.waits_for("has gone; its card is put in again when it comes back$")
        pcscd.start()
        card.waits_for("is back$")
        listed = subprocess.run([*ykman, "list"], check=True, capture_output=True, text=True)
    assert listed.stdout == "kept\n"


def test_accounts_are_kept_sealed_in_a_store(pcscd: Any, smart_cards: ModuleType, tmp_path: Path) -> None:
    ykman = [sys.executable, "-m", "ykman._cli", "--reader", smart_cards.READER, "oath", "accounts"]
    store = tmp_path / "key.db"
    with pcscd.card("--store", str(store), output=tmp_path / "first"):
        subprocess.run([*ykman, "add", "kept", "GEZDGNBVGY3TQOJQ"], check=True, capture_output=True)
    with pcscd.card("--store", str(store), output=tmp_path / "second"):
        listed = subprocess.run([*ykman, "list"], check=True, capture_output=True, text=True)
    assert listed.stdout == "kept\n"
    written = b"".join(path.read_bytes() for path in tmp_path.glob("key.db*"))
    assert b"kept" not in written
    assert b"1234567890" not in written


def test_second_card_for_a_reader_is_refused_in_a_line(pcscd: Any, tmp_path: Path) -> None:
    with pcscd.card(output=tmp_path / "said"):
        command = [sys.executable, "-m", "harness", "emulate", "--transport", "pcsc"]
        command += ["--reader-address", f"127.0.0.1:{pcscd.port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{pcscd.port}" in done.stderr
