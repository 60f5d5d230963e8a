"""What a power cycle forgets: key agreement keys, tokens, PIN mismatches, half-read answers, keys at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from functools import lru_cache
from typing import Any

from emulator.fido import cose
from emulator.fido.credential import Credential, unwrap
from emulator.fido.pin_protocol import PinProtocolOne, PinProtocolTwo

INITIAL_USAGE_TIME_LIMIT = 30.0
USER_PRESENT_TIME_LIMIT = 30.0
MAX_USAGE_TIME_PERIOD = 600.0
"""Seconds, over USB (CTAP 2.3 §6.5.2.1)."""


KEYS_AT_HAND = 16
"""Private keys, the last ones used, that need not be loaded again."""
CREDENTIAL_IDS_AT_HAND = 64
"""Credential IDs that need not be opened again, those that turned out to be another key's among them."""


class Permission(IntFlag):
    """What a pinUvAuthToken may be used for (CTAP 2.3 §6.5.5.7)."""

    MC = 0x01
    GA = 0x02
    CM = 0x04
    BE = 0x08
    LBW = 0x10
    ACFG = 0x20
    PCMR = 0x40


@dataclass(slots=True, kw_only=True)
class PinUvAuthToken:
    """The pinUvAuthToken in use and its state variables (CTAP 2.3 §6.5.2.1, §6.5.3.2).

    A token that is not ``limited`` is CTAP 2.0's pinToken: neither time nor use wears it out.
    """

    protocol: int
    value: bytes = field(repr=False)
    limited: bool
    begun: float
    permissions: Permission
    rp_id: str | None = None
    user_present: bool = False
    user_verified: bool = True
    used: bool = False

    def in_use(self, now: float) -> bool:
        """Whether neither the initial usage time limit nor the max usage time period has been reached."""
        age = now - self.begun
        limit = MAX_USAGE_TIME_PERIOD if self.used else INITIAL_USAGE_TIME_LIMIT
        return not self.limited or age < limit

    def user_present_flag(self, now: float) -> bool:
        """getUserPresentFlagValue()."""
        return self.user_present and self.in_use(now) and now - self.begun < USER_PRESENT_TIME_LIMIT

    def spend(self) -> None:
        """clearUserPresentFlag(), clearUserVerifiedFlag() and clearPinUvAuthTokenPermissionsExceptLbw()."""
        if self.limited:
            self.user_present = self.user_verified = False
            self.permissions &= Permission.LBW


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintEnrollment:
    """A finger of which some samples have been taken, and how many more it takes (CTAP 2.3 §6.7.4)."""

    template_id: bytes
    remaining: int


@dataclass(slots=True, kw_only=True)
class RememberedAssertions:
    """What authenticatorGetNextAssertion goes on from (CTAP 2.3 §6.2.2 step 12, §6.3)."""

    answer: Callable[[Credential], dict[int, Any]]
    """Signs for a credential as the authenticatorGetAssertion that began it did."""
    credentials: list[Credential]
    """Those still to come, the next one last."""
    token: PinUvAuthToken | None
    """What authorized it, if anything; they do not outlive it."""
    deadline: float


@dataclass(slots=True, kw_only=True)
class Enumeration:
    """What a credential management enumeration goes on from (CTAP 2.3 §6.8.3, §6.8.4).

    ``sub_command`` is the one that goes on; ``token`` the one that authorized it, ``None`` being the
    persistent one.
    """

    sub_command: int
    answers: list[Callable[[], dict[int, Any]]]
    """Those still to come, the next one last."""
    token: PinUvAuthToken | None
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeBlobsWrite:
    """A large-blob array of which some fragments have come (CTAP 2.3 §6.10.2)."""

    expected_length: int
    received: bytes = field(repr=False)


class Session:
    """From power-up, at ``now``, to power-down."""

    def __init__(self, protocols: Sequence[int], random_bytes: Callable[[int], bytes], now: float) -> None:
        kinds = {kind.number: kind for kind in (PinProtocolOne, PinProtocolTwo)}
        self.powered_up = now
        self.protocols: dict[int, PinProtocolOne] = {
            number: kinds[number](random_bytes) for number in protocols
        }
        self.token: PinUvAuthToken | None = None
        self.pin_mismatches = 0
        self.enrollment: FingerprintEnrollment | None = None
        self.remembered: RememberedAssertions | Enumeration | None = None
        self.large_blobs_write: LargeBlobsWrite | None = None
        self.load_key = lru_cache(maxsize=KEYS_AT_HAND)(cose.load)
        self.unwrap = lru_cache(maxsize=CREDENTIAL_IDS_AT_HAND)(unwrap)
