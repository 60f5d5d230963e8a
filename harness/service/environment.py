"""All that the service's verbs act in: store, clock, AWS's values, randomness, web address."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.clock import Clock
from harness.service.events import Event
from harness.service.identifiers import Identifiers
from harness.service.model import Challenge, User
from harness.service.passwords import Passwords
from harness.service.profile import ServiceProfile
from harness.service.store import AccountStore
from harness.service.totp_rules import TotpLimits
from harness.service.webauthn_rules import Expectations

_EVENTS_KEPT = 10_000


@dataclass(slots=True, kw_only=True)
class Environment:
    """Shared by the verbs. ``origins`` is filled by the server once it knows its port."""

    store: AccountStore
    clock: Clock
    profile: ServiceProfile
    random_bytes: Callable[[int], bytes]
    passwords: Passwords
    rp_id: str
    origins: list[str] = field(default_factory=list)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))
    new: Identifiers = field(init=False)
    totp_limits: TotpLimits = field(init=False)

    def __post_init__(self) -> None:
        profile = self.profile
        self.new = Identifiers(profile, self.random_bytes)
        self.totp_limits = TotpLimits(
            window=profile.totp_window,
            look_ahead=profile.look_ahead,
            learns=profile.totp_learns,
            late_pair=profile.late_pair,
            late_after=profile.late_after,
        )

    def new_challenge(self) -> Challenge:
        """A WebAuthn challenge, good from now on."""
        return Challenge(
            value=self.random_bytes(self.profile.challenge_bytes),
            expires_at=self.clock() + self.profile.challenge_s,
        )

    def expectations(self, user: User, challenge: Challenge | None) -> Expectations:
        """What a WebAuthn response of the user's must answer to, now."""
        return Expectations(
            challenge=challenge,
            now=self.clock(),
            rp_id=self.rp_id,
            origins=tuple(self.origins),
            user_handle=user.user_id.encode(),
            profile=self.profile,
        )

    def happened(
        self, name: str, account_id: str, user_name: str, refused: bool = False, **more: str
    ) -> None:
        """Add an event to the trail."""
        self.events.append(
            Event(
                time=self.clock(),
                name=name,
                account_id=account_id,
                user_name=user_name,
                outcome="Failure" if refused else "Success",
                additional=more,
            )
        )
