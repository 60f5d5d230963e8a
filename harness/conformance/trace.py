"""What passed between a test and the key, for whoever reads a failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fido2 import cbor
from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CTAPHID, TYPE_INIT

Kind = Literal["packet", "CTAP2", "APDU", "person"]

CAPACITY = 200
"""Exchanges that a trace keeps; beyond it the middle of a long one is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Something that went to the key or came from it; a person's doing has ``text`` and no bytes."""

    kind: Kind
    to_key: bool
    data: bytes = b""
    text: str = ""

    def __str__(self) -> str:
        return f"{'→' if self.to_key else '←'} {self.text or decoded(self)}"


class Trace:
    """The exchanges of one test, in order."""

    def __init__(self) -> None:
        self._passed: list[Passed] = []
        self._left_out = 0

    def __iter__(self) -> Iterator[Passed]:
        return iter(self._passed)

    @property
    def left_out(self) -> int:
        """How many in the middle are not kept."""
        return self._left_out

    def sent(self, kind: Kind, data: bytes) -> None:
        """Note what went to the key."""
        self._add(Passed(kind=kind, to_key=True, data=bytes(data)))

    def received(self, kind: Kind, data: bytes) -> None:
        """Note what came from it."""
        self._add(Passed(kind=kind, to_key=False, data=bytes(data)))

    def did(self, text: str) -> None:
        """Note what a person did."""
        self._add(Passed(kind="person", to_key=True, text=text))

    def _add(self, passed: Passed) -> None:
        self._passed.append(passed)
        if len(self._passed) > CAPACITY:
            del self._passed[CAPACITY // 2]
            self._left_out += 1


def decoded(passed: Passed) -> str:
    """What the bytes say, in a line; bytes that say nothing stay as they are."""
    match passed.kind:
        case "packet":
            return _packet(passed.data)
        case "CTAP2" if passed.data:
            number, body = passed.data[0], passed.data[1:]
            name = _name(Ctap2.CMD if passed.to_key else CtapError.ERR, number)
            return f"{name} {_diagnostic(body)}" if body else name
        case _:
            return passed.data.hex(" ")


def _packet(data: bytes) -> str:
    if len(data) < 7:
        return data.hex(" ")
    channel, kind = data[:4].hex(), data[4]
    if not kind & TYPE_INIT:
        return f"channel {channel} continuation {kind}: {data[5:].hex()}"
    length = int.from_bytes(data[5:7], "big")
    return (
        f"channel {channel} {_name(CTAPHID, kind & ~TYPE_INIT)} length {length}: {data[7 : 7 + length].hex()}"
    )


def _name(names: Any, number: int) -> str:
    try:
        return f"{names(number).name} (0x{number:02X})"
    except ValueError:
        return f"0x{number:02X}"


def _diagnostic(body: bytes) -> str:
    try:
        return shown(cbor.decode(body))
    except Exception:  # whatever a key sends is shown
        return f"{body.hex()} (not CBOR)"


def shown(value: Any) -> str:
    """A CBOR value in diagnostic notation (RFC 8949 §8)."""
    match value:
        case bytes():
            return f"h'{value.hex()}'"
        case str():
            return f'"{value}"'
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case dict():
            return "{" + ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(shown(item) for item in value) + "]"
        case _:
            return str(value)
