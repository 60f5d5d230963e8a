"""When the person at a key makes the gestures that it asks for."""

from __future__ import annotations

from typing import Literal, TypeAlias

GesturePolicy: TypeAlias = Literal["always", "never", "by call"] | float
"""When the person makes a gesture asked for: at once, never, when our caller says, or after n seconds."""


def delay_of(policy: GesturePolicy) -> float | None:
    """Seconds from the asking to the gesture; ``None`` if it does not come by itself."""
    match policy:
        case "always":
            return 0.0
        case "never" | "by call":
            return None
        case seconds:
            return seconds


def checked(name: str, policy: GesturePolicy) -> GesturePolicy:
    """The policy, if it is one; ``ValueError`` names it by ``name`` otherwise."""
    match policy:
        case "always" | "never" | "by call":
            return policy
        case float() | int() if policy >= 0:
            return policy
        case _:
            raise ValueError(
                f"{name} must be 'always', 'never', 'by call' or a number of seconds, not {policy!r}"
            )
