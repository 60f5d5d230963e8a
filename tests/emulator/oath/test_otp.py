"""Codes judged by the RFCs' own tables and by pyotp."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.oath.otp import Algorithm, hotp, secret_from_base32, step_at, totp

VECTORS = Path(__file__).parents[3] / "vectors"
RFC_4226 = json.loads((VECTORS / "rfc4226.json").read_text())
RFC_6238 = json.loads((VECTORS / "rfc6238.json").read_text())
HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


@pytest.mark.parametrize("case", RFC_4226["cases"], ids=lambda case: f"counter-{case['counter']}")
def test_hotp_gives_the_codes_of_rfc_4226(case: dict[str, Any]) -> None:
    secret = bytes.fromhex(RFC_4226["secret"])

    assert hotp(secret, case["counter"]) == case["code"]
    assert hotp(secret, case["counter"], digits=8) == f"{case['truncated'] % 10**8:08d}"


@pytest.mark.parametrize("case", RFC_6238["cases"], ids=lambda case: f"{case['algorithm']}-{case['time']}")
def test_totp_gives_the_codes_of_rfc_6238(case: dict[str, Any]) -> None:
    secret = bytes.fromhex(RFC_6238["secrets"][case["algorithm"]])

    assert step_at(case["time"]) == int(case["step"], 16)
    assert totp(secret, case["time"], digits=8, algorithm=case["algorithm"]) == case["code"]


@given(
    secret=st.binary(min_size=14, max_size=150),
    now=st.floats(min_value=0, max_value=20_000_000_000),
    digits=st.integers(6, 8),
    algorithm=st.sampled_from(sorted(HASHES)),
    period=st.integers(1, 120),
)
def test_pyotp_makes_the_same_code(
    secret: bytes, now: float, digits: int, algorithm: Algorithm, period: int
) -> None:
    judge = pyotp.TOTP(
        base64.b32encode(secret).decode(), digits=digits, digest=HASHES[algorithm], interval=period
    )

    assert totp(secret, now, digits=digits, algorithm=algorithm, period=period) == judge.at(now)


@given(
    secret=st.binary(min_size=14, max_size=64), counter=st.integers(0, 2**64 - 1), digits=st.integers(6, 8)
)
def test_pyotp_makes_the_same_hotp_code_up_to_the_last_counter(
    secret: bytes, counter: int, digits: int
) -> None:
    judge = pyotp.HOTP(base64.b32encode(secret).decode(), digits=digits)

    assert hotp(secret, counter, digits=digits) == judge.at(counter)


def test_a_step_begins_with_its_period_and_counts_from_t0() -> None:
    assert [step_at(now) for now in (0, 29.999, 30, 59.999, 60)] == [0, 0, 1, 1, 2]
    assert step_at(99, period=60, t0=40) == 0
    assert totp(b"12345678901234567890", 100, t0=41) == totp(b"12345678901234567890", 59)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"digits": 5}, "digits must be 6, 7 or 8, not 5"),
        ({"digits": 9}, "digits must be 6, 7 or 8, not 9"),
        ({"algorithm": "MD5"}, "algorithm must be one of SHA1, SHA256, SHA512, not 'MD5'"),
        ({"counter": -1}, "counter must be an integer of 0 to"),
        ({"counter": 2**64}, "counter must be an integer of 0 to"),
    ],
)
def test_what_no_token_can_do_is_refused_in_one_sentence(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        hotp(b"secret", **{"counter": 0, **arguments})


def test_a_period_below_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="period must be at least 1 s, not 0"):
        step_at(0, period=0)


@given(secret=st.binary(min_size=1, max_size=64), data=st.data())
def test_base32_is_read_however_a_person_types_it(secret: bytes, data: st.DataObject) -> None:
    text = base64.b32encode(secret).decode()
    if data.draw(st.booleans(), "without padding"):
        text = text.rstrip("=")
    if data.draw(st.booleans(), "lower case"):
        text = text.lower()
    if data.draw(st.booleans(), "in groups of four"):
        text = " ".join(text[i : i + 4] for i in range(0, len(text), 4))

    assert secret_from_base32(text) == secret


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("JBSW Y3D1", "position 9 "),
        ("0BSWY3DP", "position 1 "),
        ("JBSW=Y3DP", "position 5 "),
        ("JBSWY3D\N{LATIN SMALL LETTER DOTLESS I}", "position 8 "),
        ("JBSWY3DPE", "9 base32 characters"),
        ("", "empty"),
        (" ==", "empty"),
    ],
)
def test_base32_that_cannot_be_read_is_refused_without_telling_the_secret(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        secret_from_base32(text)

    assert "JBSW" not in str(refusal.value).upper()


@given(st.text())
def test_any_text_is_either_a_secret_or_a_value_error(text: str) -> None:
    try:
        secret = secret_from_base32(text)
    except ValueError:
        return
    # What was left out is only what the last character could not carry.
    typed = "".join(text.split()).rstrip("=").upper()
    assert base64.b32encode(secret).decode().rstrip("=")[:-1] == typed[:-1]
