"""A hand at a running key: whatever a person or a test robot may do to it, as calls from any thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeAlias

from emulator.exchange import Asked, Exchange, ExchangeLog
from emulator.fido.gesture import Gesture, SampleStatus
from emulator.gesture_policy import GesturePolicy
from emulator.security_key import SecurityKey
from emulator.store import CredentialStore, Snapshot
from emulator.transports.loop import KeyClock, KeyLoop, Wire
from emulator.transports.port import PacketPort, UsbIdentity

TouchHabit: TypeAlias = Literal["always", "never"] | float
"""What the hand does when a touch is asked for: at once, only when told, or after n seconds."""

UvHabit: TypeAlias = Literal["always", "never", "refused"] | float
"""The same for user verification, which may also be tried in vain each time."""


LONGEST_ADVANCE = 1e9
"""Seconds, some thirty years; beyond it a clock would lose its resolution."""


class RobotError(ValueError):
    """What was asked of the hand cannot be done; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A running key as it is now; ``name`` is what a client opens, ``None`` while the key has no power."""

    name: str | None
    profile: str
    serial_number: str
    touch: TouchHabit
    uv: UvHabit
    clock: float
    waiting: tuple[Asked, Gesture] | None
    saved: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Press:
    """A finger on the key, from when and at most until when."""

    since: float
    until: float


class Robot:
    """Runs ``key`` on the ports that ``plug`` opens, and does to it what it is told.

    ``store`` and ``log`` are the key's own; ``clock`` is the one it runs on; ``wire`` is what stands between
    the key and the ports, if anything does. Times are seconds.
    """

    def __init__(
        self,
        key: SecurityKey,
        plug: Callable[[], PacketPort],
        *,
        identity: UsbIdentity,
        store: CredentialStore,
        log: ExchangeLog,
        clock: KeyClock,
        touch: TouchHabit = "always",
        uv: UvHabit = "always",
        wire: Wire | None = None,
    ) -> None:
        self.identity = identity
        self._loop = KeyLoop(key, plug, clock=clock, attend=self._attend, wire=wire)
        self._store = store
        self._log = log
        self._clock = clock
        self._saved: dict[str, Snapshot] = {}
        self._pressed: _Press | None = None
        self._adopt(key, touch, uv)

    def start(self) -> None:
        """Plug the key in and serve it.

        :raises PortError: when its port cannot be opened; nothing runs then.
        """
        self._loop.start()

    def stop(self) -> None:
        """Unplug the key and let it go."""
        self._loop.stop()

    def __enter__(self) -> Robot:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def name(self) -> str | None:
        """What a client opens to reach the key; ``None`` while it has no power."""
        return self._loop.name

    def status(self) -> Status:
        """What there is to know of the key."""
        return self._loop.call(self._status)

    # Presence.

    def touch(self) -> None:
        """Touch the key once, now: for a command that waits or, of U2F, soon asks again."""
        self._loop.call(lambda key, now: key.touch(now))

    def press(self, seconds: float = math.inf) -> None:
        """Put a finger down and leave it: good for one request, waiting or to come, until it is lifted.

        Where a long touch is asked for, it must stay as long as that.
        """
        lasts = _positive("press", seconds)
        self._loop.call(lambda key, now: self._press(_Press(since=now, until=now + lasts)))

    def release(self) -> None:
        """Lift the finger."""
        self._loop.call(lambda key, now: self._press(None))

    def set_touch(self, habit: TouchHabit) -> None:
        """From now on touch the key always, only when told, or a number of seconds after it asks."""
        self._loop.call(lambda key, now: self._adopt(key, habit, self._uv))

    # Verification.

    def verify(self, accepted: bool = True) -> None:
        """Have the user verified now, or tried in vain, for a command that waits for it.

        Of a finger that is being enrolled it is a sample, good or poor.
        """
        self._loop.call(lambda key, now: key.verify(now, accepted))

    def sample(self, status: SampleStatus) -> None:
        """Put a finger that is being enrolled on the sensor, which finds this of it."""
        self._loop.call(lambda key, now: key.sample(now, status))

    def set_uv(self, habit: UvHabit) -> None:
        """From now on let the user be verified always, refused always, only when told, or after seconds."""
        self._loop.call(lambda key, now: self._adopt(key, self._touch, habit))

    # Power.

    def power_off(self) -> None:
        """Pull the key out."""
        self._loop.unplug()

    def power_on(self) -> None:
        """Plug the key in; its session is new.

        :raises PortError: when its port cannot be opened.
        """
        self._loop.plug_in()

    def replug(self) -> None:
        """Pull the key out and plug it in again."""
        self.power_off()
        self.power_on()

    # Memory and time.

    def save(self, name: str) -> None:
        """Keep what the key remembers under ``name``, as long as the process lives."""
        self._saved[name] = self._loop.call(lambda key, now: self._store.snapshot())

    def restore(self, name: str) -> None:
        """Let the key remember what it did when ``name`` was saved, as after a power cycle."""
        if name not in self._saved:
            raise RobotError(f"nothing was saved as {name!r}; saved: {', '.join(self._saved) or 'nothing'}")
        self._loop.call(lambda key, now: self._restore(key, self._saved[name], now))

    def advance_clock(self, seconds: float) -> None:
        """Let time pass for the key: its clock jumps forwards, and what falls due happens."""
        forwards = _positive("clock", seconds, most=LONGEST_ADVANCE)
        self._loop.call(lambda key, now: self._clock.advance(forwards))

    def log(self, since: int = 0) -> list[Exchange]:
        """What happened, oldest first, after the exchange numbered ``since``."""
        return self._loop.call(lambda key, now: [e for e in self._log.exchanges if e.number > since])

    # What runs in the thread that owns the key.

    def _status(self, key: SecurityKey, now: float) -> Status:
        return Status(
            name=self._loop.name,
            profile=key.profile.name,
            serial_number=self.identity.serial_number,
            touch=self._touch,
            uv=self._uv,
            clock=now,
            waiting=self._log.waiting_for,
            saved=tuple(self._saved),
        )

    def _adopt(self, key: SecurityKey, touch: TouchHabit, uv: UvHabit) -> None:
        """Take on habits; the key itself knows nothing of a finger that it is to refuse."""
        try:
            key.touch_policy, key.uv_policy = _policy(touch), _policy(uv)
        except ValueError as error:
            raise RobotError(str(error)) from error
        self._touch, self._uv = touch, uv

    def _press(self, press: _Press | None) -> None:
        self._pressed = press

    def _restore(self, key: SecurityKey, snapshot: Snapshot, now: float) -> None:
        key.power_cycle(now)
        self._store.restore(snapshot)

    def _attend(self, key: SecurityKey, now: float) -> None:
        """Do what habit or a finger left on the key makes of the state it is in."""
        while self._uv == "refused" and key.awaited(now) in (Gesture.VERIFICATION, Gesture.SAMPLE):
            key.verify(now, accepted=False)
        press, awaited = self._pressed, key.awaited(now)
        if press is None:
            return
        if awaited in (Gesture.PRESENCE, Gesture.LONG_TOUCH):
            key.touch(now, held=now - press.since)
        served = awaited is Gesture.PRESENCE or key.awaited(now) is not awaited
        if served or now >= press.until:
            self._pressed = None


def _policy(habit: TouchHabit | UvHabit) -> GesturePolicy:
    match habit:
        case "never" | "refused":
            return "by call"
        case float() | int():
            return _positive("after", habit, most=LONGEST_ADVANCE)
        case _:
            return habit


def _positive(what: str, seconds: float, *, most: float = math.inf) -> float:
    if not 0 <= seconds <= most:
        raise RobotError(f"{what}: the seconds must be from 0 to {most:g}, not {seconds}")
    return seconds
