"""A process that uses a key is killed (SIGKILL) at 500 random instants; what it had answered must hold.

Each worker is a fork of this process, where all is imported already: a round takes some tens of milliseconds.
It says what it begins and what was answered through a pipe. Instants are drawn, from a seed, over the time
that opening the store and some commands took a worker on this machine.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2

from emulator.profile import Profile
from emulator.sqlite_store import SqliteStore
from harness.devices.emulated import EmulatedKey

ROUNDS = 500
STARTED, BEGUN, MADE, SIGNED, GUESSED = b"0", b"b", b"m", b"s", b"g"
WORD_LENGTH = 33  # what, and which: 32 bytes
COMMANDS = 4
"""Those that a worker may finish, about, before it is killed."""
MAX_RETRIES = 8

Say = Callable[[bytes, bytes], None]
Work = Callable[[SqliteStore, Say], None]
Word = tuple[bytes, bytes]


def open_store(path: Path) -> SqliteStore:
    return SqliteStore(path, serial_number="1", random_bytes=os.urandom)


def make_and_sign(store: SqliteStore, say: Say) -> None:
    """makeCredential and getAssertion, in turns."""
    roomy = replace(Profile.load("ctap21"), discoverable_credentials=1000)
    ctap = Ctap2(EmulatedKey(roomy, store=store))
    algorithms = [{"type": "public-key", "alg": -7}]
    while True:
        say(BEGUN, b"")
        user = {"id": os.urandom(16)}
        made = ctap.make_credential(b"c" * 32, {"id": "example.com"}, user, algorithms, options={"rk": True})
        assert made.auth_data.credential_data is not None
        say(MADE, made.auth_data.credential_data.credential_id)
        say(BEGUN, b"")
        assertion = ctap.get_assertion("example.com", b"c" * 32)
        say(SIGNED, assertion.auth_data.counter.to_bytes(32, "big"))


def guess(store: SqliteStore, say: Say) -> None:
    """Wrong PINs until none may be tried any more."""
    key = EmulatedKey("ctap21", store=store)
    client = ClientPin(Ctap2(key))
    while store.user_verification.pin_retries:
        say(BEGUN, b"")
        with suppress(CtapError):
            client.get_pin_token("000000")
        say(GUESSED, b"")
        key.power_cycle()
    time.sleep(60)


def said(into: int, what: bytes, which: bytes) -> None:
    assert os.write(into, what + which.rjust(WORD_LENGTH - 1, b"\0")) == WORD_LENGTH


def start(work: Work, path: Path) -> tuple[int, int]:
    """A worker's process ID and the pipe that it speaks through; it has begun to open the store."""
    out, into = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(into, STARTED + bytes(WORD_LENGTH - 1))
            work(open_store(path), lambda what, which: said(into, what, which))
        finally:
            os._exit(1)
    os.close(into)
    assert os.read(out, WORD_LENGTH)[:1] == STARTED
    return pid, out


def word_of(raw: bytes) -> Word:
    return raw[:1], raw[1:]


def kill(pid: int, out: int) -> list[Word]:
    """All that the worker said until it was killed."""
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    with open(out, "rb") as pipe:
        all_said = pipe.read()
    return [word_of(all_said[at : at + WORD_LENGTH]) for at in range(0, len(all_said), WORD_LENGTH)]


def times_of(work: Work, path: Path) -> tuple[float, float]:
    """Seconds that opening the store takes, and those that some commands take."""
    pid, out = start(work, path)
    times = [time.monotonic()]
    for _ in range(2 * COMMANDS):
        os.read(out, WORD_LENGTH)
        times.append(time.monotonic())
    kill(pid, out)
    return times[1] - times[0], times[-1] - times[1]


@dataclass
class Ledger:
    """What was answered, over all rounds, and at what the kills came."""

    credentials: set[bytes] = field(default_factory=set, repr=False)
    last_count: int = 0
    kills: int = 0
    opening: int = 0
    in_a_command: int = 0
    written_unanswered: int = 0

    def enter(self, words: list[Word]) -> None:
        self.kills += 1
        if not words:
            self.opening += 1
        elif words[-1][0] == BEGUN:
            self.in_a_command += 1
        for what, which in words:
            if what == MADE:
                self.credentials.add(which)
            if what == SIGNED:
                count = int.from_bytes(which, "big")
                assert count > self.last_count, "a sign count was repeated or lowered"
                self.last_count = count

    def check(self, store: SqliteStore) -> None:
        """Against what the next process finds."""
        kept = {credential.credential_id for credential in store.snapshot().credentials}
        assert kept >= self.credentials, "an acknowledged credential was lost"
        assert store.sign_count >= self.last_count
        self.written_unanswered += kept != self.credentials
        self.credentials = kept
        if len(kept) > 40:
            store.restore(replace(store.snapshot(), credentials=()))
            self.credentials = set()

    def check_retries(self, store: SqliteStore, words: list[Word]) -> None:
        """As many gone as were begun, or one less; never less than were answered."""
        kinds = [what for what, _ in words]
        lost = MAX_RETRIES - store.user_verification.pin_retries
        assert kinds.count(GUESSED) <= lost <= kinds.count(BEGUN), "a PIN retry was gained or lost"
        self.written_unanswered += lost > kinds.count(GUESSED)
        store.set_user_verification(replace(store.user_verification, pin_retries=MAX_RETRIES))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
def test_killed_at_500_instants_it_loses_no_credential_repeats_no_count_and_gives_no_retry_back(
    tmp_path: Path,
) -> None:
    drawn, ledger = random.Random(4), Ledger()  # noqa: S311  # to be reproducible
    used, guessed = tmp_path / "used.db", tmp_path / "guessed.db"
    store = open_store(guessed)
    ClientPin(Ctap2(EmulatedKey("ctap21", store=store))).set_pin("123456")
    store.close()
    opening, commands = map(
        min, zip(*(times_of(make_and_sign, tmp_path / f"{n}.db") for n in range(5)), strict=True)
    )
    for _ in range(ROUNDS):
        work, path = (guess, guessed) if drawn.random() < 0.3 else (make_and_sign, used)
        pid, out = start(work, path)
        words = (
            [] if drawn.random() < 0.2 else [word_of(os.read(out, WORD_LENGTH))]
        )  # it has opened the store
        time.sleep(drawn.random() * (commands if words else opening))
        words += kill(pid, out)
        ledger.enter(words)
        store = open_store(path)
        if work is guess:
            ledger.check_retries(store, words)
        else:
            ledger.check(store)
        store.close()
    print(ledger)
    assert ledger.kills == ROUNDS
    assert ledger.last_count > ROUNDS
    # They came where it hurts: in commands above all, some in the midst of opening, some after the write
    # and before the answer.
    assert ledger.in_a_command > ROUNDS // 2
    assert ledger.opening > ROUNDS // 25
    assert ledger.written_unanswered > ROUNDS // 100
