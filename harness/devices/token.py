"""What a scenario may ask of a TOTP device, whichever kind it is: emulated, in a person's hand, an app."""

from __future__ import annotations

from typing import Literal, Protocol


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
