"""Devices by name: a key is ``KIND:WHICH``, such as ``emulated:ctap21``; a token is a kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fido2.ctap2.base import Ctap2
from fido2.hid import CAPABILITY

from emulator.clock import ManualClock
from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.devices.key import Key

TOKEN_KINDS = {"emulated": EmulatedToken}


class DeviceError(ValueError):
    """No such device; one sentence that says which there are."""


@dataclass(frozen=True, kw_only=True)
class KeySource:
    """Where keys of one kind come from; ``str()`` is the name it was found by."""

    profile: str

    def __str__(self) -> str:
        return f"emulated:{self.profile}"

    def new(self, *, clock: ManualClock, seed: str) -> Key:
        """A new key in the world of ``clock``; the same ``seed`` gives the same key."""
        return EmulatedKey(self.profile, clock=clock, seed=seed)

    @cached_property
    def capabilities(self) -> frozenset[str]:
        """What its keys can do: see :func:`capabilities_of`."""
        return capabilities_of(self.new(clock=ManualClock(), seed="")) | {"clone"}


def find_key(name: str) -> KeySource:
    """The source of keys called ``name``; a :class:`DeviceError` if there is none."""
    kind, _, which = name.partition(":")
    if kind != "emulated" or not which:
        raise DeviceError(f"no key is called {name!r}; keys are emulated:PROFILE, such as emulated:ctap21")
    source = KeySource(profile=which)
    try:
        source.new(clock=ManualClock(), seed="")
    except ValueError as error:
        raise DeviceError(f"no key is called {name!r}: {error}") from None
    return source


def key_names() -> list[str]:
    """The names that need nothing of one's own."""
    return [f"emulated:{profile}" for profile in EmulatedKey.profiles()]


def find_token(kind: str) -> type[EmulatedToken]:
    """The hardware TOTP tokens of that kind; a :class:`DeviceError` if there are none."""
    if kind not in TOKEN_KINDS:
        raise DeviceError(f"no token is called {kind!r}; tokens are: {', '.join(TOKEN_KINDS)}")
    return TOKEN_KINDS[kind]


def capabilities_of(key: Key) -> frozenset[str]:
    """What ``key`` says it can do: ``u2f``, ``ctap2``, the options and extensions of authenticatorGetInfo.

    ``clientPin`` is there whether or not a PIN is set; every other option only if it is true (CTAP 2.3 §6.4).
    """
    found = set() if key.capabilities & CAPABILITY.NMSG else {"u2f"}
    if key.capabilities & CAPABILITY.CBOR:
        info = Ctap2(key).info
        found |= {"ctap2", *info.extensions}
        found |= {option for option, value in info.options.items() if value or option == "clientPin"}
    return frozenset(found)
