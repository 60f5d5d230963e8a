"""A key without its wire, for tests: it is touched at once, and python-fido2 can talk to it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fido2.ctap import CtapDevice
from fido2.ctap2 import Ctap2
from fido2.hid import CAPABILITY, CTAPHID

from emulator.fido import cbor
from emulator.fido.authenticator import Authenticator
from emulator.fido.gesture import Gesture, Given
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.store import CredentialStore, MemoryStore, Snapshot

POWER_UP = 1000.0


class Key(CtapDevice):
    """An authenticator whose user touches it at once, ``touch_delay`` seconds after being asked.

    ``fingers`` is what the sensor will say of the next fingers (recognised by default); ``asked`` records
    the gestures that were waited for; ``transcript`` all that went in and out.
    """

    def __init__(self, profile: Profile | str, seed: int = 0, store: CredentialStore | None = None) -> None:
        self.profile = Profile.load(profile) if isinstance(profile, str) else profile
        self.now = POWER_UP
        self.touch_delay = 0.0
        self.fingers: deque[bool] = deque()
        self.asked: list[Gesture] = []
        self.transcript: list[bytes] = []
        self.store = MemoryStore() if store is None else store
        self.authenticator = Authenticator(
            self.profile,
            store=self.store,
            random_bytes=random.Random(seed).randbytes,  # noqa: S311  # to be reproducible
            now=self.now,
        )

    def _finish(self, command: Any) -> bytes:
        try:
            gesture = next(command)
            while True:
                self.asked.append(gesture)
                self.now += self.touch_delay
                accepted = gesture is Gesture.PRESENCE or not self.fingers or self.fingers.popleft()
                gesture = command.send(Given(now=self.now, accepted=accepted))
        except StopIteration as stop:
            return bytes(stop.value)

    def send(self, message: bytes) -> bytes:
        """A CTAP2 message's answer, status byte first."""
        answer = self._finish(self.authenticator.cbor(message, self.now))
        self.transcript += [message, answer]
        return answer

    def apdu(self, raw: bytes) -> bytes:
        """A U2F APDU's answer, status word last."""
        answer = self._finish(self.authenticator.msg(raw, self.now))
        self.transcript += [raw, answer]
        return answer

    def command(self, code: int, parameters: object = None) -> tuple[CtapStatus, Any]:
        """A CTAP2 command's status and what its response holds."""
        data = b"" if parameters is None else cbor.encode(parameters)
        answer = self.send(bytes((code,)) + data)
        return CtapStatus(answer[0]), cbor.decode(answer[1:]) if answer[1:] else None

    def power_cycle(self) -> None:
        self.authenticator.power_cycle(self.now)

    def snapshot(self) -> Snapshot:
        return self.store.snapshot()

    @property
    def capabilities(self) -> int:
        return CAPABILITY.CBOR if self.profile.ctap2 else CAPABILITY.WINK

    def call(self, cmd: int, data: bytes = b"", event: Any = None, on_keepalive: Any = None) -> bytes:
        return self.send(data) if cmd == CTAPHID.CBOR else self.apdu(data)

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())


MakeKey = Callable[..., Key]


@pytest.fixture
def make_key() -> MakeKey:
    """``make_key(profile name or Profile, seed=, store=)``."""
    return Key


@pytest.fixture
def key() -> Key:
    """A CTAP 2.1 key with a PIN not set yet."""
    return Key("ctap21")


@pytest.fixture
def ctap2(key: Key) -> Ctap2:
    """python-fido2's view of ``key``."""
    return Ctap2(key)
