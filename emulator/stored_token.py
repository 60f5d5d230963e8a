"""A token that is kept: what its seed file says, and what an emulated token is made of besides."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, Self

from emulator.clock import Clock, DriftingClock
from emulator.drift import PLACES, Crystal, Oscillator
from emulator.oath.record import TokenRecord
from emulator.programmable_token import ProgrammableToken
from emulator.random_walk import RandomWalk
from emulator.totp_token import YEAR, Battery, HotpToken, TotpToken

Programming = Literal["no", "restricted", "unrestricted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """A token by its ``name``, whose clock was started at ``since`` (true time).

    It is ``offset`` seconds and ``drift_ppm`` wrong from then on; at a ``place`` of ``emulator.drift`` its
    crystal feels the temperature and wanders besides, the same for the same serial number. A value that an
    emulated token cannot have is a ``ValueError``.
    """

    name: str
    record: TokenRecord
    since: float
    offset: float = 0.0
    drift_ppm: float = 0.0
    place: str | None = None
    battery_life: float | None = None
    programming: Programming = "no"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.@+-]{1,64}", self.name):
            raise ValueError(
                f"a token's name has 1 to 64 letters, digits and . @ + - _, unlike {self.name!r}"
            )
        if self.place is not None and self.place not in PLACES:
            raise ValueError(f"no place is called {self.place!r}; places are: {', '.join(PLACES)}")
        if self.record.kind == "hotp":
            self.hotp()
        else:
            self.totp(lambda: self.since)

    @classmethod
    def of_record(cls, name: str, record: TokenRecord, now: float) -> Self:
        """As a seed file has it: its clock as many steps wrong as the file says."""
        return cls(name=name, record=record, since=now, offset=float(record.time_drift * record.period))

    def totp(self, clock: Clock) -> TotpToken:
        """The token, its own clock following ``clock``."""
        return TotpToken(
            serial_number=_serial_number(self.record.serial_number),
            secret=self.record.secret,
            clock=self._own_clock(clock),
            digits=self.record.digits,
            algorithm=self.record.algorithm,
            period=self.record.period,
            battery=None if self.battery_life is None else Battery(since=self.since, life=self.battery_life),
        )

    def hotp(self) -> HotpToken:
        """The token, at its next counter."""
        return HotpToken(
            serial_number=_serial_number(self.record.serial_number),
            secret=self.record.secret,
            digits=self.record.digits,
            algorithm=self.record.algorithm,
            counter=self.record.counter,
        )

    def pressed(self, now: float) -> tuple[str, StoredToken]:
        """The code on the display, and what is to be kept thereafter: a press moves an HOTP counter on."""
        if self.record.kind == "totp":
            return self.totp(lambda: now).press(now), self
        token = self.hotp()
        code = token.press()
        return code, replace(self, record=replace(self.record, counter=token.counter))

    def programmed(self, now: float, *, secret: bytes | None, reading: float | None) -> StoredToken:
        """With another secret, another time on its clock, or both; ``ValueError`` where its kind refuses."""
        if self.record.kind == "hotp" and reading is not None:
            raise ValueError(f"token {self.name} is an HOTP token and has no clock")
        if self.programming == "no":
            raise ValueError(f"token {self.name} cannot be programmed: it was made without --programmable")
        changed = replace(self.record, secret=secret or self.record.secret)
        if self.record.kind == "hotp":
            return replace(self, record=replace(changed, counter=0))
        token = self.totp(lambda: now)
        before = token.clock.at(now)
        kind = ProgrammableToken(token, restricted=self.programming == "restricted")
        kind.program(now, secret=secret, reading=reading)
        return replace(self, record=changed, offset=self.offset + token.clock.at(now) - before)

    def dipped(self, now: float, lost: float) -> StoredToken:
        """After a dip of its battery's voltage, for which the clock stood still for ``lost`` seconds."""
        if self.record.kind == "hotp":
            raise ValueError(f"token {self.name} is an HOTP token and has no clock")
        self.totp(lambda: now).step(now)
        return replace(self, offset=self.offset - lost)

    def error(self, now: float) -> float:
        """Seconds by which its clock is ahead."""
        return self._own_clock(lambda: now).error

    def exported(self, now: float) -> TokenRecord:
        """What a seed file of today says of it: TimeDrift is as many steps as its clock is wrong."""
        if self.record.kind == "hotp":
            return self.record
        return replace(self.record, time_drift=round(self.error(now) / self.record.period))

    def traits(self) -> str:
        """What makes it unlike a perfect token, in a few words."""
        battery = self.battery_life and f"battery for {self.battery_life / YEAR:.3g} years"
        return ", ".join(
            [
                *([f"offset {self.offset:+g} s"] if self.offset else []),
                *([f"{self.drift_ppm:+g} ppm"] if self.drift_ppm else []),
                *([self.place] if self.place else []),
                *([battery] if battery else []),
                *([self.programming] if self.programming != "no" else []),
            ]
        )

    def _own_clock(self, clock: Clock) -> DriftingClock:
        wander = None
        if self.place is not None:
            walk = RandomWalk(seed=self.record.serial_number.encode())
            wander = Oscillator(crystal=Crystal(place=PLACES[self.place]), random_walk=walk).error
        return DriftingClock(
            clock, offset=self.offset, drift_ppm=self.drift_ppm, since=self.since, wander=wander
        )


def _serial_number(text: str) -> str:
    """As IAM takes serial numbers: of 9 characters at least, others than its own replaced."""
    return re.sub(r"[^\w+=/:,.@-]", "_", text, flags=re.ASCII)[:256].rjust(9, "0")
