"""A token's codes judged by pyotp at the time the token believes in."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.clock import DriftingClock, ManualClock
from emulator.oath.otp import Algorithm
from emulator.totp_token import YEAR, Battery, DisplayDarkError, HotpToken, TotpToken

SECRET = b"12345678901234567890"
NOW = 1_767_225_600.0
HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


def token(*, offset: float = 0.0, drift_ppm: float = 0.0, **parts: Any) -> TotpToken:
    clock = DriftingClock(ManualClock(NOW), offset=offset, drift_ppm=drift_ppm)
    return TotpToken(**{"serial_number": "GAHT12345678", "secret": SECRET, "clock": clock, **parts})


def pyotp_code(at: float, *, digits: int = 6, algorithm: str = "SHA1", period: int = 30) -> str:
    judge = pyotp.TOTP(
        base64.b32encode(SECRET).decode(), digits=digits, digest=HASHES[algorithm], interval=period
    )
    return judge.at(at)


@pytest.mark.parametrize("digits", [6, 8])
@pytest.mark.parametrize("algorithm", sorted(HASHES))
@pytest.mark.parametrize("period", [30, 60])
def test_a_right_clock_shows_the_code_of_now(digits: int, algorithm: Algorithm, period: int) -> None:
    kind: dict[str, Any] = {"digits": digits, "algorithm": algorithm, "period": period}

    assert token(**kind).press(NOW) == pyotp_code(NOW, **kind)


def test_a_wrong_clock_shows_the_code_of_the_time_it_believes_in() -> None:
    assert token(offset=-61).press(NOW) == pyotp_code(NOW - 61)
    assert token(drift_ppm=100).press(NOW + 1_000_000) == pyotp_code(NOW + 1_000_100)


def test_a_clock_that_is_set_shows_another_code_from_then_on() -> None:
    tampered = token()

    tampered.step_clock(86_400)
    assert tampered.press(NOW) == pyotp_code(NOW + 86_400)
    tampered.step_clock(-86_400)
    assert tampered.press(NOW) == pyotp_code(NOW)


@given(
    since=st.floats(0, 1e8),
    offset=st.floats(-1e5, 1e5),
    drift_ppm=st.floats(-1000, 1000),
    period=st.sampled_from([30, 60]),
)
def test_the_display_changes_exactly_when_the_time_remaining_has_passed(
    since: float, offset: float, drift_ppm: float, period: int
) -> None:
    wrong = token(offset=offset, drift_ppm=drift_ppm, period=period)
    now = NOW + since
    step, remaining = wrong.step(now), wrong.time_remaining(now)

    assert 0 < remaining <= period * 1.002
    assert wrong.step(now + remaining) == step + 1
    assert wrong.step(max(now, now + remaining - 0.001)) == step


def test_a_random_secret_is_as_long_as_the_hash() -> None:
    clock = DriftingClock(ManualClock(NOW))

    def made(algorithm: Algorithm) -> TotpToken:
        return TotpToken.with_random_secret(
            lambda size: bytes(range(size)), serial_number="GAHT12345678", clock=clock, algorithm=algorithm
        )

    assert made("SHA1").secret == bytes(range(20))
    assert (len(made("SHA256").secret), len(made("SHA512").secret)) == (32, 64)


@pytest.mark.parametrize(
    "serial_number",
    ["GAHT12345678", "arn:aws:iam::123456789012:mfa/alice-phone", "a_b+c=d/e:f,g.h@i-j", "x" * 256],
)
def test_a_serial_number_that_iam_takes_is_taken(serial_number: str) -> None:
    assert token(serial_number=serial_number).serial_number == serial_number


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"serial_number": "GAHT1234"}, "has 8 characters; it must have 9 to 256"),
        ({"serial_number": "x" * 257}, "has 257 characters"),
        ({"serial_number": "GAHT 12345678"}, "' ' at position 5"),
        ({"serial_number": "GAHT1234567\N{SUPERSCRIPT TWO}"}, "at position 12"),
        ({"serial_number": "GAHT12345678\n"}, "at position 13"),
        ({"secret": b""}, "needs a secret of at least one byte"),
        ({"digits": 7}, "digits must be 6 or 8, not 7"),
        ({"period": 45}, "period must be 30 or 60 s, not 45"),
        ({"algorithm": "MD5"}, "algorithm must be one of SHA1, SHA256, SHA512, not 'MD5'"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_one_sentence(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        token(**wrong)


def test_a_clock_set_before_1970_has_no_code_to_show() -> None:
    with pytest.raises(ValueError, match=r"GAHT12345678's clock stands 10 s before 1970"):
        token(offset=-NOW - 10).press(NOW)


def test_a_token_does_not_tell_its_secret() -> None:
    counting = HotpToken(serial_number="GAHT12345678", secret=SECRET)

    for shown in (repr(token()), repr(counting)):
        assert "GAHT12345678" in shown
        assert "1234567890123" not in shown


def test_each_press_of_an_hotp_token_shows_the_next_code_of_rfc_4226() -> None:
    counting = HotpToken(serial_number="GAHT12345678", secret=SECRET)

    assert [counting.press() for _ in range(3)] == ["755224", "287082", "359152"]
    assert counting.counter == 3


def test_an_hotp_token_goes_on_from_its_counter() -> None:
    counting = HotpToken(serial_number="GAHT12345678", secret=SECRET, counter=9, digits=8)

    assert counting.press() == pyotp.HOTP(base64.b32encode(SECRET).decode(), digits=8).at(9)


def test_an_hotp_token_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="digits must be 6 or 8, not 7"):
        HotpToken(serial_number="GAHT12345678", secret=SECRET, digits=7)


def test_the_display_is_dark_from_the_battery_s_last_moment_on() -> None:
    aged = token(battery=Battery(since=NOW, life=5 * YEAR))

    assert aged.press(NOW + 5 * YEAR - 1) == pyotp_code(NOW + 5 * YEAR - 1)
    for ask in (aged.press, aged.step, aged.time_remaining):
        with pytest.raises(
            DisplayDarkError, match="token GAHT12345678's display is dark: its battery lasted 5"
        ):
            ask(NOW + 5 * YEAR)


@pytest.mark.parametrize("life", [0.0, -1.0, float("nan"), float("inf")])
def test_a_battery_lasts_for_some_time(life: float) -> None:
    with pytest.raises(ValueError, match="must last for more than 0 s"):
        Battery(since=NOW, life=life)
