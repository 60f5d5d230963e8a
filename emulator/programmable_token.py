"""Programmable hardware tokens: by NFC or USB they take a secret, and a time.

The restricted kind takes a time only with a secret. Otherwise whoever borrows a token for a minute could set
it forward, note the codes of a day to come, and set it back (the time traveller).
"""

from __future__ import annotations

from dataclasses import replace

from emulator.totp_token import TotpToken


class RestrictedClockError(ValueError):
    """The token's clock is set with a new secret or not at all."""


class ProgrammableToken:
    """A TOTP token that can be programmed; ``restricted`` in that its time is set with a secret alone."""

    def __init__(self, token: TotpToken, *, restricted: bool = True) -> None:
        self._token = token
        self.restricted = restricted

    @property
    def token(self) -> TotpToken:
        """What it is at present: with the secret that was set last."""
        return self._token

    def press(self, now: float) -> str:
        """The code on the display at ``now``, as :meth:`TotpToken.press` has it."""
        return self._token.press(now)

    def program(self, now: float, *, secret: bytes | None = None, reading: float | None = None) -> None:
        """Set the secret, the clock to ``reading`` (seconds since the epoch), or both; what is left stays.

        Nothing is set when one of them is refused: :class:`RestrictedClockError`, ``ValueError`` for a secret
        that a token cannot have, :class:`DisplayDarkError` for an empty battery.
        """
        self._token.step(now)  # an empty battery takes nothing in
        if reading is not None and secret is None and self.restricted:
            raise RestrictedClockError(
                f"token {self._token.serial_number} is restricted: it takes a new time only with a new secret"
            )
        programmed = self._token if secret is None else replace(self._token, secret=secret)
        if reading is not None:
            programmed.step_clock(reading - programmed.clock.at(now))
        self._token = programmed
