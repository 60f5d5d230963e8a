"""Dates of refusal, judged by the rules themselves on the token's codes."""

from __future__ import annotations

import pyotp
import pytest

from harness.measure import Measured, Reading, measure
from harness.refusal import YEAR, Refusal, refusal
from harness.service.totp_rules import Accepted, verify
from harness.service.totp_servers import TotpServer, packaged_servers, totp_server
from harness.service.totp_state import TotpState

SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = 1_767_225_600.0
DAY = 86_400.0
STATE = TotpState(secret=SECRET)


def code(when: float, error: float) -> str:
    return pyotp.TOTP(BASE32).generate_otp(int((when + error) // 30))


def measured(ppm: float, offset: float = 0.0) -> Measured:
    """A token read at the change of its display, a year long: its rate is known to a hair."""
    readings = []
    for day in range(0, 366, 73):
        when = NOW + (day - 365) * DAY
        wait = 30 - (when + offset + ppm * 1e-6 * (when - NOW)) % 30 + 1e-3
        error = offset + ppm * 1e-6 * (when + wait - NOW)
        readings.append(Reading(when=when + wait, code=code(when + wait, error), changed=True))
    return measure(STATE, readings, delay=0.5)


def forecast(server: TotpServer, ppm: float, offset: float = 0.0, **more: float) -> Refusal:
    return refusal(measured(ppm, offset), server, 30, NOW, **more)


@pytest.mark.parametrize("ppm", [-12.0, 12.0])
@pytest.mark.parametrize("name", ["aws", "freeipa", "keycloak", "ceph", "freeradius"])
def test_servers_without_memory_refuse_from_the_date_on_and_not_before(name: str, ppm: float) -> None:
    server = totp_server(name)
    date = forecast(server, ppm, offset=-20)

    def refused(when: float) -> bool:
        """Whether any prompt code of the minute is refused."""
        error = -20 + ppm * 1e-6 * (when - NOW)
        start = when // 30 * 30
        return any(
            not isinstance(verify(STATE, code(start + at, error), start + at, server.limits), Accepted)
            for at in (0.0, 0.5, 5.0, 15.0, 25.0, 29.5, 29.999)
        )

    assert date.earliest is not None
    assert date.latest is not None
    assert NOW < date.earliest < date.latest < NOW + 2 * YEAR
    assert not refused(date.earliest - 3 * DAY)
    assert refused(date.latest + 3 * DAY)


@pytest.mark.parametrize("server", packaged_servers(), ids=lambda server: server.name)
def test_a_perfect_token_is_accepted_for_long(server: TotpServer) -> None:
    date = forecast(server, 0.0, offset=-0.01)

    if server.name not in ("django-otp", "freeradius"):  # a trap, and a window with no room ahead
        assert date.earliest is None or date.earliest > NOW + 5 * YEAR


def test_a_server_that_learns_counts_from_the_last_sign_in() -> None:
    privacyidea = totp_server("privacyidea")

    at_once, far_off = forecast(privacyidea, -12.0), forecast(privacyidea, -12.0, offset=-3600)

    assert at_once.median == pytest.approx(NOW + 150 / 12e-6, rel=0.02)
    assert far_off.median == pytest.approx(at_once.median, rel=1e-4)


def test_an_enrolment_is_remembered_where_there_is_a_resync() -> None:
    aws, keycloak = totp_server("aws"), totp_server("keycloak")

    assert forecast(aws, -4.0, offset=-300).median == NOW
    later = forecast(aws, -4.0, offset=-300, enrolled=NOW)
    assert (later.behind, later.ahead) == (-330, -270)
    assert later.median == pytest.approx(NOW + 30 / 4e-6, rel=0.05)
    assert forecast(keycloak, -4.0, offset=-300, enrolled=NOW).median == NOW


def test_a_token_that_hardly_drifts_is_not_refused_within_the_horizon() -> None:
    assert forecast(totp_server("freeipa"), -0.02).median is None
