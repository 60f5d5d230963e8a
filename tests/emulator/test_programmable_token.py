"""Programmable tokens: what each kind takes, and that the restricted one defeats the time traveller."""

from __future__ import annotations

import pytest

from emulator.clock import DriftingClock, ManualClock
from emulator.oath.otp import totp
from emulator.programmable_token import ProgrammableToken, RestrictedClockError
from emulator.totp_token import Battery, DisplayDarkError, TotpToken

SECRET, OTHER = b"12345678901234567890", b"09876543210987654321"
NOW = 1_767_225_600.0
DAY = 86_400.0


def programmable(
    *, restricted: bool, offset: float = 0.0, battery: Battery | None = None
) -> ProgrammableToken:
    clock = DriftingClock(ManualClock(NOW), offset=offset)
    token = TotpToken(serial_number="2600215704919", secret=SECRET, clock=clock, battery=battery)
    return ProgrammableToken(token, restricted=restricted)


def test_the_time_traveller_harvests_codes_of_an_unrestricted_token() -> None:
    token = programmable(restricted=False)

    token.program(NOW, reading=NOW + DAY)
    harvested = token.press(NOW)
    token.program(NOW, reading=NOW)

    assert token.press(NOW + DAY) == harvested


def test_a_restricted_token_gives_the_time_traveller_nothing() -> None:
    token = programmable(restricted=True)

    with pytest.raises(RestrictedClockError, match="only with a new secret"):
        token.program(NOW, reading=NOW + DAY)
    assert token.press(NOW) == totp(SECRET, NOW)

    token.program(NOW, reading=NOW + DAY, secret=OTHER)
    assert token.press(NOW) == totp(OTHER, NOW + DAY)


@pytest.mark.parametrize("restricted", [True, False])
def test_a_new_secret_leaves_the_clock_as_it_is(restricted: bool) -> None:
    token = programmable(restricted=restricted, offset=-95)

    token.program(NOW, secret=OTHER)

    assert token.press(NOW) == totp(OTHER, NOW - 95)


def test_a_secret_that_is_refused_leaves_everything_as_it_was() -> None:
    token = programmable(restricted=True, offset=-95)

    with pytest.raises(ValueError, match="at least one byte"):
        token.program(NOW, secret=b"", reading=NOW)
    assert token.press(NOW) == totp(SECRET, NOW - 95)


def test_a_dead_battery_takes_nothing_in() -> None:
    token = programmable(restricted=False, battery=Battery(since=NOW, life=DAY))

    token.program(NOW, reading=NOW + 5)
    with pytest.raises(DisplayDarkError, match="display is dark"):
        token.program(NOW + DAY, secret=OTHER, reading=NOW)
