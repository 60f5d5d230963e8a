"""authenticatorSelection (CTAP 2.3 §6.9)."""

from __future__ import annotations

from fido2.ctap2 import Ctap2

from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus


def test_a_touch_selects_the_key(key, ctap2: Ctap2) -> None:
    ctap2.selection()
    assert key.asked == [Gesture.PRESENCE]


def test_a_user_who_declines_does_not_select_the_key(key) -> None:
    key.declines = True
    assert key.command(CtapCommand.SELECTION)[0] == CtapStatus.OPERATION_DENIED


def test_a_key_before_ctap21_has_no_selection(make_key) -> None:
    assert make_key("ctap20").command(CtapCommand.SELECTION)[0] == CtapStatus.INVALID_COMMAND
