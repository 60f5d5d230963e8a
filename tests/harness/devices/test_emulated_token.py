"""Emulated tokens as a scenario holds them, and an app that scans what the console would show."""

from __future__ import annotations

import base64
import hashlib
import io
from urllib.parse import quote

import pyotp
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emulator.clock import ManualClock
from emulator.drift import PLACES, YEAR, Crystal, Oscillator
from emulator.totp_token import DisplayDarkError
from harness.devices.emulated_token import AuthenticatorApp, EmulatedToken
from harness.devices.token import Token

SECRET = b"an authenticator app's shared secret 40 "
NOW = 1_767_225_605.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def issue(clock: ManualClock, *, offset: float = 0.0, drift_ppm: float = 0.0) -> EmulatedToken:
    return EmulatedToken.issue(
        "GAHT12345678",
        clock=clock,
        random_bytes=lambda size: SECRET[:size],
        offset=offset,
        drift_ppm=drift_ppm,
    )


def code_at(time: float, secret: bytes = SECRET[:20]) -> str:
    return pyotp.TOTP(base64.b32encode(secret).decode()).at(time)


def uri(**changes: str) -> str:
    parameters = {
        "secret": base64.b32encode(SECRET).decode(),
        "issuer": "Amazon%20Web%20Services",
    } | changes
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"otpauth://totp/Amazon%20Web%20Services:alice-phone@example?{query}"


def qr_picture(*texts: str) -> bytes:
    """A PNG with one QR code for each text, side by side."""
    pictures = []
    for text in texts:
        drawn = io.BytesIO()
        segno.make(text, micro=False).save(drawn, kind="png", scale=4)
        pictures.append(Image.open(drawn))
    sheet = Image.new(
        "L", (sum(picture.width for picture in pictures), max(picture.height for picture in pictures)), 255
    )
    left = 0
    for picture in pictures:
        sheet.paste(picture.convert("L"), (left, 0))
        left += picture.width
    saved = io.BytesIO()
    sheet.save(saved, "PNG")
    return saved.getvalue()


def test_an_emulated_token_is_a_token(clock: ManualClock) -> None:
    token: Token = issue(clock)

    assert (token.serial_number, token.secret) == ("GAHT12345678", SECRET[:20])
    assert (token.digits, token.period, token.algorithm) == (6, 30, "SHA1")
    assert token.can_set_clock


def test_reading_takes_no_time_and_shows_the_code_of_the_tokens_clock(clock: ManualClock) -> None:
    slow = issue(clock, offset=-61)

    assert slow.read() == code_at(NOW - 61)
    assert slow.read() == slow.read()
    assert clock() == NOW


def test_the_next_code_comes_when_the_tokens_own_clock_says_so(clock: ManualClock) -> None:
    token = issue(clock)

    assert token.read_next() == code_at(NOW + 30)
    assert clock() == NOW + 25  # NOW is 5 s into its step
    assert token.read_next() == code_at(NOW + 60)
    assert clock() == NOW + 55


@given(offset=st.floats(-1e6, 1e6), drift_ppm=st.floats(-500, 500), days=st.integers(0, 2000))
def test_two_codes_are_consecutive_whatever_the_clock(offset: float, drift_ppm: float, days: int) -> None:
    clock = ManualClock(NOW)
    token = issue(clock, offset=offset, drift_ppm=drift_ppm)
    clock.advance(days * 86_400)
    believed = token.clock()

    assert token.read_two() == (code_at(believed), code_at(believed + 30))


def test_a_token_whose_clock_is_set_shows_another_time(clock: ManualClock) -> None:
    token = issue(clock)

    token.step_clock(-3600)

    assert token.clock.error == -3600
    assert token.read() == code_at(NOW - 3600)


def test_the_app_scans_a_qr_code_and_shows_its_codes(clock: ManualClock) -> None:
    phone = AuthenticatorApp(clock)

    token = phone.scan(qr_picture(uri()), serial_number="arn:aws:iam::123456789012:mfa/alice-phone")

    assert token.serial_number == "arn:aws:iam::123456789012:mfa/alice-phone"
    assert token.secret == SECRET
    assert token.read_two() == (code_at(NOW, SECRET), code_at(NOW + 30, SECRET))


def test_the_app_takes_the_uri_that_pyotp_writes(clock: ManualClock) -> None:
    written = pyotp.TOTP(base64.b32encode(SECRET).decode(), digits=8, digest=hashlib.sha256)
    token = AuthenticatorApp(clock).add(written.provisioning_uri(name="bob@example", issuer_name="A: B"))

    assert token.read() == written.at(NOW)
    assert (token.digits, token.algorithm, token.period) == (8, "SHA256", 30)
    assert token.serial_number == "otpauth:bob@example"


def test_every_account_of_a_phone_is_wrong_with_the_phones_clock(clock: ManualClock) -> None:
    phone = AuthenticatorApp(clock, offset=90)
    alice, bob = phone.add(uri()), phone.add(uri(secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))

    assert alice.read() == code_at(NOW + 90, SECRET)
    phone.clock.step(-90)
    assert alice.read() == code_at(NOW, SECRET)
    assert bob.read() == pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(NOW)


def test_an_algorithm_is_known_in_either_case(clock: ManualClock) -> None:
    assert AuthenticatorApp(clock).add(uri(algorithm="sha512")).algorithm == "SHA512"


def test_without_its_arn_a_device_goes_by_the_accounts_name(clock: ManualClock) -> None:
    named = uri().replace("alice-phone", quote("Älice's phone"))

    assert AuthenticatorApp(clock).add(uri()).serial_number == "otpauth:alice-phone@example"
    assert AuthenticatorApp(clock).add(named).serial_number == "otpauth:_lice_s_phone@example"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("https://example.com/", "must begin with otpauth://totp/"),
        (uri().replace("totp", "hotp"), "must begin with otpauth://totp/"),
        (uri(secret="JBSW1"), "position 5 "),
        (uri(issuer="A&secret=JBSWY3DP"), "gives secret more than once"),
        (uri().replace("secret", "sekret"), "has no secret"),
        (uri(digits="7"), "digits must be 6 or 8, not 7"),
        (uri(digits="six"), "digits must be a whole number, not 'six'"),
        (uri(period="-30"), "period must be a whole number, not '-30'"),
        (uri(period="45"), "period must be 30 or 60 s, not 45"),
        (uri(algorithm="MD5"), "algorithm must be one of SHA1, SHA256, SHA512, not 'MD5'"),
        ("otpauth://[", "Invalid IPv6 URL"),
    ],
)
def test_a_uri_that_is_no_totp_account_is_refused(clock: ManualClock, wrong: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        AuthenticatorApp(clock).add(wrong)

    assert "JBSW" not in str(refusal.value)


def test_a_picture_must_show_one_otpauth_code(clock: ManualClock) -> None:
    phone = AuthenticatorApp(clock)

    assert phone.scan(qr_picture("https://example.com/", uri())).secret == SECRET
    for texts, shown in [(["https://example.com/"], 0), ([uri(), uri(digits="8")], 2)]:
        with pytest.raises(ValueError, match=f"one otpauth QR code, but shows {shown}"):
            phone.scan(qr_picture(*texts))


@given(cut=st.integers(0, 600), junk=st.binary(max_size=20))
def test_a_damaged_picture_is_refused_or_read_aright(cut: int, junk: bytes) -> None:
    picture = qr_picture(uri())

    try:
        token = AuthenticatorApp(ManualClock()).scan(picture[:cut] + junk + picture[cut + len(junk) :])
    except ValueError:
        return
    assert token.secret == SECRET


def test_a_picture_with_a_broken_chunk_is_refused(clock: ManualClock) -> None:
    picture = bytearray(qr_picture(uri()))
    length_at = picture.index(b"IDAT") - 4
    picture[length_at : length_at + 4] = (1).to_bytes(4, "big")

    with pytest.raises(ValueError, match="the picture cannot be read: broken PNG file"):
        AuthenticatorApp(clock).scan(bytes(picture))


def test_what_is_no_png_is_named_as_such(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="the picture is not a PNG"):
        AuthenticatorApp(clock).scan(b"GIF89a")


def test_a_token_wanders_and_its_battery_dies(clock: ManualClock) -> None:
    drawer = Oscillator(crystal=Crystal(place=PLACES["drawer"]))
    token = EmulatedToken.issue(
        "GAHT12345678",
        clock=clock,
        random_bytes=lambda size: SECRET[:size],
        wander=drawer.error,
        battery_life=2 * YEAR,
    )

    clock.advance(YEAR)
    assert token.read() == code_at(NOW + YEAR + drawer.error(YEAR))
    clock.advance(YEAR)
    with pytest.raises(DisplayDarkError, match="lasted 2 years"):
        token.read()
