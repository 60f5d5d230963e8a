"""The relying party's TOTP rules, fed by the emulated token's arithmetic rather than by their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.clock import DriftingClock, ManualClock
from emulator.oath.otp import hotp
from emulator.totp_token import TotpToken
from harness.service.totp_rules import (
    Accepted,
    Outcome,
    Reason,
    Refused,
    TotpLimits,
    TotpState,
    enable,
    resync,
    verify,
)

SECRET = b"12345678901234567890"
STEP = 58_907_520
NOW = STEP * 30.0  # the first second of a step
DAY = 86_400

FRESH = TotpState(secret=SECRET)
LIMITS = TotpLimits(window=1, look_ahead=40, learns=True, late_pair="associate-out-of-sync", late_after=10)


def code(step: int, digits: int = 6) -> str:
    return hotp(SECRET, step, digits=digits)


def accepted(outcome: Outcome) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


def enabled(now: float = NOW) -> TotpState:
    """A device enabled promptly at ``now``: no drift, and the step of ``now`` used."""
    step = int(now // 30)
    return accepted(enable(FRESH, code(step - 1), code(step), now, LIMITS)).state


# Sign-in: the window.


@pytest.mark.parametrize("window", [0, 1, 2, 5])
def test_sign_in_accepts_exactly_the_steps_of_its_window(window: int) -> None:
    limits = replace(LIMITS, window=window)

    outcomes = {step: verify(FRESH, code(step), NOW, limits) for step in range(STEP - 30, STEP + 31)}

    taken = [step for step, outcome in outcomes.items() if isinstance(outcome, Accepted)]
    assert taken == list(range(STEP - window, STEP + window + 1))
    assert all(accepted(outcomes[step]).step == step for step in taken)


@given(
    window=st.integers(0, 4),
    drift=st.integers(-20, 20),
    behind=st.floats(0, 29.99),
    secret=st.binary(min_size=14, max_size=40),
)
@settings(max_examples=25)
def test_the_odds_of_a_guess_are_two_windows_and_one_in_a_million(
    window: int, drift: int, behind: float, secret: bytes
) -> None:
    limits = replace(LIMITS, window=window)
    state = TotpState(secret=secret, learned_drift=drift)
    expected = STEP + drift
    codes = {step: hotp(secret, step) for step in range(expected - 30, expected + 31)}
    good = {codes[step] for step in range(expected - window, expected + window + 1)}

    taken = {c for c in codes.values() if isinstance(verify(state, c, NOW + behind, limits), Accepted)}

    assert taken == good
    assert len(good) <= 2 * window + 1


def test_a_code_outside_the_window_is_told_by_its_age_for_the_log() -> None:
    old = refused(verify(FRESH, code(STEP - 2), NOW + 1, LIMITS))
    ahead = refused(verify(FRESH, code(STEP + 3), NOW, LIMITS))

    assert (old.reason, old.age_seconds, str(old)) == (Reason.OUT_OF_WINDOW, 61, "code 61 s old")
    assert (ahead.reason, ahead.age_seconds, str(ahead)) == (Reason.OUT_OF_WINDOW, -90, "code 90 s ahead")


def test_a_code_of_no_step_near_is_wrong() -> None:
    far = refused(verify(FRESH, code(STEP - 41), NOW, LIMITS))

    assert (far.reason, far.age_seconds, str(far)) == (Reason.WRONG, None, "wrong code")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        " 12345",
        "12345a",
        "+12345",
        "12_345",
        "\N{ARABIC-INDIC DIGIT ONE}23456",
        "\N{SUPERSCRIPT TWO}23456",
    ],
)
def test_what_is_not_six_digits_is_malformed(typed: str) -> None:
    assert verify(FRESH, typed, NOW, LIMITS) == Refused(reason=Reason.MALFORMED)
    assert resync(FRESH, code(STEP - 1), typed, NOW, LIMITS) == Refused(reason=Reason.MALFORMED)
    assert resync(FRESH, typed, code(STEP), NOW, LIMITS) == Refused(reason=Reason.MALFORMED)


@given(first=st.text() | st.from_regex(r"\d{6}"), second=st.text() | st.from_regex(r"\d{6}"))
@settings(max_examples=50)
def test_any_string_may_be_offered(first: str, second: str) -> None:
    for outcome in (verify(FRESH, first, NOW, LIMITS), resync(FRESH, first, second, NOW, LIMITS)):
        assert isinstance(outcome, Refused | Accepted)


@pytest.mark.parametrize(("algorithm", "digits", "period"), [("SHA256", 8, 60), ("SHA512", 7, 30)])
def test_other_kinds_of_token_are_judged_by_their_kind(algorithm: Any, digits: int, period: int) -> None:
    state = TotpState(secret=SECRET, algorithm=algorithm, digits=digits, period=period)
    step = int(NOW // period)

    right = hotp(SECRET, step, digits=digits, algorithm=algorithm)

    assert accepted(verify(state, right, NOW, LIMITS)).step == step
    assert isinstance(verify(state, hotp(SECRET, step, digits=digits), NOW, LIMITS), Refused)


def test_there_are_no_steps_before_1970() -> None:
    assert accepted(verify(FRESH, code(0), 0.0, LIMITS)).step == 0
    assert refused(verify(FRESH, code(2), 0.0, LIMITS)).age_seconds == -60
    assert accepted(resync(FRESH, code(0), code(1), 15.0, LIMITS)).state.learned_drift == 1
    assert refused(verify(FRESH, code(0), -90.0, LIMITS)).reason is Reason.OUT_OF_WINDOW


def test_of_two_steps_that_share_a_code_the_nearer_tells_its_age() -> None:
    shared, step = "963181", 59_061_240  # found by search: this step and the next have the same code

    assert refused(verify(FRESH, shared, (step - 10) * 30.0, LIMITS)).age_seconds == -300
    assert refused(verify(FRESH, shared, (step + 11) * 30.0, LIMITS)).age_seconds == 300


# Sign-in: the watermark.


def test_a_used_code_is_refused_for_all_its_life() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, LIMITS)).state

    for seconds in (0, 29, 30, 59):
        again = refused(verify(state, code(STEP), NOW + seconds, LIMITS))
        assert (again.reason, str(again)) == (Reason.REPLAYED, "code already used")
    assert refused(verify(state, code(STEP), NOW + 300, LIMITS)).reason is Reason.REPLAYED


def test_a_code_older_than_the_one_used_is_refused_as_well() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, LIMITS)).state

    assert refused(verify(state, code(STEP - 1), NOW, LIMITS)).reason is Reason.REPLAYED
    assert accepted(verify(state, code(STEP + 1), NOW, LIMITS)).step == STEP + 1


@pytest.mark.parametrize("step", [STEP - 1, STEP])
def test_an_enrolment_code_does_not_sign_in(step: int) -> None:
    assert refused(verify(enabled(), code(step), NOW, LIMITS)).reason is Reason.REPLAYED


def test_a_code_that_two_steps_share_is_used_up_for_both() -> None:
    shared, step = "963181", 59_061_240  # as above
    assert code(step) == code(step + 1) == shared

    state = accepted(verify(FRESH, shared, step * 30.0, LIMITS)).state

    assert state.last_step == step + 1
    assert refused(verify(state, shared, (step + 1) * 30.0, LIMITS)).reason is Reason.REPLAYED


def test_codes_harvested_from_a_clock_set_forward_work_once_and_only_in_their_time() -> None:
    harvested = code(STEP + 100)

    assert refused(verify(FRESH, harvested, NOW, replace(LIMITS, look_ahead=200))).age_seconds == -3000
    state = accepted(verify(FRESH, harvested, NOW + 3000, LIMITS)).state
    assert isinstance(verify(state, harvested, NOW + 3000, LIMITS), Refused)


def test_a_service_whose_clock_steps_back_still_takes_no_code_twice() -> None:
    state = accepted(verify(FRESH, code(STEP), NOW, LIMITS)).state

    assert isinstance(verify(state, code(STEP - 2), NOW - 60, LIMITS), Refused)
    assert isinstance(resync(state, code(STEP - 3), code(STEP - 2), NOW - 60, LIMITS), Refused)


@given(offered=st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 2)), min_size=2, max_size=12))
@settings(max_examples=50)
def test_an_accepted_code_is_never_accepted_again(offered: list[tuple[int, int]]) -> None:
    state, step, used = replace(FRESH, digits=8), STEP, set[str]()
    for offset, wait in offered:
        step += wait
        offered_code = code(step + offset, 8)
        match verify(state, offered_code, step * 30.0, LIMITS):
            case Accepted(state=after, step=proved):
                assert offered_code not in used
                assert state.last_step is None or proved > state.last_step
                used.add(offered_code)
                state = after


# Sign-in: what the verifier learns.


def test_each_sign_in_moves_the_window_to_where_the_token_was_found() -> None:
    state = accepted(verify(FRESH, code(STEP - 1), NOW, LIMITS)).state

    assert (state.learned_drift, state.last_step) == (-1, STEP - 1)
    later = NOW + 3000
    assert accepted(verify(state, code(STEP + 98), later, LIMITS)).state.learned_drift == -2
    assert str(verify(state, code(STEP + 97), later, LIMITS)) == "code 60 s old"


def test_a_verifier_that_does_not_learn_keeps_its_window() -> None:
    forgetful = replace(LIMITS, learns=False)
    state = accepted(verify(FRESH, code(STEP - 1), NOW, forgetful)).state

    assert state.learned_drift == 0
    assert isinstance(verify(state, code(STEP + 98), NOW + 3000, forgetful), Refused)


def test_one_step_with_memory_is_a_trap_and_two_steps_are_not() -> None:
    # A token half a step fast, read once at leisure (a step late) and once promptly (a step early).
    for window, caught in ((1, True), (2, False)):
        limits = replace(LIMITS, window=window)
        state = accepted(verify(FRESH, code(STEP - 1), NOW, limits)).state
        outcome = verify(state, code(STEP + 11), NOW + 300, limits)
        assert isinstance(outcome, Refused) is caught


# Enabling and resync: two consecutive codes.


def test_the_previous_and_the_current_code_at_once_enable() -> None:
    outcome = accepted(enable(FRESH, code(STEP - 1), code(STEP), NOW, LIMITS))

    assert outcome.step == STEP
    assert (outcome.state.learned_drift, outcome.state.last_step) == (0, STEP)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (STEP, STEP, Reason.NOT_CONSECUTIVE),
        (STEP, STEP - 1, Reason.NOT_CONSECUTIVE),
        (STEP - 2, STEP, Reason.NOT_CONSECUTIVE),
        (STEP - 1, STEP + 900, Reason.WRONG),
        (STEP + 900, STEP, Reason.WRONG),
    ],
)
def test_equal_swapped_gapped_and_wrong_codes_enable_nothing(first: int, second: int, reason: Reason) -> None:
    assert refused(enable(FRESH, code(first), code(second), NOW, LIMITS)).reason is reason


def test_two_codes_that_happen_to_be_equal_are_refused_though_consecutive() -> None:
    step = 59_061_240  # as above: this step and the next share their code

    outcome = enable(FRESH, code(step), code(step + 1), step * 30.0 + 30, LIMITS)

    assert refused(outcome).reason is Reason.NOT_CONSECUTIVE


@given(first=st.integers(-45, 45), gap=st.integers(-2, 3), used=st.none() | st.integers(-45, 45))
@settings(max_examples=60)
def test_a_pair_is_taken_exactly_when_consecutive_near_and_unused(
    first: int, gap: int, used: int | None
) -> None:
    state = TotpState(secret=SECRET, digits=8, last_step=None if used is None else STEP + used)
    second = first + gap

    outcome = resync(state, code(STEP + first, 8), code(STEP + second, 8), NOW, LIMITS)

    if gap == 1 and abs(second) <= LIMITS.look_ahead and (used is None or first > used):
        taken = accepted(outcome).state
        assert (taken.learned_drift, taken.last_step) == (second, STEP + second)
    else:
        assert isinstance(outcome, Refused)


@pytest.mark.parametrize("distance", [-41, -40, 40, 41])
def test_a_pair_is_searched_as_far_as_look_ahead_either_side(distance: int) -> None:
    outcome = resync(FRESH, code(STEP + distance - 1), code(STEP + distance), NOW, LIMITS)

    assert isinstance(outcome, Accepted) is (abs(distance) <= LIMITS.look_ahead)


def test_a_captured_pair_resyncs_nothing_once_a_later_code_is_used() -> None:
    state = accepted(verify(enabled(), code(STEP + 5), NOW + 150, LIMITS)).state

    captured = refused(resync(state, code(STEP + 2), code(STEP + 3), NOW + 150, LIMITS))
    half_used = refused(resync(state, code(STEP + 5), code(STEP + 6), NOW + 180, LIMITS))

    assert captured.reason is half_used.reason is Reason.REPLAYED
    assert isinstance(resync(state, code(STEP + 6), code(STEP + 7), NOW + 210, LIMITS), Accepted)


def test_a_token_set_back_below_its_watermark_is_refused_until_it_has_caught_up() -> None:
    state = enabled()

    assert refused(resync(state, code(STEP - 9), code(STEP - 8), NOW + 60, LIMITS)).reason is Reason.REPLAYED
    assert isinstance(resync(state, code(STEP + 1), code(STEP + 2), NOW + 360, LIMITS), Accepted)


# Late pairs.


def test_a_late_pair_associates_out_of_sync_and_a_prompt_pair_mends_it() -> None:
    late = NOW + 300
    state = accepted(enable(FRESH, code(STEP - 1), code(STEP), late, LIMITS)).state
    assert (state.learned_drift, state.last_step) == (-10, STEP)

    # The token's clock is right, and that is what is refused.
    sign_in = refused(verify(state, code(STEP + 12), late + 60, LIMITS))
    assert (sign_in.reason, str(sign_in)) == (Reason.OUT_OF_WINDOW, "code 300 s ahead")

    mended = accepted(resync(state, code(STEP + 12), code(STEP + 13), late + 90, LIMITS)).state
    assert mended.learned_drift == 0
    assert isinstance(verify(mended, code(STEP + 14), late + 120, LIMITS), Accepted)


def test_a_pair_one_step_late_does_no_harm() -> None:
    state = accepted(enable(FRESH, code(STEP - 1), code(STEP), NOW + 30, LIMITS)).state

    mended = accepted(verify(state, code(STEP + 10), NOW + 300, LIMITS)).state

    assert (state.learned_drift, mended.learned_drift) == (-1, 0)


def test_where_late_pairs_are_refused_a_slow_token_is_told_from_them_only_by_how_slow_it_is() -> None:
    strict = replace(LIMITS, late_pair="refuse")

    late = refused(resync(FRESH, code(STEP - 12), code(STEP - 11), NOW, strict))
    assert (late.reason, str(late)) == (Reason.LATE, "pair 330 s late")
    assert isinstance(resync(FRESH, code(STEP - 11), code(STEP - 10), NOW, strict), Accepted)
    assert isinstance(resync(FRESH, code(STEP + 29), code(STEP + 30), NOW, strict), Accepted)


# Drift, from a token with a clock of its own.


def drifting(world: ManualClock, *, offset: float = 0.0, drift_ppm: float = 0.0) -> TotpToken:
    clock = DriftingClock(world, offset=offset, drift_ppm=drift_ppm)
    return TotpToken(serial_number="GAHT12345678", secret=SECRET, clock=clock)


def press_two(token: TotpToken, world: ManualClock) -> tuple[str, str]:
    first = token.press(world())
    world.advance(token.time_remaining(world()))
    return first, token.press(world())


def test_a_token_that_drifts_is_followed_for_five_years_if_it_signs_in_each_day() -> None:
    world = ManualClock(NOW + 15)
    token = drifting(world, drift_ppm=-20)
    state = accepted(enable(FRESH, *press_two(token, world), world(), LIMITS)).state

    for _ in range(5 * 365):
        world.advance(DAY)
        state = accepted(verify(state, token.press(world()), world(), LIMITS)).state

    assert state.learned_drift < -100  # nearly an hour: 20 ppm is 631 s a year


def test_a_token_that_drifts_unseen_is_refused_then_resynced_then_accepted() -> None:
    world = ManualClock(NOW + 15)
    token = drifting(world, drift_ppm=-10)
    state = accepted(enable(FRESH, *press_two(token, world), world(), LIMITS)).state

    world.advance(30 * DAY)  # 26 s slow: one step at most
    assert isinstance(verify(state, token.press(world()), world(), LIMITS), Accepted)
    world.advance(74 * DAY)  # 90 s slow
    refusal = refused(verify(state, token.press(world()), world(), LIMITS))
    assert refusal.reason is Reason.OUT_OF_WINDOW
    assert 89 < (refusal.age_seconds or 0) < 120

    state = accepted(resync(state, *press_two(token, world), world(), LIMITS)).state
    world.advance(token.time_remaining(world()))
    assert isinstance(verify(state, token.press(world()), world(), LIMITS), Accepted)


@given(
    offset=st.floats(-1100, 1100),
    drift_ppm=st.floats(-100, 100),
    into_step=st.floats(0, 29.99),
    believed=st.integers(-1000, 1000),
)
@settings(max_examples=60)
def test_after_a_prompt_pair_the_next_code_always_signs_in(
    offset: float, drift_ppm: float, into_step: float, believed: int
) -> None:
    world = ManualClock(NOW + into_step)
    token = drifting(world, offset=offset, drift_ppm=drift_ppm)
    state = TotpState(secret=SECRET, learned_drift=believed)

    state = accepted(resync(state, *press_two(token, world), world(), LIMITS)).state
    world.advance(token.time_remaining(world()))

    assert isinstance(verify(state, token.press(world()), world(), LIMITS), Accepted)


# What is kept, and what is told.


def test_neither_state_nor_outcome_tells_the_secret_or_a_code() -> None:
    outcome = verify(FRESH, code(STEP), NOW, LIMITS)

    for shown in (repr(FRESH), repr(outcome), str(verify(FRESH, code(STEP - 2), NOW, LIMITS))):
        assert "1234567890123" not in shown
        assert code(STEP) not in shown


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"secret": b"thirteen byte"}, "at least 14 bytes, not 13"),
        ({"digits": 9}, "digits must be 6, 7 or 8, not 9"),
        ({"period": 121}, "period must be 1 to 120 s, not 121"),
        ({"period": 0}, "period must be 1 to 120 s, not 0"),
        ({"algorithm": "MD5"}, "algorithm must be one of SHA1, SHA256, SHA512, not 'MD5'"),
    ],
)
def test_a_device_that_could_not_be_verified_is_refused_at_once(
    wrong: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        TotpState(**{"secret": SECRET, **wrong})


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"window": -1}, "window must be 0 to look_ahead"),
        ({"window": 41}, r"window must be 0 to look_ahead \(40\) steps, not 41"),
        ({"late_after": -1}, "late_after must be 0 steps or more, not -1"),
        ({"late_pair": "maybe"}, "not 'maybe'"),
    ],
)
def test_limits_that_contradict_themselves_are_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(LIMITS, **wrong)
