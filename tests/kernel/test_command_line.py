"""Command-line clients of libfido2 and OpenSSH at keys under ``/dev/uhid``. Their exit codes judge."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Keys = Callable[..., list[Any]]
Run = Callable[..., CompletedProcess[str]]
PIN = "123456"


def lines(*values: bytes | str) -> str:
    """Parameters as libfido2's tools read them: bytes in Base64, one a line."""
    shown = (value if isinstance(value, str) else base64.b64encode(value).decode() for value in values)
    return "".join(f"{line}\n" for line in shown)


def test_fido2_token_lists_the_keys_and_reads_what_they_are(keys: Keys, run: Run) -> None:
    robots = [*keys("ctap21", count=2), *keys("u2f-only"), *keys("ctap20", transport="gadget")]
    listed = run("fido2-token", "-L").stdout.splitlines()
    lines_of = {line.partition(":")[0]: line for line in listed}
    for robot in robots:
        assert "vendor=0x1209, product=0x000f" in lines_of[robot.name]
    assert "(keyrig security key (ctap20))" in lines_of[robots[-1].name]  # it reads USB's strings alone
    told = run("fido2-token", "-I", robots[0].name).stdout
    for fact in ("FIDO_2_1", "hmac-secret", "7b5f9ae95bf8443ca00a54d63711b07a", "maxmsgsiz: 1200", "es256"):
        assert fact in told


@pytest.mark.parametrize(
    ("profile", "algorithm", "options"),
    [
        ("ctap21", "es256", []),
        ("ctap21", "eddsa", []),
        ("ctap21", "es256", ["-u"]),
        ("u2f-only", "es256", ["-u"]),
    ],
    ids=["es256", "eddsa", "u2f", "u2f-only"],
)
def test_libfido2_verifies_what_the_key_attests_and_signs(
    keys: Keys, run: Run, tmp_path: Path, profile: str, algorithm: str, options: list[str]
) -> None:
    (robot,) = keys(profile)
    asked = lines(os.urandom(32), "example.com", "alice", os.urandom(16))
    made = run("fido2-cred", "-M", *options, robot.name, algorithm, input=asked).stdout
    verified = run("fido2-cred", "-V", algorithm, input=made).stdout
    credential_id, public_key = verified.split("\n", 1)
    (tmp_path / "key.pem").write_text(public_key)
    challenge = lines(os.urandom(32), "example.com", credential_id)
    signed = run("fido2-assert", "-G", *options, robot.name, input=challenge).stdout
    run("fido2-assert", "-V", tmp_path / "key.pem", algorithm, input=signed)
    altered = lines(os.urandom(32), *signed.splitlines()[1:])
    run("fido2-assert", "-V", tmp_path / "key.pem", algorithm, input=altered, code=1)
    another = lines(os.urandom(32), "example.org", credential_id)
    run("fido2-assert", "-G", *options, robot.name, input=another, code=1)


def sign_and_verify(run: Run, folder: Path, key: Path, environment: dict[str, str]) -> None:
    """Sign a letter with ``key``; the signature verifies, and not over another letter."""
    letter = folder / "letter"
    letter.write_text("Dear Alice\n")
    (folder / "allowed").write_text(f"alice {key.with_name(key.name + '.pub').read_text()}")
    run("ssh-keygen", "-Y", "sign", "-f", key, "-n", "letters", letter, env=environment)
    verify = ["ssh-keygen", "-Y", "verify", "-f", folder / "allowed", "-I", "alice", "-n", "letters"]
    run(*verify, "-s", folder / "letter.sig", input="Dear Alice\n")
    run(*verify, "-s", folder / "letter.sig", input="Dear Mallory\n", code=255)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which ssh-keygen asks a program, not a terminal, for the PIN."""
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho {PIN}\n")
    ask.chmod(0o700)
    return {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}


@pytest.mark.parametrize("algorithm", ["ecdsa-sk", "ed25519-sk"])
def test_openssh_signs_with_a_key_of_the_security_key(
    keys: Keys, run: Run, tmp_path: Path, environment: dict[str, str], algorithm: str
) -> None:
    keys()
    key = tmp_path / "id"
    run("ssh-keygen", "-q", "-t", algorithm, "-N", "", "-f", key, env=environment)
    sign_and_verify(run, tmp_path, key, environment)


@pytest.mark.parametrize("algorithm", ["ecdsa-sk", "ed25519-sk"])
def test_openssh_signs_where_the_user_must_be_verified(
    keys: Keys, run: Run, tmp_path: Path, environment: dict[str, str], algorithm: str
) -> None:
    (robot,) = keys(pin=PIN)
    key = tmp_path / "id"
    options = ["-O", "resident", "-O", "verify-required"]
    run("ssh-keygen", "-q", "-t", algorithm, *options, "-N", "", "-f", key, env=environment)
    sign_and_verify(run, tmp_path, key, environment)
    asked = [(exchange.command, exchange.rp) for exchange in robot.log()]
    assert ("makeCredential", "ssh:") in asked
    assert ("getAssertion", "ssh:") in asked


def test_openssh_cannot_sign_without_the_security_key_it_enrolled(
    keys: Keys, run: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    (robot,) = keys()
    key = tmp_path / "id"
    run("ssh-keygen", "-q", "-t", "ecdsa-sk", "-N", "", "-f", key, env=environment)
    robot.power_off()
    (tmp_path / "letter").write_text("Dear Alice\n")
    sign = ["ssh-keygen", "-Y", "sign", "-f", key, "-n", "letters", tmp_path / "letter"]
    assert "device not found" in run(*sign, env=environment, code=255).stderr
    keys()
    assert run(*sign, env=environment, code=255).stderr
