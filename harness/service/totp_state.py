"""What a server keeps about a TOTP device, and the codes of its steps.

The codes are made by pyotp (RFC 6238, T0 = 0), so that a token of our own is judged by another's arithmetic.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyotp

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

_HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpState:
    """What the service keeps about one TOTP device; ``last_step`` is ``None`` until a code is accepted.

    ``learned_shift`` is the memory of servers that keep seconds, on top of ``learned_drift`` in steps;
    ``used_steps`` that of servers that remember used codes and no watermark.
    ``secret`` is at least 14 bytes (112 bits, NIST SP 800-63B-4 §3.1.4.1), ``digits`` 6 to 8, ``period`` 1 to
    120 s; anything else is a ``ValueError``, so that no later rule can trip over it.
    """

    secret: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: Algorithm = "SHA1"
    learned_drift: int = 0
    last_step: int | None = None
    learned_shift: float = 0.0
    used_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.secret) < 14:
            raise ValueError(f"a TOTP secret must have at least 14 bytes, not {len(self.secret)}")
        if self.digits not in (6, 7, 8):
            raise ValueError(f"digits must be 6, 7 or 8, not {self.digits}")
        if not 1 <= self.period <= 120:
            raise ValueError(f"period must be 1 to 120 s, not {self.period}")
        if self.algorithm not in _HASHES:
            raise ValueError(f"algorithm must be one of {', '.join(_HASHES)}, not {self.algorithm!r}")


def codes_of(state: TotpState, steps: Iterable[int]) -> dict[int, str]:
    """The code of each step since 1970."""
    generator = _Generator(state)
    return {step: generator.at(step) for step in steps if step >= 0}


class _Generator(pyotp.HOTP):
    """pyotp's codes, without what it does over for each of the thousands that a resync tries."""

    def __init__(self, state: TotpState) -> None:
        self._decoded = state.secret  # first, for pyotp's own check of its length
        encoded = base64.b32encode(state.secret).decode("ascii")
        super().__init__(encoded, digits=state.digits, digest=_HASHES[state.algorithm])

    def byte_secret(self) -> bytes:
        return self._decoded

    @staticmethod
    def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
        return i.to_bytes(padding, "big")


def matching(codes: Mapping[int, str], code: str) -> list[int]:
    """The steps whose code is ``code``; compares with every one of them, whichever matches first."""
    return [step for step, candidate in codes.items() if hmac.compare_digest(candidate, code)]


def step_at(state: TotpState, now: float) -> int:
    """The step that the service's clock stands in."""
    return int(now // state.period)


def expected_step(state: TotpState, now: float) -> int:
    """The step that the token is believed to stand in."""
    return int((now + state.learned_shift) // state.period) + state.learned_drift


def above_watermark(state: TotpState, step: int) -> bool:
    """Whether nothing as late as that step was accepted yet."""
    return state.last_step is None or step > state.last_step


def well_formed(code: str, state: TotpState) -> bool:
    """Whether the text can be one of the device's codes at all."""
    return len(code) == state.digits and code.isascii() and code.isdigit()
