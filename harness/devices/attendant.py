"""The person who attends a key in somebody's hand: asked to touch it and to replug it, and for its PIN."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from threading import Timer

from harness.devices.key import PinAtRisk, PinUnknown

PIN_VARIABLE = "KEYRIG_PIN"
TERMINAL = "/dev/tty"

PATIENCE = 1.0
"""Seconds that a key may wait for its user before they are asked: one that answers for itself is quicker."""

LONG_TOUCH = 6.0
"""Seconds that a long touch lasts for sure: a key wants five (CTAP 2.3 §7.7)."""


class Attendant:
    """Whoever sits at ``terminal``, a file descriptor.

    Their PIN is in the environment, or what ``ask_secretly`` is answered once; it is kept nowhere but here.
    """

    def __init__(
        self,
        terminal: int,
        *,
        pin_variable: str = PIN_VARIABLE,
        ask_secretly: Callable[[str], str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._terminal = terminal
        self._pin_variable = pin_variable
        self._ask_secretly = ask_secretly
        self._patience = patience
        self._question: Timer | None = None
        self._asked_for = 0
        self.tireless = False
        """Whether it is no person who touches keys."""
        self.replugs = False
        """Whether keys are pulled out and plugged in without anybody's being asked."""
        self.expected = 0
        """How many touches will be asked for in all, if that is known: each is then told by its number."""
        self.long_touch = False
        """Whether the key, as far as is known, is reset by a long touch alone."""
        self._pin: str | None = None
        self.pin_refused = False
        """Whether the key took the PIN for wrong."""

    @classmethod
    def here(cls, pin_variable: str = PIN_VARIABLE) -> Attendant:
        """At this process's terminal; without one, nobody can be asked and prompts go to stderr."""
        try:
            terminal = os.open(TERMINAL, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return cls(os.dup(2), pin_variable=pin_variable)
        return cls(terminal, pin_variable=pin_variable, ask_secretly=getpass.getpass)

    def say(self, text: str) -> None:
        """Say it at once, in a line of its own."""
        os.write(self._terminal, f"{self._line(text)}\n".encode())

    def ask_soon(self, text: str, *, hold: bool = False) -> None:
        """Say ``text`` once, unless :meth:`ask_no_more` comes first; ``hold`` asks for a long touch."""
        if self._question is None:
            held = f", and hold it for {LONG_TOUCH:g} s" if hold else ""
            self._question = Timer(self._patience, self._ask, [text + held])
            self._question.daemon = True
            self._question.start()

    def ask_no_more(self) -> None:
        """What was to be asked has been done."""
        if self._question is not None:
            self._question.cancel()
            self._question = None

    def touch_now(self, key: str) -> None:
        """Have the key called ``key`` touched."""
        self._ask(f"touch {key} now")

    def verify_now(self, key: str, accepted: bool) -> None:
        """Have its user verified by it, in vain unless ``accepted``."""
        self._ask(f"touch {key} with a finger that it {'knows' if accepted else 'does not know'}")

    def leave_alone(self, key: str, alone: bool) -> None:
        """Let nobody touch it; unless ``alone``, that is over."""
        self.say(f"{'do not touch' if alone else 'touch again when asked:'} {key}")

    def wait(self, seconds: float) -> None:
        """Let that much of the key's time pass."""
        time.sleep(seconds)

    def replug(self, text: str) -> None:
        """Have a key pulled out and plugged in again, as ``text`` asks."""
        self.say(text)

    def renew(self) -> bool:
        """Make the key what it was when the run began, if that is in the attendant's power."""
        return False

    def pin(self, key: str) -> str:
        """The PIN of the key called ``key``.

        :raises PinUnknown: when nobody says it.
        :raises PinAtRisk: when it was refused.
        """
        if self.pin_refused:
            raise PinAtRisk(f"the PIN of {key} was wrong; it is not tried again, for the key counts")
        if self._pin is None:
            self._pin = os.environ.get(self._pin_variable) or self._asked(f"PIN of {key}: ")
        if not self._pin:
            raise PinUnknown(
                f"{key} wants its PIN, and nobody is there to type it; "
                f"put it in the environment variable {self._pin_variable}"
            )
        return self._pin

    def pin_was_refused(self) -> None:
        """The key took the PIN for wrong."""
        if self._pin is not None:
            self._pin, self.pin_refused = None, True

    def _ask(self, text: str) -> None:
        self._asked_for += 1
        left = self.expected - self._asked_for
        self.say(f"{text}  (touch {self._asked_for} of {self.expected})" if left >= 0 else text)

    def _asked(self, question: str) -> str | None:
        if self._ask_secretly is None:
            return None
        try:
            return self._ask_secretly(self._line(question))
        except EOFError:
            return None

    def _line(self, text: str) -> str:
        """``text`` on a line of its own, in the place of a progress display if there is one."""
        return f"\r\x1b[2K▶ {text}" if os.isatty(self._terminal) else f"▶ {text}"
