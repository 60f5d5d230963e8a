"""The key that the fuzzer works on, a platform that knows its PIN, and what every answer must be."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

import cbor2
import fido2.cbor
from program import Op, Program, Step, encoded

from emulator.card import Card, FidoApplet
from emulator.fido.ctaphid import PACKET_SIZE, CtapHidCommand, encode_message
from emulator.fido.gesture import SampleStatus
from emulator.fido.pin_protocol import PinProtocolOne, PinProtocolTwo
from emulator.fido.status import CtapError, CtapStatus, StatusWord
from emulator.gesture_policy import GesturePolicy
from emulator.profile import Profile, profile_names
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey
from emulator.store import Fingerprint, MemoryStore, Snapshot

PIN = "314159"
RP_ID = "example.com"
POWER_UP = 1000.0
BROADCAST = b"\xff" * 4
WAITS = (0.05, 0.5, 1.0, 5.0, 9.9, 10.1, 19.0, 29.9, 30.1, 300.0, 601.0)
HABITS: tuple[GesturePolicy, ...] = ("always", "by call", "never", 0.3, 29.0)
POLL_AGAIN = 0x9100
"""The status word of a CTAP2 command that goes on (CTAP 2.3 §11.3.7.2)."""
PATIENCE = 100_000
"""Timers that may fire before a key that only waits must have come to an end."""


class Finding(AssertionError):  # noqa: N818  # what a fuzzer is after
    """The key did what no key may do."""


def _kinds() -> Iterator[Profile]:
    """Every packaged profile, and one with all there is; without RS256, whose keys take long to find."""
    full = replace(
        Profile.load("ctap23"),
        name="everything",
        versions=("U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"),
        built_in_uv=True,
        fingerprints=2,
        fingerprint_samples=2,
        uv_bio_enroll=True,
        uv_acfg=True,
        bio_enrollment_preview=True,
        credential_management_preview=True,
        discoverable_credentials=4,
        config_commands=tuple(Profile.load("enterprise").config_commands),
        enterprise_attestation=("vendor-facilitated", "platform-managed"),
        enterprise_rp_ids=("example.com",),
        uv_modality=2,
    )
    for profile in (full, *map(Profile.load, profile_names())):
        yield replace(profile, algorithms=tuple(name for name in profile.algorithms if name != "RS256"))


KINDS = tuple(_kinds())


@cache
def used(kind: int) -> Snapshot:
    """What a key of a kind holds after some use: credentials, a PIN, a finger."""
    rig = Rig(kind)
    extensions = {"credProtect": 2, "hmac-secret": True, "largeBlobKey": True, "credBlob": b"blob"}
    supported = {name: given for name, given in extensions.items() if name in rig.profile.extensions}
    discoverable = rig.profile.discoverable_credentials > 0
    for user_id in (b"alice", b"bob"):
        options: dict[str, bool] = {"rk": True} if discoverable else {}
        options |= {"uv": True} if rig.profile.built_in_uv and not rig.profile.fingerprints else {}
        given = {
            1: bytes(32), 2: {"id": RP_ID}, 3: {"id": user_id, "name": "a name"},
            4: [{"alg": -7, "type": "public-key"}], 6: supported if discoverable else {}, 7: options,
        }  # fmt: skip
        rig.run(Step(Op.CBOR, b"\x01" + encoded(given)))
    snapshot = rig.store.snapshot()
    state = snapshot.user_verification
    assert state is not None
    if rig.profile.client_pin:
        state = replace(state, pin_hash=_pin_hash(PIN.encode()), pin_length=len(PIN))
    fingers = (Fingerprint(template_id=b"\x00\x01"),) if rig.profile.fingerprints else ()
    return replace(snapshot, user_verification=state, fingerprints=fingers)


@dataclass(slots=True)
class Answer:
    """A message from the key, or what has come of it."""

    command: int
    length: int
    data: bytes
    next_sequence: int = 0


class Rig:
    """A key of one of ``KINDS``, fresh or ``used``, deterministic to the bit; ``Finding`` when it errs."""

    def __init__(self, kind: int, snapshot: Snapshot | None = None) -> None:
        self.profile = KINDS[kind % len(KINDS)]
        self.store = MemoryStore(snapshot)
        self.now = POWER_UP
        self.key = SecurityKey(
            self.profile,
            random_bytes=RandomStream("the key"),
            store=self.store,
            now=self.now,
            on_error=_raise,
        )
        self.card = Card(self.key, (FidoApplet(self.key),))
        self.token: tuple[PinProtocolOne, bytes] | None = None
        self._random = RandomStream("the platform")
        self._arriving: dict[bytes, Answer] = {}
        self._connect()

    @classmethod
    def of(cls, program: Program) -> Rig:
        """The key that a program means."""
        kind = program.key % len(KINDS)
        return cls(kind, used(kind) if program.key // len(KINDS) % 2 == 0 else None)

    def run(self, step: Step) -> Answer | None:
        """Do one thing to the key; the answer, if it came at once."""
        given, first = step.payload, step.payload[0] if step.payload else 0
        match step.op:
            case Op.PACKET:
                self.key.receive(self._packet(given), self.now)
            case Op.MESSAGE:
                return self.exchange(first & 0x7F, given[1:])
            case Op.CBOR:
                return self.exchange(CtapHidCommand.CBOR, given)
            case Op.SIGNED:
                return self.exchange(CtapHidCommand.CBOR, self._signed(given))
            case Op.TOKEN:
                self._get_token(first)
            case Op.APDU:
                return self.exchange(CtapHidCommand.MSG, given)
            case Op.TRANSMIT:
                self._check_apdu(self.key.transmit(given, self.now))
            case Op.WAIT:
                self.now += WAITS[first % len(WAITS)]
                self.key.handle_timer(self.now)
            case Op.TOUCH:
                self.key.touch(self.now, first / 10)
            case Op.FINGER if first >= len(SampleStatus):
                self.key.verify(self.now, accepted=first < 0x80)
            case Op.FINGER:
                self.key.sample(self.now, list(SampleStatus)[first])
            case Op.HABIT:
                self.key.touch_policy = HABITS[first % len(HABITS)]
                self.key.uv_policy = HABITS[first // len(HABITS) % len(HABITS)]
            case Op.CARD:
                self.card.receive(given, self.now)
            case Op.POWER_CYCLE:
                self.key.power_cycle(self.now)
                self._arriving.clear()
                self.token = None
                self._connect()
        self._heard()
        return None

    def settle(self) -> None:
        """Let all that waits come to its end; then the key must be there for the next platform."""
        for _ in range(PATIENCE):
            due = self.key.next_timer()
            if due is None:
                break
            self.now = max(self.now, due)
            self.key.handle_timer(self.now)
            self._heard()
        else:
            raise Finding("a request that never ends")
        self._connect()
        ping = self.exchange(CtapHidCommand.PING, b"still there?")
        if ping is None or ping.data != b"still there?":
            raise Finding("the key does not answer any more")
        if self.profile.ctap2:
            info = self.exchange(CtapHidCommand.CBOR, b"\x04")
            if info is None or info.data[0] != CtapStatus.SUCCESS:
                raise Finding("getInfo is refused")

    def exchange(self, command: int, data: bytes) -> Answer | None:
        """A whole message on the platform's own channel, and the last answer on it."""
        cid = int.from_bytes(self.cid, "big")
        for packet in encode_message(cid, command, data[:7609]):
            self.key.receive(packet, self.now)
        answers = [answer for cid_, answer in self._heard() if cid_ == self.cid]
        return answers[-1] if answers else None

    def cbor(self, command: int, parameters: dict[int, Any]) -> dict[int, Any] | None:
        """A CTAP2 command's response, if it came at once and is one of success."""
        answer = self.exchange(CtapHidCommand.CBOR, bytes((command,)) + encoded(parameters))
        if answer is None or answer.command != CtapHidCommand.CBOR or answer.data[0]:
            return None
        return cbor2.loads(answer.data[1:]) if answer.data[1:] else {}

    def _connect(self) -> None:
        nonce = b"8 bytes!"
        packet = BROADCAST + bytes((CtapHidCommand.INIT | 0x80, 0, 8)) + nonce
        self.key.receive(packet.ljust(PACKET_SIZE, b"\x00"), self.now)
        for cid, answer in self._heard():
            if cid == BROADCAST and answer.data[:8] == nonce:
                self.cid = answer.data[8:12]
                return
        raise Finding("INIT is not answered")

    def _packet(self, given: bytes) -> bytes:
        """The first byte says on which channel: ours, the broadcast channel, or what follows."""
        match given[:1]:
            case b"\x00":
                given = self.cid + given[1:]
            case b"\x01":
                given = BROADCAST + given[1:]
            case _:
                given = given[1:]
        return given[:PACKET_SIZE].ljust(PACKET_SIZE, b"\x00")

    # The platform's side.

    def _agree(self, protocol: PinProtocolOne) -> bytes | None:
        agreed = self.cbor(6, {1: protocol.number, 2: 2})
        try:
            return None if agreed is None else protocol.decapsulate(agreed[1])
        except CtapError as error:
            raise Finding("a key agreement key that no platform takes") from error

    def _protocol(self) -> PinProtocolOne:
        two = 2 in self.profile.pin_uv_auth_protocols
        return PinProtocolTwo(self._random) if two else PinProtocolOne(self._random)

    def _get_token(self, permissions: int) -> None:
        protocol = self._protocol()
        secret = self._agree(protocol)
        if secret is None:
            return
        request: dict[int, Any] = {1: protocol.number, 3: protocol.public_key()}
        if self.profile.client_pin:
            request |= {2: 9, 6: protocol.encrypt(secret, _pin_hash(PIN.encode()), self._random)}
        else:
            request |= {2: 6}
        if permissions:
            request |= {9: permissions, 10: RP_ID} if permissions & 3 else {9: permissions}
        else:
            request[2] = 5
        response = self.cbor(6, request)
        if response is not None and 2 in response:
            self.token = protocol, protocol.decrypt(secret, response[2])

    def _signed(self, message: bytes) -> bytes:
        """``message`` with a pinUvAuthParam that is right, or with a PIN encrypted as it should be."""
        try:
            request = cbor2.loads(message[1:])
        except (cbor2.CBORError, ValueError, TypeError, RecursionError):
            return message
        if not isinstance(request, dict):
            return message
        if message[0] == 6:
            self._seal_pins(request)
        elif self.token is not None:
            protocol, token = self.token
            at, authenticated = _authenticated(message[0], request)
            request |= {at[0]: _mac(protocol, token, authenticated), at[1]: protocol.number}
        return message[:1] + encoded(request)

    def _seal_pins(self, request: dict[Any, Any]) -> None:
        """newPinEnc and pinHashEnc are given in plain."""
        protocol = self._protocol()
        secret = self._agree(protocol)
        if secret is None:
            return
        request |= {1: protocol.number, 3: protocol.public_key()}
        if isinstance(request.get(5), bytes):
            request[5] = protocol.encrypt(secret, request[5][:1024].ljust(64, b"\x00")[:64], self._random)
        if isinstance(request.get(6), bytes):
            request[6] = protocol.encrypt(secret, _pin_hash(request[6]), self._random)
        sealed = [request[member] for member in (5, 6) if isinstance(request.get(member), bytes)]
        if 4 in request:
            request[4] = _mac(protocol, secret, b"".join(sealed))

    # What the key says.

    def _heard(self) -> list[tuple[bytes, Answer]]:
        """The messages that have come whole, keepalives left out; each is looked at."""
        for answer in self.card.packets_to_send():
            status_word = int.from_bytes(answer[-2:], "big")
            if len(answer) < 2 or (status_word not in {*StatusWord, POLL_AGAIN} and status_word >> 8 != 0x61):
                raise Finding(f"no answer of a card: {answer.hex()}")
        whole = []
        for packet in self.key.packets_to_send():
            cid, answer = self._assemble(packet)
            if len(answer.data) >= answer.length:
                answer.data = answer.data[: answer.length]
                self._arriving.pop(cid, None)
                self._check(answer)
                if answer.command != CtapHidCommand.KEEPALIVE:
                    whole.append((cid, answer))
        if self._arriving:
            raise Finding("a message that is not whole")
        return whole

    def _assemble(self, packet: bytes) -> tuple[bytes, Answer]:
        if len(packet) != PACKET_SIZE:
            raise Finding(f"a packet of {len(packet)} bytes")
        cid = packet[:4]
        if packet[4] & 0x80:
            (length,) = struct.unpack(">H", packet[5:7])
            self._arriving[cid] = Answer(packet[4] & 0x7F, length, packet[7:])
        elif cid not in self._arriving or self._arriving[cid].next_sequence != packet[4]:
            raise Finding("a continuation packet out of turn")
        else:
            self._arriving[cid].data += packet[5:]
            self._arriving[cid].next_sequence += 1
        return cid, self._arriving[cid]

    def _check(self, answer: Answer) -> None:
        match answer.command:
            case CtapHidCommand.CBOR:
                self._check_cbor(answer.data)
            case CtapHidCommand.MSG:
                self._check_apdu(answer.data)
            case CtapHidCommand.KEEPALIVE | CtapHidCommand.ERROR:
                if answer.length != 1 or not answer.data[0]:
                    raise Finding(f"a keepalive or an error of {answer.data.hex()}")
                CtapStatus(answer.data[0])
            case CtapHidCommand.INIT:
                if answer.length != 17:
                    raise Finding("an answer to INIT that is not 17 bytes long")
            case command:
                CtapHidCommand(command)

    def _check_cbor(self, answer: bytes) -> None:
        """A status that has a name, and canonical CBOR after success alone, as python-fido2 has it."""
        status, data = CtapStatus(answer[0]), answer[1:]
        if len(answer) > self.profile.max_message_size:
            raise Finding(
                f"an answer of {len(answer)} bytes, where getInfo says {self.profile.max_message_size}"
            )
        if data and (status != CtapStatus.SUCCESS or fido2.cbor.encode(fido2.cbor.decode(data)) != data):
            raise Finding(f"data after {status.name}, or data that is not canonical: {data.hex()}")

    def _check_apdu(self, answer: bytes) -> None:
        status_word = StatusWord(int.from_bytes(answer[-2:], "big"))
        if len(answer) > 2 and status_word != StatusWord.NO_ERROR:
            raise Finding(f"data before {status_word.name}")


def run(raw: bytes) -> None:
    """Run a program from power-up to its end; ``Finding``, or what the key raised, if there is one."""
    program = Program.parse(raw)
    rig = Rig.of(program)
    for step in program.steps:
        rig.run(step)
    rig.settle()


def _authenticated(command: int, request: dict[Any, Any]) -> tuple[tuple[int, int], bytes]:
    """Where a command has its pinUvAuthParam and the protocol's number, and what it is made over."""

    def part(member: int) -> bytes:
        return encoded(request[member]) if member in request else b""

    def number(member: int) -> bytes:
        value = request.get(member)
        return bytes((value,)) if type(value) is int and 0 <= value < 256 else b"\x00"

    match command:
        case 0x01:
            return (8, 9), request.get(1) if isinstance(request.get(1), bytes) else b""
        case 0x02:
            return (6, 7), request.get(2) if isinstance(request.get(2), bytes) else b""
        case 0x09 | 0x40:
            return (5, 4), number(1) + number(2) + part(3)
        case 0x0C:
            fragment, offset = request.get(2), request.get(3)
            digest = sha256(fragment).digest() if isinstance(fragment, bytes) else b""
            at = offset if type(offset) is int and 0 <= offset < 2**32 else 0
            return (5, 6), b"\xff" * 32 + b"\x0c\x00" + at.to_bytes(4, "little") + digest
        case 0x0D:
            return (4, 3), b"\xff" * 32 + b"\x0d" + number(1) + part(2)
        case _:
            return (4, 3), number(1) + part(2)


def _mac(protocol: PinProtocolOne, key: bytes, message: bytes) -> bytes:
    """What ``protocol`` takes for the MAC of ``message``."""
    return hmac.digest(key[:32], message, "sha256")[: protocol.mac_length]


def _pin_hash(pin: bytes) -> bytes:
    return sha256(pin).digest()[:16]


def _raise(error: Exception) -> None:
    raise error
