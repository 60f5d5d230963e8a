"""``keyrig token`` as people use it, and what it says to nonsense."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner, Result

from emulator.oath import otpauth, pskc, qr
from emulator.oath.record import TokenRecord
from emulator.token_commands import STORE_VARIABLE, token

SECRET = b"12345678901234567890"
BASE32 = base64.b32encode(SECRET).decode()
Keyrig = Callable[..., Result]


@pytest.fixture
def keyrig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyrig:
    """``keyrig("press", "fob")``: the command on a store of its own; ``stdin`` is what it reads."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "kept" / "tokens"))
    monkeypatch.delenv("KEYRIG_STORE_PASSPHRASE", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str | bytes | None = None, code: int = 0) -> Result:
        result = CliRunner().invoke(token, words, input=stdin)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A file with one secret in it, as somebody types it."""
    path = tmp_path / "secret.txt"
    path.write_text(f"{BASE32[:16].lower()} {BASE32[16:].lower()}\n")
    return path


def test_a_token_shows_the_codes_of_its_secret_and_its_clock(keyrig: Keyrig, seeds: Path) -> None:
    keyrig("new", "fob", "--secret-file", str(seeds), "--offset", "-61")

    pressed = keyrig("press", "fob", "--at", "2026-01-01T00:00:00Z").stdout

    assert pressed == pyotp.TOTP(BASE32).at(1_767_225_600 - 61) + "\n"


def test_a_secret_comes_from_standard_input_in_hex_too(keyrig: Keyrig) -> None:
    keyrig("new", "fob", "--secret-file", "-", stdin=SECRET.hex())

    assert keyrig("press", "fob", "--at", "59").stdout == pyotp.TOTP(BASE32).at(59) + "\n"


def test_an_hotp_token_counts_its_presses(keyrig: Keyrig, seeds: Path) -> None:
    keyrig("new", "c100", "--hotp", "--secret-file", str(seeds))

    judge = pyotp.HOTP(BASE32)
    assert [keyrig("press", "c100").stdout.strip() for _ in range(3)] == [judge.at(n) for n in range(3)]
    assert "from count 3" in keyrig("list").stdout


def test_the_list_tells_traits_and_no_secret(keyrig: Keyrig, seeds: Path) -> None:
    keyrig("new", "fob", "--secret-file", str(seeds), "--offset", "-40", "--drift-ppm", "8",
           "--wander", "drawer", "--battery-years", "5", "--programmable", "restricted")  # fmt: skip

    listed = keyrig("list").stdout

    assert "offset -40 s, +8 ppm, drawer, battery for 5 years, restricted" in listed
    assert BASE32 not in listed


def test_a_display_that_is_no_terminal_is_a_line(keyrig: Keyrig) -> None:
    keyrig("new", "fob", "--period", "60")

    name, shown, left, *_ = keyrig("show", "fob").stdout.split()
    assert (name, len(shown)) == ("fob", 6)
    assert 0 <= int(left) <= 60


def test_a_programmable_token_takes_a_time_and_a_secret(keyrig: Keyrig, seeds: Path) -> None:
    keyrig("new", "free", "--programmable", "unrestricted", "--offset", "-500")
    keyrig("new", "bound", "--programmable", "restricted", "--offset", "-500")

    assert "its clock is +0.0 s wrong" in keyrig("set-clock", "free").stdout
    assert "only with a new secret" in keyrig("set-clock", "bound", code=2).stderr
    assert "+60.0 s" in keyrig("set-clock", "bound", "--ahead", "60", "--secret-file", str(seeds)).stdout
    assert "+0.0 s" in keyrig("set-clock", "free", "--dip", "0").stdout

    keyrig("set-secret", "free", stdin=BASE32)
    assert keyrig("press", "free", "--at", "59").stdout == pyotp.TOTP(BASE32).at(59) + "\n"
    keyrig("set-secret", "free", "--random")
    assert keyrig("press", "free", "--at", "59").stdout != pyotp.TOTP(BASE32).at(59) + "\n"


def test_a_store_with_a_passphrase_opens_with_it(keyrig: Keyrig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRIG_STORE_PASSPHRASE", "correct horse")
    keyrig("new", "fob")

    monkeypatch.delenv("KEYRIG_STORE_PASSPHRASE")
    assert "needs its passphrase" in keyrig("list", code=2).stderr
    monkeypatch.setenv("KEYRIG_STORE_PASSPHRASE", "battery staple")
    assert "passphrase or key file is another" in keyrig("list", code=2).stderr


def test_tokens_that_are_removed_are_gone_all_or_none(keyrig: Keyrig) -> None:
    keyrig("new", "a")
    keyrig("new", "b")

    assert "no token 'c'" in keyrig("remove", "a", "c", code=2).stderr
    keyrig("remove", "a", "b")
    assert "holds no tokens" in keyrig("list").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("press", "nobody"), "no token 'nobody'"),
        (("new", "fob"), "there is a token 'fob' already"),
        (("new", "a b"), "1 to 64 letters"),
        (("new", "x", "--serial", "a\nb"), "can be printed"),
        (("new", "x", "--offset", "nan"), "must be a finite number"),
        (("new", "x", "--drift-ppm", "-2000000"), "a stopped clock"),
        (("new", "x", "--battery-years", "0"), "must last for more than 0 s"),
        (("new", "x", "--secret-file", "nowhere"), "nowhere cannot be read: No such file"),
        (("new", "x", "--wander", "moon"), "'moon' is not one of"),
        (("press", "fob", "--at", "tomorrow"), "'tomorrow' is no time"),
        (("press", "fob", "--at", "3000-01-01"), "its battery lasted 5 years"),
        (("press", "c100", "--at", "59"), "knows no time"),
        (("show", "c100"), "shows a code when pressed"),
        (("set-clock", "fob"), "made without --programmable"),
        (("set-clock", "fob", "--ahead", "5", "--dip", "5"), "choose one"),
        (("set-clock", "fob", "--dip", "-5"), "0 s or more"),
        (("set-clock", "c100", "--dip", "5"), "has no clock"),
        (("export", "fob", "--format", "qr"), "this would show secrets"),
        (("export", "fob", "--format", "csv", "--encrypt"), "only pskc can be encrypted"),
        (("export", "fob", "fob", "--format", "qr", "-o", "x.png"), "a picture is of one token"),
        (("export", "fob", "--format", "qr", "-o", "x.gif"), "FILE.svg or FILE.png"),
        (("export", "c100", "--format", "csv"), "export it as pskc"),
        (("export", "fob", "--format", "pskc", "-o", "nowhere/x"), "cannot be written"),
        (("export", "fob", "--format", "pskc", "-o", "."), "is there already"),
        (("import", "nowhere"), "nowhere cannot be read"),
        (("import", "."), "cannot be read: Is a directory"),
    ],
)
def test_nonsense_is_a_sentence(keyrig: Keyrig, words: tuple[str, ...], sentence: str) -> None:
    keyrig("new", "fob", "--battery-years", "5")
    keyrig("new", "c100", "--hotp")

    stderr = keyrig(*words, code=2).stderr

    assert sentence in stderr
    assert "Traceback" not in stderr


def test_a_secret_that_is_none_is_a_sentence_without_it(keyrig: Keyrig) -> None:
    result = keyrig("new", "fob", "--secret-file", "-", stdin="GEZDGNBV GEZDGNB1\n", code=2)

    assert "position 17 that is not base32" in result.stderr
    assert "GEZD" not in result.output
    assert "could" not in keyrig("new", "fob", "--secret-file", "-", stdin=b"\xff\xfe\x00", code=2).output


RECORDS = [
    TokenRecord(serial_number="2600215704919", secret=SECRET, period=60, time_drift=-2, account="alice"),
    TokenRecord(serial_number="2600215704920", secret=SECRET[::-1], period=60, account="bob"),
]


@pytest.mark.parametrize("kept", ["clear", "password", "key"])
def test_pskc_goes_in_and_out(
    keyrig: Keyrig, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.hex"
    key.write_text("00112233445566778899aabbccddeeff\n")
    monkeypatch.setenv("KEYRIG_PSKC_PASSWORD", "correct horse")
    options = {"clear": (), "password": ("--encrypt",), "key": ("--key-file", str(key))}[kept]
    (tmp_path / "in.pskcxml").write_bytes(pskc.write(RECORDS))
    keyrig("import", "in.pskcxml")

    keyrig("export", "2600215704919", "2600215704920", "--format", "pskc", "-o", "out.pskcxml", *options)

    out = tmp_path / "out.pskcxml"
    assert out.stat().st_mode & 0o777 == 0o600
    kept_by = {
        "clear": {},
        "password": {"password": "correct horse"},
        "key": {"key": bytes.fromhex(key.read_text())},
    }
    assert pskc.read(out.read_bytes(), **kept_by[kept]) == RECORDS  # type: ignore[arg-type]
    assert (
        "kept already"
        in keyrig("import", "out.pskcxml", *options[: 0 if kept == "password" else 2], code=2).stderr
    )
    keyrig("import", "--replace", "out.pskcxml", *options[: 0 if kept == "password" else 2])


def test_a_qr_picture_that_was_exported_is_imported(keyrig: Keyrig, seeds: Path) -> None:
    keyrig("new", "fob", "--secret-file", str(seeds), "--issuer", "Example", "--account", "alice")

    keyrig("export", "fob", "--format", "qr", "-o", "fob.png")
    keyrig("export", "fob", "--format", "qr", "-o", "fob.svg")
    assert "█" in keyrig("export", "fob", "--format", "qr", "--reveal").stdout
    said = keyrig("import", "fob.png", "--name", "copy").stdout

    assert said == "fob.png: a picture of a QR code\nkept: copy\n"
    assert keyrig("press", "copy", "--at", "59").stdout == keyrig("press", "fob", "--at", "59").stdout


def test_csv_and_uris_are_imported_and_said_how_they_were_understood(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "tokens.csv").write_text(f"serial;secret\n123456789;{BASE32}\n123456790;{BASE32}\n")
    (tmp_path / "uris.txt").write_text("".join(f"{otpauth.write(record)}\n\n" for record in RECORDS))

    said = keyrig("import", "tokens.csv", "uris.txt").stdout

    assert "tokens.csv: CSV: 2 tokens; columns apart by semicolons" in said
    assert "kept: 123456789, 123456790, 2600215704919, 2600215704920" in said
    exported = keyrig("export", "2600215704919", "--format", "csv").stdout
    assert "alice,2600215704919" in exported


def test_two_keys_of_one_serial_number_get_two_names(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "in.pskcxml").write_bytes(pskc.write([RECORDS[0], RECORDS[0]]))

    assert "kept: 2600215704919, 2600215704919-2" in keyrig("import", "in.pskcxml").stdout


def test_of_several_files_one_that_is_wrong_keeps_all_out(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(qr.picture(otpauth.write(RECORDS[0]), "png"))
    (tmp_path / "bad.pskcxml").write_bytes(pskc.write(RECORDS)[:-40])

    assert (
        "bad.pskcxml: the PSKC file is damaged" in keyrig("import", "good.png", "bad.pskcxml", code=2).stderr
    )
    assert "holds no tokens" in keyrig("list").stdout


def test_a_file_that_is_there_is_not_overwritten(keyrig: Keyrig, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    keyrig("new", "fob")

    keyrig("export", "fob", "--format", "pskc", "-o", "mine", code=2)
    assert (tmp_path / "mine").read_text() == "precious"
    keyrig("export", "fob", "--format", "pskc", "-o", "mine", "--force")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "put it in the variable KEYRIG_PSKC_PASSWORD"),
        ({"KEYRIG_PSKC_PASSWORD": "battery staple"}, "in.pskcxml: key 1 of the PSKC file does not decrypt"),
    ],
)
def test_a_wrong_password_is_a_sentence(
    keyrig: Keyrig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], sentence: str
) -> None:
    (tmp_path / "in.pskcxml").write_bytes(pskc.write(RECORDS, password="correct horse"))
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)

    assert sentence in keyrig("import", "in.pskcxml", code=2).stderr
