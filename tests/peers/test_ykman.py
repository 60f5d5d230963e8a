"""Unmodified ykman, through a real pcscd, at a card of ``keyrig emulate``."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyotp
import pytest

pytest.importorskip(
    "ykman", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from pskc import PSKC

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
PSKC_TOTP = "urn:ietf:params:xml:ns:keyprov:pskc:totp"

Ykman = Callable[..., str]


@pytest.fixture(scope="module")
def card(pcscd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pcscd.card(output=tmp_path_factory.mktemp("card") / "said") as card:
        yield card


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def ykman(card: Any, smart_cards: ModuleType, home: Path) -> Ykman:
    """Runs a command of ykman that is to succeed, or to fail with a message, which it returns."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
        "FILE_KEYRING": str(home / "keyring.json"),
        "PYTHONPATH": str(Path(__file__).parent),
    }

    def run(*arguments: str, typed: str = "", fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ykman._cli", "--reader", smart_cards.READER, *arguments],
            input=typed,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if fails else done.stdout

    return run


@pytest.fixture
def fresh(ykman: Ykman) -> Ykman:
    ykman("oath", "reset", "--force")
    return ykman


def accounts(ykman: Ykman, *arguments: str, **more: Any) -> str:
    return ykman("oath", "accounts", *arguments, **more)


def shows_code_of(shown: str, totp: pyotp.TOTP) -> bool:
    """Whether ``shown`` has its code of now, or that of the step that may have ended since."""
    found = re.findall(r"\b\d{6,8}$", shown, re.MULTILINE)
    return any(totp.at(int(time.time()) - ago) in found for ago in (0, totp.interval))


def test_info_says_what_the_card_is(ykman: Ykman) -> None:
    shown = ykman("info")
    assert "Firmware version: 5.4.3" in shown
    for line in (
        r"^FIDO U2F +\tEnabled +\tEnabled",
        r"^FIDO2 +\tEnabled",
        r"^OATH +\tEnabled",
        r"^PIV +\tNot avail",
    ):
        assert re.search(line, shown, re.MULTILINE)
    assert "Password protection: disabled" in ykman("oath", "info")


def test_totp_of_every_kind(fresh: Ykman) -> None:
    accounts(fresh, "add", "plain", SECRET)
    accounts(fresh, "add", "--algorithm", "SHA512", "--digits", "8", "--period", "60", "long", SECRET)
    judge = pyotp.TOTP(SECRET, digest=hashlib.sha256, digits=7)
    uri = judge.provisioning_uri(name="alice", issuer_name="Example")
    accounts(fresh, "uri", uri)
    listed = accounts(fresh, "list", "--oath-type", "--period").splitlines()
    assert listed == ["Example:alice, TOTP, 30", "60/long, TOTP, 60", "plain, TOTP, 30"]
    shown = accounts(fresh, "code")
    assert shows_code_of(shown, pyotp.TOTP(SECRET))
    assert shows_code_of(shown, judge)
    assert shows_code_of(shown, pyotp.TOTP(SECRET, digest=hashlib.sha512, digits=8, interval=60))
    assert shows_code_of(accounts(fresh, "code", "--single", "plain"), pyotp.TOTP(SECRET))


def test_hotp_counts(fresh: Ykman) -> None:
    accounts(fresh, "add", "--oath-type", "HOTP", "--counter", "5", "counted", SECRET)
    judge = pyotp.HOTP(SECRET)
    for counter in (5, 6):
        assert accounts(fresh, "code", "--single", "counted").strip() == judge.at(counter)


def test_code_that_needs_a_touch(fresh: Ykman) -> None:
    accounts(fresh, "add", "plain", SECRET)
    accounts(fresh, "add", "--touch", "touched", SECRET)
    assert "[Requires Touch]" in accounts(fresh, "code")
    assert shows_code_of(accounts(fresh, "code", "--single", "touched"), pyotp.TOTP(SECRET))


def test_accounts_are_renamed_and_deleted(fresh: Ykman) -> None:
    accounts(fresh, "add", "a", SECRET)
    accounts(fresh, "add", "b", SECRET)
    accounts(fresh, "rename", "--force", "a", "Example:c")
    accounts(fresh, "delete", "--force", "b")
    assert accounts(fresh, "list") == "Example:c\n"
    assert "No matches" in accounts(fresh, "delete", "--force", "b")


def test_sixty_four_accounts_and_no_more(fresh: Ykman, tmp_path: Path) -> None:
    pskc, names = PSKC(), [f"account-{number:02}" for number in range(64)]
    for name in names:
        pskc.add_key(
            id=name, secret=b"12345678901234567890", algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"
        )
    pskc.write(str(tmp_path / "keys.xml"))
    assert "64 OATH account(s) added" in accounts(fresh, "import", "--force", str(tmp_path / "keys.xml"))
    assert "No space left" in accounts(fresh, "add", "one-more", SECRET, fails=True)
    assert accounts(fresh, "list").split() == names
    shown = accounts(fresh, "code")
    assert len(shown.splitlines()) == 64
    assert shows_code_of(shown, pyotp.TOTP(SECRET))


def test_password_is_set_asked_for_remembered_forgotten_and_removed(fresh: Ykman) -> None:
    accounts(fresh, "add", "plain", SECRET)
    fresh("oath", "access", "change", "--new-password", "right")
    assert "Password protection: enabled" in fresh("oath", "info")
    assert "Wrong password?" in accounts(fresh, "list", "--password", "wrong", fails=True)
    assert accounts(fresh, "list", "--password", "right") == "plain\n"
    fresh("oath", "access", "remember", "--password", "right")
    assert accounts(fresh, "list") == "plain\n"
    fresh("oath", "access", "forget")
    assert "Wrong password?" in accounts(fresh, "list", typed="wrong\n", fails=True)
    fresh("oath", "access", "change", "--password", "right", "--clear")
    assert accounts(fresh, "list") == "plain\n"


def test_reset_needs_no_password(fresh: Ykman) -> None:
    accounts(fresh, "add", "plain", SECRET)
    fresh("oath", "access", "change", "--new-password", "right")
    fresh("oath", "reset", "--force")
    assert accounts(fresh, "list") == ""


def test_fido_info_pin_credentials_and_reset(ykman: Ykman) -> None:
    assert re.search(r"^PIN: +Not set", ykman("fido", "info"), re.MULTILINE)
    ykman("fido", "access", "change-pin", "--new-pin", "1234")
    assert re.search(r"^PIN: +8 attempt", ykman("fido", "info"), re.MULTILINE)
    assert "PIN_INVALID" in ykman("fido", "access", "verify-pin", "--pin", "4321", fails=True)
    assert "RP ID" in ykman("fido", "credentials", "list", "--pin", "1234")
    ykman("fido", "reset", "--force")
    assert re.search(r"^PIN: +Not set", ykman("fido", "info"), re.MULTILINE)
