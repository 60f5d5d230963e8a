"""A key at hand during a run: who touches it, how it becomes as new, and when it is taken to be gone."""

from __future__ import annotations

import getpass
import os
from contextlib import closing, nullcontext

import pytest
from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CAPABILITY, ConnectionFailure

from emulator.clock import ManualClock
from harness.conformance.course import slow
from harness.conformance.record import UNREACHED
from harness.devices.attendant import TERMINAL, Attendant
from harness.devices.find import HardwareSource
from harness.devices.hand import CommandHand, Hand, HandAttendant, HttpHand
from harness.devices.hardware import HardwareKey
from harness.devices.key import DeviceError
from harness.devices.pcsc import PcscKey
from harness.devices.request import NONSENSE
from harness.plugin import key_source

TIMES_GONE = 3
"""Tests in a row that do not reach the key before no other is tried."""

KEY: pytest.StashKey[HardwareKey | PcscKey] = pytest.StashKey()
"""The key of the last test."""
PIN_LEFT: pytest.StashKey[str | None] = pytest.StashKey()
"""The PIN that the last test has given it."""
ERASED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether it was reset for a test."""
GONE: pytest.StashKey[int] = pytest.StashKey()
REFUSED: pytest.StashKey[int] = pytest.StashKey()
"""How often in a row it was not to be reset."""


def attendant(config: pytest.Config) -> Attendant:
    """Who touches the key: the robot that the options name, or the person at this terminal."""
    command, url = config.getoption("keyrig_touch_command"), config.getoption("keyrig_touch_url")
    pin_variable = config.getoption("keyrig_pin_env")
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if not (command or url):
            return Attendant.here(pin_variable)
        hand: Hand = CommandHand(command) if command else HttpHand(url)
        try:
            terminal, ask = os.open(TERMINAL, os.O_WRONLY | os.O_CLOEXEC), getpass.getpass
        except OSError:
            return HandAttendant(os.dup(2), hand, pin_variable=pin_variable)
        return HandAttendant(terminal, hand, pin_variable=pin_variable, ask_secretly=ask)


def key_at_hand(item: pytest.Item, source: HardwareSource) -> HardwareKey | PcscKey:
    """The key of ``source`` for one test; as new if the test changes it, for what its owner has put on it.

    Skips a test that waits for longer than is wished, or wants a new key that cannot be had.
    """
    longest: float = item.config.getoption("keyrig_longest_wait")
    if slow(item) > longest:
        pytest.skip(f"takes {slow(item):g} s of real time, and --longest-wait is {longest:g}")
    stash = item.config.stash
    changed = _changed(stash)
    try:
        if changed and source.attendant.renew():
            changed = False
        key = source.new(clock=ManualClock(), seed="")
    except (DeviceError, CtapError, ConnectionFailure, OSError, *NONSENSE) as error:
        stash[GONE] = stash.get(GONE, 0) + 1
        if stash[GONE] >= TIMES_GONE:
            item.session.shouldfail = f"{source} was not reached {TIMES_GONE} times in a row: {error}"
        pytest.fail(f"{UNREACHED}: {error}", pytrace=False)
    stash[GONE], stash[KEY] = 0, key
    key.changed = changed
    if item.get_closest_marker("destructive") and (changed or _is_owners(stash, source)):
        _as_new(stash, key, source)
    return key


def wrong_pin(item: pytest.Item) -> str | None:
    """In a sentence, that the key has refused its owner's PIN in this test, which is not the key's fault."""
    source = key_source(item.config)
    if item.get_closest_marker("destructive") or not isinstance(source, HardwareSource):
        return None
    if not source.attendant.pin_refused:
        return None
    return f"the PIN of {source.title} was wrong; it is not tried again, for the key counts"


def left_with(config: pytest.Config, pin: str | None) -> None:
    """Note the PIN that a test which changed the key has given it, ``None`` if it gave none."""
    if _changed(config.stash):
        config.stash[PIN_LEFT] = pin


def leave(config: pytest.Config, source: HardwareSource, *, interrupted: bool) -> str | None:
    """Leave no traces of tests on the key, unless that takes somebody who has ``interrupted`` the run.

    In a sentence, what it is like from now on; ``None`` if it is as it was before the run.
    """
    stash = config.stash
    title = source.title
    if not _changed(stash):
        return (
            f"{title} has been reset: it has no PIN, and nothing is on it"
            if stash.get(ERASED, False)
            else None
        )
    has_pin = f"the PIN {stash[PIN_LEFT]!r}" if stash.get(PIN_LEFT, None) else "no PIN that tests gave it"
    as_left = (
        f"{title} is left as the last test left it, with {has_pin}, and with what tests have stored; plug "
        "it in anew and reset it before you use it, for example by 'ykman fido reset' or 'fido2-token -R'"
    )
    try:
        if source.attendant.renew():
            return None
        if interrupted or "power-cycle" not in source.capabilities:
            return as_left
        source.attendant.say(f"the tests are over; {title} is reset, so that nothing of theirs stays on it")
        with closing(source.new(clock=ManualClock(), seed="")) as key:
            _reset(key)
    except (DeviceError, CtapError, ConnectionFailure, OSError, *NONSENSE) as error:
        return f"{as_left}; to do that now did not work: {error}"
    return f"{title} has been reset: it has no PIN, and nothing is on it"


def _changed(stash: pytest.Stash) -> bool:
    """Whether a test has changed the key."""
    before = stash.get(KEY, None)
    return before is not None and before.changed


def _is_owners(stash: pytest.Stash, source: HardwareSource) -> bool:
    """Whether all on the key, its PIN among it, is still its owner's, who has said that it may be lost."""
    return (
        "power-cycle" in source.capabilities and not source.attendant.replugs and not stash.get(ERASED, False)
    )


def _as_new(stash: pytest.Stash, key: HardwareKey | PcscKey, source: HardwareSource) -> None:
    """Reset it for a test that changes it, and would else find what others have left."""
    if "power-cycle" not in source.capabilities:
        pytest.skip(f"needs {source} as new, and it can only be reset when it is plugged in")
    if stash.get(REFUSED, 0) >= TIMES_GONE:
        pytest.skip(f"needs {source} as new, and it was not to be reset {TIMES_GONE} times in a row")
    try:
        _reset(key)
    except (DeviceError, CtapError) as error:
        stash[REFUSED] = stash.get(REFUSED, 0) + 1
        pytest.fail(f"the key is not to be reset, for a test that changes it: {error}", pytrace=False)
    stash[REFUSED], stash[ERASED], stash[PIN_LEFT] = 0, True, None


def _reset(key: HardwareKey | PcscKey) -> None:
    """authenticatorReset, soon after power came: CTAP 2.3 §6.6."""
    if not key.capabilities & CAPABILITY.CBOR:
        return
    key.power_cycle()
    Ctap2(key).reset()
    key.changed = False
