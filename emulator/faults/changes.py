"""Changes of bytes and of a message's members, for faults to make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Members = dict[int, Any]
"""The members of a CTAP2 request or response, by number."""
Change = Callable[[bytes], bytes]
MembersChange = Callable[[Members], Members]


def put(data: bytes, place: int, new: bytes) -> bytes:
    """``data`` with ``new`` in it at ``place``."""
    return data[:place] + new + data[place + len(new) :]


def flipped(place: int, bits: int = 0xFF) -> Change:
    """Bits of a byte turned over; a ``place`` below zero is counted from the end."""

    def change(data: bytes) -> bytes:
        at = place % len(data)
        return put(data, at, bytes((data[at] ^ bits,)))

    return change


def without(*members: int) -> MembersChange:
    """Members left out."""
    return lambda found: {number: value for number, value in found.items() if number not in members}


def given(member: int, value: Any) -> MembersChange:
    """A member that says this, whether it was there or not."""
    return lambda found: {**found, member: value}


def assumed(usual: Mapping[int, Any]) -> MembersChange:
    """What is missing taken for granted."""
    return lambda found: {**usual, **found}


def changed(member: int, change: Callable[[Any], Any]) -> MembersChange:
    """What a member says, if it is there, changed."""
    return lambda found: {**found, member: change(found[member])} if member in found else found


def entry_given(member: int, name: str, value: Any) -> MembersChange:
    """An entry of a member that is a map of names, such as options, that says this."""
    return lambda found: {**found, member: {**found.get(member, {}), name: value}}


def entry_changed(member: int, name: str, change: Callable[[Any], Any]) -> MembersChange:
    """An entry of such a member, if it is there, changed."""

    def otherwise(found: Members) -> Members:
        return (
            entry_given(member, name, change(found[member][name]))(found) if name in found[member] else found
        )

    return otherwise


def entry_dropped(member: int, name: str) -> MembersChange:
    """An entry of such a member left out, and the member with the last of them."""

    def change(found: Members) -> Members:
        entries = {key: value for key, value in found.get(member, {}).items() if key != name}
        return {**found, member: entries} if entries else without(member)(found)

    return change
