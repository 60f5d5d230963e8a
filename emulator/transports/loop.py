"""One key at one port: a thread reads packets, another owns the key and keeps its timers."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Protocol, TypeAlias, TypeVar

from emulator.clock import Clock
from emulator.fido.ctaphid import INITIALIZATION_BIT, CtapHidCommand
from emulator.security_key import SecurityKey
from emulator.transports.port import PacketPort

T = TypeVar("T")
Act: TypeAlias = Callable[[SecurityKey, float], T]
"""Something to do with the key at a time."""

MAX_WAITING = 1024
"""Packets that may wait for the key, eight of the longest messages; more, from a flood, are lost."""

_log = logging.getLogger(__name__)


class Wire(Protocol):
    """Takes what a port reads, and says what it is to write; a key does for its own packets."""

    def receive(self, packet: bytes, now: float) -> None: ...

    def packets_to_send(self) -> list[bytes]: ...

    def power_cycle(self, now: float) -> None: ...


class KeyClock:
    """Seconds since the Unix epoch as a key counts them: steadily, however the machine's clock is set."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump forwards, as if the time had passed."""
        self._ahead += seconds


class KeyLoop:
    """Runs ``key`` on the port that ``plug`` opens, from :meth:`start` to :meth:`stop`.

    One thread owns the key: what others want of it goes through :meth:`call`. ``attend`` is called there
    after everything that happens to the key, as a person who looks at it would act. ``wire`` is what stands
    between the key and the port, if what passes there is not the key's own packets.
    """

    def __init__(
        self,
        key: SecurityKey,
        plug: Callable[[], PacketPort],
        *,
        clock: Clock,
        attend: Act[None] | None = None,
        wire: Wire | None = None,
    ) -> None:
        self._key = key
        self._wire: Wire = wire or key
        self._plug = plug
        self._clock = clock
        self._attend = attend or _look_away
        self._now = clock()
        self._port: PacketPort | None = None
        self._reader: threading.Thread | None = None
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._owner = threading.Thread(target=self._run, name="key", daemon=True)

    @property
    def name(self) -> str | None:
        """What a client opens to reach the key; ``None`` while it is unplugged."""
        port = self._port
        return port.name if port is not None else None

    def start(self) -> None:
        """Plug the key in and serve it.

        :raises PortError: when the port cannot be opened; nothing runs then.
        """
        self._open()
        self._owner.start()

    def stop(self) -> None:
        """Unplug the key and end both threads."""
        self.call(lambda key, now: self.unplug())
        self._inbox.put(None)
        self._owner.join()

    def __enter__(self) -> KeyLoop:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def call(self, act: Act[T]) -> T:
        """Run ``act(key, now)`` in the thread that owns the key; its result, or its exception."""
        if threading.current_thread() is self._owner:
            return act(self._key, self._tell_time())
        if not self._owner.is_alive():
            raise RuntimeError("the key's loop is not running")
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(act(self._key, self._tell_time()))
            except Exception as error:
                future.set_exception(error)

        self._inbox.put(run)
        return future.result()

    def plug_in(self) -> None:
        """Give the key power, if it has none.

        :raises PortError: as :meth:`start` does; the key stays unplugged.
        """
        self.call(lambda key, now: self._open() if self._port is None else None)

    def unplug(self) -> None:
        """Take the key's power away: what ran is abandoned, the client's node is gone."""
        self.call(lambda key, now: self._close(now))

    def _open(self) -> None:
        port = self._port = self._plug()
        self._reader = threading.Thread(target=self._read, args=(port,), name="reader", daemon=True)
        self._wire.power_cycle(self._tell_time())
        self._reader.start()

    def _close(self, now: float) -> None:
        if self._port is not None and self._reader is not None:
            self._port.close()
            self._reader.join()
            self._port = self._reader = None
            self._wire.power_cycle(now)

    def _read(self, port: PacketPort) -> None:
        """Drain the port: nothing else, for what is not read at once may be lost."""
        try:
            while (packet := port.read()) is not None:
                if self._inbox.qsize() < MAX_WAITING:
                    self._inbox.put(partial(self._receive, port, packet, self._clock()))
        except OSError as error:
            _log.error("%s cannot be read any more: %s", port.name, error.strerror)

    def _receive(self, port: PacketPort, packet: bytes, arrived: float) -> None:
        """Hand it over as of its arrival: that we are slow does not count against the platform."""
        if port is self._port:
            self._now = max(arrived, self._now)
            self._wire.receive(packet, self._now)

    def _tell_time(self) -> float:
        """The time for the key, which never goes back."""
        self._now = max(self._clock(), self._now)
        return self._now

    def _run(self) -> None:
        while True:
            try:
                if (happening := self._inbox.get(timeout=self._patience())) is None:
                    return
                self._serve(happening)
            except queue.Empty:
                self._serve(lambda: self._key.handle_timer(self._tell_time()))

    def _serve(self, happening: Callable[[], None]) -> None:
        """Let it happen, let the person act, and send what the key has to say."""
        try:
            happening()
            self._attend(self._key, self._now)
            previous = b""
            for packet in self._wire.packets_to_send():
                if self._port is not None and not (packet == previous and _is_keepalive(packet)):
                    self._port.write(packet)
                previous = packet
        except Exception:  # the device's outer loop: whatever fails, the key goes on
            _log.exception("the key's loop failed; it goes on")

    def _patience(self) -> float | None:
        """Seconds until the key's next timer."""
        due = self._key.next_timer()
        return None if due is None else max(0.0, due - self._clock())


def _is_keepalive(packet: bytes) -> bool:
    """Of those that a jump of the clock makes due together, one is enough."""
    return packet[4] == CtapHidCommand.KEEPALIVE | INITIALIZATION_BIT


def _look_away(key: SecurityKey, now: float) -> None:
    """Nobody is there."""
