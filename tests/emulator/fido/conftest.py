"""A key without its wire, for tests: it is touched at once, and python-fido2 can talk to it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap import CtapDevice
from fido2.ctap2 import ClientPin, Ctap2
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from fido2.hid import CAPABILITY, CTAPHID
from fido2.webauthn import AuthenticatorData

from emulator.fido import cbor
from emulator.fido.authenticator import Authenticator
from emulator.fido.gesture import Command, Gesture, Given, SampleStatus, Within
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile import Profile
from emulator.store import CredentialStore, MemoryStore, Snapshot

POWER_UP = 1000.0
PIN = "1234"
RP_ID = "example.com"
PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
CLIENT_DATA_HASH = sha256(b"client data").digest()


def creation(
    *,
    rp_id: str = RP_ID,
    user_id: bytes = b"alice",
    algorithms: Sequence[int] = (-7,),
    exclude: Sequence[bytes] | None = None,
    extensions: dict | None = None,
    token: bytes | None = None,
    protocol: int = 2,
    **options: bool,
) -> dict:
    """The parameters of a makeCredential."""
    given = {
        0x01: CLIENT_DATA_HASH,
        0x02: {"id": rp_id, "name": "Example"},
        0x03: {"id": user_id, "name": "a name", "displayName": "A Name"},
        0x04: [{"type": "public-key", "alg": alg} for alg in algorithms],
        0x05: exclude and descriptors(exclude),
        0x06: extensions,
        0x07: options,
    }
    if token is not None:
        given |= {0x08: PROTOCOLS[protocol].authenticate(token, CLIENT_DATA_HASH), 0x09: protocol}
    return {key: value for key, value in given.items() if value}


def assertion(
    *,
    rp_id: str = RP_ID,
    allow: Sequence[bytes] | None = None,
    extensions: dict | None = None,
    token: bytes | None = None,
    protocol: int = 2,
    **options: bool,
) -> dict:
    """The parameters of a getAssertion."""
    given = {
        0x01: rp_id,
        0x02: CLIENT_DATA_HASH,
        0x03: allow and descriptors(allow),
        0x04: extensions,
        0x05: options,
    }
    if token is not None:
        given |= {0x06: PROTOCOLS[protocol].authenticate(token, CLIENT_DATA_HASH), 0x07: protocol}
    return {key: value for key, value in given.items() if value}


def descriptors(ids: Sequence[bytes]) -> list[dict]:
    return [{"type": "public-key", "id": credential_id} for credential_id in ids]


class Key(CtapDevice):
    """An authenticator whose user touches it ``touch_delay`` seconds after being asked, or ``declines``.

    ``fingers`` is what the sensor will say of the next fingers (recognised by default), ``samples`` what of
    those that are being enrolled; a user who is ``absent`` lets every gesture time out. ``asked`` records
    the gestures that were waited for, ``patience`` the seconds that the last one had if it was not the
    key's own time; ``transcript`` all that went in and out.
    """

    creation = staticmethod(creation)
    assertion = staticmethod(assertion)

    def __init__(self, profile: Profile | str, seed: int = 0, store: CredentialStore | None = None) -> None:
        self.profile = Profile.load(profile) if isinstance(profile, str) else profile
        self.now = POWER_UP
        self.touch_delay = 0.0
        self.declines = False
        self.absent = False
        self.fingers: deque[bool] = deque()
        self.samples: deque[SampleStatus] = deque()
        self.patience: float | None = None
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
                gesture = self._answer(command, gesture)
        except StopIteration as stop:
            return bytes(stop.value)

    def _answer(self, command: Any, asked: Gesture | Within) -> Gesture | Within:
        self.patience = asked.seconds if isinstance(asked, Within) else None
        gesture = asked.gesture if isinstance(asked, Within) else asked
        self.asked.append(gesture)
        if self.absent:
            return command.throw(CtapError(CtapStatus.USER_ACTION_TIMEOUT))
        self.now += self.touch_delay
        if gesture is Gesture.SAMPLE:
            sample = self.samples.popleft() if self.samples else SampleStatus.GOOD
            return command.send(Given(now=self.now, sample=sample))
        finger = gesture is Gesture.VERIFICATION and self.fingers
        accepted = self.fingers.popleft() if finger else not self.declines
        return command.send(Given(now=self.now, accepted=accepted))

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

    def waiting(self, code: int, parameters: dict | None = None) -> Command:
        """A CTAP2 command that has asked for a gesture and still waits for it."""
        data = b"" if parameters is None else cbor.encode(parameters)
        command = self.authenticator.cbor(bytes((code,)) + data, self.now)
        self.asked.append(next(command))
        return command

    def make(self, parameters: dict | None = None, **given: Any) -> tuple[CtapStatus, Any]:
        """makeCredential for ``creation(**given)``, with ``parameters`` put over it."""
        return self.command(0x01, creation(**given) | (parameters or {}))

    def made(self, **given: Any) -> AuthenticatorData:
        """The authenticator data of a makeCredential that succeeds."""
        status, response = self.make(**given)
        assert status == CtapStatus.SUCCESS
        return AuthenticatorData(response[2])

    def get(self, parameters: dict | None = None, **given: Any) -> tuple[CtapStatus, Any]:
        """getAssertion for ``assertion(**given)``, with ``parameters`` put over it."""
        return self.command(0x02, assertion(**given) | (parameters or {}))

    def got(self, **given: Any) -> AuthenticatorData:
        """The authenticator data of a getAssertion that succeeds."""
        status, response = self.get(**given)
        assert status == CtapStatus.SUCCESS
        return AuthenticatorData(response[2])

    def set_pin(self, pin: str = PIN) -> None:
        ClientPin(Ctap2(self)).set_pin(pin)

    def token(self, permissions: int | None = 3, rp_id: str | None = RP_ID, pin: str = PIN) -> bytes:
        """A pinUvAuthToken of the preferred protocol, by PIN; without ``permissions`` by getPinToken."""
        asked = None if permissions is None else ClientPin.PERMISSION(permissions)
        return ClientPin(Ctap2(self)).get_pin_token(pin, asked, rp_id)

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


@pytest.fixture(scope="session")
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
