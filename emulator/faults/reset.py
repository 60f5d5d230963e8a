"""Faults of authenticatorReset and authenticatorSelection (CTAP 2.3 §6.6, §6.9)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.registration import refusing, ungestured
from emulator.faults.wiring import ChangedCommands, before, on_answer
from emulator.fido.authenticator import CtapCommand
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands
from emulator.store import Snapshot

OWNER = "the key's owner, from whom malware takes every account with one touch"
NEXT_OWNER = "nobody, until whoever has the key next is taken for its old owner"
USER = "the user"
PLATFORM = "the client, when it reads the answer"

_RESET, _SELECTION = CtapCommand.RESET, CtapCommand.SELECTION

Wrap = Callable[[Commands, Parts], Commands]


def _fault(name: str, sentence: str, commands: Wrap, *, caught_by: str = NEXT_OWNER) -> Fault:
    return Fault(name=name, layer=Layer.MEANING, sentence=sentence, caught_by=caught_by, commands=commands)


def _just_powered_up(state: AuthenticatorState) -> None:
    state.session.powered_up = math.inf


def _short_will_do(state: AuthenticatorState) -> None:
    state.store.set_configuration(replace(state.store.configuration, long_touch_for_reset=False))


def _keeping(keep: Callable[[Snapshot, Snapshot], Snapshot]) -> Wrap:
    """A reset after which the store has something of what it had: from before and after, what is so."""

    def wrap(commands: Commands, parts: Parts) -> Commands:
        had = parts.store.snapshot()

        def request(message: bytes) -> bytes:
            nonlocal had
            had = parts.store.snapshot()
            return message

        def answer(message: bytes, answer: bytes) -> bytes:
            if message == bytes((_RESET,)) and answer[0] == CtapStatus.SUCCESS:
                parts.store.restore(keep(had, parts.store.snapshot()))
            return answer

        return ChangedCommands(commands, request=request, answer=answer)

    return wrap


def _min_pin_length_kept(had: Snapshot, now: Snapshot) -> Snapshot:
    assert had.user_verification is not None
    assert now.user_verification is not None
    length = had.user_verification.min_pin_length
    verification = replace(now.user_verification, min_pin_length=length)
    return replace(now, user_verification=verification, configuration=had.configuration)


def _session_kept(commands: Commands, parts: Parts) -> Commands:
    """A reset forgets what is kept, and remembers what was agreed."""
    session = parts.state.session

    def request(message: bytes) -> bytes:
        nonlocal session
        session = parts.state.session
        return message

    def answer(message: bytes, answer: bytes) -> bytes:
        if message == bytes((_RESET,)):
            parts.state.session = session
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


FAULTS = (
    _fault(
        "reset-refused",
        "never lets itself be reset",
        refusing(_RESET, lambda _: True, CtapStatus.NOT_ALLOWED),
        caught_by="the user, who has forgotten the PIN",
    ),
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
    _fault(
        "reset-short-touch",
        "is content with a short touch for a reset, where it was set to want a long one",
        before(_RESET, _short_will_do),
        caught_by=OWNER,
    ),
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
        caught_by="the user, who has forgotten the PIN",
    ),
    _fault(
        "reset-keeps-settings",
        "has its settings still after a reset",
        _keeping(_min_pin_length_kept),
        caught_by=USER,
    ),
    _fault(
        "reset-keeps-blobs",
        "has its large blobs still after a reset",
        _keeping(lambda had, now: replace(now, large_blob_array=had.large_blob_array)),
    ),
    _fault(
        "reset-keeps-persistent-token",
        "takes the persistent token of before a reset",
        _keeping(lambda had, now: replace(now, persistent_token=had.persistent_token)),
    ),
    _fault("reset-keeps-session", "takes the pinUvAuthToken of before a reset", _session_kept),
    _fault(
        "selection-refused",
        "cannot be selected",
        refusing(_SELECTION, lambda _: True, CtapStatus.INVALID_COMMAND),
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
        on_answer(_SELECTION, lambda _: {1: True}),
        caught_by=PLATFORM,
    ),
)
