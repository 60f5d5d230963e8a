"""A security key: CTAPHID in front, the authenticator behind, and a person who may or may not touch it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from emulator.fido.apdu import response_apdu
from emulator.fido.authenticator import Authenticator
from emulator.fido.ctaphid import (
    PACKET_TIMEOUT,
    Capability,
    CtapHid,
    CtapHidCommand,
    Interruption,
    Request,
)
from emulator.fido.gesture import LONG_TOUCH_TIME, Command, Gesture, Given, SampleStatus, Within
from emulator.fido.presence import U2fPresence
from emulator.fido.status import CtapError, CtapStatus, StatusWord
from emulator.gesture_policy import GesturePolicy, checked, delay_of
from emulator.key_parts import Commands, NobodyListens, Observer, Packets
from emulator.profile import Profile
from emulator.random_stream import RandomStream
from emulator.store import CredentialStore, MemoryStore
from emulator.waiting import KEEPALIVE_STATUS, Waiting, advance

_CBOR_FAILURE = bytes((CtapStatus.OTHER,))
_MSG_FAILURE = response_apdu(b"", StatusWord.UNKNOWN_ERROR)

_log = logging.getLogger(__name__)


class NobodyAtTheKey(RuntimeError):  # noqa: N818  # the state of things, not a fault of the key
    """A direct command waits for a gesture that only a later call could make."""


class SecurityKey:
    """An emulated security key: packets, gestures and the time in; packets out.

    ``profile`` is a :class:`Profile` or its name. ``seed`` makes every key and nonce reproducible; without
    it pass ``random_bytes``, such as a :class:`~emulator.system_random.SystemRandom`. Every ``now`` is in
    seconds on one clock of the caller's. ``touch`` and ``uv`` say when the person touches the key or is
    verified by it:

    - ``"always"``: at once, whenever asked;
    - a number: that many seconds after a command asked; for U2F, whose platform polls, after its first poll;
    - ``"by call"``: when :meth:`touch` or :meth:`verify` is called while a command waits. For U2F a touch
      is good for one request within ``U2F_TOUCH_WINDOW``; a CTAP2 command never takes an earlier touch;
    - ``"never"``: not even then.

    A long touch takes its five seconds more; a finger that is being enrolled comes as ``uv`` says. A CTAP2
    command waits for each gesture as long as the profile's ``touch_timeout``. An exception of the
    authenticator is our own bug: the command ends in CTAP OTHER or SW 6F00, the key goes on, and ``on_error``
    hears of it (by default a log does). ``observer`` hears of every request, its waits and its answer.
    ``serial_number`` is what enterprise attestation tells.
    A platform may pause for ``packet_timeout`` within a message. ``authenticator`` and ``packets`` replace
    those made from ``profile``.
    """

    def __init__(
        self,
        profile: Profile | str = "ctap21",
        *,
        seed: bytes | int | str | None = None,
        random_bytes: Callable[[int], bytes] | None = None,
        store: CredentialStore | None = None,
        touch: GesturePolicy = "always",
        uv: GesturePolicy = "always",
        now: float = 0.0,
        serial_number: str = "1",
        on_error: Callable[[Exception], None] | None = None,
        observer: Observer | None = None,
        packet_timeout: float = PACKET_TIMEOUT,
        authenticator: Commands | None = None,
        packets: Packets | None = None,
    ) -> None:
        self.profile = Profile.load(profile) if isinstance(profile, str) else profile
        self.touch_policy = touch
        self.uv_policy = uv
        self._authenticator = authenticator or Authenticator(
            self.profile,
            store=MemoryStore() if store is None else store,
            random_bytes=_randomness(seed, random_bytes),
            now=now,
            serial_number=serial_number,
        )
        self._on_error = on_error or _log_error
        self._observer = observer or NobodyListens()
        self._hid: Packets = packets or CtapHid(
            capabilities=capabilities(self.profile),
            device_version=self.profile.device_version,
            packet_timeout=packet_timeout,
        )
        self._forget()

    @property
    def touch_policy(self) -> GesturePolicy:
        """When the person touches the key; may be changed at any time."""
        return self._touch_policy

    @touch_policy.setter
    def touch_policy(self, policy: GesturePolicy) -> None:
        self._touch_policy = checked("touch", policy)

    @property
    def uv_policy(self) -> GesturePolicy:
        """When the key verifies its user; may be changed at any time."""
        return self._uv_policy

    @uv_policy.setter
    def uv_policy(self, policy: GesturePolicy) -> None:
        self._uv_policy = checked("uv", policy)

    # The packets' side.

    def receive(self, packet: bytes, now: float) -> None:
        """Take a CTAPHID packet from the platform; any bytes at all will do."""
        self.handle_timer(now)
        match self._hid.receive(packet, now):
            case Request(command=CtapHidCommand.CBOR) as request:
                self.cancel()  # what came in an APDU: one command runs at a time
                self._start(request, now)
            case Request() as request:
                self._hid.respond(self._u2f(request, now))
            case Interruption.CANCEL:
                self._give_up(CtapStatus.KEEPALIVE_CANCEL)
            case Interruption.ABORT:
                self._close_waiting()

    def packets_to_send(self) -> list[bytes]:
        """The packets for the platform, in order; each is handed out once."""
        return self._hid.packets_to_send()

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is due, if ever."""
        due = [self._hid.next_timer()]
        if self._waiting is not None:
            due += [self._waiting.deadline, self._waiting.next_keepalive, self._made_at(self._waiting)]
        return min((at for at in due if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Do everything that is due at ``now``, in the order of its times."""
        while (due := self.next_timer()) is not None and due <= now:
            self._fire(due)

    # The person's side.

    def touch(self, now: float, held: float = 0.0) -> None:
        """Touch the key: answers the CTAP2 command that waits for it, else the next U2F request, if soon.

        By ``now`` the touch has lasted ``held`` seconds; what it lasted before it was asked for does not
        count towards a long touch.
        """
        self.handle_timer(now)
        if self.touch_policy == "never":
            return
        waiting = self._waiting
        if waiting is None:
            self._presence.touch(now)
        elif waiting.gesture is Gesture.PRESENCE or (
            waiting.gesture is Gesture.LONG_TOUCH and min(held, now - waiting.asked) >= LONG_TOUCH_TIME
        ):
            self._go_on(waiting, Given(now=now), now)

    def verify(self, now: float, accepted: bool = True) -> None:
        """Put a finger on the key, its owner's if ``accepted``: answers the command that waits for it.

        To a command that enrols a finger it is a sample, a poor one unless ``accepted``.
        """
        self.handle_timer(now)
        waiting = self._waiting
        if self.uv_policy == "never" or waiting is None:
            return
        if waiting.gesture is Gesture.VERIFICATION:
            self._go_on(waiting, Given(now=now, accepted=accepted), now)
        elif waiting.gesture is Gesture.SAMPLE:
            self.sample(now, SampleStatus.GOOD if accepted else SampleStatus.POOR_QUALITY)

    def sample(self, now: float, status: SampleStatus = SampleStatus.GOOD) -> None:
        """Put a finger that is being enrolled on the sensor, which finds the sample to be of ``status``."""
        self.handle_timer(now)
        waiting = self._waiting
        if self.uv_policy != "never" and waiting is not None and waiting.gesture is Gesture.SAMPLE:
            self._go_on(waiting, Given(now=now, sample=status), now)

    def awaited(self, now: float) -> Gesture | None:
        """The gesture that a command waits for or, of U2F, that a platform polls for."""
        if self._waiting is not None:
            return self._waiting.gesture
        return Gesture.PRESENCE if self.is_polled(now) else None

    def is_polled(self, now: float) -> bool:
        """Whether a U2F platform asked for a touch in vain and may be expected to ask again."""
        return self._presence.is_polled(now)

    def power_cycle(self, now: float) -> None:
        """Pull the key out and plug it in again: what ran or was agreed is forgotten."""
        self._close_waiting()
        self._forget()
        self._hid.power_cycle()
        self._authenticator.power_cycle(now)

    # Without packets.

    def cbor(self, message: bytes, now: float) -> bytes:
        """Run one CTAP2 command without CTAPHID: command byte and CBOR in, status byte and CBOR out.

        Gestures are made as the policies say, as if the time passed; one that does not come within the
        profile's ``touch_timeout`` times out. ``by call`` raises :class:`NobodyAtTheKey`.
        """
        if self._waiting is not None:
            raise RuntimeError("a command that came in packets is running; let it end before a direct one")
        clock = now

        def at_hand(asked: Within) -> Given | CtapError | None:
            nonlocal clock
            if self._policy(asked.gesture) == "by call":
                return None
            delay = self._delay(asked.gesture)
            if delay is None or delay >= asked.seconds:
                clock += asked.seconds
                return CtapError(CtapStatus.USER_ACTION_TIMEOUT)
            clock += delay
            return Given(now=clock)

        command = self._guarded(lambda: self._authenticator.cbor(message, now), _CBOR_FAILURE)
        match advance(command, None, at_hand, self.profile.touch_timeout):
            case Within(gesture):
                command.close()
                raise NobodyAtTheKey(
                    f"the command waits for user {gesture.value}, given by call, and no call can come in "
                    f"between: send packets, or choose another policy"
                )
            case answer:
                return answer

    # In APDUs.

    def transmit(self, apdu: bytes, now: float) -> bytes:
        """Answer one APDU of an APDU transport, data and status word: U2F, and never a wait."""
        self.handle_timer(now)
        return self._u2f(Request(command=CtapHidCommand.MSG, data=apdu), now)

    def begin(
        self,
        request: Request,
        respond: Callable[[bytes], None],
        now: float,
        *,
        command: Command | None = None,
        failure: bytes = _CBOR_FAILURE,
    ) -> None:
        """Run what came in an APDU and may wait: a CTAP2 message or, of another applet, ``command``.

        ``respond`` gets the answer, now or when a gesture or the time has come; ``failure`` if the command
        fails by our own fault. A command that waits is abandoned for it.
        """
        self.handle_timer(now)
        self.abandon()
        self._start(request, now, respond, command, failure)

    def cancel(self) -> None:
        """End the CTAP2 command that waits, if any, with KEEPALIVE_CANCEL."""
        if self._waiting is not None:
            self._give_up(CtapStatus.KEEPALIVE_CANCEL)

    def abandon(self) -> None:
        """Forget the command that waits, if any; it is not answered unless it came in packets."""
        if self._waiting is not None and self._waiting.respond is None:
            self.cancel()  # else its channel would keep the key busy for good
        self._close_waiting()

    def _forget(self) -> None:
        self._waiting: Waiting | None = None
        self._presence = U2fPresence()

    def _guarded(self, make: Callable[[], Command], failure: bytes) -> Command:
        """The command that ``make`` makes; an exception in it is reported and answered with ``failure``."""
        try:
            return (yield from make())
        except Exception as error:  # the device's outer loop: nothing a platform sends may stop the key
            self._on_error(error)
            return failure

    def _policy(self, gesture: Gesture) -> GesturePolicy:
        touches = (Gesture.PRESENCE, Gesture.LONG_TOUCH)
        return self.touch_policy if gesture in touches else self.uv_policy

    def _delay(self, gesture: Gesture) -> float | None:
        """Seconds from the asking until the gesture has been made; ``None`` if it does not come by itself."""
        delay = delay_of(self._policy(gesture))
        lasts = LONG_TOUCH_TIME if gesture is Gesture.LONG_TOUCH else 0.0
        return None if delay is None else delay + lasts

    # A CBOR command, from its packets to its answer.

    def _start(
        self,
        request: Request,
        now: float,
        respond: Callable[[bytes], None] | None = None,
        command: Command | None = None,
        failure: bytes = _CBOR_FAILURE,
    ) -> None:
        self._observer.started(request)
        guarded = self._guarded(lambda: command or self._authenticator.cbor(request.data, now), failure)
        waiting = Waiting(request=request, command=guarded, respond=respond, started=now, asked=now)
        self._go_on(waiting, None, now)

    def _go_on(self, waiting: Waiting, given: Given | CtapError | None, now: float) -> None:
        """Run the command until it is answered or waits for what is not given at once."""

        def at_hand(asked: Within) -> Given | None:
            return Given(now=now) if self._delay(asked.gesture) == 0 else None

        self._waiting = None
        if isinstance(given, Given):
            self._observer.resumed(waiting.request)
        match advance(waiting.command, given, at_hand, self.profile.touch_timeout):
            case Within(gesture, seconds):
                self._waiting = replace(waiting, gesture=gesture, asked=now, deadline=now + seconds)
                self._observer.waiting(waiting.request, gesture)
            case answer:
                self._respond(waiting, answer)
                self._observer.answered(waiting.request, answer)

    def _give_up(self, status: CtapStatus) -> None:
        """End the command that waits with ``status``, nothing changed."""
        answer, waiting = bytes((status,)), self._waiting
        self._close_waiting(answer)
        self._respond(waiting, answer)

    def _respond(self, waiting: Waiting | None, answer: bytes) -> None:
        respond = waiting.respond if waiting is not None else None
        (respond or self._hid.respond)(answer)

    def _close_waiting(self, answer: bytes | None = None) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.command.close()
            self._observer.answered(waiting.request, answer)

    def _made_at(self, waiting: Waiting) -> float | None:
        """When the policy makes the gesture that the command waits for."""
        delay = self._delay(waiting.gesture)
        return None if delay is None else waiting.asked + delay

    def _fire(self, now: float) -> None:
        """Do one thing of those due at ``now``."""
        self._hid.handle_timer(now)
        waiting = self._waiting
        if waiting is None:
            return
        made_at = self._made_at(waiting)
        if now >= waiting.deadline:
            self._go_on(waiting, CtapError(CtapStatus.USER_ACTION_TIMEOUT), now)
        elif made_at is not None and now >= made_at:
            self._go_on(waiting, Given(now=now), now)
        elif now >= waiting.next_keepalive:
            self._hid.keepalive(KEEPALIVE_STATUS[waiting.gesture])
            waiting.keepalives += 1

    def _u2f(self, request: Request, now: float) -> bytes:
        self._observer.started(request)
        answer = self._answer_u2f(request, now)
        self._observer.answered(request, answer)
        return answer

    def _answer_u2f(self, request: Request, now: float) -> bytes:
        def at_hand(_: Within) -> Given | None:  # U2F knows no other gesture than a touch
            return Given(now=now) if self._presence.take(now, delay_of(self.touch_policy)) else None

        command = self._guarded(lambda: self._authenticator.msg(request.data, now), _MSG_FAILURE)
        match advance(command, None, at_hand, self.profile.touch_timeout):
            case Within(gesture):
                command.close()
                self._observer.waiting(request, gesture)
                return response_apdu(b"", StatusWord.CONDITIONS_NOT_SATISFIED)
            case answer:
                return answer


def capabilities(profile: Profile) -> Capability:
    """What CTAPHID_INIT tells of the profile (CTAP 2.3 §11.2.9.1.3)."""
    wink = Capability.WINK if profile.wink else Capability(0)
    cbor = Capability.CBOR if profile.ctap2 else Capability(0)
    no_msg = Capability(0) if profile.u2f else Capability.NMSG
    return wink | cbor | no_msg


def _randomness(
    seed: bytes | int | str | None, random_bytes: Callable[[int], bytes] | None
) -> Callable[[int], bytes]:
    if seed is None and random_bytes is not None:
        return random_bytes
    if seed is not None and random_bytes is None:
        return RandomStream(seed)
    raise ValueError("a key needs either a seed, to be reproducible, or random_bytes, such as SystemRandom()")


def _log_error(error: Exception) -> None:
    _log.error("the authenticator failed; its command is abandoned", exc_info=error)
