"""What faults are made with: packets and answers changed on their way, authenticator data signed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import Any

from emulator.card import Apdus
from emulator.faults.fault import Parts
from emulator.fido import cbor, cose
from emulator.fido.attestation import Attestation, self_statement
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential, unwrap
from emulator.fido.ctaphid import Event, KeepaliveStatus
from emulator.fido.gesture import Command
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands, Packets

Members = dict[int, Any]
"""The members of a CTAP2 request or response, by number."""


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

    ``request`` gives the CTAP2 message that the authenticator gets in the place of another, ``answer`` what
    the platform gets, from the message that it sent and its answer; ``apdu`` and ``apdu_answer`` likewise.
    """

    def __init__(
        self,
        inner: Commands,
        *,
        request: Callable[[bytes], bytes] = lambda message: message,
        answer: Callable[[bytes, bytes], bytes] = lambda _, answer: answer,
        apdu: Callable[[bytes], bytes] = lambda apdu: apdu,
        apdu_answer: Callable[[bytes, bytes], bytes] = lambda _, answer: answer,
    ) -> None:
        self._inner = inner
        self._request, self._answer = request, answer
        self._apdu, self._apdu_answer = apdu, apdu_answer

    def cbor(self, message: bytes, now: float) -> Command:
        answer = yield from self._inner.cbor(self._request(message), now)
        return self._answer(message, answer)

    def msg(self, apdu: bytes, now: float) -> Command:
        answer = yield from self._inner.msg(self._apdu(apdu), now)
        return self._apdu_answer(apdu, answer)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


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


def members_of(message: bytes) -> Members:
    """The members of a request (command byte first) or an answer (status byte first); none if unreadable."""
    try:
        members = cbor.decode(message[1:], max_depth=8) if len(message) > 1 else {}
    except Exception:  # a peer's nonsense is for the authenticator to judge
        return {}
    return members if isinstance(members, dict) else {}


def on_request(
    command: CtapCommand, change: Callable[[Members], Members | None], *, subcommand: int | None = None
) -> Callable[[Commands, Parts], Commands]:
    """Requests of ``command`` with their members changed; ``None`` leaves them as they are."""

    def request(message: bytes) -> bytes:
        if not _is(message, command, subcommand) or (changed := change(members_of(message))) is None:
            return message
        return message[:1] + cbor.encode(changed)

    return lambda commands, _: ChangedCommands(commands, request=request)


def on_answer(
    command: CtapCommand,
    change: Callable[[Members], Members | bytes],
    *,
    subcommand: int | None = None,
) -> Callable[[Commands, Parts], Commands]:
    """Successful answers to ``command`` changed: other members, or all that follows the status as bytes."""

    def answer(message: bytes, answer: bytes) -> bytes:
        if not _is(message, command, subcommand) or answer[0] != CtapStatus.SUCCESS:
            return answer
        changed = change(members_of(answer))
        return answer[:1] + (changed if isinstance(changed, bytes) else cbor.encode(changed))

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def on_status(
    command: CtapCommand, statuses: dict[CtapStatus, CtapStatus], *, subcommand: int | None = None
) -> Callable[[Commands, Parts], Commands]:
    """Refusals of ``command`` told as others."""

    def answer(message: bytes, answer: bytes) -> bytes:
        if not _is(message, command, subcommand) or len(answer) != 1:
            return answer
        return bytes((statuses.get(CtapStatus(answer[0]), answer[0]),))

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def on_auth_data(
    *commands: CtapCommand, change: Callable[[bytes], bytes]
) -> Callable[[Commands, Parts], Commands]:
    """Authenticator data changed in answers to ``commands``, and signed again so that the signature holds."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if answer[0] != CtapStatus.SUCCESS or message[0] not in commands:
                return answer
            members = members_of(answer)
            if 2 not in members:
                return answer
            signed = resigned(parts, message, {**members, 2: change(members[2])})
            return answer[:1] + cbor.encode(signed)

        return ChangedCommands(inner, answer=answer)

    return wrap


def resigned(parts: Parts, message: bytes, members: Members) -> Members:
    """makeCredential's or getAssertion's response with its signature made anew over its authData."""
    request, auth_data = members_of(message), members[2]
    if message[0] == CtapCommand.MAKE_CREDENTIAL:
        length = int.from_bytes(auth_data[53:55], "big")
        credential_id, rp_id, client_data_hash = auth_data[55 : 55 + length], request[2]["id"], request[1]
        if members[1] != "packed":
            return members
        if "x5c" in members[3]:
            attestation = Attestation.of_model(parts.profile.aaguid, chained=parts.profile.attestation_chain)
            return {**members, 3: attestation.packed_statement(auth_data, client_data_hash)}
        key = private_key(parts, credential_id, rp_id)
        return {**members, 3: self_statement(auth_data, client_data_hash, key)}
    key = private_key(parts, members[1]["id"], request[1])
    return {**members, 3: key.sign(auth_data + request[2])}


def private_key(parts: Parts, credential_id: bytes, rp_id: str) -> cose.PrivateKey:
    """The key of one of our credentials."""
    credential = credential_of(parts, credential_id, rp_id)
    return cose.load(credential.algorithm, credential.private_key)


def credential_of(parts: Parts, credential_id: bytes, rp_id: str) -> Credential:
    """One of our credentials, kept or carried in its ID."""
    rp_id_hash, master_secret = sha256(rp_id.encode()).digest(), parts.store.master_secret
    assert master_secret is not None
    credential = parts.store.credential(credential_id) or unwrap(credential_id, rp_id_hash, master_secret)
    assert credential is not None, "an answer of ours names a credential of ours"
    return credential


def _is(message: bytes, command: CtapCommand, subcommand: int | None) -> bool:
    if message[:1] != bytes((command,)):
        return False
    if subcommand is None:
        return True
    place = 2 if command in (CtapCommand.CLIENT_PIN, CtapCommand.BIO_ENROLLMENT) else 1
    return members_of(message).get(place) == subcommand


class _Beforehand:
    """Commands before each of which something is done to the authenticator's state."""

    def __init__(
        self, inner: Commands, act: Callable[[bytes, float], None], power: Callable[[float], None]
    ) -> None:
        self._inner, self._act, self._power = inner, act, power

    def cbor(self, message: bytes, now: float) -> Command:
        self._act(message, now)
        return (yield from self._inner.cbor(message, now))

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._power(now)


def before(
    command: CtapCommand | None, act: Callable[[AuthenticatorState], None], *, subcommand: int | None = None
) -> Callable[[Commands, Parts], Commands]:
    """Something done to the state before each ``command``, or with ``None`` before every one."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def first(message: bytes, _: float) -> None:
            if command is None or _is(message, command, subcommand):
                act(parts.state)

        return _Beforehand(inner, first, inner.power_cycle)

    return wrap


def instead_of_power_cycle(
    act: Callable[[AuthenticatorState, float], None],
) -> Callable[[Commands, Parts], Commands]:
    """A power cycle that does something else."""
    return lambda inner, parts: _Beforehand(inner, lambda *_: None, lambda now: act(parts.state, now))


def taken_for(
    command: CtapCommand, others: Callable[[bytes], Iterable[bytes]]
) -> Callable[[Commands, Parts], Commands]:
    """A pinUvAuthParam of ``command`` that is good also if it was made over one of the ``others``."""

    def act(state: AuthenticatorState) -> None:
        for protocol in state.session.protocols.values():
            sound = partial(type(protocol).verify, protocol)

            def verify(
                key: bytes, message: bytes, signature: bytes, sound: Callable[..., bool] = sound
            ) -> bool:
                return any(sound(key, each, signature) for each in (message, *others(message)))

            protocol.verify = verify  # type: ignore[method-assign]  # broken on purpose

    return before(command, act)


def afterwards(
    command: CtapCommand, act: Callable[[AuthenticatorState], None]
) -> Callable[[Commands, Parts], Commands]:
    """Something done to the state when ``command`` is over."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if message[0] == command:
                act(parts.state)
            return answer

        return ChangedCommands(inner, answer=answer)

    return wrap
