"""What an authenticator remembers, changed before or after a command or when power goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from emulator.faults.fault import Parts, Wrap
from emulator.faults.messages import asks
from emulator.faults.wiring import ChangedCommands
from emulator.fido.authenticator import CtapCommand
from emulator.fido.state import AuthenticatorState
from emulator.key_parts import Commands

Act = Callable[[AuthenticatorState], None]
_T = TypeVar("_T")


def configured(**settings: Any) -> Act:
    """Settings of authenticatorConfig made so."""
    return lambda state: state.store.set_configuration(replace(state.store.configuration, **settings))


def verifying(**members: Any) -> Act:
    """What is kept of the PIN and of built-in user verification made so."""
    return lambda state: state.store.set_user_verification(replace(state.store.user_verification, **members))


def before(command: CtapCommand | None, act: Act, *subcommands: int) -> Wrap:
    """Something done to the state before each ``command``, or with ``None`` before every one."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def request(message: bytes) -> bytes:
            if asks(message, command, *subcommands):
                act(parts.state)
            return message

        return ChangedCommands(inner, request=request)

    return wrap


def afterwards(command: CtapCommand, act: Act) -> Wrap:
    """Something done to the state when ``command`` is over."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if asks(message, command):
                act(parts.state)
            return answer

        return ChangedCommands(inner, answer=answer)

    return wrap


def put_back(
    look: Callable[[Parts], _T],
    put: Callable[[Parts, _T], None],
    command: CtapCommand | None,
    *subcommands: int,
) -> Wrap:
    """What ``look`` saw before ``command``, or with ``None`` before every one, put back after it."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        seen = look(parts)

        def request(message: bytes) -> bytes:
            nonlocal seen
            seen = look(parts)
            return message

        def answer(message: bytes, answer: bytes) -> bytes:
            if asks(message, command, *subcommands):
                put(parts, seen)
            return answer

        return ChangedCommands(inner, request=request, answer=answer)

    return wrap


def instead_of_power_cycle(act: Act) -> Wrap:
    """A power cycle that does something else."""
    return lambda inner, parts: ChangedCommands(inner, power_cycle=lambda _: act(parts.state))


def on_power_cycle(act: Act) -> Wrap:
    """A power cycle that does something besides."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def power_cycle(now: float) -> None:
            inner.power_cycle(now)
            act(parts.state)

        return ChangedCommands(inner, power_cycle=power_cycle)

    return wrap


def taken_for(command: CtapCommand, others: Callable[[bytes], Iterable[bytes]]) -> Wrap:
    """A pinUvAuthParam of ``command`` that is good also if it was made over one of the ``others``."""

    def act(state: AuthenticatorState) -> None:
        for protocol in state.session.protocols.values():
            sound = partial(type(protocol).verify, protocol)

            def verify(
                key: bytes, message: bytes, signature: bytes, sound: Callable[..., bool] = sound
            ) -> bool:
                return any(sound(key, each, signature) for each in (message, *others(message)))

            protocol.verify = verify  # type: ignore[method-assign]  # broken on purpose

    return before(command, act)
