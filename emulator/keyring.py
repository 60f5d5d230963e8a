"""Several keys at once, each with its own serial number, memory, randomness and port."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from emulator.card import Apdus, Card, FidoApplet, ManagementApplet, OathApplet
from emulator.exchange import Asked, Exchange, ExchangeLog
from emulator.faults import Fault, broken_card, broken_key
from emulator.fido.gesture import Gesture
from emulator.oath.ykoath import YkOath
from emulator.profile import Profile
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey
from emulator.sqlite_store import SqliteStore
from emulator.store import CredentialStore, MemoryStore
from emulator.transports.gadget import GadgetPort
from emulator.transports.loop import KeyClock
from emulator.transports.port import PacketPort, UsbIdentity
from emulator.transports.robot import Robot, TouchHabit, UvHabit
from emulator.transports.udp import ANSWER_PORT, DEVICE_PORT, UdpPort
from emulator.transports.uhid import MAX_MESSAGE_SIZE, UhidPort
from emulator.transports.vpcd import HOST, READER_PORT, Slot, VpcdPort

Transport: TypeAlias = Literal["uhid", "gadget", "udp", "pcsc"]

PACKET_TIMEOUT = 2.0
"""Seconds that a client may pause within a message; a real key has less patience, a busy machine needs it."""

MAX_PIN_BYTES = 63
PIN_HASH_LENGTH = 16


class KeyRingError(ValueError):
    """Keys that cannot be made as asked; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """What keys to make. The second and later ones have numbers: in the store's name, the seed, the ports.

    ``store`` is a file, made if it is not there; ``seed`` makes serial numbers, keys and nonces
    reproducible, each opening of a store having its own. ``pin`` is set on keys that have none.
    ``port`` and ``answer_port`` (``None``: whoever asked last) are for ``udp`` and count up by one a key, as
    does the port of ``reader_address``, which is for ``pcsc``. ``faults`` are what is wrong with all of them.
    """

    profile: Profile
    random_bytes: Callable[[int], bytes]
    transport: Transport = "uhid"
    count: int = 1
    distinct_aaguid: bool = False
    touch: TouchHabit = "always"
    uv: UvHabit = "always"
    pin: str | None = field(default=None, repr=False)
    store: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    seed: str | None = field(default=None, repr=False)
    port: int = DEVICE_PORT
    answer_port: int | None = ANSWER_PORT
    reader_address: tuple[str, int] = (HOST, READER_PORT)
    faults: tuple[Fault, ...] = ()

    @contextmanager
    def plugged_in(
        self,
        *,
        on_exchange: Callable[[int, Exchange], None],
        on_waiting: Callable[[int, Asked, Gesture], None],
    ) -> Iterator[list[Robot]]:
        """The keys, served while a ``with`` block lasts; a key's number counts from 1.

        :raises KeyRingError, PortError, StoreError: for what stands in the way; no key is left plugged in.
        """
        self._check()
        with ExitStack() as stack:
            robots = []
            for number in range(1, self.count + 1):
                log = ExchangeLog(
                    KeyClock(),
                    on_exchange=partial(on_exchange, number),
                    on_waiting=partial(on_waiting, number),
                )
                robots.append(stack.enter_context(self._robot(number, log, stack)))
            yield robots

    def _check(self) -> None:
        profile = self.profile
        pin = None if self.pin is None else _normal(self.pin)
        if self.distinct_aaguid and not profile.ctap2:
            raise KeyRingError(f"profile {profile.name} has no AAGUID that could be distinct")
        if pin is None:
            return
        if not profile.client_pin:
            raise KeyRingError(f"profile {profile.name} has no PIN")
        if len(pin) < profile.min_pin_length or len(pin.encode()) > MAX_PIN_BYTES:
            least = profile.min_pin_length
            raise KeyRingError(
                f"the PIN must have at least {least} characters and at most {MAX_PIN_BYTES} bytes"
            )

    def _robot(self, number: int, log: ExchangeLog, stack: ExitStack) -> Robot:
        serial_number, seed = self._serial_number(number), self._seed(number)
        store: CredentialStore = MemoryStore()
        if self.store is not None:
            file = SqliteStore(
                self._store_path(self.store, number),
                serial_number=serial_number,
                random_bytes=self.random_bytes,
                passphrase=self.passphrase,
            )
            stack.callback(file.close)
            store, serial_number = file, file.serial_number
            if seed is not None and file.openings > 1:  # what this seed gave before is in use
                seed = f"{seed}/opening {file.openings}"
        clock, profile = KeyClock(), self.profile_of(number)
        random_bytes = self.random_bytes if seed is None else RandomStream(seed)
        key = broken_key(
            self.faults,
            profile,
            random_bytes=random_bytes,
            store=store,
            now=clock(),
            serial_number=serial_number,
            observer=log,
            packet_timeout=PACKET_TIMEOUT,
        )
        if self.pin is not None:
            _set_initial_pin(store, self.pin)
        identity = UsbIdentity(serial_number=serial_number, product=f"security key ({profile.name})")
        return Robot(
            key,
            self._plug(number, identity),
            identity=identity,
            store=store,
            log=log,
            clock=clock,
            touch=self.touch,
            uv=self.uv,
            wire=Slot(self._card(key, store, serial_number, random_bytes))
            if self.transport == "pcsc"
            else None,
        )

    def _card(
        self,
        key: SecurityKey,
        store: CredentialStore,
        serial_number: str,
        random_bytes: Callable[[int], bytes],
    ) -> Apdus:
        """The key as a smart card, with the applets that ``ykman`` looks for."""
        oath = OathApplet(YkOath(store, random_bytes), key)
        applets = (FidoApplet(key), oath, ManagementApplet(key, int(serial_number)))
        return broken_card(self.faults, Card(key, applets))

    def _seed(self, number: int) -> str | None:
        return self.seed if self.seed is None or number == 1 else f"{self.seed}/key {number}"

    def _serial_number(self, number: int) -> str:
        """Eight digits, as keys have them engraved."""
        seed = self._seed(number)
        chosen = self.random_bytes(8) if seed is None else RandomStream(f"{seed}/serial number")(8)
        return f"{int.from_bytes(chosen, 'big') % 10**8:08}"

    def _store_path(self, store: Path, number: int) -> Path:
        return store if number == 1 else store.with_name(f"{store.stem}-{number}{store.suffix}")

    def profile_of(self, number: int) -> Profile:
        """The model of the key with this number, as its transport lets it be."""
        profile = self.profile
        if self.transport == "uhid":
            size = min(profile.max_message_size, MAX_MESSAGE_SIZE)
            profile = replace(profile, max_message_size=size)
        if self.transport == "pcsc":
            profile = replace(profile, transports=("nfc",))
        if self.distinct_aaguid and number > 1:
            profile = replace(profile, aaguid=_aaguid(profile.aaguid, number))
        return profile

    def _plug(self, number: int, identity: UsbIdentity) -> Callable[[], PacketPort]:
        match self.transport:
            case "uhid":
                return lambda: UhidPort.open(identity)
            case "gadget":
                return lambda: GadgetPort(identity)
            case "udp":
                later = number - 1
                answer_port = None if self.answer_port is None else self.answer_port + later
                return _UdpPlug(self.port + later if self.port else 0, answer_port)
            case "pcsc":
                host, port = self.reader_address
                return lambda: VpcdPort(host=host, port=port + number - 1)


class _UdpPlug:
    """Opens the same port every time, also when a free one was asked for."""

    def __init__(self, port: int, answer_port: int | None) -> None:
        self._port, self._answer_port = port, answer_port

    def __call__(self) -> UdpPort:
        opened = UdpPort(port=self._port, answer_port=self._answer_port)
        self._port = opened.port
        return opened


def _aaguid(first: bytes, number: int) -> bytes:
    """Another random UUID (RFC 9562 §5.4), the same every time for a profile and a number."""
    value = bytearray(hashlib.sha256(first + number.to_bytes(4, "big")).digest()[:16])
    value[6] = value[6] & 0x0F | 0x40
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


def _normal(pin: str) -> str:
    """In Unicode Normalization Form C, as the platform sends it (CTAP 2.3 §6.5.1)."""
    return unicodedata.normalize("NFC", pin)


def _set_initial_pin(store: CredentialStore, pin: str) -> None:
    """What authenticatorClientPIN's setPIN leaves behind (CTAP 2.3 §6.5.5.5); a PIN that is there stays."""
    before = store.user_verification
    normal = _normal(pin)
    if before.pin_hash is None:
        pin_hash = hashlib.sha256(normal.encode()).digest()[:PIN_HASH_LENGTH]
        store.set_user_verification(replace(before, pin_hash=pin_hash, pin_length=len(normal)))
