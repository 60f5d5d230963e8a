"""What faults are made with: packets, commands and a card's APDUs that pass through other hands."""

from __future__ import annotations

from collections.abc import Callable

from emulator.card import Apdus
from emulator.faults.fault import Parts, Wrap
from emulator.fido.apdu import CommandApdu
from emulator.fido.ctaphid import Event, KeepaliveStatus
from emulator.fido.gesture import Command, Given
from emulator.fido.status import ApduError
from emulator.key_parts import Commands, Packets

Run = Callable[[bytes, Command, float], Command]
"""What runs in the place of the command that a message has begun at a time."""


class ChangedPackets:
    """Packets that pass through other hands.

    ``incoming`` gives what the key gets of a packet, ``None`` for nothing; ``instead`` the packets that
    answer one which the key never sees; ``besides`` those that follow the key's own; ``outgoing`` those that
    truly leave; ``keepalive`` what becomes of a keepalive's status. Without ``timers`` no deadline comes, and
    without ``forgets`` a power cycle changes nothing.
    """

    def __init__(
        self,
        inner: Packets,
        *,
        incoming: Callable[[bytes], bytes | None] = lambda packet: packet,
        instead: Callable[[bytes], list[bytes] | None] = lambda _: None,
        besides: Callable[[bytes], list[bytes]] = lambda _: [],
        outgoing: Callable[[list[bytes]], list[bytes]] = lambda packets: packets,
        keepalive: Callable[[KeepaliveStatus], KeepaliveStatus | None] = lambda status: status,
        timers: bool = True,
        forgets: bool = True,
    ) -> None:
        self._inner = inner
        self._incoming, self._instead, self._besides = incoming, instead, besides
        self._outgoing, self._keepalive = outgoing, keepalive
        self._timers, self._forgets = timers, forgets
        self._added: list[bytes] = []

    def power_cycle(self) -> None:
        if self._forgets:
            self._inner.power_cycle()

    def receive(self, packet: bytes, now: float) -> Event | None:
        answers = self._instead(packet)
        if answers is not None:
            self._added += answers
            return None
        changed = self._incoming(packet)
        event = None if changed is None else self._inner.receive(changed, now if self._timers else 0.0)
        self._added += self._besides(packet)
        return event

    def packets_to_send(self) -> list[bytes]:
        packets = self._inner.packets_to_send()
        packets, self._added = [*packets, *self._added], []
        return self._outgoing(packets) if packets else []

    def next_timer(self) -> float | None:
        return self._inner.next_timer() if self._timers else None

    def handle_timer(self, now: float) -> None:
        if self._timers:
            self._inner.handle_timer(now)

    def respond(self, data: bytes) -> None:
        self._inner.respond(data)

    def keepalive(self, status: KeepaliveStatus) -> None:
        changed = self._keepalive(status)
        if changed is not None:
            self._inner.keepalive(changed)


class ChangedCommands:
    """Commands whose requests and answers pass through other hands.

    ``request`` gives the CTAP2 message that the authenticator gets in the place of another, ``time`` when it
    takes that to be, ``run`` what is run in the place of the command, ``answer`` what the platform gets, from
    the message that it sent and its answer. ``apdu``, ``run_apdu`` and ``apdu_answer`` are U2F's likewise,
    and ``power_cycle`` is what there is of one.
    """

    def __init__(
        self,
        inner: Commands,
        *,
        request: Callable[[bytes], bytes] = lambda message: message,
        time: Callable[[bytes, float], float] = lambda _, now: now,
        run: Run = lambda _, command, __: command,
        answer: Callable[[bytes, bytes], bytes] = lambda _, answer: answer,
        apdu: Callable[[bytes], bytes] = lambda apdu: apdu,
        run_apdu: Run = lambda _, command, __: command,
        apdu_answer: Callable[[bytes, bytes], bytes] = lambda _, answer: answer,
        power_cycle: Callable[[float], None] | None = None,
    ) -> None:
        self._inner = inner
        self._request, self._time, self._run, self._answer = request, time, run, answer
        self._apdu, self._run_apdu, self._apdu_answer = apdu, run_apdu, apdu_answer
        self._power_cycle = power_cycle or inner.power_cycle

    def cbor(self, message: bytes, now: float) -> Command:
        command = self._inner.cbor(self._request(message), self._time(message, now))
        answer = yield from self._run(message, command, now)
        return self._answer(message, answer)

    def msg(self, apdu: bytes, now: float) -> Command:
        command = self._inner.msg(self._apdu(apdu), now)
        answer = yield from self._run_apdu(apdu, command, now)
        return self._apdu_answer(apdu, answer)

    def power_cycle(self, now: float) -> None:
        self._power_cycle(now)


def together(*wraps: Wrap) -> Wrap:
    """Several of them, the later ones over the earlier."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        for each in wraps:
            inner = each(inner, parts)
        return inner

    return wrap


def untouched(wanted: Callable[[bytes], bool]) -> Run:
    """Commands that take every gesture for made."""

    def run(message: bytes, command: Command, now: float) -> Command:
        return _ended(command, now) if wanted(message) else (yield from command)

    return run


def _ended(command: Command, now: float) -> bytes:
    try:
        next(command)
        while True:
            command.send(Given(now=now))
    except StopIteration as ended:
        answer: bytes = ended.value
        return answer


class ChangedApdus:
    """A card's commands and answers that pass through other hands.

    ``request`` gives what the card gets of a command, ``instead`` the answer to one that it never sees,
    ``answer`` what the reader gets, from the command that it sent and the card's answer.
    """

    def __init__(
        self,
        inner: Apdus,
        *,
        request: Callable[[bytes], bytes] = lambda apdu: apdu,
        instead: Callable[[bytes], bytes | None] = lambda _: None,
        answer: Callable[[bytes, bytes], bytes] = lambda _, answer: answer,
    ) -> None:
        self._inner = inner
        self._request, self._instead, self._answer = request, instead, answer
        self._asked = b""
        self._added: list[bytes] = []

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)

    def receive(self, apdu: bytes, now: float) -> None:
        given = self._instead(apdu)
        if given is not None:
            self._added.append(given)
            return
        self._asked = apdu
        self._inner.receive(self._request(apdu), now)

    def packets_to_send(self) -> list[bytes]:
        answers = [self._answer(self._asked, answer) for answer in self._inner.packets_to_send()]
        added, self._added = self._added, []
        return added + answers


def parsed(apdu: bytes) -> CommandApdu | None:
    """The command, if it is one."""
    try:
        return CommandApdu.parse(apdu)
    except ApduError:
        return None
