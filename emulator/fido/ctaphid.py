"""CTAPHID as a state machine without input or output: packets and the time in, packets and events out.

CTAP 2.3 §11.2. One transaction holds the device at a time, whatever its channel. :class:`CtapHid` answers
INIT, PING, WINK and LOCK itself and hands CBOR and MSG requests to its owner as events; the owner answers
through :meth:`CtapHid.respond`, :meth:`CtapHid.fail` and :meth:`CtapHid.keepalive`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag

from emulator.fido.status import CtapError, CtapStatus

PACKET_SIZE = 64
INITIALIZATION_DATA = PACKET_SIZE - 7  # §11.2.4: CID, CMD, BCNTH, BCNTL
CONTINUATION_DATA = PACKET_SIZE - 5  # §11.2.4: CID, SEQ
MAX_MESSAGE_SIZE = INITIALIZATION_DATA + 128 * CONTINUATION_DATA  # 7609
INITIALIZATION_BIT = 0x80

RESERVED_CID = 0x00000000
BROADCAST_CID = 0xFFFFFFFF
MAX_CHANNELS = 32
"""Channels remembered; beyond it the least recently used one that neither runs nor locks is given up."""

PROTOCOL_VERSION = 2
NONCE_LENGTH = 8
MAX_LOCK_SECONDS = 10

PACKET_TIMEOUT = 0.5
"""Seconds a half-received message may wait for its next packet.

§11.2.5.2 demands a limit and gives no figure; this is U2FHID_FRAME_TIMEOUT of the U2FHID 1.1 header (500 ms).
"""


class CtapHidCommand(IntEnum):
    """§11.2.9, without the initialization bit."""

    PING = 0x01
    MSG = 0x03
    LOCK = 0x04
    INIT = 0x06
    WINK = 0x08
    CBOR = 0x10
    CANCEL = 0x11
    KEEPALIVE = 0x3B
    ERROR = 0x3F


class Capability(IntFlag):
    """§11.2.9.1.3, the capabilities that INIT reports."""

    WINK = 0x01
    CBOR = 0x04
    NMSG = 0x08
    """The key does *not* understand MSG."""


class KeepaliveStatus(IntEnum):
    """§11.2.9.1.7."""

    PROCESSING = 1
    UPNEEDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class InitializationPacket:
    """The first packet of a message: ``length`` bytes are declared; here are 57, or all and padding."""

    cid: int
    command: int
    length: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationPacket:
    """A later packet of a message: 59 more bytes, or the last and padding."""

    cid: int
    sequence: int
    data: bytes = field(repr=False)


def parse_packet(packet: bytes) -> InitializationPacket | ContinuationPacket | None:
    """Read a 64-byte packet (§11.2.4); ``None`` for one of another size, which means nothing."""
    if len(packet) != PACKET_SIZE:
        return None
    cid = int.from_bytes(packet[:4], "big")
    if packet[4] & INITIALIZATION_BIT:
        command = packet[4] & ~INITIALIZATION_BIT
        return InitializationPacket(
            cid=cid, command=command, length=int.from_bytes(packet[5:7], "big"), data=packet[7:]
        )
    return ContinuationPacket(cid=cid, sequence=packet[4], data=packet[5:])


def encode_message(cid: int, command: int, data: bytes) -> list[bytes]:
    """Split a message of at most 7609 bytes into its 64-byte packets, padded with zeros (§11.2.4)."""
    if len(data) > MAX_MESSAGE_SIZE:
        raise ValueError(f"a CTAPHID message holds {MAX_MESSAGE_SIZE} bytes, not {len(data)}")
    head = cid.to_bytes(4, "big")
    packets = [head + bytes((command | INITIALIZATION_BIT,)) + len(data).to_bytes(2, "big")]
    packets[0] += data[:INITIALIZATION_DATA]
    rest = range(INITIALIZATION_DATA, len(data), CONTINUATION_DATA)
    packets += [
        head + bytes((sequence,)) + data[start : start + CONTINUATION_DATA]
        for sequence, start in enumerate(rest)
    ]
    return [packet.ljust(PACKET_SIZE, b"\x00") for packet in packets]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole CBOR or MSG request is here; the owner answers it."""

    command: CtapHidCommand
    data: bytes = field(repr=False)


class Interruption(Enum):
    """What may happen to a request before its answer."""

    CANCEL = "cancel"
    """The platform gave the CBOR request up: answer it at once, with KEEPALIVE_CANCEL (§11.2.9.1.5)."""
    ABORT = "abort"
    """INIT on its channel: the request is gone and must not be answered (§11.2.5.3)."""


Event = Request | Interruption


@dataclass(frozen=True, slots=True)
class _Idle:
    pass


@dataclass(slots=True, kw_only=True)
class _Assembling:
    cid: int
    command: CtapHidCommand
    length: int
    data: bytearray
    next_sequence: int
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    cid: int
    command: CtapHidCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lock:
    cid: int
    expiry: float


class _Holder(Enum):
    """The device as one channel sees it."""

    NOBODY = "idle"
    ASSEMBLING = "this channel, message half received"
    RUNNING = "this channel, request running"
    ANOTHER = "another channel's transaction or lock"


class _Step(Enum):
    START = "start a transaction"
    SYNC = "answer INIT"
    ABORT = "drop what this channel does, answer INIT"
    CANCEL = "tell the owner"
    BROKEN = "INVALID_SEQ, and the transaction is over"
    BUSY = "CHANNEL_BUSY"
    IGNORE = "nothing"


# What an initialization packet does. INIT is answered whoever holds the device, because it is how a
# channel is had at all, but it disturbs only its own channel. §11.2.5.1, §11.2.5.3, §11.2.9.1.3, §11.2.9.1.5.
_TRANSITIONS: dict[_Holder, tuple[_Step, _Step, _Step]] = {
    # the device is held by: (INIT, CANCEL, any other command)
    _Holder.NOBODY: (_Step.SYNC, _Step.IGNORE, _Step.START),
    _Holder.ASSEMBLING: (_Step.ABORT, _Step.IGNORE, _Step.BROKEN),
    _Holder.RUNNING: (_Step.ABORT, _Step.CANCEL, _Step.BUSY),
    _Holder.ANOTHER: (_Step.SYNC, _Step.IGNORE, _Step.BUSY),
}

# The lengths a request may declare, least and most (§11.2.9).
_LENGTHS: dict[CtapHidCommand, tuple[int, int]] = {
    CtapHidCommand.PING: (0, MAX_MESSAGE_SIZE),
    CtapHidCommand.MSG: (1, MAX_MESSAGE_SIZE),
    CtapHidCommand.LOCK: (1, 1),
    CtapHidCommand.INIT: (NONCE_LENGTH, NONCE_LENGTH),
    CtapHidCommand.WINK: (0, 0),
    CtapHidCommand.CBOR: (1, MAX_MESSAGE_SIZE),
}


def _step(holder: _Holder, command: int) -> _Step:
    on_init, on_cancel, on_other = _TRANSITIONS[holder]
    match command:
        case CtapHidCommand.INIT:
            return on_init
        case CtapHidCommand.CANCEL:
            return on_cancel
        case _:
            return on_other


class CtapHid:
    """One CTAPHID interface: its channels, its transaction, its lock, and the packets it has to send.

    ``device_version`` is major, minor, build. Times are seconds on the owner's clock; a wait is a deadline
    in :meth:`next_timer`, to be fired with :meth:`handle_timer`.
    """

    def __init__(
        self,
        *,
        capabilities: Capability,
        device_version: tuple[int, ...] = (0, 0, 0),
        packet_timeout: float = PACKET_TIMEOUT,
    ) -> None:
        self._capabilities = capabilities
        self._packet_timeout = packet_timeout
        major, minor, build = device_version
        self._device_version = bytes((major, minor, build))
        self._last_cid = RESERVED_CID
        self.power_cycle()

    def power_cycle(self) -> None:
        """Forget channels, transaction, lock and unsent packets; channel numbers are not given out again."""
        self._channels: dict[int, None] = {}  # least recently used first
        self._state: _Idle | _Assembling | _Running = _Idle()
        self._lock: _Lock | None = None
        self._outgoing: list[bytes] = []

    def receive(self, packet: bytes, now: float) -> Event | None:
        """Take a packet from the platform; returns what the owner has to act on, if anything."""
        self.handle_timer(now)
        match parse_packet(packet):
            case InitializationPacket() as first:
                try:
                    return self._initialization(first, now)
                except CtapError as error:
                    self._send_error(first.cid, error.status)
                    return None
            case ContinuationPacket() as next_packet:
                return self._continuation(next_packet, now)
            case None:
                return None

    def packets_to_send(self) -> list[bytes]:
        """The packets for the platform, in order; each is handed out once."""
        packets, self._outgoing = self._outgoing, []
        return packets

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is due, if ever."""
        deadlines = []
        if isinstance(self._state, _Assembling):
            deadlines.append(self._state.deadline)
        if self._lock is not None:
            deadlines.append(self._lock.expiry)
        return min(deadlines, default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due: give up a half-received message (§11.2.5.2), let a lock expire (§11.2.6)."""
        if isinstance(self._state, _Assembling) and now >= self._state.deadline:
            self._send_error(self._state.cid, CtapStatus.TIMEOUT)
            self._state = _Idle()
        if self._lock is not None and now >= self._lock.expiry:
            self._lock = None

    def respond(self, data: bytes) -> None:
        """Answer the running request; the transaction is over."""
        assert isinstance(self._state, _Running), "no request is running"
        self._send(self._state.cid, self._state.command, data)
        self._state = _Idle()

    def fail(self, status: CtapStatus) -> None:
        """Answer the running request with a CTAPHID error (§11.2.9.1.6); the transaction is over."""
        assert isinstance(self._state, _Running), "no request is running"
        self._send_error(self._state.cid, status)
        self._state = _Idle()

    def keepalive(self, status: KeepaliveStatus) -> None:
        """Tell the platform that the running request goes on (§11.2.9.1.7)."""
        assert isinstance(self._state, _Running), "no request is running"
        self._send(self._state.cid, CtapHidCommand.KEEPALIVE, bytes((status,)))

    def _send(self, cid: int, command: CtapHidCommand, data: bytes) -> None:
        self._outgoing += encode_message(cid, command, data)

    def _send_error(self, cid: int, status: CtapStatus) -> None:
        self._send(cid, CtapHidCommand.ERROR, bytes((status,)))

    def _holder(self, cid: int) -> _Holder:
        match self._state:
            case _Assembling(cid=active) | _Running(cid=active) if active != cid:
                return _Holder.ANOTHER
            case _Assembling():
                return _Holder.ASSEMBLING
            case _Running():
                return _Holder.RUNNING
            case _:
                locked_out = self._lock is not None and self._lock.cid != cid
                return _Holder.ANOTHER if locked_out else _Holder.NOBODY

    def _initialization(self, packet: InitializationPacket, now: float) -> Event | None:
        step = _step(self._holder(packet.cid), packet.command)
        if packet.command != CtapHidCommand.CANCEL:  # §11.2.9.1.5: never answered, not even with an error
            self._use_channel(packet)
        match step:
            case _Step.START:
                return self._start(packet, now)
            case _Step.SYNC:
                self._init(packet)
            case _Step.ABORT:
                was_running = isinstance(self._state, _Running)
                self._init(packet)
                self._state = _Idle()
                return Interruption.ABORT if was_running else None
            case _Step.CANCEL if self._state == _Running(cid=packet.cid, command=CtapHidCommand.CBOR):
                return Interruption.CANCEL
            case _Step.BROKEN:
                self._state = _Idle()
                raise CtapError(CtapStatus.INVALID_SEQ)
            case _Step.BUSY:
                raise CtapError(CtapStatus.CHANNEL_BUSY)
        return None

    def _use_channel(self, packet: InitializationPacket) -> None:
        """§11.2.3: only INIT may use the broadcast channel, and nothing a channel that was not given out."""
        if packet.cid == BROADCAST_CID and packet.command == CtapHidCommand.INIT:
            return
        if packet.cid not in self._channels:
            raise CtapError(CtapStatus.INVALID_CHANNEL)
        del self._channels[packet.cid]
        self._channels[packet.cid] = None

    def _start(self, packet: InitializationPacket, now: float) -> Event | None:
        command = self._supported(packet.command)
        least, most = _LENGTHS[command]
        if not least <= packet.length <= most:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        if packet.length <= INITIALIZATION_DATA:
            return self._dispatch(packet.cid, command, packet.data[: packet.length], now)
        self._state = _Assembling(
            cid=packet.cid,
            command=command,
            length=packet.length,
            data=bytearray(packet.data),
            next_sequence=0,
            deadline=now + self._packet_timeout,
        )
        return None

    def _supported(self, command: int) -> CtapHidCommand:
        match command:
            case CtapHidCommand.PING | CtapHidCommand.LOCK:
                supported = True
            case CtapHidCommand.WINK:
                supported = Capability.WINK in self._capabilities
            case CtapHidCommand.CBOR:
                supported = Capability.CBOR in self._capabilities
            case CtapHidCommand.MSG:
                supported = Capability.NMSG not in self._capabilities
            case _:
                supported = False
        if not supported:
            raise CtapError(CtapStatus.INVALID_COMMAND)
        return CtapHidCommand(command)

    def _continuation(self, packet: ContinuationPacket, now: float) -> Event | None:
        state = self._state
        if not isinstance(state, _Assembling) or packet.cid != state.cid:
            return None  # §11.2.5.4: spurious continuation packets are ignored
        if packet.sequence != state.next_sequence:
            self._state = _Idle()
            self._send_error(packet.cid, CtapStatus.INVALID_SEQ)
            return None
        state.data += packet.data
        state.next_sequence += 1
        state.deadline = now + self._packet_timeout
        if len(state.data) < state.length:
            return None
        self._state = _Idle()
        return self._dispatch(state.cid, state.command, bytes(state.data[: state.length]), now)

    def _dispatch(self, cid: int, command: CtapHidCommand, data: bytes, now: float) -> Event | None:
        """Act on a whole request."""
        match command:
            case CtapHidCommand.PING | CtapHidCommand.WINK:
                self._send(cid, command, data)
            case CtapHidCommand.LOCK:
                self._set_lock(cid, data[0], now)
                self._send(cid, command, b"")
            case _:
                self._state = _Running(cid=cid, command=command)
                return Request(command=command, data=data)
        return None

    def _set_lock(self, cid: int, seconds: int, now: float) -> None:
        """§11.2.9.2.2: 1 to 10 s from now, 0 lets go at once."""
        if seconds > MAX_LOCK_SECONDS:
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        self._lock = _Lock(cid=cid, expiry=now + seconds) if seconds else None

    def _init(self, packet: InitializationPacket) -> None:
        """§11.2.9.1.3: allocate a channel on the broadcast channel, keep the channel on any other."""
        if packet.length != NONCE_LENGTH:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        cid = self._allocate() if packet.cid == BROADCAST_CID else packet.cid
        response = (
            packet.data[:NONCE_LENGTH]
            + cid.to_bytes(4, "big")
            + bytes((PROTOCOL_VERSION, *self._device_version, self._capabilities))
        )
        self._send(packet.cid, CtapHidCommand.INIT, response)

    def _allocate(self) -> int:
        if len(self._channels) >= MAX_CHANNELS:
            held = {
                holder.cid
                for holder in (self._state, self._lock)
                if isinstance(holder, _Assembling | _Running | _Lock)
            }
            del self._channels[next(cid for cid in self._channels if cid not in held)]
        self._last_cid = self._last_cid % (BROADCAST_CID - 1) + 1  # never the reserved one, never broadcast
        self._channels[self._last_cid] = None
        return self._last_cid
