"""``keyrig token import`` and ``export``: seed files in and out."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import click

from emulator.oath import otpauth, pskc, qr, vendor_csv
from emulator.oath.record import SeedFileError, TokenRecord
from emulator.sealing import make_private, replace_private
from emulator.stored_token import StoredToken
from emulator.token_desk import Desk, Misuse, contents, preshared_key, pskc_password, told_in_a_line

Format = Literal["pskc", "otpauth", "qr", "csv"]


def records_in(
    file: str,
    *,
    encoding: vendor_csv.Encoding = "auto",
    password_file: str | None = None,
    key_file: str | None = None,
) -> tuple[list[TokenRecord], str]:
    """The tokens of a seed file, whichever kind it is, and how it was understood."""
    data = contents(file)
    try:
        return _understood(data, file, encoding, password_file, key_file)
    except SeedFileError as error:
        raise Misuse(f"{file}: {error}") from None


def _understood(
    data: bytes, file: str, encoding: vendor_csv.Encoding, password_file: str | None, key_file: str | None
) -> tuple[list[TokenRecord], str]:
    if not data.strip():
        raise SeedFileError("it is empty")
    if pskc.is_pskc(data):
        match pskc.protection(data):
            case "nothing":
                return pskc.read(data), "PSKC, in clear"
            case "password":
                password = pskc_password(file, password_file)
                return pskc.read(data, password=password), "PSKC, under a password"
            case "key":
                key = preshared_key(key_file) if key_file else None
                return pskc.read(data, key=key), "PSKC, under a pre-shared key"
    if qr.is_picture(data):
        return [otpauth.read(uri) for uri in qr.scan(data)], "a picture of a QR code"
    if data.lstrip().lower().startswith(b"otpauth"):
        lines = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
        return [otpauth.read(line) for line in lines], "otpauth URIs"
    found = vendor_csv.read(data, encoding=encoding)
    return found.records, f"CSV: {found.understood}"


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", help="What to call the one token there is; else names come from serial numbers.")
@click.option("--replace", is_flag=True, help="Take the place of tokens that have the names.")
@click.option(
    "--secrets",
    "encoding",
    type=click.Choice(["auto", "base32", "hex"]),
    default="auto",
    help="How a CSV file writes secrets.",
)
@click.option(
    "--password-file", metavar="FILE", help="The password of PSKC files; else KEYRIG_PSKC_PASSWORD."
)
@click.option("--key-file", metavar="FILE", help="The pre-shared key of PSKC files, in hex.")
@click.pass_obj
def import_command(
    desk: Desk,
    files: tuple[str, ...],
    name: str | None,
    replace: bool,
    encoding: vendor_csv.Encoding,
    password_file: str | None,
    key_file: str | None,
) -> None:
    """Take in the tokens of seed files: PSKC, a vendor's CSV, otpauth URIs, pictures of QR codes.

    All that the FILEs hold, or nothing; - is standard input.
    """
    with told_in_a_line():
        taken: dict[str, StoredToken] = {}
        said = []
        for file in files:
            found, how = records_in(file, encoding=encoding, password_file=password_file, key_file=key_file)
            said.append(f"{file}: {how}")
            for record in found:
                kept = StoredToken.of_record(_name(name, record, taken), record, desk.clock())
                taken[kept.name] = kept
        with desk.store().change() as tokens:
            known = [each for each in taken if each in tokens]
            if known and not replace:
                raise Misuse(
                    f"{', '.join(known)}: kept already; say --replace, or remove them; nothing was imported"
                )
            tokens.update(taken)
    click.echo("\n".join([*said, f"kept: {', '.join(taken)}"]))


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--format", "kind", type=click.Choice(["pskc", "otpauth", "qr", "csv"]), required=True)
@click.option(
    "-o", "--output", metavar="FILE", help="Where to; private to you. For qr, FILE.svg or FILE.png."
)
@click.option("--encrypt", is_flag=True, help="For pskc: under a password, asked for unless given.")
@click.option("--password-file", metavar="FILE", help="The password; else the variable KEYRIG_PSKC_PASSWORD.")
@click.option(
    "--key-file", metavar="FILE", help="For pskc: encrypt under this pre-shared key, 32 hex digits."
)
@click.option("--reveal", is_flag=True, help="Show secrets in the terminal.")
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@click.pass_obj
def export(
    desk: Desk,
    names: tuple[str, ...],
    kind: Format,
    output: str | None,
    encrypt: bool,
    password_file: str | None,
    key_file: str | None,
    reveal: bool,
    force: bool,
) -> None:
    """Write tokens as a seed file; their clocks' errors go along in PSKC alone (TimeDrift)."""
    sealed = encrypt or key_file is not None
    if sealed and kind != "pskc":
        raise Misuse("only pskc can be encrypted")
    if output is None and not reveal and (kind == "qr" or (sys.stdout.isatty() and not sealed)):
        raise Misuse("this would show secrets; give --output FILE, or --reveal to have them here")
    with told_in_a_line():
        store = desk.store()
        tokens = store.tokens()
        now = desk.clock()
        records = [store.named(tokens, name).exported(now) for name in names]
        password = pskc_password("the export", password_file, confirm=True) if encrypt else None
        key = preshared_key(key_file) if key_file else None
        data = _written(records, kind, output, password, key)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    _save(Path(output), data, force=force)
    click.echo(
        f"{output}: {', '.join(names)}{'' if sealed else ', in clear: whoever has the file has the tokens'}"
    )


def _written(
    records: Sequence[TokenRecord], kind: Format, output: str | None, password: str | None, key: bytes | None
) -> bytes:
    match kind:
        case "pskc":
            return pskc.write(records, password=password, key=key)
        case "csv":
            return vendor_csv.write(records).encode()
        case "otpauth":
            return "".join(f"{otpauth.write(record)}\n" for record in records).encode()
        case "qr":
            if output is None:
                return "\n".join(qr.terminal(otpauth.write(record)) for record in records).encode()
            suffix = Path(output).suffix.removeprefix(".")
            if len(records) > 1 or suffix not in qr.FORMATS:
                raise Misuse("a picture is of one token, in FILE.svg or FILE.png")
            return qr.picture(otpauth.write(records[0]), suffix)


def _save(path: Path, data: bytes, *, force: bool) -> None:
    try:
        if path.exists() and not force:
            raise Misuse(f"{path} is there already; say --force to take its place")
        if force:
            replace_private(path, data)
        else:
            make_private(path, data)
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror}") from None


def _name(wanted: str | None, record: TokenRecord, taken: Collection[str]) -> str:
    """As wanted, or like the serial number; a second of that name is numbered."""
    first = wanted or re.sub(r"[^\w.@+-]", "-", record.serial_number)[:60]
    names = (first, *(f"{first}-{number}" for number in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)
