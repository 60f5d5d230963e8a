"""CTAP2 canonical CBOR (CTAP 2.3 §8): one encoding for each value, and a decoder that takes no other."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cbor2

from emulator.fido.status import CtapError, CtapStatus

MAX_DEPTH = 4
"""Levels of maps and arrays that a message may nest."""

_LEAVES = frozenset((bytes, str, bool, type(None)))
_INTEGER_END = 1 << 64

# Major types (RFC 8949 §3.1), the three simple values that messages hold (§3.3), and how large the
# argument must be that follows in 1, 2, 4 or 8 bytes, for one that is smaller fits into less.
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = (0, 1, 2, 3, 4, 5, 7)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}
_LEAST_ARGUMENT = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}


def encode(value: Any) -> bytes:
    """The canonical bytes of ``value``: None, bool, int, bytes, str, and lists and dicts of them.

    Map keys are integers, bytes or text, in any order. Anything else, an integer beyond 64 bits, or
    nesting beyond ``MAX_DEPTH`` is our own misuse: ``TypeError`` (``UnicodeError`` for a lone surrogate).
    """
    return cbor2.dumps(value if _is_ordered(value, MAX_DEPTH) else _ordered(value))


def decode(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The value whose canonical encoding is ``data``; ``CtapError(INVALID_CBOR)`` if there is none.

    So refused are malformed and trailing bytes, integers and lengths in more bytes than they need,
    indefinite lengths, keys out of order or twice, invalid UTF-8, tags, floats (no CTAP message has
    one) and nesting beyond ``max_depth``.
    """
    try:
        value, end = _item(data, 0, max_depth)
    except (IndexError, UnicodeDecodeError) as error:  # it ends too soon, or is no text
        raise CtapError(CtapStatus.INVALID_CBOR) from error
    if end != len(data):
        raise CtapError(CtapStatus.INVALID_CBOR)
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The data item that begins at ``at``, and where it ends."""
    major, argument = data[at] >> 5, data[at] & 31
    at += 1
    if argument > 23 and major != _SIMPLE:
        argument, at = _long_argument(data, at, argument)
    if _BYTES <= major <= _TEXT:
        end = at + argument
        if end > len(data):
            raise CtapError(CtapStatus.INVALID_CBOR)
        return (data[at:end] if major == _BYTES else data[at:end].decode()), end
    if major == _MAP and depth:
        return _map(data, at, argument, depth - 1)
    if major == _UNSIGNED:
        return argument, at
    if major == _NEGATIVE:
        return -1 - argument, at
    if major == _ARRAY and depth:
        return _array(data, at, argument, depth - 1)
    if major == _SIMPLE and argument in _SIMPLE_VALUES:
        return _SIMPLE_VALUES[argument], at
    raise CtapError(CtapStatus.INVALID_CBOR)


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
    """``count`` entries; their order is that of their keys' encodings (RFC 8949 §4.2.1, the same here)."""
    entries: dict[Any, Any] = {}
    before = b""
    for _ in range(count):
        begin = at
        key, at = _key(data, at)
        encoded = data[begin:at]
        if encoded <= before:
            raise CtapError(CtapStatus.INVALID_CBOR)
        before = encoded
        entries[key], at = _item(data, at, depth)
    return entries, at


def _key(data: bytes, at: int) -> tuple[int | bytes | str, int]:
    """An integer, a byte string or a text."""
    if data[at] < 24:  # as most are
        return data[at], at + 1
    if data[at] >> 5 > _TEXT:
        raise CtapError(CtapStatus.INVALID_CBOR)
    return _item(data, at, 0)


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _item(data, at, depth)
        items.append(item)
    return items, at


def _long_argument(data: bytes, at: int, length: int) -> tuple[int, int]:
    """An argument in 1, 2, 4 or 8 bytes (``length`` 24 to 27), and where it ends."""
    if length not in _LEAST_ARGUMENT:  # reserved, or an indefinite length
        raise CtapError(CtapStatus.INVALID_CBOR)
    end = at + (1 << length - 24)
    argument = int.from_bytes(data[at:end], "big")
    if argument < _LEAST_ARGUMENT[length] or end > len(data):
        raise CtapError(CtapStatus.INVALID_CBOR)
    return argument, end


def _is_ordered(value: Any, depth: int) -> bool:
    """Whether every map is in canonical order; ``TypeError`` for what may not stand in a message."""
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind is dict and depth:
        items = [type(item) in _LEAVES or _is_ordered(item, depth - 1) for item in value.values()]
        return _are_ordered(tuple(value), tuple(map(type, value))) and False not in items
    if kind is list and depth:
        return False not in [type(item) in _LEAVES or _is_ordered(item, depth - 1) for item in value]
    if isinstance(value, int) and -_INTEGER_END <= value < _INTEGER_END:
        return True
    raise TypeError(f"no CTAP message holds a {kind.__name__} here, or that deep, or that large")


@lru_cache(maxsize=256)
def _are_ordered(keys: tuple[Any, ...], kinds: tuple[type, ...]) -> bool:
    """Whether a map with these keys is in canonical order; ``kinds`` tell True from 1.

    Messages have the same few sets of keys again and again.
    """
    ranks = [_rank(key) for key in keys]
    return ranks == sorted(ranks)


def _ordered(value: Any) -> Any:
    """``value``, all of which may stand in a message, with every map in canonical order."""
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value, key=_rank)}
        case list():
            return [_ordered(item) for item in value]
    return value


def _rank(key: Any) -> tuple[int, int, bytes]:
    """Where an entry stands in its map: by its key's major type, then length, then bytes."""
    kind = type(key)
    if kind is str:
        text = key.encode()
        return 3, len(text), text
    if kind is bytes:
        return 2, len(key), key
    if isinstance(key, int) and kind is not bool and -_INTEGER_END <= key < _INTEGER_END:
        return (0, key, b"") if key >= 0 else (1, -key, b"")  # a greater number is no shorter
    raise TypeError(f"no CTAP message has a {kind.__name__} for a key, or one that large")
