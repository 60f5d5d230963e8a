"""PSKC against the RFC's own examples, and against itself there and back."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.oath import pskc
from emulator.oath.record import SeedFileError, TokenRecord

FIGURES = json.loads((Path(__file__).parents[3] / "vectors" / "rfc6030.json").read_text("utf-8"))["figures"]
KEY = bytes(range(16))

RECORDS = [
    TokenRecord(
        serial_number="2600215704919",
        secret=bytes(range(32)),
        period=60,
        digits=8,
        algorithm="SHA256",
        issuer="Example Ltd",
        account="alice@example.com",
        time_drift=-4,
    ),
    TokenRecord(serial_number="1000117803294", secret=b"12345678901234567890", kind="hotp", counter=7),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"figure {figure['figure']}")
def test_the_examples_of_the_rfc_are_read(figure: dict[str, Any]) -> None:
    key = bytes.fromhex(figure["key"]) if "key" in figure else None

    found = pskc.read(figure["xml"].encode(), password=figure.get("password"), key=key)

    expected = [{**token, "secret": bytes.fromhex(token["secret"])} for token in figure["tokens"]]
    assert found == [TokenRecord(**token) for token in expected]


@pytest.mark.parametrize(
    ("protection", "kept"),
    [("nothing", {}), ("password", {"password": "correct horse"}), ("key", {"key": KEY})],
)
def test_what_is_written_is_read_again(protection: str, kept: dict[str, Any]) -> None:
    data = pskc.write(RECORDS, **kept)

    assert pskc.protection(data) == protection
    assert pskc.read(data, **kept) == RECORDS
    assert (b"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=" in data) == (protection == "nothing")
    assert (b"ValueMAC" in data) == (protection != "nothing")


def test_the_clock_of_a_slow_token_drifts_by_negative_steps() -> None:
    assert b"<pskc:TimeDrift>\n     <pskc:PlainValue>-4<" in pskc.write(RECORDS)


@pytest.mark.parametrize(
    ("figure", "kept", "sentence"),
    [
        (1, {}, "under the pre-shared key 'Pre-shared-key'; give the key"),
        (1, {"key": KEY}, "the password or key is another, or the file was altered"),
        (1, {"key": b"short"}, "the password or key is another"),
        (2, {}, "encrypted under a password; give it"),
        (2, {"password": "qwertz"}, "the password or key is another, or the file was altered"),
    ],
)
def test_a_wrong_key_or_password_is_a_sentence(figure: int, kept: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeedFileError, match=sentence):
        pskc.read(FIGURES[figure]["xml"].encode(), **kept)


def test_an_altered_secret_does_not_pass_its_mac() -> None:
    xml = FIGURES[1]["xml"].replace("Su+NvtQfmvfJzF6bmQiJqoLRExc=", "Su+NvtQfmvfJzF6bmQiJqoLRExd=")
    altered = FIGURES[1]["xml"].replace("AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0OE")

    with pytest.raises(SeedFileError, match="MAC value does not match"):
        pskc.read(altered.encode(), key=bytes.fromhex(FIGURES[1]["key"]))
    assert pskc.read(xml.encode(), key=bytes.fromhex(FIGURES[1]["key"]))  # the last two bits are padding


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("</KeyContainer>", "", "damaged or cut short"),
        (":hotp", ":ocra", "not for HOTP or TOTP"),
        ("MTIzNA==", "", "has no secret"),
        ("MTIzNA==", "A", "damaged or cut short"),
        ('Version="1.0"', 'Version="9.0"', "Unsupported version"),
        ("<KeyPackage>", "<Nothing>", "damaged or cut short"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE x [<!ENTITY y 'z'>]>", "has a DOCTYPE"),
        ("</Issuer>", "</Issuer><AlgorithmParameters><ResponseFormat Length='9'/></AlgorithmParameters>",
         "key 1 of the PSKC file: token 12345678: digits must be 6 to 8, not 9"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_right_is_a_sentence(old: str, new: str, sentence: str) -> None:
    with pytest.raises(SeedFileError, match=sentence):
        pskc.read(FIGURES[0]["xml"].replace(old, new).encode())


def test_a_password_that_would_take_hours_is_not_tried() -> None:
    xml = FIGURES[2]["xml"].replace(">1000<", ">999999999999<")

    with pytest.raises(SeedFileError, match="rounds of PBKDF2"):
        pskc.read(xml.encode(), password="qwerty")


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_never_ends_in_a_traceback(data: st.DataObject) -> None:
    figure = data.draw(st.sampled_from(FIGURES[:3]))
    xml = figure["xml"]
    start = data.draw(st.integers(0, len(xml)))
    end = data.draw(st.integers(start, min(len(xml), start + 40)))
    damaged = xml[:start] + data.draw(st.text(max_size=3)) + xml[end:]
    key = bytes.fromhex(figure["key"]) if "key" in figure else None
    said = ""
    try:
        pskc.read(damaged.encode(errors="replace"), password=figure.get("password"), key=key)
    except SeedFileError as error:
        said = str(error)
    assert "\n" not in said


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **others: Any) -> Any:
        if name == "pskc":
            raise ImportError(name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SeedFileError, match=r"pip install 'keyrig\[pskc\]'"):
        pskc.write(RECORDS)
