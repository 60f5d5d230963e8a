"""How far a server looks for a TOTP code, in which order, and what it remembers of the one it found.

Servers differ in all of these, and most of their defects are such a difference. A rule is therefore data:
the AWS-style one comes from the service's profile, the others from ``totp_servers.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin, get_type_hints

LatePair = Literal["associate-out-of-sync", "refuse"]
Unit = Literal["steps", "seconds"]
Shape = Literal["symmetric", "end-exclusive", "strictly-inside", "back"]
Order = Literal["latest", "oldest", "nearest-ahead", "nearest-behind"]
Replay = Literal["pass-over", "decide", "codes", "none"]
Resync = Literal["nearest-pair", "outwards", "oldest-of-each", "none"]
Watermark = Literal["last-used", "next"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpLimits:
    """How far the service looks; the defaults are the AWS-style rule, every value comes from data.

    ``window``: how far from the expected step sign-in accepts, in steps or ``window_unit``. ``look_ahead``:
    how far enabling and resync search each side, and as far as a refused code is traced for the log.
    ``learns``: whether each sign-in rewrites the remembered drift; with a ``window`` of 1 that is a trap, for
    a code read late moves the expected step and the next one, read promptly, can fall outside. ``late_pair``:
    what becomes of a pair whose second code is more than ``late_after`` steps behind now. The service cannot
    tell a slow clock from a slow person, so "refuse" also refuses a token truly that slow.

    ``shape`` of the window: "symmetric"; "end-exclusive", one step short ahead; "strictly-inside", steps
    nearer than the window; "back", none ahead. ``order``: which of several steps with the same code is found.
    ``replay``: a step at or below the watermark is passed over, or found first does "decide" (and so shadows
    a later one with the same code); or only used "codes" are refused; or nothing is. ``loses_sign``: the
    watermark is put as far ahead as the code was away, on whichever side it was. ``memory``: drift is learned
    in whole steps, or in the seconds from now to the beginning of the step.

    ``resync``: the pair "nearest" to now; pairs "outwards" from the expected step, remembered one step too
    far; the oldest match of each code separately, which must then be neighbours; or "none".
    ``resync_watermark``: "next" if resync takes the watermark for the next step to come, while sign-in takes
    it for the last one used: the pair may begin with a used code, and the code after it is refused.
    """

    window: int
    look_ahead: int
    learns: bool
    late_pair: LatePair = "associate-out-of-sync"
    late_after: int = 1
    window_unit: Unit = "steps"
    shape: Shape = "symmetric"
    order: Order = "latest"
    replay: Replay = "pass-over"
    loses_sign: bool = False
    memory: Unit = "steps"
    look_ahead_unit: Unit = "steps"
    resync: Resync = "nearest-pair"
    resync_watermark: Watermark = "last-used"

    def __post_init__(self) -> None:
        hints = get_type_hints(TotpLimits)
        for field in fields(self):
            _check(field.name, getattr(self, field.name), hints[field.name])
        comparable = self.look_ahead_unit == self.window_unit
        if self.window < 0 or (comparable and self.window > self.look_ahead):
            raise ValueError(
                f"window must be 0 to look_ahead ({self.look_ahead}) {self.window_unit}, not {self.window}; "
                "resync searches wider than sign-in"
            )
        if self.late_after < 0:
            raise ValueError(f"late_after must be 0 steps or more, not {self.late_after}")

        if not (self.sign_in_reach(30) and self.resync_reach(30)):
            raise ValueError(f"a window that is {self.shape} and that narrow holds no code; widen it")

    def sign_in_reach(self, period: int) -> range:
        """The steps that sign-in accepts, counted from the expected one, for a token of that period."""
        return _reach(self.shape, self.window, self.window_unit, period)

    def resync_reach(self, period: int) -> range:
        """The steps that resync searches for a code, counted from where it begins."""
        shape = "symmetric" if self.shape == "back" else self.shape
        return _reach(shape, self.look_ahead, self.look_ahead_unit, period)


def _reach(shape: Shape, distance: int, unit: Unit, period: int) -> range:
    steps = distance if unit == "steps" else distance // period
    match shape:
        case "symmetric":
            return range(-steps, steps + 1)
        case "end-exclusive":
            return range(-steps, steps)
        case "back":
            return range(-steps, 1)
        case "strictly-inside":
            inside = steps - 1 if unit == "steps" else -(-distance // period) - 1
            return range(-inside, inside + 1)


def _check(name: str, value: object, hint: object) -> None:
    if get_origin(hint) is Literal and value not in get_args(hint):
        choices = " or ".join(f'"{choice}"' for choice in get_args(hint))
        raise ValueError(f"{name} must be {choices}, not {value!r}")
    if hint is bool and not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    if hint is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
