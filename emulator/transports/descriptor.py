"""A file that one thread waits for, and that another may close under it."""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress


class Descriptor:
    """Owns the file descriptor ``fd`` from now on. What waits and then reads holds ``in_use`` meanwhile."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.in_use = threading.RLock()
        self.closed = False
        self._bell, self._cord = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._poll.register(fd, select.POLLIN)
        self._events: int = select.POLLIN

    def wait(self, events: int = select.POLLIN, timeout: float | None = None) -> int:
        """Wait until one of ``events`` of :mod:`select` is there, :meth:`ring` or ``timeout`` seconds.

        Returns the events; none after a ring, in time-out, or once the file is closed.
        """
        with self.in_use:
            if self.closed:
                return 0
            if events != self._events:
                self._poll.modify(self.fd, events)
                self._events = events
            ready = dict(self._poll.poll(None if timeout is None else timeout * 1000))
            if self._bell in ready:
                os.read(self._bell, 4096)
            return 0 if self.closed else ready.get(self.fd, 0)

    def ring(self) -> None:
        """Wake the thread that waits."""
        with suppress(BlockingIOError):  # it is rung for already
            os.write(self._cord, b"\x00")

    def close(self) -> None:
        """Let go of the file, as soon as the thread that uses it lets it."""
        if self.closed:
            return
        self.closed = True
        self.ring()
        with self.in_use:
            for fd in (self.fd, self._bell, self._cord):
                os.close(fd)
