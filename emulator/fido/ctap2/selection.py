"""authenticatorSelection (CTAP 2.3 §6.9): the user says with a touch which of several keys to use."""

from __future__ import annotations

from emulator.fido.ctap2.verification import wait_for_presence
from emulator.fido.state import Running


def run() -> Running:
    """Nothing but the touch."""
    yield from wait_for_presence()
    return None
