"""Emulated tokens as devices: a hardware TOTP token, and an authenticator app that scans QR codes.

A wait for the next code moves the world's clock to the moment the token's own clock changes the display.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

import zxingcpp
from PIL import Image, UnidentifiedImageError

from emulator.clock import DriftingClock, ManualClock
from emulator.oath.otp import Algorithm, secret_from_base32
from emulator.totp_token import Battery, TotpToken
from harness.devices.token import Token


class EmulatedToken(Token):
    """An emulated TOTP token in the world whose clock is ``clock``."""

    can_set_clock = True

    def __init__(self, token: TotpToken, clock: ManualClock) -> None:
        self._token = token
        self._clock = clock

    @classmethod
    def issue(
        cls,
        serial_number: str,
        *,
        clock: ManualClock,
        random_bytes: Callable[[int], bytes],
        offset: float = 0.0,
        drift_ppm: float = 0.0,
        digits: int = 6,
        algorithm: Algorithm = "SHA1",
        period: int = 30,
        wander: Callable[[float], float] | None = None,
        battery_life: float | None = None,
    ) -> Self:
        """A new hardware TOTP token, its clock ``offset`` seconds and ``drift_ppm`` wrong from now on.

        ``wander`` is what else its clock does (``emulator.clock``). After ``battery_life`` seconds to read it
        is a ``DisplayDarkError``.
        """
        token = TotpToken.with_random_secret(
            random_bytes,
            serial_number=serial_number,
            clock=DriftingClock(clock, offset=offset, drift_ppm=drift_ppm, wander=wander),
            digits=digits,
            algorithm=algorithm,
            period=period,
            battery=None if battery_life is None else Battery(since=clock(), life=battery_life),
        )
        return cls(token, clock)

    @property
    def serial_number(self) -> str:
        return self._token.serial_number

    @property
    def secret(self) -> bytes:
        return self._token.secret

    @property
    def digits(self) -> int:
        return self._token.digits

    @property
    def period(self) -> int:
        return self._token.period

    @property
    def algorithm(self) -> Algorithm:
        return self._token.algorithm

    @property
    def clock(self) -> DriftingClock:
        """The token's own clock, to look at or to put wrong."""
        return self._token.clock

    def read(self) -> str:
        """The code it shows now."""
        return self._token.press(self._clock())

    def read_next(self) -> str:
        """Move the world on to the token's next step, then the code it shows."""
        self._clock.advance(self._token.time_remaining(self._clock()))
        return self.read()

    def read_two(self) -> tuple[str, str]:
        """Two consecutive codes: now, and at the token's next step."""
        return self.read(), self.read_next()

    def step_clock(self, seconds: float) -> None:
        """Set the token's clock on by ``seconds``, or back if negative."""
        self._token.step_clock(seconds)

    def close(self) -> None:
        """Nothing is left of it."""


class AuthenticatorApp:
    """A phone's authenticator app: each QR code scanned is a virtual MFA device, all on the phone's clock."""

    def __init__(self, clock: ManualClock, *, offset: float = 0.0, drift_ppm: float = 0.0) -> None:
        self._world_clock = clock
        self.clock = DriftingClock(clock, offset=offset, drift_ppm=drift_ppm)

    def scan(self, picture: bytes, *, serial_number: str | None = None) -> EmulatedToken:
        """Add the account in a PNG ``picture`` of one otpauth QR code; otherwise ``ValueError``."""
        return self.add(_otpauth_uri_in(picture), serial_number=serial_number)

    def add(self, uri: str, *, serial_number: str | None = None) -> EmulatedToken:
        """Add the account of an otpauth URI; one that is no TOTP account is a ``ValueError`` that says why.

        The URI does not tell the device's ARN: pass it as ``serial_number``, or the device goes by its
        account's name, as on the phone's screen.
        """
        account = _parse_otpauth(uri)
        token = TotpToken(
            serial_number=serial_number or account.serial_number,
            secret=account.secret,
            clock=self.clock,
            digits=account.digits,
            algorithm=account.algorithm,
            period=account.period,
        )
        return EmulatedToken(token, self._world_clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    serial_number: str
    secret: bytes
    digits: int
    algorithm: Algorithm
    period: int


def _parse_otpauth(uri: str) -> _Account:
    """Key URI format: ``otpauth://totp/ISSUER:ACCOUNT?secret=…``; digits, algorithm and period may follow."""
    parts = urlsplit(uri)
    if (parts.scheme, parts.netloc) != ("otpauth", "totp"):
        raise ValueError("not a TOTP account: the URI must begin with otpauth://totp/")
    parameters = parse_qs(parts.query)
    if repeated := [name for name, values in parameters.items() if len(values) > 1]:
        raise ValueError(f"the otpauth URI gives {repeated[0]} more than once")
    given = {name: values[0] for name, values in parameters.items()}
    if "secret" not in given:
        raise ValueError("the otpauth URI has no secret")
    account = unquote(parts.path.rpartition(":")[2].removeprefix("/"))
    return _Account(
        serial_number="otpauth:" + re.sub(r"[^\w+=/:,.@-]", "_", account or "unnamed", flags=re.ASCII)[:240],
        secret=secret_from_base32(given["secret"]),
        digits=_number(given, "digits", 6),
        # TotpToken says no to any other algorithm.
        algorithm=cast(Algorithm, given.get("algorithm", "SHA1").upper()),
        period=_number(given, "period", 30),
    )


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"the otpauth URI's {name} must be a whole number, not {text!r}")
    return int(text)


def _otpauth_uri_in(picture: bytes) -> str:
    try:
        with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
            codes = zxingcpp.read_barcodes(image.convert("L"))
    except UnidentifiedImageError:
        raise ValueError("the picture is not a PNG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture cannot be read: {error}") from None
    uris = [code.text for code in codes if code.text.startswith("otpauth:")]
    if len(uris) != 1:
        raise ValueError(f"the picture should show one otpauth QR code, but shows {len(uris)}")
    return str(uris[0])
