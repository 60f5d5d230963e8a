"""Devices by name: a key such as ``emulated:ctap21`` or ``hid:/dev/hidraw3``, a token by its kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CAPABILITY, ConnectionFailure

from emulator.clock import ManualClock
from harness.devices.attendant import Attendant
from harness.devices.connection import Plug
from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.devices.hardware import HardwareKey
from harness.devices.hidraw import HidrawPlug, keys_at_hand
from harness.devices.key import DeviceError, Key
from harness.devices.pcsc import PcscKey, PcscPlug, readers_with_cards
from harness.devices.prompt import PromptSource
from harness.devices.request import NONSENSE
from harness.devices.token import TokenSource
from harness.devices.udp import UdpPlug
from harness.devices.ykoath import YkOathSource

TOKEN_KINDS = ("emulated", "ykoath:READER", "prompt")

OWNERS_PIN = "2468 keyrig"
"""What the owner of an emulated key that cannot be without a PIN has set."""

FORMS = "emulated:PROFILE[+FAULT…], hid, hid:PATH, pcsc:READER or udp:HOST:PORT"


class KeySource(Protocol):
    """Where keys come from; ``str()`` is the name it was found by."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What its keys can do, as :func:`capabilities_of` has it, and what can be done with them.

        ``several-keys``: each is another; ``clone``: they can be copied; ``sign-count``: they are known to
        count signatures; ``power-cycle``: their power can be cut; ``destructive``: they may be changed for
        good.
        """

    def new(self, *, clock: ManualClock, seed: str) -> Key:
        """A key in the world of ``clock``; a new one by ``seed``, if there are several."""


@dataclass(frozen=True, kw_only=True)
class EmulatedSource:
    """Emulated keys of a profile, with the faults of these names; the same ``seed`` gives the same key."""

    profile: str
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join([f"emulated:{self.profile}", *self.faults])

    def new(self, *, clock: ManualClock, seed: str) -> EmulatedKey:
        """A key, on which its owner has set a PIN if it does nothing without one."""
        key = EmulatedKey(self.profile, clock=clock, seed=seed, faults=self.faults)
        profile = key.security_key.profile
        if profile.always_uv and profile.client_pin and not Ctap2(key).info.options.get("uv"):
            key.set_pin(OWNERS_PIN.ljust(profile.min_pin_length, "."))
        return key

    @cached_property
    def capabilities(self) -> frozenset[str]:
        key = EmulatedKey(self.profile, clock=ManualClock(), seed="")  # a fault is no excuse
        possible = {"several-keys", "clone", "power-cycle", "destructive"}
        return capabilities_of(key) | possible | ({"sign-count"} if key.counts_signatures else set())


class HardwareSource:
    """The one key at ``plug``, which ``attendant`` attends; changed for good only if ``destructive``.

    :raises DeviceError: when it does not say what it can do.
    """

    def __init__(self, plug: Plug | PcscPlug, attendant: Attendant, *, destructive: bool = False) -> None:
        self._plug = plug
        self.attendant = attendant
        self._destructive = destructive
        self.capabilities = self._found() | {
            *(["power-cycle"] if plug.can_be_pulled or attendant.replugs else []),
            *(["destructive"] if destructive else []),
        }

    def __str__(self) -> str:
        return self._plug.name

    @property
    def title(self) -> str:
        """What a person knows it by."""
        return f"{self._plug.descriptor.product_name}, {self}"

    @property
    def identity(self) -> str:
        """What is on the key, or where it is: what its owner types to say that this one is meant."""
        return self._plug.descriptor.serial_number or self._plug.name

    def new(self, *, clock: ManualClock, seed: str) -> HardwareKey | PcscKey:
        match self._plug:
            case PcscPlug() as plug:
                return PcscKey(plug, self.attendant, destructive=self._destructive)
            case plug:
                return HardwareKey(plug, self.attendant, destructive=self._destructive)

    def _found(self) -> frozenset[str]:
        try:
            with closing(self.new(clock=ManualClock(), seed="")) as key:
                return capabilities_of(key)
        except DeviceError:
            raise
        except (CtapError, ConnectionFailure, *NONSENSE) as error:
            raise DeviceError(f"{self} does not answer as a security key does: {error}") from None


def find_key(
    name: str, attend: Callable[[], Attendant] = Attendant.here, *, destructive: str | None = None
) -> KeySource:
    """The source of keys called ``name``; a :class:`DeviceError` if there is none.

    A key in somebody's hand is attended by whom ``attend`` gives. It may be changed for good if
    ``destructive`` is its :attr:`HardwareSource.identity`.
    """
    match name.partition(":"):
        case "emulated", ":", profile if profile:
            return _emulated(profile)
        case "hid", _, path:
            return _hardware(HidrawPlug.find(path), attend, destructive)
        case "pcsc", _, reader:
            return _hardware(PcscPlug.find(reader), attend, destructive)
        case "udp", ":", address:
            return _hardware(UdpPlug.find(address), attend, destructive)
        case _:
            raise DeviceError(f"no key is called {name!r}; a key is {FORMS}")


def _hardware(
    plug: Plug | PcscPlug, attend: Callable[[], Attendant], destructive: str | None
) -> HardwareSource:
    source = HardwareSource(plug, attend(), destructive=destructive is not None)
    if destructive not in (None, source.identity):
        raise DeviceError(f"{source} is {source.identity}, not {destructive}; nothing was done to it")
    return source


def _emulated(model: str) -> EmulatedSource:
    profile, *faults = model.split("+")
    source = EmulatedSource(profile=profile, faults=tuple(faults))
    try:
        source.new(clock=ManualClock(), seed="")
    except ValueError as error:
        raise DeviceError(f"no key is called {str(source)!r}: {error}") from None
    return source


def key_names() -> list[str]:
    """The names of emulated keys that need nothing of one's own."""
    return [f"emulated:{profile}" for profile in EmulatedKey.profiles()]


def names_at_hand() -> list[str]:
    """The names of the keys that are plugged in and may be used."""
    hidraw = [HidrawPlug(descriptor).name for descriptor in keys_at_hand()]
    return hidraw + [PcscPlug(reader).name for reader in readers_with_cards()]


def find_token(kind: str) -> TokenSource:
    """The hardware TOTP tokens of that kind; a :class:`DeviceError` if there are none."""
    match kind.partition(":"):
        case "emulated", "", "":
            return EmulatedToken
        case "ykoath", _, reader:
            return YkOathSource(reader)
        case "prompt", "", "":
            return PromptSource()
        case _:
            raise DeviceError(f"no token is called {kind!r}; tokens are: {', '.join(TOKEN_KINDS)}")


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
