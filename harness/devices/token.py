"""What a scenario may ask of a TOTP device, whichever kind it is: emulated, in a person's hand, an app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from emulator.clock import DriftingClock, ManualClock


class Token(Protocol):
    """A TOTP device that shows codes of ``digits`` decimal digits, a new one each ``period`` seconds.

    ``serial_number`` is what the relying party calls it: the number printed on a hardware TOTP token, the ARN
    of a virtual MFA device. ``secret`` is known where its maker told us, as a vendor tells a relying party;
    otherwise it is ``None``.
    """

    @property
    def serial_number(self) -> str: ...

    @property
    def secret(self) -> bytes | None: ...

    @property
    def digits(self) -> int: ...

    @property
    def period(self) -> int: ...

    @property
    def algorithm(self) -> Literal["SHA1", "SHA256", "SHA512"]: ...

    @property
    def can_set_clock(self) -> bool:
        """Whether :meth:`step_clock` works; what a scenario needs for it to be wrong at will."""
        ...

    def read(self) -> str:
        """The code it shows now."""
        ...

    def read_next(self) -> str:
        """Wait until the display changes, then the code it shows."""
        ...

    def read_two(self) -> tuple[str, str]:
        """Two consecutive codes: the one it shows now and, a wait later, the next."""
        ...

    def step_clock(self, seconds: float) -> None:
        """Set its clock on by ``seconds``, or back if negative; only where :attr:`can_set_clock`."""
        ...


class HardwareToken(Token, Protocol):
    """A token whose secret its vendor has told."""

    @property
    def secret(self) -> bytes: ...

    @property
    def clock(self) -> DriftingClock:
        """The clock that its codes come from; ``NotCapable`` if only its codes tell of it."""
        ...

    def close(self) -> None:
        """Let go of it, and leave nothing behind."""
        ...


class TokenSource(Protocol):
    """Where hardware TOTP tokens come from; ``str()`` is the name it was found by."""

    def issue(
        self,
        serial_number: str,
        *,
        clock: ManualClock,
        random_bytes: Callable[[int], bytes],
        offset: float,
        drift_ppm: float,
        digits: int,
        period: int,
    ) -> HardwareToken:
        """A token in the world of ``clock``, its own ``offset`` seconds and ``drift_ppm`` wrong from now on.

        :raises NotCapable: when there is none like that.
        """
        ...
