"""Kept tokens: what they show, and what remains of being pressed and programmed."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.oath.otp import hotp, totp
from emulator.oath.record import TokenRecord
from emulator.stored_token import StoredToken
from emulator.totp_token import YEAR, DisplayDarkError

SECRET, OTHER = b"12345678901234567890", b"09876543210987654321"
NOW = 1_767_225_600.0


def kept(record: dict[str, Any] | None = None, **parts: Any) -> StoredToken:
    described = TokenRecord(**{"serial_number": "2600215704919", "secret": SECRET, **(record or {})})
    return StoredToken(**{"name": "fob", "record": described, "since": NOW, **parts})


def test_it_shows_the_code_of_its_own_clock() -> None:
    token = kept(offset=-40, drift_ppm=8)

    assert token.pressed(NOW + YEAR) == (totp(SECRET, NOW + YEAR - 40 + 252.46), token)


def test_a_drawer_slows_it_the_same_way_every_time() -> None:
    error = kept(place="drawer").error(NOW + YEAR)

    assert -60 < error < -10
    assert kept(place="drawer").error(NOW + YEAR) == error
    assert kept({"serial_number": "2600215704920"}, place="drawer").error(NOW + YEAR) != error


def test_a_press_of_an_hotp_token_is_remembered() -> None:
    first, after = kept({"kind": "hotp", "counter": 3}).pressed(NOW)
    second, _ = after.pressed(NOW)

    assert (first, second) == (hotp(SECRET, 3), hotp(SECRET, 4))


def test_a_seed_file_s_drift_is_its_clock_s_error_and_back() -> None:
    record = TokenRecord(serial_number="2600215704919", secret=SECRET, period=60, time_drift=-4)
    token = StoredToken.of_record("fob", record, NOW)

    assert token.error(NOW) == -240
    assert token.exported(NOW) == record


@pytest.mark.parametrize("place", [None, "car"])
def test_a_clock_that_is_set_goes_on_from_there(place: str | None) -> None:
    token = kept(offset=-40, drift_ppm=8, place=place, programming="unrestricted")

    set_right = token.programmed(NOW + YEAR, secret=None, reading=NOW + YEAR)

    assert set_right.error(NOW + YEAR) == pytest.approx(0, abs=1e-6)
    gained = token.error(NOW + 2 * YEAR) - token.error(NOW + YEAR)
    assert set_right.error(NOW + 2 * YEAR) == pytest.approx(gained, abs=1e-6)


def test_a_dip_of_the_voltage_makes_any_clock_lose_time() -> None:
    assert kept(offset=5).dipped(NOW, 12).error(NOW) == -7


def test_an_hotp_token_with_a_new_secret_counts_from_the_beginning() -> None:
    token = kept({"kind": "hotp", "counter": 3}, programming="restricted")

    assert token.programmed(NOW, secret=OTHER, reading=None).pressed(NOW)[0] == hotp(OTHER, 0)


@pytest.mark.parametrize(
    ("token", "secret", "reading", "sentence"),
    [
        (kept(), OTHER, None, "cannot be programmed"),
        (kept(programming="restricted"), None, NOW, "only with a new secret"),
        (kept({"kind": "hotp"}, programming="unrestricted"), None, NOW, "has no clock"),
    ],
)
def test_what_its_kind_refuses_is_a_sentence(
    token: StoredToken, secret: bytes | None, reading: float | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        token.programmed(NOW, secret=secret, reading=reading)


def test_its_display_goes_dark_with_its_battery() -> None:
    with pytest.raises(DisplayDarkError):
        kept(battery_life=YEAR).pressed(NOW + YEAR)


@pytest.mark.parametrize(
    ("record", "parts", "sentence"),
    [
        ({}, {"name": "../fob"}, "1 to 64 letters"),
        ({}, {"place": "moon"}, "no place is called 'moon'"),
        ({}, {"drift_ppm": -2e6}, "drift_ppm must be"),
        ({}, {"battery_life": 0.0}, "must last"),
        ({"period": 45}, {}, "period must be 30 or 60"),
        ({"digits": 7}, {}, "digits must be 6 or 8"),
    ],
)
def test_what_no_emulated_token_is_is_refused(
    record: dict[str, Any], parts: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        kept(record, **parts)


def test_a_short_serial_number_of_a_vendor_is_no_hindrance() -> None:
    assert kept({"serial_number": "654 321"}).totp(lambda: NOW).serial_number == "00654_321"
