"""Seed files in PSKC (RFC 6030), through python-pskc: plain, or under a password or a pre-shared key.

What is encrypted when written is the secrets: AES-128-CBC with HMAC-SHA-1, which every reader must know (RFC
6030 §6.1.1, §6.1.2). python-pskc draws the nonces and keys for that itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from emulator.oath.record import Kind, SeedFileError, TokenRecord, algorithm_named

if TYPE_CHECKING:
    from pskc import PSKC
    from pskc.key import Key

PBKDF2_ROUNDS = 600_000
MOST_ROUNDS = 10_000_000
KEY_LENGTH = 16
_NAMESPACE = "urn:ietf:params:xml:ns:keyprov:pskc"
_SUITES = {"SHA256": "HMAC-SHA256", "SHA512": "HMAC-SHA512"}


def is_pskc(data: bytes) -> bool:
    """Whether the file looks like PSKC, whole or not."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and b"KeyContainer" in data


def read(data: bytes, *, password: str | None = None, key: bytes | None = None) -> list[TokenRecord]:
    """The tokens of a PSKC file; ``key`` is the pre-shared one.

    :raises SeedFileError: for what cannot be read, a wrong password or key and a wrong MAC among it.
    """
    container = _parsed(data)
    _unlock(container, password, key)
    if not container.keys:
        raise SeedFileError("the PSKC file holds no keys")
    return [_record(container, key, number) for number, key in enumerate(container.keys, start=1)]


def write(records: Sequence[TokenRecord], *, password: str | None = None, key: bytes | None = None) -> bytes:
    """A PSKC file of these tokens, in clear unless there is a password (PBKDF2) or a ``key`` of 16 bytes."""
    container = _library()()
    for number, record in enumerate(records, start=1):
        _add(container, record, number)
    if key is not None:
        if len(key) != KEY_LENGTH:
            raise SeedFileError(f"the pre-shared key must have {KEY_LENGTH} bytes, not {len(key)}")
        container.encryption.setup_preshared_key(key=key, key_name="Pre-shared-key")
    elif password is not None:
        if not password:
            raise SeedFileError("an empty password protects nothing; give another, or none")
        container.encryption.setup_pbkdf2(password, iterations=PBKDF2_ROUNDS)
    output = io.BytesIO()
    container.write(output)
    return output.getvalue()


def _library() -> type[PSKC]:
    try:
        from pskc import PSKC
    except ImportError:
        raise SeedFileError(
            "PSKC needs python-pskc; install keyrig's extra pskc: pip install 'keyrig[pskc]'"
        ) from None
    return PSKC


def _parsed(data: bytes) -> PSKC:
    library = _library()
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # entities that grow, or name other files; RFC 6030 has none
        raise SeedFileError("the PSKC file has a DOCTYPE, which no PSKC file needs; it is not read")
    with _told_in_a_sentence("is damaged or cut short"):
        return library(io.BytesIO(data))


def protection(data: bytes) -> Literal["nothing", "password", "key"]:
    """What a PSKC file asks for before it tells its secrets."""
    return _protection(_parsed(data))


def _protection(container: PSKC) -> Literal["nothing", "password", "key"]:
    with _told_in_a_sentence("cannot be decrypted"):
        if not container.encryption.is_encrypted:
            return "nothing"
    return "password" if container.encryption.derivation.algorithm else "key"


def _unlock(container: PSKC, password: str | None, key: bytes | None) -> None:
    """Hand over what the file is encrypted under, if it is; what was given for nothing is left aside."""
    encryption = container.encryption
    needed = _protection(container)
    if needed == "nothing":
        return
    if needed == "key":
        name = f" {encryption.key_name!r}" if encryption.key_name else ""
        if key is None:
            raise SeedFileError(f"the PSKC file is encrypted under the pre-shared key{name}; give the key")
        encryption.key = key
        return
    if password is None:
        raise SeedFileError("the PSKC file is encrypted under a password; give it")
    if (encryption.derivation.pbkdf2_iterations or 0) > MOST_ROUNDS:
        raise SeedFileError(
            f"the PSKC file asks for more than {MOST_ROUNDS:,} rounds of PBKDF2; it is not read"
        )
    with _told_in_a_sentence("does not say how its password is to be used"):
        encryption.derive_key(password)


def _record(container: PSKC, key: Key, number: int) -> TokenRecord:
    """What is said of one key; to look at a value decrypts it and compares its MAC."""
    where = f"key {number} of the PSKC file"
    secret: bytes | None
    with _told_in_a_sentence(
        "does not decrypt: the password or key is another, or the file was altered", where
    ):
        secret, counter = key.secret, key.counter
        period, drift = key.time_interval, key.time_drift
    if secret is None:
        raise SeedFileError(f"{where} has no secret")
    kind = _kind(key, where)
    try:
        return TokenRecord(
            serial_number=key.serial or key.id or "",
            secret=secret,
            kind=kind,
            digits=6 if key.response_length is None else key.response_length,
            period=30 if period is None else period,
            algorithm=algorithm_named(key.algorithm_suite or ""),
            counter=counter or 0,
            issuer=key.issuer or "",
            account=key.friendly_name or key.userid or "",
            time_drift=drift or 0,
        )
    except SeedFileError as error:
        raise SeedFileError(f"{where}: {error}") from None


def _kind(key: Key, where: str) -> Kind:
    match re.search(r"[:#](totp|hotp)$", (key.algorithm or "").lower()):
        case re.Match() as found:
            return "totp" if found[1] == "totp" else "hotp"
    raise SeedFileError(f"{where} is for {key.algorithm or 'nothing that it names'}, not for HOTP or TOTP")


def _add(container: PSKC, record: TokenRecord, number: int) -> None:
    about: dict[str, str | bytes | int | None] = {
        "id": f"{record.serial_number}-{number}",
        "serial": record.serial_number,
        "algorithm": f"{_NAMESPACE}:{record.kind}",
        "issuer": record.issuer or None,
        "friendly_name": record.account or None,
        "algorithm_suite": _SUITES.get(record.algorithm),
        "response_encoding": "DECIMAL",
        "response_length": record.digits,
        "secret": record.secret,
    }
    if record.kind == "hotp":
        about["counter"] = record.counter
    else:
        about |= {"time_interval": record.period, "time_drift": record.time_drift or None}
    container.add_key(**about)


@contextmanager
def _told_in_a_sentence(complaint: str, where: str = "the PSKC file") -> Iterator[None]:
    from pskc.exceptions import PSKCError

    try:
        yield
    except (PSKCError, ValueError, TypeError, AttributeError, OverflowError) as error:
        # What python-pskc did not foresee in a damaged file comes out of it as it is.
        reason = f" ({error})" if isinstance(error, PSKCError) else ""
        raise SeedFileError(f"{where} {complaint}{reason}") from None
