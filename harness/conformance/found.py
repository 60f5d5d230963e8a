"""What the key under test is, asked once a run; and whether it waits to be touched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Timer
from typing import Any

import pytest
from fido2 import cbor
from fido2.ctap import CtapError
from fido2.hid import CAPABILITY, CTAPHID

from emulator.clock import ManualClock
from harness.conformance.features import features, named_info
from harness.conformance.probe import CMD, ERR, Probe
from harness.conformance.trace import Trace
from harness.devices.find import HardwareSource, find_key
from harness.plugin import key_source

PATIENCE = 0.6
"""Seconds in which a key that nobody has to touch has answered."""

_U2F_REGISTER = bytes((0, 1, 0, 0, 0, 0, 64)) + bytes(64) + bytes(2)
_MAKE_CREDENTIAL = bytes((CMD.MAKE_CREDENTIAL,)) + cbor.encode(
    {
        1: bytes(32),
        2: {"id": "conform.example", "name": "Conformance"},
        3: {"id": b"user", "name": "user", "displayName": "A user"},
        4: [{"alg": -7, "type": "public-key"}],
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the key under test has, its getInfo by the members' names, whether it ``waits`` for touches.

    ``seconds`` is what it took to tell, of real time.
    """

    features: frozenset[str]
    info: Mapping[str, Any]
    waits: bool
    seconds: float


FOUND: pytest.StashKey[Found] = pytest.StashKey()


def found(config: pytest.Config) -> Found:
    """What the key of this run is; of one with a fault, what it would be without."""
    if FOUND not in config.stash:
        source = key_source(config)
        name = str(source)
        if name.startswith("emulated:"):
            source = find_key(name.partition("+")[0])
        with closing(source.new(clock=ManualClock(), seed="")) as key:
            probe = Probe(key, Trace())
            began = time.monotonic()
            info, seconds = named_info(probe.info), time.monotonic() - began
            waits = not isinstance(source, HardwareSource) or _waits(probe, source)
            config.stash[FOUND] = Found(
                features=features(probe) | source.capabilities, info=info, waits=waits, seconds=seconds
            )
    return config.stash[FOUND]


def _waits(probe: Probe, source: HardwareSource) -> bool:
    """Whether a key at hand waits for the touch that it asks for: a request that wants one is cancelled."""
    if source.attendant.tireless:
        return True
    given_up = Event()
    timer = Timer(PATIENCE, given_up.set)
    timer.start()
    try:
        if not probe.key.capabilities & CAPABILITY.CBOR:
            return probe.key.call(CTAPHID.MSG, _U2F_REGISTER)[-2:] == b"\x69\x85"
        selects = {"FIDO_2_1", "FIDO_2_3"} & {*probe.info.get(1, ())}
        request = bytes((CMD.SELECTION,)) if selects else _MAKE_CREDENTIAL
        return probe.key.call(CTAPHID.CBOR, request, given_up)[0] == ERR.KEEPALIVE_CANCEL
    except CtapError:
        return True
    finally:
        timer.cancel()
        source.attendant.ask_no_more()
