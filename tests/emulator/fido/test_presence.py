"""A touch for U2F: good for one request, soon (U2F Raw Message Formats v1.1 §4.1, §5.1)."""

from __future__ import annotations

from emulator.fido.presence import U2F_TOUCH_WINDOW, U2fPresence


def test_a_touch_by_call_is_good_for_one_request_within_the_window() -> None:
    presence = U2fPresence()
    assert not presence.take(0.0, None)
    presence.touch(1.0)
    assert presence.take(1.5, None)
    assert not presence.take(1.6, None)
    presence.touch(2.0)
    assert not presence.take(2.0 + U2F_TOUCH_WINDOW, None)


def test_a_touch_by_policy_comes_so_long_after_the_first_of_the_polls() -> None:
    presence = U2fPresence()
    assert [presence.take(at / 4, 1.0) for at in range(6)] == [False] * 4 + [True, False]


def test_polls_that_pause_begin_anew() -> None:
    presence = U2fPresence()
    assert not presence.take(0.0, 5.0)
    assert presence.is_polled(U2F_TOUCH_WINDOW - 0.1)
    assert not presence.is_polled(U2F_TOUCH_WINDOW)
    assert not presence.take(U2F_TOUCH_WINDOW + 1, 5.0)
