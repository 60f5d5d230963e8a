"""A hand that is no person's: a command or an HTTP endpoint that touches a key whenever it waits for that."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Timer
from typing import Any, Protocol

import httpx

from harness.devices.attendant import LONG_TOUCH, PIN_VARIABLE, Attendant
from harness.devices.key import DeviceError

TIME_LIMIT = 10.0
"""Seconds that a hand has for one thing that it does."""
TRY_AGAIN = 3.0
"""Seconds after which a key that still waits is touched again: a relay may miss."""
WORTH_SKIPPING = 0.5
"""Seconds of the key's time from which on a rig's clock is moved instead of ours being waited for."""
AS_IT_WAS = "before keyrig conform"


class Hand(Protocol):
    """What touches keys. ``rig`` says whether it also replugs, renews and ages them."""

    rig: bool

    def do(self, verb: dict[str, Any]) -> None:
        """Do one of: ``{"touch": "now"}``; of a rig all that ``keyrig emulate --control`` takes.

        :raises DeviceError: when that fails.
        """


class CommandHand:
    """Runs a command, without a shell, for every touch."""

    rig = False

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise DeviceError(f"the touch command {command!r} cannot be read: {error}") from None
        if not self._words:
            raise DeviceError("the touch command is empty; say what touches the key")

    def do(self, verb: dict[str, Any]) -> None:
        if verb != {"touch": "now"}:
            return
        try:
            done = subprocess.run(  # noqa: S603  # the user's own command
                self._words, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = error.strerror if isinstance(error, OSError) else f"it took more than {TIME_LIMIT:g} s"
            raise DeviceError(f"the touch command {self._words[0]} failed: {reason}") from None
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
            raise DeviceError(
                f"the touch command {self._words[0]} ended with {done.returncode}: {told[0]}".rstrip(": ")
            )


class HttpHand:
    """Posts what is to be done as JSON to ``url``; one that says how its key is, as ours does, is a rig.

    :raises DeviceError: when nobody is at ``url``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(timeout=TIME_LIMIT, trust_env=False)
        self._lock = Lock()
        try:
            told = self._client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeviceError(f"no touch robot answers at {url}: {error}") from None
        status: Any = None
        with suppress(ValueError):
            status = told.json()
        self.habits = status if isinstance(status, dict) else {}
        self.rig = told.is_success and {"touch", "uv", "saved"} <= {*self.habits}

    def do(self, verb: dict[str, Any]) -> None:
        try:
            with self._lock:
                answer = self._client.post(self._url, json=verb)
        except httpx.HTTPError as error:
            raise DeviceError(f"the touch robot at {self._url} does not answer: {error}") from None
        if not answer.is_success:
            raise DeviceError(
                f"the touch robot at {self._url} refused {verb}: {answer.status_code} {answer.text[:200]}"
            )


class HandAttendant(Attendant):
    """Has ``hand`` do at once what a person would be asked for; what no hand can, it says at the terminal."""

    def __init__(
        self,
        terminal: int,
        hand: Hand,
        *,
        pin_variable: str = PIN_VARIABLE,
        ask_secretly: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(terminal, pin_variable=pin_variable, ask_secretly=ask_secretly)
        self._hand = hand
        self._alone = False
        self._next: Timer | None = None
        self.tireless = True
        self.replugs = hand.rig
        if hand.rig:
            hand.do({"state": {"save": AS_IT_WAS}})

    def ask_soon(self, text: str, *, hold: bool = False) -> None:
        if self._next is not None or self._alone:
            return
        if hold and not self._hand.rig:
            super().ask_soon(text, hold=True)  # no touch of a robot's lasts so long
            return
        self._touch_in(0.0, {"touch": {"hold": LONG_TOUCH}} if hold else {"touch": "now"})

    def ask_no_more(self) -> None:
        super().ask_no_more()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def touch_now(self, key: str) -> None:
        self._hand.do({"touch": "now"})

    def verify_now(self, key: str, accepted: bool) -> None:
        if not self._hand.rig:
            super().verify_now(key, accepted)
            return
        self._hand.do({"uv": "accept" if accepted else "refuse"})

    def leave_alone(self, key: str, alone: bool) -> None:
        """Nobody else is asked to keep away: the key is the hand's."""
        self._alone = alone
        if self._hand.rig:
            habits = getattr(self._hand, "habits", {})
            for gesture in ("touch", "uv"):
                usual = habits.get(gesture, "always")
                habit = "never" if alone else usual if isinstance(usual, str) else {"after": usual}
                self._hand.do({gesture: habit})

    def wait(self, seconds: float) -> None:
        if self._hand.rig and seconds >= WORTH_SKIPPING:
            self._hand.do({"clock": {"advance": seconds}})
        else:
            super().wait(seconds)

    def replug(self, text: str) -> None:
        if self._hand.rig:
            self._hand.do({"power": "replug"})
        else:
            super().replug(text)

    def renew(self) -> bool:
        if not self._hand.rig:
            return False
        self._hand.do({"state": {"restore": AS_IT_WAS}})
        self.leave_alone("", False)
        return True

    def _touch_in(self, seconds: float, how: dict[str, Any]) -> None:
        self._next = Timer(seconds, self._touch, [how])
        self._next.daemon = True
        self._next.start()

    def _touch(self, how: dict[str, Any]) -> None:
        """Touch the key, and again if it waits on."""
        try:
            self._hand.do(how)
        except DeviceError as error:
            self.say(str(error))
        if self._next is not None:
            self._touch_in(TRY_AGAIN if how == {"touch": "now"} else LONG_TOUCH + TRY_AGAIN, how)
