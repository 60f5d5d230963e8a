"""CTAP2 canonical CBOR (CTAP 2.3 §8): one encoding for each value, and a decoder that takes no other.

Every message passes here twice; both ways go through the bytes once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from emulator.fido.status import CtapError, CtapStatus

MAX_DEPTH = 4
"""Levels of maps and arrays that a message may nest."""

# Major types (RFC 8949 §3.1), the three simple values that messages hold (§3.3), and how large the
# argument must be that follows in 1, 2, 4 or 8 bytes, for one that is smaller fits into less.
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = (0, 1, 2, 3, 4, 5, 7)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}
_LEAST_ARGUMENT = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_SHORT_TEXT, _LONG_TEXT = 0x60, 0x78
"""The first bytes of a text, those whose length is told in them and those where it follows."""
_INTEGER_END = 1 << 64


def encode(value: Any) -> bytes:
    """The canonical bytes of ``value``: None, bool, int, bytes, str, and lists and dicts of them.

    Map keys are integers, bytes or text, in any order. Anything else, an integer beyond 64 bits, or
    nesting beyond ``MAX_DEPTH`` is our own misuse: ``TypeError`` (``UnicodeError`` for a lone surrogate).
    """
    return _encoded(value, MAX_DEPTH)


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
    first = data[at]
    at += 1
    if first < 24:
        return first, at
    major, argument = first >> 5, first & 31
    if argument == 24 and major != _SIMPLE and data[at] > 23:  # one byte, as most lengths have
        argument = data[at]
        at += 1
    elif argument > 23 and major != _SIMPLE:
        argument, at = _long_argument(data, at, argument)
    if _BYTES <= major <= _TEXT:
        end = at + argument
        if end > len(data):
            raise CtapError(CtapStatus.INVALID_CBOR)
        content = data[at:end]
        return (content if major == _BYTES else content.decode()), end
    if major == _MAP and depth:
        return _map(data, at, argument, depth - 1)
    if major == _NEGATIVE:
        return -1 - argument, at
    if major == _ARRAY and depth:
        items = []
        for _ in range(argument):
            item, at = _item(data, at, depth - 1)
            items.append(item)
        return items, at
    if major == _SIMPLE and argument in _SIMPLE_VALUES:
        return _SIMPLE_VALUES[argument], at
    if major == _UNSIGNED:
        return argument, at
    raise CtapError(CtapStatus.INVALID_CBOR)


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
    """``count`` entries; their order is that of their keys' encodings (RFC 8949 §4.2.1, the same here)."""
    entries: dict[Any, Any] = {}
    before = b""
    for _ in range(count):
        begin, first = at, data[at]
        if first < 24:  # a small integer, as most are
            key: Any = first
            at += 1
        elif _SHORT_TEXT <= first < _LONG_TEXT:  # or a name
            at += first - _SHORT_TEXT + 1
            key = data[begin + 1 : at].decode()
        elif first >> 5 <= _TEXT:
            key, at = _item(data, at, 0)
        else:
            raise CtapError(CtapStatus.INVALID_CBOR)
        encoded = data[begin:at]
        if encoded <= before:
            raise CtapError(CtapStatus.INVALID_CBOR)
        before = encoded
        entries[key], at = _item(data, at, depth)
    return entries, at


def _long_argument(data: bytes, at: int, length: int) -> tuple[int, int]:
    """An argument in 1, 2, 4 or 8 bytes (``length`` 24 to 27), and where it ends."""
    if length == 24:
        argument, end = data[at], at + 1
    elif length in _LEAST_ARGUMENT:
        end = at + (1 << length - 24)
        argument = int.from_bytes(data[at:end], "big")
    else:  # reserved, or an indefinite length
        raise CtapError(CtapStatus.INVALID_CBOR)
    if argument < _LEAST_ARGUMENT[length] or end > len(data):
        raise CtapError(CtapStatus.INVALID_CBOR)
    return argument, end


def _encoded(value: Any, depth: int) -> bytes:
    kind = type(value)
    if kind is bytes:
        content: bytes = value
        return _head(_BYTES, len(content)) + content
    if kind is str:
        content = value.encode()
        return _head(_TEXT, len(content)) + content
    if kind is dict and depth:
        encoded = _head(_MAP, len(value))
        for key, encoded_key in _keys(*value):
            encoded += encoded_key + _encoded(value[key], depth - 1)
        return encoded
    if kind is list and depth:
        return _head(_ARRAY, len(value)) + b"".join([_encoded(item, depth - 1) for item in value])
    if kind is bool or value is None:
        return _SIMPLE_BYTES[value]
    if isinstance(value, int) and -_INTEGER_END <= value < _INTEGER_END:
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    raise TypeError(f"no CTAP message holds a {kind.__name__} here, or that deep, or that large")


def _head(major: int, argument: int) -> bytes:
    """The major type with its argument, in as few bytes as it needs."""
    if argument < 256:
        return _SHORT_HEADS[major][argument]
    length = 2 if argument < 1 << 16 else 4 if argument < 1 << 32 else 8
    return bytes((major << 5 | 23 + length.bit_length(),)) + argument.to_bytes(length, "big")


_SIMPLE_BYTES = {value: bytes((_SIMPLE << 5 | number,)) for number, value in _SIMPLE_VALUES.items()}
_SHORT_HEADS = [
    [bytes((major << 5 | n,)) if n < 24 else bytes((major << 5 | 24, n)) for n in range(256)]
    for major in range(_SIMPLE)
]


@lru_cache(maxsize=256, typed=True)  # typed, to tell True from 1
def _keys(*keys: Any) -> list[tuple[Any, bytes]]:
    """A map's keys, each with its encoding, in the order of these.

    Messages have the same few sets of keys again and again.
    """
    for key in keys:
        if not isinstance(key, (int, bytes, str)) or isinstance(key, bool):
            raise TypeError(f"no CTAP message has a {type(key).__name__} for a key")
    return sorted(((key, _encoded(key, 0)) for key in keys), key=lambda pair: pair[1])
