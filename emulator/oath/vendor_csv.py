"""The CSV that vendors of hardware tokens ship: no two alike, so that columns are found by their names.

Known are the headers of Microsoft Entra ID's file (upn, serial number, secret key, time interval,
manufacturer, model), which most vendors sell for, and others' spellings; without a header, the columns of
LinOTP's and privacyIDEA's file: serial number, secret, type, digits, period.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from emulator.oath.otp import secret_from_base32
from emulator.oath.record import Kind, SeedFileError, TokenRecord, algorithm_named, number

Encoding = Literal["auto", "base32", "hex"]

# Header names, in small letters and digits alone.
_NAMES = {
    "serial_number": "serialnumber serial serialno sn tokenserial tokenserialnumber tokenid deviceserial",
    "secret": "secretkey secret secretbase32 secrethex secretkeybase32 secretkeyhex base32 base32secret hex "
    "hexsecret sharedsecret key seed seedhex seedbase32 base32seed hexseed tokenseed otpkey",
    "period": "timeinterval interval timestep step period",
    "digits": "digits otplength otplen otpdigits codelength",
    "algorithm": "algorithm hash hashalgorithm algo hashlib",
    "kind": "type tokentype otptype kind",
    "counter": "counter hotpcounter",
    "account": "upn username user account useridentifier",
    "issuer": "issuer",
}
_COLUMNS = {name: column for column, names in _NAMES.items() for name in names.split()}
_POSITIONS = ("serial_number", "secret", "kind", "digits", "period")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}

_ENTRA = ("upn", "serial number", "secret key", "time interval", "manufacturer", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """The tokens of a file, and in a sentence how it was understood."""

    records: list[TokenRecord]
    understood: str


def read(data: bytes, *, encoding: Encoding = "auto") -> CsvFile:
    """The tokens of a CSV file; base32 and hex are told apart by the whole column, unless ``encoding`` says.

    :raises SeedFileError: which names the line and the column, never the secret.
    """
    text = _text(data)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    try:
        rows = [(number, row) for number, row in _rows(text, delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise SeedFileError(f"the CSV file cannot be read: {error}") from None
    if not rows:
        raise SeedFileError("the CSV file is empty")
    first = rows[0][1]
    columns, left_out = _columns(first)
    has_header = bool(columns)
    columns = columns or _by_position(max((row for _, row in rows), key=len))
    rows = rows[1:] if has_header else rows
    if not rows:
        raise SeedFileError("the CSV file has a header and no tokens")
    if encoding == "auto":
        named = first[columns["secret"]].lower() if has_header else ""
        encoding = _encoding(named, [_cell(row, columns, "secret") for _, row in rows])
    records = [_record(line, row, columns, encoding) for line, row in rows]
    how = [
        f"{len(records)} token{'s' * (len(records) > 1)}",
        f"columns apart by {_DELIMITERS[delimiter]}",
        "found by their headers" if has_header else f"without a header, so taken for {', '.join(columns)}",
        f"secrets in {encoding}",
        *([f"left out: {', '.join(left_out)}"] if left_out else []),
    ]
    return CsvFile(records=records, understood="; ".join(how).replace("_", " "))


def write(records: Sequence[TokenRecord]) -> str:
    """A file as Microsoft Entra ID takes it; a token that it has no room for is a :class:`SeedFileError`."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(_ENTRA)
    for record in records:
        if record.kind != "totp" or record.digits != 6 or record.algorithm != "SHA1":
            raise SeedFileError(
                f"token {record.serial_number} does not fit into such a CSV file, which is for TOTP with "
                "6 digits and SHA1; export it as pskc"
            )
        secret = base64.b32encode(record.secret).decode().rstrip("=")
        writer.writerow((record.account, record.serial_number, secret, record.period, record.issuer, "OATH"))
    return output.getvalue()


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise SeedFileError("the file is neither PSKC, nor a picture, nor text in UTF-8") from None


def _rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    return [(reader.line_num, row) for row in reader]


def _columns(header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Where each column is, and what is left out; nothing if this is no header."""
    found: dict[str, int] = {}
    left_out = []
    for place, cell in enumerate(header):
        column = _COLUMNS.get(re.sub(r"[^a-z0-9]", "", cell.lower()))
        if column is None:
            left_out.append(cell.strip())
        elif column in found:
            raise SeedFileError(f"the CSV file has two columns for {column.replace('_', ' ')}")
        else:
            found[column] = place
    if not found:
        return {}, []
    for needed in ("serial_number", "secret"):
        if needed not in found:
            raise SeedFileError(
                f"the CSV file has no column for {needed.replace('_', ' ')}; its header is: "
                + ", ".join(cell.strip() for cell in header)
            )
    return found, left_out


def _by_position(row: Sequence[str]) -> dict[str, int]:
    if not 2 <= len(row) <= len(_POSITIONS):
        raise SeedFileError(
            "the CSV file has no header that is known; without one, columns are serial number, secret and, "
            "if they are there, type, digits, period"
        )
    return {name: place for place, name in enumerate(_POSITIONS[: len(row)])}


def _encoding(named: str, secrets: Sequence[str]) -> Encoding:
    """How the column of secrets is written: as its header says, else as it alone can be."""
    if "hex" in named or "base32" in named:
        return "hex" if "hex" in named else "base32"
    letters = {letter for secret in secrets for letter in re.sub(r"[\s=-]", "", secret).upper()}
    is_hex, is_base32 = letters <= set("0123456789ABCDEF"), letters <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    if is_hex and is_base32:
        raise SeedFileError("the secrets of the CSV file could be hex or base32; say which")
    if not (is_hex or is_base32):
        raise SeedFileError("the secrets of the CSV file are neither base32 (A-Z, 2-7) nor hex (0-9, A-F)")
    return "hex" if is_hex else "base32"


def _record(line: int, row: Sequence[str], columns: dict[str, int], encoding: Encoding) -> TokenRecord:
    where = f"line {line} of the CSV file"

    def cell(column: str, default: str = "") -> str:
        return _cell(row, columns, column) or default

    serial_number = cell("serial_number")
    if re.fullmatch(r"\d[.,]\d+E\+\d+", serial_number):
        raise SeedFileError(
            f"{where}: a spreadsheet has made {serial_number} of the serial number; ask for the file again"
        )
    try:
        return TokenRecord(
            serial_number=serial_number,
            secret=_secret(cell("secret"), encoding),
            kind=cast(Kind, cell("kind", "totp").lower()),
            digits=number(cell("digits", "6"), "digits", where),
            period=number(cell("period", "30"), "period", where),
            algorithm=algorithm_named(cell("algorithm", "SHA1")),
            counter=number(cell("counter", "0"), "the counter", where),
            issuer=cell("issuer"),
            account=cell("account"),
        )
    except ValueError as error:
        said = str(error)
        raise SeedFileError(said if said.startswith(where) else f"{where}: {said}") from None


def _secret(text: str, encoding: Encoding) -> bytes:
    if encoding == "base32":
        return secret_from_base32(text.replace("-", ""))
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SeedFileError("the secret is not hex: digits and A-F, two for each byte") from None


def _cell(row: Sequence[str], columns: dict[str, int], column: str) -> str:
    place = columns.get(column)
    return "" if place is None or place >= len(row) else row[place].strip()
