"""Records refuse what no token is, and show no secret."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.oath.record import SeedFileError, TokenRecord, algorithm_named


def test_a_record_does_not_show_its_secret() -> None:
    assert "hush" not in repr(TokenRecord(serial_number="123456789", secret=b"hush"))


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"serial_number": ""}, "needs a serial number"),
        ({"serial_number": "1\x1b[2J"}, "characters that can be printed"),
        ({"secret": b""}, "has no secret"),
        ({"kind": "ocra"}, "only totp and hotp are known"),
        ({"digits": 5}, "digits must be 6 to 8, not 5"),
        ({"period": 0}, "period must be 1 to 3600 s, not 0"),
        ({"algorithm": "MD5"}, "SHA1, SHA256, SHA512, not 'MD5'"),
        ({"counter": -1}, "counter must be 0 to"),
        ({"account": "a\nb"}, "characters that can be printed"),
    ],
)
def test_what_no_token_is_is_refused(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeedFileError, match=sentence):
        TokenRecord(**{"serial_number": "123456789", "secret": b"hush", **parts})


@pytest.mark.parametrize("text", ["SHA256", "sha-256", "HmacSHA256", "HMAC-SHA256"])
def test_a_hash_goes_by_many_names(text: str) -> None:
    assert algorithm_named(text) == "SHA256"
