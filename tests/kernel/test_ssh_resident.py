"""OpenSSH with keys that live on the security key and ask for its PIN: made here, downloaded elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Keys = Callable[..., list[Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]

PIN = "271828"
NAMESPACE = "letters"
REFUSED = 255


@pytest.fixture
def typed(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes an environment in which whatever ssh-keygen asks is answered as if a text were typed."""

    def typed(text: str) -> dict[str, str]:
        answerer = tmp_path / f"answers-{text}"
        answerer.write_text(f"#!/bin/sh\necho '{text}'\n")
        answerer.chmod(0o755)
        return {**os.environ, "SSH_ASKPASS": str(answerer), "SSH_ASKPASS_REQUIRE": "force"}

    return typed


@pytest.fixture(params=["ed25519-sk", "ecdsa-sk"])
def made(request: pytest.FixtureRequest, keys: Keys, run: Run, typed: Any, tmp_path: Path) -> Path:
    """A key made here; its public half is in the file of the same name and ``.pub``."""
    keys("ctap21", pin=PIN)
    made = tmp_path / "made"
    options = ["-O", "resident", "-O", "verify-required", "-O", "application=ssh:keyrig"]
    run("ssh-keygen", "-t", request.param, *options, "-N", "", "-f", made, env=typed(PIN))
    return made


def sign(run: Run, key: Path, message: Path, **how: Any) -> None:
    run("ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, message, **how)


def verify(run: Run, public: Path, message: Path, text: str, **how: Any) -> None:
    allowed = public.with_name("allowed_signers")
    allowed.write_text(f"alice {public.read_text()}")
    who = ["-f", allowed, "-I", "alice", "-n", NAMESPACE]
    run("ssh-keygen", "-Y", "verify", *who, "-s", f"{message}.sig", input=text, **how)


def test_a_resident_key_is_downloaded_elsewhere_and_signs(
    made: Path, run: Run, typed: Any, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("ssh-keygen", "-K", "-N", "", cwd=elsewhere, env=typed(PIN))
    (downloaded,) = elsewhere.glob("id_*_sk_rk_keyrig")
    public = downloaded.with_suffix(".pub")
    assert public.read_text().split()[:2] == made.with_suffix(".pub").read_text().split()[:2]
    message = elsewhere / "message"
    message.write_text("Attack at dawn.\n")
    sign(run, downloaded, message, env=typed(PIN))
    verify(run, made.with_suffix(".pub"), message, "Attack at dawn.\n")
    verify(run, made.with_suffix(".pub"), message, "Attack at noon.\n", code=REFUSED)


def test_a_wrong_pin_signs_nothing(made: Path, run: Run, typed: Any, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text("Attack at dawn.\n")
    sign(run, made, message, env=typed("141421"), code=REFUSED)
    assert not message.with_name("message.sig").exists()
    sign(run, made, message, env=typed(PIN))
    verify(run, made.with_suffix(".pub"), message, "Attack at dawn.\n")
