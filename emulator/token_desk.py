"""What the token commands share: the store, and how secrets reach them: never by the command line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from emulator.oath.otp import secret_from_base32
from emulator.oath.pskc import KEY_LENGTH
from emulator.sealing import PASSPHRASE_VARIABLE, StoreError
from emulator.token_store import TokenStore
from emulator.totp_token import DisplayDarkError

PSKC_PASSWORD_VARIABLE = "KEYRIG_PSKC_PASSWORD"  # noqa: S105  # its name, not itself
LARGEST_FILE = 16 * 2**20


class Misuse(click.ClickException):
    """What the user asked for cannot be done: one line, exit code 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the commands work on."""

    path: Path
    ask_passphrase: bool
    clock: Callable[[], float]
    random_bytes: Callable[[int], bytes]

    def store(self) -> TokenStore:
        return opened_store(self.path, ask=self.ask_passphrase)


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """What cannot be done, as one line and exit code 2."""
    try:
        yield
    except (StoreError, DisplayDarkError, ValueError) as error:
        raise Misuse(str(error)) from None


def contents(file: str) -> bytes:
    """What is in a file; ``-`` is standard input."""
    try:
        if file == "-":
            data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with open(file, "rb") as opened:
                data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise Misuse(f"{file} is larger than {LARGEST_FILE // 2**20} MiB, which no seed file is")
    return data


def secret_in(file: str | None) -> bytes:
    """The secret in a file, in base32 or hex; without a file it is asked for, or read from standard input."""
    if file in (None, "-") and sys.stdin.isatty():
        text = click.prompt("secret, in base32 or hex", hide_input=True, err=True)
    else:
        try:
            text = contents(file or "-").decode()
        except UnicodeDecodeError:
            raise Misuse("the secret is to be written in base32 or hex; this is no text") from None
    return secret_of(text)


def secret_of(text: str) -> bytes:
    """A secret in hex where it can be nothing else, that is with a 0, 1, 8 or 9 in it; else in base32."""
    letters = "".join(text.split())
    if re.fullmatch(r"([0-9A-Fa-f]{2})+", letters) and re.search("[0189]", letters):
        return bytes.fromhex(letters)
    try:
        return secret_from_base32(text)
    except ValueError as error:
        raise Misuse(str(error)) from None


def opened_store(path: Path, *, ask: bool) -> TokenStore:
    """The store at ``path``, its passphrase from the environment or, if it needs one, from the person."""
    passphrase = os.environ.get(PASSPHRASE_VARIABLE) or None
    store = TokenStore(path, random_bytes=os.urandom, passphrase=passphrase)
    needed = store.needs_passphrase
    if passphrase is None and (ask or (needed and sys.stdin.isatty())):
        passphrase = click.prompt("passphrase", hide_input=True, confirmation_prompt=not needed, err=True)
        return TokenStore(path, random_bytes=os.urandom, passphrase=passphrase)
    return store


def pskc_password(what: str, file: str | None, *, confirm: bool = False) -> str:
    """The password of a PSKC file."""
    if file is not None:
        return contents(file).decode(errors="replace").rstrip("\r\n")
    if password := os.environ.get(PSKC_PASSWORD_VARIABLE):
        return password
    if not sys.stdin.isatty():
        raise Misuse(f"{what} needs a password; put it in the variable {PSKC_PASSWORD_VARIABLE} or a file")
    asked: str = click.prompt(f"password of {what}", hide_input=True, confirmation_prompt=confirm, err=True)
    return asked


def preshared_key(file: str) -> bytes:
    """The pre-shared key in a file: 16 bytes, or their 32 hex digits."""
    data = contents(file)
    if len(data) == KEY_LENGTH:
        return data
    try:
        key = bytes.fromhex(data.decode())
    except ValueError:
        key = b""
    if len(key) not in (16, 24, 32):
        raise Misuse(f"{file} holds no key: 16 bytes, or 32, 48 or 64 hex digits")
    return key
