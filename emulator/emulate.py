"""``keyrig emulate``: plug emulated security keys into this machine until stopped."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from emulator.exchange import Asked, Exchange
from emulator.faults import Fault, faults_named
from emulator.fido.gesture import LONG_TOUCH_TIME, Gesture
from emulator.keyring import KeyRing, KeyRingError
from emulator.profile import Profile, ProfileError, profile_names
from emulator.sealing import PASSPHRASE_VARIABLE, StoreError
from emulator.system_random import SystemRandom
from emulator.transports.control import ControlEndpoint
from emulator.transports.port import PortError
from emulator.transports.robot import Robot
from emulator.transports.udp import ANSWER_PORT, DEVICE_PORT
from emulator.transports.vpcd import HOST, READER_PORT

PROMPT = "prompt"

# By the option that may say prompt: the gestures it is for, and how each is asked for.
_TOUCHES = {
    Gesture.PRESENCE: "press Enter to touch the key",
    Gesture.LONG_TOUCH: f"press Enter to hold the key for {LONG_TOUCH_TIME:g} s",
}
_VERIFICATIONS = {
    Gesture.VERIFICATION: "press Enter to be verified, or n and Enter to be refused",
    Gesture.SAMPLE: "press Enter to put the finger on the sensor, or n and Enter to do it badly",
}


class Misuse(click.ClickException):
    """What the user asked for cannot be done: one line, exit code 2."""

    exit_code = 2


def _when(_: click.Context, param: click.Parameter, value: str) -> str | float:
    """A word as it is, ``after=2s`` as seconds; only a touch may come after some."""
    if value in ("always", "never", PROMPT):
        return value
    seconds = re.fullmatch(r"after=(\d{1,6}(?:\.\d{1,6})?)s?", value) if param.name == "touch" else None
    if seconds is None:
        raise click.BadParameter(f"{value!r} is not one of {param.metavar}")
    return float(seconds[1])


def _address(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    host, _colon, port = value.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= 65_535):
        raise click.BadParameter(f"{value!r} is not as in {HOST}:{READER_PORT}")
    return host, int(port)


def _faults(_: click.Context, __: click.Parameter, names: Sequence[str]) -> tuple[Fault, ...]:
    try:
        return faults_named(names)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--profile",
    default="ctap21",
    metavar="NAME",
    help=f"The model of key: {', '.join(profile_names())}, or a .toml file.",
)
@click.option(
    "--transport",
    type=click.Choice(["uhid", "gadget", "udp", "pcsc"]),
    default="uhid",
    help="A HID device of this machine, a USB device at its USB device port, packets over UDP, or a smart "
    "card in a virtual reader of pcscd.",
)
@click.option(
    "--touch",
    callback=_when,
    default="always",
    metavar="always|never|prompt|after=2s",
    help="When somebody touches the key.",
)
@click.option(
    "--uv",
    callback=_when,
    default="always",
    metavar="always|never|prompt",
    help="When a key with a finger sensor or the like verifies its user.",
)
@click.option(
    "--pin",
    envvar="KEYRIG_PIN",
    metavar="PIN",
    help="Set this PIN on a key that has none. A command line can be read by others on this machine: "
    "- asks for the PIN, and the variable KEYRIG_PIN can hold it.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Remember in FILE, encrypted under the key in FILE.key or, if it is set, the passphrase in the "
    f"variable {PASSPHRASE_VARIABLE}. Beside keys.db a second key has keys-2.db, and so on.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_faults,
    metavar="NAME",
    help="Break the keys on purpose; see keyrig faults.",
)
@click.option("--seed", metavar="TEXT", help="Make the same keys every time; whoever has TEXT has them too.")
@click.option("-n", "count", type=click.IntRange(1, 64), default=1, help="How many keys.")
@click.option("--distinct-aaguid", is_flag=True, help="Give each of several keys an AAGUID of its own.")
@click.option(
    "--control",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Let programs of this machine touch and replug the keys over HTTP at PORT; 0 is a free one.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEVICE_PORT,
    metavar="PORT",
    help="For udp: where the first key listens; 0 is a free port.",
)
@click.option(
    "--answer-port",
    type=click.IntRange(0, 65_535),
    default=ANSWER_PORT,
    metavar="PORT",
    help="For udp: where it answers; 0 is to whoever asked last.",
)
@click.option(
    "--reader-address",
    callback=_address,
    default=f"{HOST}:{READER_PORT}",
    metavar="HOST:PORT",
    help="For pcsc: where the virtual reader for the first key listens.",
)
def emulate(
    *, profile: str, touch: Any, uv: Any, pin: str | None, answer_port: int, control: int | None, **more: Any
) -> None:
    """Plug emulated security keys into this machine, until Ctrl-C.

    Each request is shown on a line: command, relying party, result, milliseconds.
    """
    if pin == "-":
        pin = click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True)
    try:
        key_ring = KeyRing(
            profile=Profile.load(profile),
            random_bytes=SystemRandom(),
            touch="never" if touch == PROMPT else touch,
            uv="never" if uv == PROMPT else uv,
            pin=pin,
            passphrase=os.environ.get(PASSPHRASE_VARIABLE) or None,
            answer_port=answer_port or None,
            **more,
        )
        asks = (_TOUCHES if touch == PROMPT else {}) | (_VERIFICATIONS if uv == PROMPT else {})
        _serve(key_ring, control, asks)
    except (ProfileError, KeyRingError, PortError, StoreError) as error:
        raise Misuse(str(error)) from None


def _serve(key_ring: KeyRing, control: int | None, asks: dict[Gesture, str]) -> None:
    """Keep the keys plugged in until a signal, and say what becomes of them."""
    with _stop_at_signals() as stop, ExitStack() as stack:
        terminal = Terminal(stop, asks=asks, several=key_ring.count > 1)
        plugged_in = key_ring.plugged_in(on_exchange=terminal.show, on_waiting=terminal.ask)
        robots = stack.enter_context(plugged_in)
        names = " ".join(robot.name or "-" for robot in robots)
        model = "+".join([key_ring.profile.name, *(fault.name for fault in key_ring.faults)])
        terminal.say(f"{names}, {len(robots)} key{'s' * (len(robots) > 1)}, {model}")
        if control is not None:
            endpoint = stack.enter_context(ControlEndpoint(robots, port=control))
            terminal.say(f"control {endpoint.base_url}")
        if asks:
            threading.Thread(target=terminal.obey, args=(robots,), name="terminal", daemon=True).start()
        stop.wait()
    terminal.say("stopped")


class Terminal:
    """Shows what the keys do, and asks the person before it for gestures, in the words of ``asks``."""

    def __init__(self, stop: threading.Event, *, asks: dict[Gesture, str], several: bool) -> None:
        self._stop = stop
        self._asks = asks
        self._several = several
        self._asked: list[int] = []
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Write a line at once; when nobody reads any more, stop."""
        try:
            with self._lock:
                click.echo(line)
        except OSError:
            self._stop.set()

    def show(self, number: int, exchange: Exchange) -> None:
        """Write an exchange of the key with this number."""
        at = time.strftime("%H:%M:%S", time.localtime(exchange.started))
        self.say(f"{at}  {self._whose(number)}{exchange}")

    def ask(self, number: int, asked: Asked, gesture: Gesture) -> None:
        """Ask for a gesture, if it is ours to ask for."""
        if gesture in self._asks:
            self._asked.append(number)
            whom = f"{asked.command} for {asked.rp}" if asked.rp else asked.command
            self.say(f"{self._whose(number)}{whom}: {self._asks[gesture]}")

    def obey(self, robots: Sequence[Robot]) -> None:
        """Turn lines of standard input into gestures, for the key that asked last and still waits."""
        for line in sys.stdin:
            with suppress(RuntimeError):  # the keys are being stopped
                self._make_gesture(robots, accepted=not line.strip().lower().startswith("n"))
        self.say("standard input has ended: nobody can press Enter any more")

    def _make_gesture(self, robots: Sequence[Robot], *, accepted: bool) -> None:
        while self._asked:
            robot = robots[self._asked.pop() - 1]
            match robot.status().waiting:
                case (_, Gesture.PRESENCE):
                    robot.touch()
                case (_, Gesture.LONG_TOUCH):
                    robot.press(2 * LONG_TOUCH_TIME)
                case (_, Gesture.VERIFICATION | Gesture.SAMPLE):
                    robot.verify(accepted)
                case _:
                    continue
            return

    def _whose(self, number: int) -> str:
        return f"key {number}  " if self._several else ""


class _InALine(logging.Formatter):
    """Without a traceback, which is for us and not for a user."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return record.getMessage() if error is None else f"{record.getMessage()}: {error!r}"


@contextmanager
def _stop_at_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and the like set; meanwhile what the emulator logs is a line on stderr."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    handler = logging.StreamHandler()
    handler.setFormatter(_InALine())
    logger = logging.getLogger("emulator")
    logger.addHandler(handler)
    try:
        yield stop
    finally:
        logger.removeHandler(handler)
        for number, old in before.items():
            signal.signal(number, old)


if __name__ == "__main__":
    emulate(prog_name="keyrig emulate")
