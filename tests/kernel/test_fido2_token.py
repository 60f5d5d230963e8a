"""libfido2's fido2-token manages keys under ``/dev/uhid``: PINs, credentials, fingers, settings, large blobs.

Of credential management and bio enrolment Debian's libfido2 1.12 knows the previews: it takes profiles that
have those. It types PINs where there is no terminal from standard input.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Keys = Callable[..., list[Any]]
Token = Callable[..., str]

PIN, OTHER_PIN = "271828", "31415926"
RP_ID = "example.com"


@pytest.fixture
def token(run: Callable[..., CompletedProcess[str]]) -> Token:
    """Runs fido2-token with PINs typed one after another; what it prints on both streams."""

    def token(*arguments: object, typed: tuple[str, ...] = (PIN,), code: int = 0) -> str:
        lines = "".join(f"{pin}\n" for pin in typed)
        done = run("fido2-token", *arguments, input=lines, code=code, start_new_session=True)
        print(arguments, repr(done.stdout), repr(done.stderr))
        return done.stdout + done.stderr

    return token


def base64_of(value: bytes) -> str:
    return base64.b64encode(value).decode()


def make_credential(run: Callable[..., Any], folder: Path, robot: Any, user: str, *options: str) -> list[str]:
    """A discoverable credential of example.com's; the lines that fido2-cred prints."""
    asked = folder / "asked"
    lines = [base64_of(os.urandom(32)), RP_ID, user, base64_of(user.encode())]
    asked.write_text("".join(f"{line}\n" for line in lines))
    command = ["fido2-cred", "-M", "-r", *options, "-i", asked, robot.name]
    made = run(*command, input=f"{PIN}\n", start_new_session=True)
    return list(made.stdout.splitlines())


def test_pin_is_set_and_changed_and_gone_after_a_reset(keys: Keys, token: Token) -> None:
    (robot,) = keys("ctap21")
    assert "noclientPin" in token("-I", robot.name)
    token("-S", robot.name, typed=(PIN, PIN))
    assert "noclientPin" not in token("-I", robot.name)
    token("-C", robot.name, typed=(OTHER_PIN, PIN, PIN), code=1)
    assert "pin retries: 7" in token("-I", robot.name)
    token("-C", robot.name, typed=(PIN, OTHER_PIN, OTHER_PIN))
    assert "pin retries: 8" in token("-I", robot.name)
    robot.replug()
    token("-R", robot.name)
    assert "noclientPin" in token("-I", robot.name)


def test_credentials_are_counted_listed_and_deleted(
    keys: Keys, token: Token, run: Callable[..., Any], tmp_path: Path
) -> None:
    (robot,) = keys("ctap21", pin=PIN)
    for user in ("alice", "bob"):
        make_credential(run, tmp_path, robot, user)
    assert "existing rk(s): 2\nremaining rk(s): 23\n" in token("-I", "-c", robot.name)
    rp_id_hash = base64_of(hashlib.sha256(RP_ID.encode()).digest())
    assert f"00: {rp_id_hash} {RP_ID}\n" in token("-L", "-r", robot.name)
    listed = re.findall(r"^\d\d: (\S+) (.*)$", token("-L", "-k", RP_ID, robot.name), re.MULTILINE)
    assert len(listed) == 2
    (id_of_alice,) = (cred_id for cred_id, rest in listed if base64_of(b"alice") in rest.split())
    told = token("-I", "-k", RP_ID, "-i", id_of_alice, robot.name)
    assert "-----BEGIN PUBLIC KEY-----" in told
    names = ["-i", id_of_alice, "-k", base64_of(b"alice"), "-n", "alice", "-p", "Alice A"]
    token("-S", "-c", *names, robot.name, code=1)  # the preview has no updateUserInformation
    token("-D", "-i", id_of_alice, robot.name)
    assert id_of_alice not in token("-L", "-k", RP_ID, robot.name)
    token("-D", "-i", id_of_alice, robot.name, code=1)
    assert "existing rk(s): 1\nremaining rk(s): 24\n" in token("-I", "-c", robot.name)
    token("-L", "-r", robot.name, typed=(OTHER_PIN,), code=1)


def test_fingers_are_enrolled_named_and_removed(keys: Keys, token: Token) -> None:
    (robot,) = keys("biometric", pin=PIN)
    assert "nobioEnroll" in token("-I", robot.name)
    token("-S", "-e", robot.name)
    listed = token("-L", "-e", robot.name)
    ((template_id, _),) = re.findall(r"^\d\d: (\S+) ?(.*)$", listed, re.MULTILINE)
    token("-S", "-e", "-i", template_id, "-n", "left thumb", robot.name)
    assert f"{template_id} left thumb\n" in token("-L", "-e", robot.name)
    assert "nobioEnroll" not in token("-I", robot.name)
    token("-D", "-e", "-i", template_id, robot.name)
    assert template_id not in token("-L", "-e", robot.name, code=1)


def test_settings_are_made_and_told(keys: Keys, token: Token) -> None:
    (robot,) = keys("ctap23", pin=PIN)
    assert "noalwaysUv" in token("-I", robot.name)
    token("-S", "-u", robot.name)
    assert "noalwaysUv" not in token("-I", robot.name)
    token("-D", "-u", robot.name)
    assert "noalwaysUv" in token("-I", robot.name)
    token("-S", "-m", RP_ID, robot.name)
    token("-S", "-l", "6", robot.name)
    told = token("-I", robot.name)
    assert "minpinlen: 6\n" in told
    assert "pin change required: false" in told
    token("-S", "-l", "4", robot.name, code=1)
    token("-S", "-f", robot.name)
    assert "pin change required: true" in token("-I", robot.name)
    token("-C", robot.name, typed=(PIN, OTHER_PIN, OTHER_PIN))
    assert "pin change required: false" in token("-I", robot.name)


def test_enterprise_attestation_is_enabled(keys: Keys, token: Token) -> None:
    (robot,) = keys("enterprise", pin=PIN)
    assert "noep" in token("-I", robot.name)
    token("-S", "-a", robot.name)
    assert "noep" not in token("-I", robot.name)


def test_large_blobs_are_written_listed_read_and_deleted(
    keys: Keys, token: Token, run: Callable[..., Any], tmp_path: Path
) -> None:
    (robot,) = keys("ctap21", pin=PIN)
    key, blob, read = (tmp_path / name for name in ("key", "blob", "read"))
    key.write_text(base64_of(os.urandom(32)))
    blob.write_bytes(os.urandom(100))
    make_credential(run, tmp_path, robot, "alice", "-b")
    token("-S", "-b", "-k", key, blob, robot.name)
    token("-S", "-b", "-n", RP_ID, tmp_path / "asked", robot.name)
    listed = token("-L", "-b", robot.name)
    sizes = re.findall(r"^\d\d: +\d+ +(\d+) ", listed, re.MULTILINE)
    assert sizes == [str(path.stat().st_size) for path in (blob, tmp_path / "asked")]
    token("-G", "-b", "-k", key, read, robot.name)
    assert read.read_bytes() == blob.read_bytes()
    token("-G", "-b", "-n", RP_ID, read.with_name("another"), robot.name)
    assert read.with_name("another").read_bytes() == (tmp_path / "asked").read_bytes()
    token("-D", "-b", "-k", key, robot.name)
    token("-D", "-b", "-n", RP_ID, robot.name)
    assert not re.findall(r"^\d\d: ", token("-L", "-b", robot.name), re.MULTILINE)
    token("-G", "-b", "-k", key, read.with_name("gone"), robot.name, code=1)
