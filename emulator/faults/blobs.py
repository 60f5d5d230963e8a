"""Faults of authenticatorLargeBlobs (CTAP 2.3 §6.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator.faults.changes import Members, changed, flipped
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.forgery import forging
from emulator.faults.memory import on_power_cycle, put_back
from emulator.faults.messages import asks, members_of, on_answer, on_request, refusals_unnamed, refusing
from emulator.faults.wiring import ChangedCommands
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import get_info
from emulator.fido.ctap2 import large_blobs as lb
from emulator.fido.session import LargeBlobsWrite
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands
from emulator.profile import Profile
from emulator.store import INITIAL_LARGE_BLOB_ARRAY

RELYING_PARTY = "the relying party, whose large blob is lost"
ANYONE = "nobody at once: whoever holds the key erases what is on it"

_BLOBS = CtapCommand.LARGE_BLOBS

_fault = Family(prefix="blobs-", caught_by="the client, which reads the array and its checksum")


def _member(number: int, members: Members) -> int:
    found = members.get(number, 0)
    return found if isinstance(found, int) else 0


def _clamped(get: int, limit: int) -> Callable[[Members], Members | None]:
    """A number in the request that is too great made as great as it may be."""
    return lambda members: {**members, get: min(_member(get, members), limit)} if get in members else None


def _any_fragment(commands: Commands, parts: Parts) -> Commands:
    """Fragments that are too long cut."""
    limit = parts.profile.max_message_size - lb.FRAME_LENGTH
    commands = on_request(_BLOBS, _clamped(lb.GET, limit))(commands, parts)

    def change(members: Members) -> Members | None:
        fragment = members.get(lb.SET)
        return {**members, lb.SET: fragment[:limit]} if isinstance(fragment, bytes) else None

    return on_request(_BLOBS, change)(commands, parts)


def _beyond(commands: Commands, parts: Parts) -> Commands:
    """Who reads beyond the end is given what is at the end."""

    def request(members: Members) -> Members | None:
        return _clamped(lb.OFFSET, len(parts.store.large_blob_array))(members) if lb.GET in members else None

    return on_request(_BLOBS, request)(commands, parts)


def _from_the_start(members: Members) -> Members | None:
    return {**members, lb.OFFSET: 0} if lb.GET in members else None


def _end_refused(commands: Commands, parts: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        empty = asks(message, _BLOBS) and members_of(answer).get(lb.CONFIG) == b""
        return bytes((CtapStatus.INVALID_PARAMETER,)) if empty else answer

    return ChangedCommands(commands, answer=answer)


class _Gathered:
    """The fragments of a write as they come, whatever becomes of them."""

    def __init__(self) -> None:
        self.all, self.before = b"", b""

    def take(self, parts: Parts, message: bytes) -> bool:
        """Whether the message is a fragment; the array of before the first one is noted."""
        members = members_of(message) if asks(message, _BLOBS) else {}
        fragment = members.get(lb.SET)
        if not isinstance(fragment, bytes):
            return False
        if not members.get(lb.OFFSET):
            self.all, self.before = b"", parts.store.large_blob_array
        self.all += fragment
        return True


def _answering(answered: Callable[[Parts, _Gathered, bytes], bytes]) -> Wrap:
    """Answers to fragments changed, or something done to what is kept."""

    def wrap(commands: Commands, parts: Parts) -> Commands:
        gathered = _Gathered()

        def answer(message: bytes, answer: bytes) -> bytes:
            return answered(parts, gathered, answer) if gathered.take(parts, message) else answer

        return ChangedCommands(commands, answer=answer)

    return wrap


def _unchecked(parts: Parts, gathered: _Gathered, answer: bytes) -> bytes:
    if answer != bytes((CtapStatus.INTEGRITY_FAILURE,)):
        return answer
    parts.store.set_large_blob_array(gathered.all)
    return bytes((CtapStatus.SUCCESS,))


def _at_once(parts: Parts, gathered: _Gathered, answer: bytes) -> bytes:
    if answer == bytes((CtapStatus.SUCCESS,)):
        parts.store.set_large_blob_array(gathered.all)
    return answer


def _survives(commands: Commands, parts: Parts) -> Commands:
    """A write goes on whatever came in between."""
    begun: LargeBlobsWrite | None = None

    def answer(message: bytes, answer: bytes) -> bytes:
        nonlocal begun
        if asks(message, _BLOBS):
            begun = parts.state.session.large_blobs_write
        else:
            parts.state.session.large_blobs_write = begun
        return answer

    return ChangedCommands(commands, answer=answer)


def _received(parts: Parts) -> int:
    write = parts.state.session.large_blobs_write
    return 0 if write is None else len(write.received)


def _wherever(parts: Parts, members: Members) -> Members | None:
    """A fragment is put behind the last one, wherever it says that it belongs."""
    if lb.SET not in members or not _member(lb.OFFSET, members) or not _received(parts):
        return None
    return {**members, lb.OFFSET: _received(parts)}


def _cut_to_fit(parts: Parts, members: Members) -> Members | None:
    """More than was announced is cut off."""
    fragment = members.get(lb.SET)
    if not isinstance(fragment, bytes):
        return None
    write = parts.state.session.large_blobs_write
    length = _member(lb.LENGTH, members) if write is None else write.expected_length
    left = length - (0 if write is None else len(write.received))
    return {**members, lb.SET: fragment[:left]} if 0 <= left < len(fragment) else None


def _anonymous(_: Parts, members: Members) -> Members | None:
    return members if lb.SET in members and lb.PIN_UV_AUTH_PARAM not in members else None


def _any_content(parts: Parts, members: Members) -> Members | None:
    """A pinUvAuthParam is there, so it will be the right one."""
    return members if lb.SET in members and lb.PIN_UV_AUTH_PARAM in members else None


def _always_a_token(members: Members) -> bool:
    return lb.SET in members and lb.PIN_UV_AUTH_PARAM not in members


def _in_one_piece(members: Members) -> bool:
    return lb.SET in members and bool(members.get(lb.OFFSET))


_MORE = 32
"""Bytes that a key takes beyond what it says."""


def _roomier(profile: Profile) -> Profile:
    return replace(profile, max_large_blob_array=profile.max_large_blob_array + _MORE)


FAULTS = (
    # §6.10
    _fault(
        "checksum-wrong",
        "gives an array of large blobs that its checksum does not fit",
        on_answer(_BLOBS, changed(lb.CONFIG, lambda found: flipped(-1)(found) if found else found)),
    ),
    # §6.10.2 step 4
    _fault(
        "offset-ignored",
        "reads from the beginning, wherever it was to begin",
        on_request(_BLOBS, _from_the_start),
    ),
    _fault("end-refused", "refuses to read nothing at the end", _end_refused),
    _fault("beyond-the-end", "gives nothing, and calls it a success, beyond the end", _beyond),
    # §6.10.2 step 4, §6.10.2 step 5.1
    _fault("any-fragment", "cuts fragments that are too long instead of refusing them", _any_fragment),
    # §6.10.2 step 4
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_BLOBS)),
    # §6.10.2 step 5, §6.10
    _fault(
        "not-kept",
        "says that it has written what it has not",
        put_back(
            lambda parts: parts.store.large_blob_array,
            lambda parts, had: parts.store.set_large_blob_array(had),
            _BLOBS,
        ),
        caught_by=RELYING_PARTY,
    ),
    # §6.10.2 step 5
    _fault(
        "in-one-piece",
        "takes an array in one fragment only",
        refusing(_BLOBS, CtapStatus.INVALID_SEQ, _in_one_piece),
    ),
    # §6.10.2 step 5.8
    _fault(
        "checksum-unchecked",
        "keeps an array that was garbled on the way",
        _answering(_unchecked),
        caught_by="the relying parties, all of whose large blobs are lost",
    ),
    # §6.10.2 step 5
    _fault(
        "written-at-once",
        "has lost the old array before the new one is there",
        _answering(_at_once),
        caught_by="the relying parties, when the key is pulled out at the wrong moment",
    ),
    # §6, stateful commands
    _fault("write-survives", "goes on with a write after another command", _survives),
    # §6.10.2 step 5.4
    _fault(
        "offset-unchecked",
        "puts a fragment behind the last one wherever it belongs",
        forging(_BLOBS, _wherever),
        caught_by=RELYING_PARTY,
    ),
    # §6.10.2 step 5.6
    _fault("length-unchecked", "cuts off what comes beyond the length", forging(_BLOBS, _cut_to_fit)),
    # §6.10
    _fault(
        "over-the-size",
        "takes an array that is greater than it says",
        on_answer(
            CtapCommand.GET_INFO,
            changed(get_info.MAX_SERIALIZED_LARGE_BLOB_ARRAY, lambda room: room - _MORE),
        ),
        profile=_roomier,
    ),
    # §6.10.2 step 5.5
    _fault("token-not-needed", "lets anyone write", forging(_BLOBS, _anonymous), caught_by=ANYONE),
    _fault(
        "content-unsigned",
        "takes any pinUvAuthParam for a write",
        forging(_BLOBS, _any_content),
        caught_by=ANYONE,
    ),
    _fault(
        "token-always",
        "lets nobody write who has no PIN to show",
        refusing(_BLOBS, CtapStatus.PUAT_REQUIRED, _always_a_token),
    ),
    # §6.10
    _fault(
        "forgotten",
        "forgets its large blobs when power goes",
        on_power_cycle(lambda state: state.store.set_large_blob_array(INITIAL_LARGE_BLOB_ARRAY)),
        caught_by=RELYING_PARTY,
    ),
)
