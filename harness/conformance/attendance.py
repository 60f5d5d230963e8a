"""A key at hand during a run: who touches it, how it becomes as new, and when it is taken to be gone."""

from __future__ import annotations

import getpass
import os
from contextlib import nullcontext

import pytest
from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CAPABILITY, ConnectionFailure

from emulator.clock import ManualClock
from harness.conformance.course import slow
from harness.devices.attendant import TERMINAL, Attendant
from harness.devices.find import NONSENSE, HardwareSource
from harness.devices.hand import CommandHand, Hand, HandAttendant, HttpHand
from harness.devices.hardware import HardwareKey
from harness.devices.key import DeviceError
from harness.devices.pcsc import PcscKey

TIMES_GONE = 3
"""Tests in a row that do not reach the key before no other is tried."""

KEY: pytest.StashKey[HardwareKey | PcscKey] = pytest.StashKey()
"""The key of the last test."""
GONE: pytest.StashKey[int] = pytest.StashKey()


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
    """The key of ``source`` for one test: as new if the test changes it and another has.

    Skips a test that waits for longer than is wished, or wants a new key that cannot be had.
    """
    longest: float = item.config.getoption("keyrig_longest_wait")
    if slow(item) > longest:
        pytest.skip(f"takes {slow(item):g} s of real time, and --longest-wait is {longest:g}")
    before, stash = item.config.stash.get(KEY, None), item.config.stash
    changed = before is not None and before.changed
    try:
        if changed and source.attendant.renew():
            changed = False
        key = source.new(clock=ManualClock(), seed="")
    except (DeviceError, CtapError, ConnectionFailure, OSError, *NONSENSE) as error:
        stash[GONE] = stash.get(GONE, 0) + 1
        if stash[GONE] >= TIMES_GONE:
            item.session.shouldfail = f"{source} was not reached {TIMES_GONE} times in a row: {error}"
        pytest.fail(f"the key is not to be reached: {error}", pytrace=False)
    stash[GONE], stash[KEY] = 0, key
    key.changed = changed
    if changed and item.get_closest_marker("destructive"):
        _reset(key, source)
    return key


def _reset(key: HardwareKey | PcscKey, source: HardwareSource) -> None:
    """authenticatorReset, soon after power came: CTAP 2.3 §6.6."""
    if not key.capabilities & CAPABILITY.CBOR:
        return
    if "power-cycle" not in source.capabilities:
        pytest.skip(f"needs {source} as new, and it can only be reset when it is plugged in")
    key.power_cycle()
    Ctap2(key).reset()
    key.changed = False
