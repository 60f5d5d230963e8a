"""The emulated key as a device of python-fido2, in this process: a wait moves the world's clock, no more."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from fido2.ctap import STATUS
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

from emulator.card import Apdus, Card, FidoApplet, OathApplet
from emulator.clock import ManualClock
from emulator.fido.ctaphid import PACKET_SIZE, CtapHidCommand, InitializationPacket, parse_packet
from emulator.fido.gesture import Gesture
from emulator.gesture_policy import GesturePolicy
from emulator.metadata import fido2_statement, u2f_statement
from emulator.oath.ykoath import YkOath
from emulator.profile import Profile, profile_names
from emulator.profile_values import ALGORITHMS, CONFIG_COMMANDS, EXTENSIONS, VERSIONS
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey
from emulator.store import CredentialStore, MemoryStore
from emulator.system_random import SystemRandom
from harness.devices.key import Key

U2F_POLL_INTERVAL = 0.25
"""Seconds of the world's clock between a U2F platform's polls for a touch: what python-fido2's sleeps."""


class KeySilentError(RuntimeError):
    """A packet is awaited that will never come: the key has nothing to say and nothing to wait for."""


class EmulatedKey(Key):
    """A :class:`SecurityKey` under the stock ``CtapHidDevice``, in the world whose clock is ``clock``.

    ``touch`` and ``uv`` are the policies of :class:`SecurityKey`. Without ``seed`` its keys are new every
    time. ``faults`` names what is wrong with it. Whoever waits for an answer moves ``clock`` to the key's
    next timer: a touch time-out of 30 s takes 30 s of the world's time and none of ours. Packets for one
    channel go to whoever used it last.
    """

    def __init__(
        self,
        profile: Profile | str = "ctap21",
        *,
        clock: ManualClock | None = None,
        seed: bytes | int | str | None = None,
        random_bytes: Callable[[int], bytes] | None = None,
        store: CredentialStore | None = None,
        touch: GesturePolicy = "always",
        uv: GesturePolicy = "always",
        on_error: Callable[[Exception], None] | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        self.clock = clock or ManualClock()
        self.faults = tuple(faults)
        self._policies = touch, uv
        self._model = Profile.load(profile) if isinstance(profile, str) else profile
        store = MemoryStore() if store is None else store
        if seed is None and random_bytes is None:
            random_bytes = SystemRandom()
        self.security_key = _key(
            faults,
            self._model,
            seed=seed,
            random_bytes=random_bytes,
            store=store,
            touch=touch,
            uv=uv,
            now=self.clock(),
            on_error=on_error,
        )
        oath = YkOath(store, random_bytes or RandomStream(f"oath {seed!r}"))
        applets = (FidoApplet(self.security_key), OathApplet(oath, self.security_key))
        card = _card(faults, Card(self.security_key, applets))
        self._wire = _Wire(self.security_key, card, self.clock)
        self._raw = self._wire.connect()
        self._opened: CtapHidDevice | None = None
        self._pin: str | None = None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        return "+".join([f"emulated:{self.security_key.profile.name}", *self.faults])

    @property
    def counts_signatures(self) -> bool:
        """Whether its signature counter counts; a synced passkey's stays zero."""
        return self.security_key.profile.sign_counter

    @property
    def _device(self) -> CtapHidDevice:
        if self._opened is None:  # when it is wanted: a broken key may not give a channel
            self._opened = self.open()
        return self._opened

    @property
    def capabilities(self) -> int:
        return self._device.capabilities

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        return self._device.call(cmd, data, event, on_keepalive)

    def touch(self) -> None:
        self.security_key.touch(self.clock())
        self._wire.deliver()

    def verify(self, accepted: bool = True) -> None:
        self.security_key.verify(self.clock(), accepted)
        self._wire.deliver()

    def pin(self) -> str | None:
        return self._pin

    def set_pin(self, pin: str) -> None:
        """Set its first PIN, which its owner knows from then on."""
        ClientPin(Ctap2(self)).set_pin(pin)
        self._pin = pin

    def leave_alone(self, alone: bool = True) -> None:
        key = self.security_key
        key.touch_policy, key.uv_policy = ("never", "never") if alone else self._policies

    def leave_to_strangers(self, strangers: bool = True) -> None:
        """Whenever it asks who is there, a finger is put on it that it does not know; ``False`` ends that."""
        self._wire.strangers = strangers
        self.security_key.uv_policy = "by call" if strangers else self._policies[1]

    def transmit(self, apdu: bytes) -> bytes:
        """What it answers in a smart-card reader: data and status word, when it has an answer."""
        return self._wire.transmit(apdu)

    @property
    def metadata_statements(self) -> list[Mapping[str, Any]]:
        """What is published of its model (FIDO Metadata Statement v3.0): for FIDO2, for U2F."""
        of_fido2 = [fido2_statement(self._model)] if self._model.ctap2 else []
        return of_fido2 + ([u2f_statement(self._model)] if self._model.u2f else [])

    def wait(self, seconds: float) -> None:
        end = self.clock() + seconds
        while self._wire.wait(end):
            pass

    def power_cycle(self) -> None:
        self._wire.power_cycle()
        self._opened = None

    def open(self) -> CtapHidDevice:
        profile = self.security_key.profile
        descriptor = HidDescriptor(self.name, 0, 0, PACKET_SIZE, PACKET_SIZE, profile.title, None)
        return CtapHidDevice(descriptor, self._wire.connect())

    def send_packet(self, packet: bytes) -> None:
        self._raw.send(packet)

    def receive_packet(self, timeout: float) -> bytes | None:
        return self._raw.receive(timeout)

    @staticmethod
    def profiles() -> list[str]:
        """The models of key there are."""
        return profile_names()

    @staticmethod
    def vocabulary() -> Mapping[str, Any]:
        """What a profile may say, by its keys: names, and of algorithms and commands their numbers."""
        return {
            "versions": VERSIONS,
            "extensions": EXTENSIONS,
            "algorithms": ALGORITHMS,
            "config_commands": CONFIG_COMMANDS,
        }

    @staticmethod
    def fault_names() -> list[str]:
        """What a key may have wrong with it."""
        from emulator.faults import FAULTS

        return [fault.name for fault in FAULTS]

    @classmethod
    def list_devices(cls) -> Iterator[EmulatedKey]:
        """None: an emulated key is made, not found."""
        return iter(())


# Faults are dozens of modules, imported for those who want one.


def _key(faults: Sequence[str], model: Profile, **given: Any) -> SecurityKey:
    if not faults:
        return SecurityKey(model, **given)
    from emulator.faults import broken_key, faults_named

    return broken_key(faults_named(faults), model, **given)


def _card(faults: Sequence[str], card: Card) -> Apdus:
    if not faults:
        return card
    from emulator.faults import broken_card, faults_named

    return broken_card(faults_named(faults), card)


class _Connection(CtapHidConnection):
    """One application's way to the key: its own packets, in order."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self.arrived: deque[bytes] = deque()

    def send(self, packet: bytes) -> None:
        self._wire.send(packet, self)

    def receive(self, timeout: float) -> bytes | None:
        """The next packet, moving the clock on for it by ``timeout`` seconds at most."""
        end = self._wire.clock() + timeout
        while not self.arrived:
            if not self._wire.wait(end):
                return None
        return self.arrived.popleft()

    def read_packet(self) -> bytes:
        packet = self.receive(math.inf)
        if packet is None:
            raise KeySilentError(
                "the key will never answer: it has no packet to send, no command running and no timer; "
                "was the request whole, and sent on this connection?"
            )
        return packet

    def write_packet(self, data: bytes) -> None:
        match parse_packet(data):
            case InitializationPacket(command=CtapHidCommand.MSG):
                self._wire.pause_between_polls()
        self.send(data)

    def close(self) -> None:
        self.arrived.clear()


class _Wire:
    """What is between the key and its applications: carries packets, and waits by moving the clock."""

    def __init__(self, key: SecurityKey, card: Apdus, clock: ManualClock) -> None:
        self.clock = clock
        self.strangers = False
        self._key = key
        self._card = card
        self._applications: dict[int, _Connection] = {}

    def connect(self) -> _Connection:
        return _Connection(self)

    def send(self, packet: bytes, sender: _Connection) -> None:
        self._applications[int.from_bytes(packet[:4], "big")] = sender
        self._key.receive(packet, self.clock())
        self.deliver()

    def deliver(self) -> None:
        """Give each packet of the key to the application that used its channel last; of others, to all."""
        for packet in self._key.packets_to_send():
            owner = self._applications.get(int.from_bytes(packet[:4], "big"))
            for application in {owner} if owner else set(self._applications.values()):
                application.arrived.append(packet)

    def transmit(self, apdu: bytes) -> bytes:
        """Have the card answer, moving the clock on for it."""
        self._card.receive(apdu, self.clock())
        while not (answers := self._card.packets_to_send()):
            if not self.wait(math.inf):
                raise KeySilentError(f"the card will never answer {apdu.hex()}")
        return answers[-1]

    def wait(self, end: float) -> bool:
        """Move the clock to what the key does next; if that is after ``end``, to the end, and false."""
        if self.strangers and self._key.awaited(self.clock()) is Gesture.VERIFICATION:
            self._key.verify(self.clock(), accepted=False)
            self.deliver()
            return True
        due = self._key.next_timer()
        if due is None or due > end:
            if math.isfinite(end):
                self.clock.set(max(end, self.clock()))
            return False
        self.clock.set(max(due, self.clock()))
        self._key.handle_timer(self.clock())
        self.deliver()
        return True

    def pause_between_polls(self) -> None:
        """Let pass what a U2F platform sleeps before it asks for the touch again."""
        if self._key.is_polled(self.clock()):
            self.clock.advance(U2F_POLL_INTERVAL)

    def power_cycle(self) -> None:
        self._card.power_cycle(self.clock())
        for application in self._applications.values():
            application.arrived.clear()
        self._applications.clear()
