"""otpauth URIs, which QR codes hold: ``otpauth://totp/ISSUER:ACCOUNT?secret=…`` (Google, Key URI Format)."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from emulator.oath.otp import secret_from_base32
from emulator.oath.record import Kind, SeedFileError, TokenRecord, algorithm_named, number

_SERIAL_NUMBER = "serial"
"""A parameter of ours: what is printed on the token's back, which the format has no place for."""


def read(uri: str, *, serial_number: str | None = None) -> TokenRecord:
    """The token of a URI; without a serial number it goes by its account, then its issuer."""
    try:
        parts = urlsplit(uri.strip())
    except ValueError:
        raise SeedFileError("this is no URI") from None
    if parts.scheme == "otpauth-migration":
        raise SeedFileError(
            "this is an export of an authenticator app; show the accounts' own QR codes instead"
        )
    if parts.scheme != "otpauth" or parts.netloc.lower() not in ("totp", "hotp"):
        raise SeedFileError("an otpauth URI begins with otpauth://totp/ or otpauth://hotp/")
    kind: Kind = "hotp" if parts.netloc.lower() == "hotp" else "totp"
    given: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in given:
            raise SeedFileError(f"the otpauth URI gives {name} more than once")
        given[name] = value
    before, _colon, account = unquote(parts.path.removeprefix("/")).rpartition(":")
    issuer = given.get("issuer", before.strip())
    try:
        secret = secret_from_base32(given.get("secret", ""))
    except ValueError as error:
        raise SeedFileError(f"the otpauth URI: {error}") from None
    if kind == "hotp" and "counter" not in given:
        raise SeedFileError("the otpauth URI is for HOTP and has no counter")
    where = "the otpauth URI"
    return TokenRecord(
        serial_number=serial_number or given.get(_SERIAL_NUMBER) or account.strip() or issuer or "unnamed",
        secret=secret,
        kind=kind,
        digits=number(given.get("digits", "6"), "digits", where),
        period=number(given.get("period", "30"), "period", where),
        algorithm=algorithm_named(given.get("algorithm", "SHA1")),
        counter=number(given.get("counter", "0"), "counter", where),
        issuer=issuer,
        account=account.strip(),
    )


def write(record: TokenRecord) -> str:
    """The URI of a token; what every reader takes for granted is left out."""
    account = record.account or record.serial_number
    label = f"{record.issuer}:{account}" if record.issuer else account
    parameters = {
        "secret": base64.b32encode(record.secret).decode().rstrip("="),
        "issuer": record.issuer,
        "algorithm": "" if record.algorithm == "SHA1" else record.algorithm,
        "digits": "" if record.digits == 6 else str(record.digits),
        "period": "" if record.kind == "hotp" or record.period == 30 else str(record.period),
        "counter": str(record.counter) if record.kind == "hotp" else "",
        _SERIAL_NUMBER: "" if record.serial_number == account else record.serial_number,
    }
    query = urlencode({name: value for name, value in parameters.items() if value}, quote_via=quote)
    return f"otpauth://{record.kind}/{quote(label, safe='@:')}?{query}"
