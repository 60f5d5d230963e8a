"""The authenticator as a whole: whatever comes in, an answer goes out and nothing else breaks."""

from __future__ import annotations

import pytest

from emulator.fido.authenticator import CtapCommand
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.store import MemoryStore


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", CtapStatus.INVALID_LENGTH),
        (b"\x00", CtapStatus.INVALID_COMMAND),
        (b"\x03", CtapStatus.INVALID_COMMAND),
        (b"\x40", CtapStatus.INVALID_COMMAND),
        (b"\x04\xa0", CtapStatus.INVALID_LENGTH),
        (b"\x07\x00", CtapStatus.INVALID_LENGTH),
        (b"\x0b\xa0", CtapStatus.INVALID_LENGTH),
        (bytes((CtapCommand.GET_INFO,)) + bytes(1200), CtapStatus.REQUEST_TOO_LARGE),
    ],
)
def test_a_message_that_is_no_command_of_ours_is_refused_with_its_code(key, message, status) -> None:
    before = key.snapshot()
    assert key.send(message) == bytes((status,))
    assert key.snapshot() == before
    assert key.command(CtapCommand.GET_INFO)[0] == CtapStatus.SUCCESS


def test_a_u2f_only_key_knows_no_ctap2_command(make_key) -> None:
    key = make_key("u2f-only")
    assert {key.send(bytes((code,)))[0] for code in range(256)} == {CtapStatus.INVALID_COMMAND}


def test_a_store_that_is_in_use_is_taken_as_it_is(make_key) -> None:
    store = MemoryStore()
    first = make_key("ctap21", store=store)
    before = first.snapshot()
    assert make_key("ctap21", seed=2, store=store).snapshot() == before


def test_an_authenticator_shows_its_profile(key) -> None:
    assert key.authenticator.profile == Profile.load("ctap21")
