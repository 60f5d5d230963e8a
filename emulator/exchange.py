"""What passes between platform and key, told a request at a time: command, relying party, result, time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from emulator.clock import Clock
from emulator.fido import cbor
from emulator.fido.apdu import CommandApdu
from emulator.fido.ctaphid import CtapHidCommand, Request
from emulator.fido.gesture import Gesture
from emulator.fido.status import ApduError, CtapError, CtapStatus, StatusWord

ABANDONED = "abandoned"
"""The result of a request that INIT or a power cycle cut short."""

LOG_LENGTH = 1000
"""Exchanges that a log keeps; older ones are forgotten."""

CLIENT_PIN = 0x06

# CTAP 2.3 §6, without the "authenticator" that every name begins with.
COMMANDS = {
    0x01: "makeCredential",
    0x02: "getAssertion",
    0x04: "getInfo",
    CLIENT_PIN: "clientPIN",
    0x07: "reset",
    0x08: "getNextAssertion",
    0x09: "bioEnrollment",
    0x0A: "credentialManagement",
    0x0B: "selection",
    0x0C: "largeBlobs",
    0x0D: "authenticatorConfig",
    0x40: "bioEnrollment (preview)",
    0x41: "credentialManagement (preview)",
}
# CTAP 2.3 §6.5.5.
CLIENT_PIN_SUB_COMMANDS = {
    0x01: "getPINRetries",
    0x02: "getKeyAgreement",
    0x03: "setPIN",
    0x04: "changePIN",
    0x05: "getPinToken",
    0x06: "getPinUvAuthTokenUsingUv",
    0x07: "getUVRetries",
    0x09: "getPinUvAuthTokenUsingPin",
}
# U2F Raw Message Formats v1.2 §3.1.1.
U2F_COMMANDS = {0x01: "U2F register", 0x02: "U2F authenticate", 0x03: "U2F version"}

# YKOATH's instructions.
OATH_COMMANDS = {
    0x01: "put",
    0x02: "delete",
    0x03: "set code",
    0x04: "reset",
    0x05: "rename",
    0xA1: "list",
    0xA2: "calculate",
    0xA3: "validate",
    0xA4: "calculate all",
}
_NAME_TAG = 0x71

_RP_IDS: dict[int, Callable[[dict[Any, Any]], Any]] = {
    0x01: lambda parameters: parameters[2]["id"],
    0x02: lambda parameters: parameters[1],
    CLIENT_PIN: lambda parameters: parameters[0x0A],
}
_LONGEST_RP_ID = 253
"""As a domain name's (RFC 1035 §2.3.4); whoever writes to the key chooses what is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OathRequest(Request):
    """A request of the YKOATH applet, an APDU as one of U2F is; its answer may wait for a touch."""

    command: CtapHidCommand = CtapHidCommand.MSG


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request in its specification's words.

    ``rp`` is a relying party ID; of U2F, a hash's beginning; of YKOATH, an account's name.
    """

    command: str
    rp: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that is over. Times are seconds; of ``duration``, ``waited`` went by for gestures.

    Nothing here is secret: neither keys nor PINs, and of the messages themselves only what names them.
    """

    number: int
    command: str
    rp: str | None
    result: str
    started: float
    duration: float
    waited: float

    def __str__(self) -> str:
        own_ms = (self.duration - self.waited) * 1000
        line = f"{self.command:<25} {self.rp or '-':<20} {self.result:<12} {own_ms:7.1f} ms"
        return line if not self.waited else f"{line} + {self.waited:.1f} s waiting for the user"


@dataclass(slots=True, kw_only=True)
class _Running:
    """A request that is not over yet; times are seconds."""

    asked: Asked
    started: float
    gesture: Gesture | None = None
    since: float = 0.0
    waited: float = 0.0

    def stop_waiting(self, now: float) -> None:
        if self.gesture is not None:
            self.waited += now - self.since
            self.gesture = None


class ExchangeLog:
    """An observer of a key that remembers its exchanges, and tells of each and of each wait.

    ``clock`` is read when something happens: what a command takes is not the key's own time. A platform of
    U2F polls for a touch; its polls in vain are one exchange, told at the first.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        on_waiting: Callable[[Asked, Gesture], None] | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._clock = clock
        self._on_waiting = on_waiting
        self._on_exchange = on_exchange
        self.exchanges: deque[Exchange] = deque(maxlen=LOG_LENGTH)
        self._count = 0
        self._running: _Running | None = None
        self._polled: bytes | None = None

    @property
    def waiting_for(self) -> tuple[Asked, Gesture] | None:
        """The request that waits now, and for what; of U2F, whose platform polls, the last one in vain."""
        running = self._running
        return None if running is None or running.gesture is None else (running.asked, running.gesture)

    def started(self, request: Request) -> None:
        self._running = _Running(asked=describe(request), started=self._clock())

    def waiting(self, request: Request, gesture: Gesture) -> None:
        running, now = self._running, self._clock()
        assert running is not None
        running.gesture, running.since = gesture, now
        if request.data != self._polled and self._on_waiting is not None:
            self._on_waiting(running.asked, gesture)

    def resumed(self, request: Request) -> None:
        assert self._running is not None
        self._running.stop_waiting(self._clock())

    def answered(self, request: Request, answer: bytes | None) -> None:
        running, now = self._running, self._clock()
        assert running is not None
        polls = request.command == CtapHidCommand.MSG and not isinstance(request, OathRequest)
        in_vain = polls and running.gesture is not None
        again, self._polled = request.data == self._polled, request.data if in_vain else None
        if not in_vain:
            running.stop_waiting(now)
            self._running = None
        if not (in_vain and again):
            self._tell(running, _result(request, answer), now)

    def _tell(self, running: _Running, result: str, now: float) -> None:
        self._count += 1
        exchange = Exchange(
            number=self._count,
            command=running.asked.command,
            rp=running.asked.rp,
            result=result,
            started=running.started,
            duration=now - running.started,
            waited=running.waited,
        )
        self.exchanges.append(exchange)
        if self._on_exchange is not None:
            self._on_exchange(exchange)


def describe(request: Request) -> Asked:
    """What a request asks, as far as it can be told; of a malformed one, what it begins like."""
    if isinstance(request, OathRequest):
        return _describe_oath(request.data)
    if request.command == CtapHidCommand.MSG:
        return _describe_u2f(request.data)
    return _describe_cbor(request.data)


def _describe_oath(data: bytes) -> Asked:
    """Of its data only the name that it begins with, if it does: the rest is secret."""
    apdu = CommandApdu.parse(data)  # the card has read it before
    name = apdu.data[2 : 2 + apdu.data[1]] if apdu.data[:1] == bytes((_NAME_TAG,)) and apdu.data[1:] else b""
    return Asked(
        command=f"OATH {OATH_COMMANDS.get(apdu.ins, f'0x{apdu.ins:02x}')}",
        rp=_printable(name.decode(errors="replace")) or None,
    )


def _describe_u2f(data: bytes) -> Asked:
    try:
        apdu = CommandApdu.parse(data)
    except ApduError:
        return Asked(command="U2F, malformed", rp=None)
    command = U2F_COMMANDS.get(apdu.ins, f"U2F 0x{apdu.ins:02x}")
    application = apdu.data[32:64]
    return Asked(command=command, rp=f"sha256:{application.hex()[:12]}…" if application else None)


def _describe_cbor(data: bytes) -> Asked:
    code = data[0]  # CTAPHID takes no empty message
    command = COMMANDS.get(code, f"command 0x{code:02x}")
    try:
        parameters = cbor.decode(data[1:]) if data[1:] else {}
    except CtapError:
        return Asked(command=command, rp=None)
    if code == CLIENT_PIN:
        command = _sub_command(parameters)
    try:
        rp_id = _RP_IDS[code](parameters)
    except (LookupError, TypeError):
        rp_id = None
    return Asked(command=command, rp=_printable(rp_id) if isinstance(rp_id, str) else None)


def _sub_command(parameters: Any) -> str:
    number = parameters.get(2) if isinstance(parameters, dict) else None
    name = CLIENT_PIN_SUB_COMMANDS.get(number) if isinstance(number, int) else None
    return f"clientPIN {name or number}" if isinstance(number, int) else COMMANDS[CLIENT_PIN]


def _printable(text: str) -> str:
    """Safe to show on a terminal, and not too long."""
    shown = "".join(character if character.isprintable() else "�" for character in text)
    return shown if len(shown) <= _LONGEST_RP_ID else shown[:_LONGEST_RP_ID] + "…"


def _result(request: Request, answer: bytes | None) -> str:
    if answer is None:
        return ABANDONED
    if request.command == CtapHidCommand.MSG:
        return _name(StatusWord, int.from_bytes(answer[-2:], "big"), 4)
    return _name(CtapStatus, answer[0], 2)


def _name(codes: type[IntEnum], code: int, digits: int) -> str:
    try:
        return codes(code).name
    except ValueError:
        return f"0x{code:0{digits}x}"
