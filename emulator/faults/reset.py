"""Faults of authenticatorReset and authenticatorSelection (CTAP 2.3 §6.6, §6.9)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from emulator.faults.changes import given
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.memory import before, configured, put_back
from emulator.faults.messages import on_answer, refusing, ungestured
from emulator.fido.authenticator import CtapCommand
from emulator.fido.session import Session
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.store import Snapshot

OWNER = "the key's owner, from whom malware takes every account with one touch"
USER = "the user"
FORGETFUL = "the user, who has forgotten the PIN"
PLATFORM = "the client, when it reads the answer"

_RESET, _SELECTION = CtapCommand.RESET, CtapCommand.SELECTION

_fault = Family(caught_by="nobody, until whoever has the key next is taken for its old owner")


def _just_powered_up(state: AuthenticatorState) -> None:
    state.session.powered_up = math.inf


def _keeping(keep: Callable[[Snapshot, Snapshot], Snapshot]) -> Wrap:
    """A reset after which the store has something of what it had: from before and after, what is so."""
    return put_back(
        lambda parts: parts.store.snapshot(),
        lambda parts, had: parts.store.restore(keep(had, parts.store.snapshot())),
        _RESET,
    )


def _min_pin_length_kept(had: Snapshot, now: Snapshot) -> Snapshot:
    assert had.user_verification is not None
    assert now.user_verification is not None
    length = had.user_verification.min_pin_length
    verification = replace(now.user_verification, min_pin_length=length)
    return replace(now, user_verification=verification, configuration=had.configuration)


def _go_on(parts: Parts, session: Session) -> None:
    """What was agreed is remembered."""
    parts.state.session = session


FAULTS = (
    # §6.6, §7.7
    _fault(
        "reset-refused",
        "never lets itself be reset",
        refusing(_RESET, CtapStatus.NOT_ALLOWED),
        caught_by=FORGETFUL,
    ),
    # §6.6
    _fault(
        "reset-at-any-time",
        "lets itself be reset long after it was plugged in",
        before(_RESET, _just_powered_up),
        caught_by=OWNER,
    ),
    _fault(
        "reset-without-touch",
        "lets itself be reset by a program, without a touch",
        ungestured(_RESET),
        caught_by=OWNER,
    ),
    # §6.6, §7.7
    _fault(
        "reset-short-touch",
        "is content with a short touch for a reset, where it was set to want a long one",
        before(_RESET, configured(long_touch_for_reset=False)),
        caught_by=OWNER,
    ),
    # §6.6
    _fault(
        "reset-keeps-credentials",
        "has its discoverable credentials still after a reset",
        _keeping(lambda had, now: replace(now, credentials=had.credentials)),
    ),
    _fault(
        "reset-keeps-master-secret",
        "opens credential IDs still that it gave before a reset",
        _keeping(lambda had, now: replace(now, master_secret=had.master_secret)),
    ),
    _fault(
        "reset-keeps-pin",
        "has its PIN still after a reset",
        _keeping(lambda had, now: replace(now, user_verification=had.user_verification)),
        caught_by=FORGETFUL,
    ),
    # §6.6, §6.11.4, §6.6, §7.7
    _fault(
        "reset-keeps-settings",
        "has its settings still after a reset",
        _keeping(_min_pin_length_kept),
        caught_by=USER,
    ),
    # §6.6
    _fault(
        "reset-keeps-blobs",
        "has its large blobs still after a reset",
        _keeping(lambda had, now: replace(now, large_blob_array=had.large_blob_array)),
    ),
    # §6.6, §6.5.2.2
    _fault(
        "reset-keeps-persistent-token",
        "takes the persistent token of before a reset",
        _keeping(lambda had, now: replace(now, persistent_token=had.persistent_token)),
    ),
    # §6.6, §6.5.2.1
    _fault(
        "reset-keeps-session",
        "takes the pinUvAuthToken of before a reset",
        put_back(lambda parts: parts.state.session, _go_on, _RESET),
    ),
    # §6.9
    _fault(
        "selection-refused",
        "cannot be selected",
        refusing(_SELECTION, CtapStatus.INVALID_COMMAND),
        caught_by=PLATFORM,
    ),
    _fault(
        "selection-without-touch",
        "says that it was selected when nobody touched it",
        ungestured(_SELECTION),
        caught_by="the user, who is asked for the PIN of another key than the one in the hand",
    ),
    _fault(
        "selection-talks",
        "says more than that it was selected",
        on_answer(_SELECTION, given(1, True)),
        caught_by=PLATFORM,
    ),
)
