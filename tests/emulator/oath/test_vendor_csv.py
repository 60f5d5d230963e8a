"""Vendors' CSV files: columns by whichever names they have, secrets by what they can be."""

from __future__ import annotations

import base64

import pytest

from emulator.oath import vendor_csv
from emulator.oath.record import SeedFileError, TokenRecord

SECRET = b"12345678901234567890"
BASE32 = base64.b32encode(SECRET).decode()
HEX = SECRET.hex()


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (
            "upn,serial number,secret key,time interval,manufacturer,model\r\n"
            f"alice@example.com,2600215704919,{BASE32},60,Token2,c202\r\n",
            "columns apart by commas; found by their headers; secrets in base32; "
            "left out: manufacturer, model",
        ),
        (
            f"Serial No.;Secret (hex);UPN;Time Step\n2600215704919;{HEX.upper()};alice@example.com;60\n",
            "columns apart by semicolons; found by their headers; secrets in hex",
        ),
        (
            "\ufeffSerialNumber\tSeed\tPeriod\tUser\n"
            f"2600215704919\t{' '.join((BASE32[:16], BASE32[16:])).lower()}\t60\talice@example.com\n\n",
            "columns apart by tabs; found by their headers; secrets in base32",
        ),
    ],
)
def test_headers_and_separators_of_many_vendors_are_understood(text: str, understood: str) -> None:
    found = vendor_csv.read(text.encode())

    assert found.records == [
        TokenRecord(serial_number="2600215704919", secret=SECRET, period=60, account="alice@example.com")
    ]
    assert found.understood == f"1 token; {understood}"


def test_a_file_without_a_header_has_the_columns_of_linotp() -> None:
    found = vendor_csv.read(f"1000117803294, {HEX}, HOTP, 8\nF2600215704919, {HEX}, TOTP, 6, 60\n".encode())

    assert [record.kind for record in found.records] == ["hotp", "totp"]
    assert [(record.digits, record.period) for record in found.records] == [(8, 30), (6, 60)]
    assert "without a header, so taken for serial number, secret, kind, digits" in found.understood


def test_what_is_written_is_read_again() -> None:
    records = [
        TokenRecord(serial_number=f"26002157049{n}", secret=SECRET, period=60, account="a, b") for n in "123"
    ]

    assert vendor_csv.read(vendor_csv.write(records).encode()).records == records


def test_a_token_that_does_not_fit_is_not_written() -> None:
    with pytest.raises(SeedFileError, match="export it as pskc"):
        vendor_csv.write([TokenRecord(serial_number="123456789", secret=SECRET, kind="hotp")])


def test_secrets_that_could_be_either_are_asked_about() -> None:
    text = b"serial,secret\n123456789,ABCDEF234567ABCDEF234567\n"

    with pytest.raises(SeedFileError, match="could be hex or base32; say which"):
        vendor_csv.read(text)
    assert len(vendor_csv.read(text, encoding="hex").records[0].secret) == 12
    assert len(vendor_csv.read(text, encoding="base32").records[0].secret) == 15


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("serial number,secret key\n", "a header and no tokens"),
        (
            "serial number,time interval\n1,2\n",
            "has no column for secret; its header is: serial number, time",
        ),
        (f"serial,sn,secret\n1,1,{BASE32}\n", "two columns for serial number"),
        ("hello\nworld\n", "has no header that is known"),
        (f"serial,secret\n123456789,{BASE32}!\n", "neither base32"),
        (
            f"serial,base32\n1,{BASE32}\n2,{BASE32[:-3]}1\n",
            "line 3 of the CSV file: the secret has a character",
        ),
        (f"serial,hex\n123456789,{HEX}0\n", "line 2 of the CSV file: the secret is not hex"),
        (f"serial,secret,digits\n123456789,{BASE32},six\n", "line 2 of the CSV file: digits must be a whole"),
        (f"serial,secret,period\n123456789,{BASE32},9999\n", "period must be 1 to 3600 s"),
        (f"serial,secret\n2.6E+12,{BASE32}\n", "a spreadsheet has made 2.6E[+]12 of the serial number"),
        (f"serial,secret\n,{BASE32}\n", "needs a serial number"),
        ("serial,secret\n123456789,\n", "the secret is empty|could be"),
    ],
)
def test_what_is_not_right_is_a_sentence_without_the_secret(text: str, sentence: str) -> None:
    with pytest.raises(SeedFileError, match=sentence) as caught:
        vendor_csv.read(text.encode())
    assert BASE32[:8] not in str(caught.value)
    assert HEX[:8] not in str(caught.value)


def test_what_is_no_text_is_a_sentence() -> None:
    with pytest.raises(SeedFileError, match="neither PSKC, nor a picture, nor text"):
        vendor_csv.read(b"\xc3\x28")
