"""otpauth URIs there and back, with pyotp's parser as the judge of ours."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.oath import otpauth
from emulator.oath.otp import totp
from emulator.oath.record import SeedFileError, TokenRecord

NAMES = st.text(st.characters(codec="utf-8", exclude_characters=":", categories=("L", "N", "P")), max_size=20)
URI = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@given(
    serial_number=NAMES.filter(bool),
    issuer=NAMES,
    account=NAMES,
    digits=st.sampled_from([6, 8]),
    period=st.sampled_from([30, 60]),
    counter=st.integers(0, 2**63),
    kind=st.sampled_from(["totp", "hotp"]),
)
def test_what_is_written_is_read_again(kind: str, counter: int, period: int, **parts: object) -> None:
    more = {"counter": counter} if kind == "hotp" else {"period": period}
    record = TokenRecord(kind=kind, secret=b"12345678901234567890", **more, **parts)  # type: ignore[arg-type]

    found = otpauth.read(otpauth.write(record))

    assert found.account == (record.account or record.serial_number)
    assert found == TokenRecord(
        kind=record.kind,
        secret=record.secret,
        account=found.account,
        serial_number=record.serial_number,
        issuer=record.issuer,
        digits=record.digits,
        period=record.period,
        counter=record.counter,
    )


def test_an_authenticator_app_reads_our_uris() -> None:
    record = TokenRecord(
        serial_number="2600215704919", secret=b"1234567890" * 2, digits=8, period=60, issuer="A & B",
        account="alice@example.com",
    )  # fmt: skip

    parsed = pyotp.parse_uri(otpauth.write(record).partition("&serial=")[0])

    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.issuer, parsed.name) == ("A & B", "alice@example.com")
    assert parsed.at(1_767_225_600) == totp(record.secret, 1_767_225_600, digits=8, period=60)


def test_small_letters_and_spaces_in_the_secret_are_forgiven() -> None:
    typed = otpauth.read("otpauth://totp/x?secret=gezd%20gnbv%20gy3t%20qojq")
    assert typed.secret == b"1234567890"


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("https://example.com", "begins with otpauth"),
        ("otpauth://ocra/x?secret=GEZDGNBV", "begins with otpauth"),
        ("otpauth-migration://offline?data=abc", "export of an authenticator app"),
        ("otpauth://totp/x", "the secret is empty"),
        ("otpauth://totp/x?secret=GEZDGNB1", "position 8 that is not base32"),
        (f"{URI}&secret=GEZDGNBV", "gives secret more than once"),
        (f"{URI}&digits=six", "digits must be a whole number"),
        (f"{URI}&digits=9", "digits must be 6 to 8"),
        (f"{URI}&period=-30", "period must be a whole number"),
        (f"{URI}&algorithm=MD5", "not 'MD5'"),
        ("otpauth://hotp/x?secret=GEZDGNBV", "has no counter"),
        ("otpauth://[totp/x", "no URI"),
    ],
)
def test_what_is_no_account_is_a_sentence_without_the_secret(uri: str, sentence: str) -> None:
    with pytest.raises(SeedFileError, match=sentence) as caught:
        otpauth.read(uri)
    assert "GEZDGNBV" not in str(caught.value)
