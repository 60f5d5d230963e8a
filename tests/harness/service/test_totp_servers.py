"""Other servers' rules: their windows, their memory, and each defect they are known for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.oath.otp import hotp
from harness.service.profile import ServiceProfile
from harness.service.totp_limits import TotpLimits
from harness.service.totp_rules import Accepted, Outcome, Reason, Refused, TotpState, enable, resync, verify
from harness.service.totp_servers import TotpServerError, find_servers, packaged_servers, totp_server

SECRET = b"12345678901234567890"
STEP = 58_907_520
NOW = STEP * 30.0
FRESH = TotpState(secret=SECRET)
LONG = replace(FRESH, digits=8)
NAMES = [server.name for server in packaged_servers()]


def code(step: int, digits: int = 6) -> str:
    return hotp(SECRET, step, digits=digits)


def limits(name: str) -> TotpLimits:
    return totp_server(name).limits


def accepted(outcome: Outcome) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


WINDOWS = {
    "aws": (-1, 1),
    "privacyidea": (-6, 5),
    "linotp": (-10, 9),
    "freeipa": (-9, 9),
    "ceph": (-2, 2),
    "freeradius": (-1, 0),
    "keycloak": (-1, 1),
    "django-otp": (-1, 1),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_server_accepts_the_codes_of_its_window_and_no_other(name: str) -> None:
    rule = replace(limits(name), look_ahead=1000, look_ahead_unit="steps")
    taken = [
        offset
        for offset in range(-12, 13)
        if isinstance(verify(FRESH, code(STEP + offset), NOW, rule), Accepted)
    ]
    first, last = WINDOWS[name]

    assert taken == list(range(first, last + 1))


@pytest.mark.parametrize(("name", "offsets"), [("privacyidea", range(-3, 3)), ("freeipa", range(-4, 5))])
def test_a_window_in_seconds_holds_fewer_steps_of_a_longer_period(name: str, offsets: range) -> None:
    assert limits(name).sign_in_reach(60) == offsets


@pytest.mark.parametrize("name", NAMES)
def test_two_prompt_codes_enable_and_the_next_sign_in_is_accepted(name: str) -> None:
    state = accepted(enable(FRESH, code(STEP - 1), code(STEP), NOW, limits(name))).state

    outcome = verify(state, code(STEP + 3), NOW + 90, limits(name))

    assert accepted(outcome).step == STEP + 3


@pytest.mark.parametrize("name", NAMES)
def test_a_code_is_refused_at_once_after_its_use_but_by_one_server(name: str) -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, limits(name))).state

    again = verify(state, code(STEP), NOW + 5, limits(name))

    assert isinstance(again, Accepted) is (name == "freeradius")


def test_every_server_says_where_its_rule_was_read() -> None:
    assert set(WINDOWS) == set(NAMES)
    for server in packaged_servers():
        assert server.status in ("verified", "assumed")
        assert len(server.source) > 30


def test_the_aws_style_rule_is_the_profiles() -> None:
    profile = ServiceProfile.load()

    rule = limits("aws")

    assert (rule.window, rule.look_ahead, rule.learns) == (1, profile.look_ahead, profile.totp_learns)
    assert totp_server("aws").status == "assumed"


# What they remember.


def test_privacyidea_remembers_seconds_and_looks_from_there() -> None:
    state = accepted(verify(FRESH, code(STEP - 6), NOW + 20, limits("privacyidea"))).state
    assert (state.learned_drift, state.learned_shift) == (0, -200)

    # 40 s into a later step the token is believed 200 s behind: c is STEP + 94.
    later = NOW + 3000 + 40
    assert accepted(verify(state, code(STEP + 94 - 6), later, limits("privacyidea"))).step == STEP + 88
    assert isinstance(verify(state, code(STEP + 94 - 7), later, limits("privacyidea")), Refused)


def test_linotp_remembers_whole_steps() -> None:
    state = accepted(verify(FRESH, code(STEP - 4), NOW + 20, limits("linotp"))).state

    assert (state.learned_drift, state.learned_shift) == (-4, 0)
    resynced = accepted(resync(state, code(STEP + 400), code(STEP + 401), NOW + 50, limits("linotp"))).state
    assert (resynced.learned_drift, resynced.learned_shift) == (0, 401.5 * 30 - 50)
    assert accepted(verify(resynced, code(STEP + 402), NOW + 80, limits("linotp"))).step == STEP + 402


@pytest.mark.parametrize("name", ["aws", "freeipa", "ceph", "freeradius", "keycloak"])
def test_a_server_without_memory_learns_nothing_at_sign_in(name: str) -> None:
    state = accepted(verify(FRESH, code(STEP - 1), NOW, limits(name))).state

    assert (state.learned_drift, state.learned_shift) == (0, 0)


@pytest.mark.parametrize(
    ("name", "ahead"), [("aws", 1000), ("privacyidea", 999), ("linotp", 999), ("freeipa", 2880)]
)
def test_a_resync_finds_a_pair_as_far_as_the_server_looks_and_no_further(name: str, ahead: int) -> None:
    assert isinstance(
        resync(LONG, code(STEP + ahead - 1, 8), code(STEP + ahead, 8), NOW, limits(name)), Accepted
    )
    beyond = resync(LONG, code(STEP + ahead, 8), code(STEP + ahead + 1, 8), NOW, limits(name))
    assert refused(beyond).reason in (Reason.WRONG, Reason.NOT_CONSECUTIVE)


@pytest.mark.parametrize("name", ["aws", "linotp", "freeipa"])
def test_a_captured_pair_resyncs_nothing(name: str) -> None:
    state = accepted(verify(LONG, code(STEP, 8), NOW, limits(name))).state

    captured = resync(state, code(STEP - 1, 8), code(STEP, 8), NOW, limits(name))

    assert refused(captured).reason is Reason.REPLAYED


@pytest.mark.parametrize("name", ["aws", "privacyidea", "linotp", "freeipa"])
def test_codes_that_are_not_neighbours_resync_nothing(name: str) -> None:
    gap = resync(LONG, code(STEP - 2, 8), code(STEP, 8), NOW, limits(name))
    swapped = resync(LONG, code(STEP, 8), code(STEP - 1, 8), NOW, limits(name))
    malformed = resync(LONG, "1234", code(STEP, 8), NOW, limits(name))

    assert [refused(each).reason for each in (gap, swapped)] == [Reason.NOT_CONSECUTIVE] * 2
    assert refused(malformed).reason is Reason.MALFORMED


@pytest.mark.parametrize("name", ["ceph", "freeradius", "keycloak", "django-otp"])
def test_a_server_without_resync_says_so(name: str) -> None:
    outcome = resync(FRESH, code(STEP - 1), code(STEP), NOW, limits(name))

    assert refused(outcome).reason is Reason.NO_RESYNC


# The known defects.


def test_ceph_loses_the_sign_and_refuses_the_prompt_code_after_a_late_one() -> None:
    late = accepted(verify(FRESH, code(STEP - 1), NOW, limits("ceph"))).state

    assert late.last_step == STEP + 1
    assert refused(verify(late, code(STEP), NOW + 1, limits("ceph"))).reason is Reason.REPLAYED
    assert refused(verify(late, code(STEP + 1), NOW + 30, limits("ceph"))).reason is Reason.REPLAYED
    assert isinstance(verify(late, code(STEP + 2), NOW + 60, limits("ceph")), Accepted)


def test_ceph_loses_the_sign_and_accepts_a_used_code_once_it_is_late() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, limits("ceph"))).state

    assert isinstance(verify(state, code(STEP), NOW + 29, limits("ceph")), Refused)
    assert isinstance(verify(state, code(STEP), NOW + 30, limits("ceph")), Accepted)


def test_a_window_off_by_one_refuses_the_sixth_step_ahead_but_not_behind() -> None:
    assert isinstance(verify(FRESH, code(STEP - 6), NOW, limits("privacyidea")), Accepted)
    assert str(verify(FRESH, code(STEP + 6), NOW, limits("privacyidea"))) == "code 180 s ahead"


def test_freeipa_believes_a_resynced_token_one_step_too_far_ahead() -> None:
    state = accepted(resync(FRESH, code(STEP - 1), code(STEP), NOW, limits("freeipa"))).state

    assert (state.learned_drift, state.last_step) == (1, STEP)


@pytest.mark.parametrize(("name", "is_accepted"), [("privacyidea", False), ("linotp", False), ("aws", True)])
def test_the_first_match_shadows_a_fresh_step_with_the_same_code(name: str, is_accepted: bool) -> None:
    shared, older = "963181", 59_061_240  # this step and the next have the same code
    state = replace(FRESH, last_step=older)

    outcome = verify(state, shared, (older + 1) * 30.0, limits(name))

    assert isinstance(outcome, Accepted) is is_accepted


def test_the_oldest_match_of_each_code_spoils_a_pair_that_another_search_finds() -> None:
    # The token is 50 steps fast, and by chance its first code was shown 286 steps before too.
    first = 58_913_709
    pair, now = (code(first), code(first + 1)), (first - 50) * 30.0
    assert code(first - 286) == pair[0]

    assert isinstance(resync(FRESH, *pair, now, limits("aws")), Accepted)
    assert isinstance(resync(FRESH, *pair, now, limits("linotp")), Refused)


def test_privacyidea_resyncs_with_a_used_code_and_refuses_the_one_after() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, limits("privacyidea"))).state

    resynced = accepted(resync(state, code(STEP), code(STEP + 1), NOW + 30, limits("privacyidea"))).state

    assert isinstance(verify(resynced, code(STEP + 2), NOW + 60, limits("privacyidea")), Refused)
    assert isinstance(verify(resynced, code(STEP + 3), NOW + 90, limits("privacyidea")), Accepted)
    linotp = accepted(verify(FRESH, code(STEP), NOW, limits("linotp"))).state
    assert isinstance(resync(linotp, code(STEP), code(STEP + 1), NOW + 30, limits("linotp")), Refused)


def test_freeradius_refuses_a_token_a_little_fast_and_takes_codes_twice() -> None:
    assert isinstance(verify(FRESH, code(STEP + 1), NOW + 29, limits("freeradius")), Refused)
    state = accepted(verify(FRESH, code(STEP), NOW, limits("freeradius"))).state
    assert isinstance(verify(state, code(STEP), NOW + 59, limits("freeradius")), Accepted)


def test_keycloak_takes_an_unused_code_older_than_the_last() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, limits("keycloak"))).state

    older = accepted(verify(state, code(STEP - 1), NOW + 5, limits("keycloak"))).state

    assert older.used_steps == (STEP, STEP - 1)
    for step in (STEP, STEP - 1):
        assert refused(verify(older, code(step), NOW + 9, limits("keycloak"))).reason is Reason.REPLAYED
    much_later = accepted(verify(older, code(STEP + 90), NOW + 2700, limits("keycloak"))).state
    assert much_later.used_steps == (STEP + 90,)


def test_one_step_with_memory_is_a_trap_for_django_otp_and_none_with_two() -> None:
    # A token half a step fast, read once at leisure (a step late) and once promptly (a step early).
    for window, caught in ((1, True), (2, False)):
        rule = replace(limits("django-otp"), window=window)
        state = accepted(verify(FRESH, code(STEP - 1), NOW, rule)).state
        outcome = verify(state, code(STEP + 11), NOW + 300, rule)
        assert isinstance(outcome, Refused) is caught


# Rules from files, and names.

OWN = """
[ours]
title = "Ours"
status = "verified"
source = "we run it"
window = 3
look_ahead = 100
learns = true
"""


def test_a_server_of_your_own_is_a_table_in_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN)

    servers = find_servers(f"aws, {own}")

    assert [server.name for server in servers] == ["aws", "ours"]
    assert servers[1].limits == TotpLimits(window=3, look_ahead=100, learns=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("window = 3", "window stands outside a server"),
        ("[", "is not TOML"),
        (OWN.replace('title = "Ours"', ""), "server ours needs a text title"),
        (OWN + "colour = 3", "server ours has no value colour"),
        (OWN + "defects = 3", "defects must be a list of sentences"),
        (OWN.replace("window = 3", ""), "server ours: window is missing"),
        (OWN.replace("= 3", "= -3"), "server ours: window must be 0 to look_ahead"),
        (OWN.replace("= 3", '= "wide"'), "server ours: window must be a whole number, not 'wide'"),
        (OWN.replace("= true", '= "yes"'), "server ours: learns must be true or false, not 'yes'"),
        (OWN + 'shape = "round"', 'server ours: shape must be "symmetric" or "end-exclusive"'),
    ],
)
def test_a_file_with_nonsense_is_refused_by_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)

    with pytest.raises(TotpServerError, match=complaint):
        find_servers(str(own))


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ("okta", "no server 'okta'; known are aws, privacyidea, .*or give a .toml file"),
        (" , ", "no server was named"),
        ("aws,linotp,aws", "aws is named twice"),
        ("absent.toml", "cannot read the servers of absent.toml"),
    ],
)
def test_names_that_are_none_are_refused(names: Any, complaint: str) -> None:
    with pytest.raises(TotpServerError, match=complaint):
        find_servers(names)
