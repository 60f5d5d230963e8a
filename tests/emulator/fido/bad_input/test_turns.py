"""What comes out of turn, too late or untouched (CTAP 2.3 §6, §6.3, §6.6 to §6.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emulator.fido.session import Permission
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

S, P = CtapStatus, Permission


NEXT = {
    "§6.3 getNextAssertion": (lambda p: p.key.get(token=p.token(P.GA)), 0x08, None),
    "§6.8.3 enumerateRPsGetNextRP": (lambda p: begin(p, "enumerateRPsBegin"), 0x0A, {1: 3}),
    "§6.8.4 enumerateCredentialsGetNextCredential": (
        lambda p: begin(p, "enumerateCredentialsBegin"), 0x0A, {1: 5}
    ),
}  # fmt: skip


def begin(platform: Any, name: str) -> Any:
    """The first of an enumeration that has two."""
    platform.key.made(
        rk=True, rp_id="example.org", token=platform.key.token(P.MC, "example.org", platform.pin)
    )
    good = platform.good[name]
    return platform.send(good, platform.mended(good), platform.token(good.permission))


@pytest.mark.parametrize("name", NEXT)
def test_a_continuation_goes_on_once_and_in_turn_alone(platform: Any, name: str) -> None:
    """§6, stateful commands."""
    start, code, request = NEXT[name]
    assert platform.key.command(code, request)[0] == S.NOT_ALLOWED  # nothing was begun
    assert start(platform)[0] == S.SUCCESS
    assert platform.key.command(code, request)[0] == S.SUCCESS
    assert platform.key.command(code, request)[0] == S.NOT_ALLOWED  # there are two
    between: list[Callable[[], Any]] = [
        lambda: platform.key.command(0x04),
        lambda: platform.key.command(0x0C, {1: 1, 3: 0}),
        lambda: platform.key.send(b"\xff"),
        platform.key.power_cycle,
        lambda: setattr(platform.key, "now", platform.key.now + 30.1),
    ]
    for come_between in between:
        assert start(platform)[0] == S.SUCCESS
        come_between()
        assert platform.key.command(code, request)[0] == S.NOT_ALLOWED
    others = [other for other in NEXT if other != name]
    for other in others:
        assert start(platform)[0] == S.SUCCESS
        assert platform.key.command(*NEXT[other][1:])[0] == S.NOT_ALLOWED
        assert platform.key.command(code, request)[0] == S.NOT_ALLOWED


@pytest.mark.parametrize("name", NEXT)
def test_a_continuation_waits_no_longer_than_30_s_each_time(platform: Any, name: str) -> None:
    """§6.3 step 3; §6, stateful commands."""
    start, code, request = NEXT[name]
    assert start(platform)[0] == S.SUCCESS
    platform.key.now += 30
    assert platform.key.command(code, request)[0] == S.SUCCESS


def test_a_sample_out_of_turn_is_refused_by_6_7_5(platform: Any) -> None:
    good = platform.good["enrollCaptureNextSample"]
    request = good.request | {3: {1: b"\x00\x00"}}
    assert platform.send(good, request, platform.token(P.BE))[0] == S.NOT_ALLOWED
    begun = platform.mended(good)
    assert platform.send(good, request, platform.token(P.BE))[0] == S.INVALID_OPTION
    platform.key.command(0x09, {1: 1, 2: 3})  # cancelCurrentEnrollment, §6.7.5
    assert platform.send(good, begun, platform.token(P.BE))[0] == S.NOT_ALLOWED


def test_a_fragment_out_of_turn_is_refused_by_6_10_2_step_5_4(platform: Any) -> None:
    good = platform.good["largeBlobs set"]
    assert platform.send(good, {2: bytes(7), 3: 10}, platform.token(P.LBW))[0] == S.INVALID_SEQ


def test_a_reset_too_late_is_refused_by_6_6(platform: Any) -> None:
    platform.key.power_cycle()
    platform.key.now += 10.1
    before = platform.key.snapshot()
    assert platform.key.command(0x07)[0] == S.NOT_ALLOWED
    assert platform.key.snapshot() == before


@pytest.mark.parametrize(("code", "timeout"), [(0x07, S.USER_ACTION_TIMEOUT), (0x0B, S.USER_ACTION_TIMEOUT)])
def test_no_touch_is_told_by_6_6_and_6_9(make_key, full: Profile, code: int, timeout: CtapStatus) -> None:
    key = make_key(full)
    key.absent = True
    assert key.command(code)[0] == timeout
    key.absent, key.declines = False, True
    assert key.command(code)[0] == S.OPERATION_DENIED
