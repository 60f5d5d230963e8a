"""CTAP2 canonical CBOR (CTAP 2.3 §8): one encoding for each value, and a decoder that takes no other."""

from __future__ import annotations

from typing import Any

import cbor2

from emulator.fido.status import CtapError, CtapStatus

MAX_DEPTH = 4
"""Levels of maps and arrays that a message may nest."""

_LEAVES = frozenset((bytes, str, bool, type(None)))
_INTEGER_END = 1 << 64


def encode(value: Any) -> bytes:
    """The canonical bytes of ``value``: None, bool, int, bytes, str, and lists and dicts of them.

    Map keys are integers, bytes or text, in any order. Anything else, an integer beyond 64 bits, or
    nesting beyond ``MAX_DEPTH`` is our own misuse: ``TypeError`` (``UnicodeError`` for a lone surrogate).
    """
    return cbor2.dumps(_ordered(value, MAX_DEPTH))


def decode(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The value whose canonical encoding is ``data``; ``CtapError(INVALID_CBOR)`` if there is none.

    So refused are malformed and trailing bytes, integers and lengths in more bytes than they need,
    indefinite lengths, keys out of order or twice, invalid UTF-8, tags, floats (no CTAP message has
    one) and nesting beyond ``max_depth``.
    """
    try:
        value = cbor2.loads(data)
        canonical = cbor2.dumps(_ordered(value, max_depth))
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise CtapError(CtapStatus.INVALID_CBOR) from error
    if canonical != data:
        raise CtapError(CtapStatus.INVALID_CBOR)
    return value


def _ordered(value: Any, depth: int) -> Any:
    """``value`` with every map in canonical order, if all of it may stand in a message."""
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is dict and depth:
        return {
            key: item if type(item) in _LEAVES else _ordered(item, depth - 1)
            for key, item in sorted(value.items(), key=_rank)
        }
    if kind is list and depth:
        return [_ordered(item, depth - 1) for item in value]
    if isinstance(value, int) and -_INTEGER_END <= value < _INTEGER_END:
        return value
    raise TypeError(f"no CTAP message holds a {kind.__name__} here, or that deep, or that large")


def _rank(entry: tuple[Any, Any]) -> tuple[int, int, bytes]:
    """Where an entry stands in its map: by its key's major type, then length, then bytes."""
    key = entry[0]
    kind = type(key)
    if kind is str:
        text = key.encode()
        return 3, len(text), text
    if kind is bytes:
        return 2, len(key), key
    if isinstance(key, int) and kind is not bool and -_INTEGER_END <= key < _INTEGER_END:
        return (0, key, b"") if key >= 0 else (1, -key, b"")  # a greater number is no shorter
    raise TypeError(f"no CTAP message has a {kind.__name__} for a key, or one that large")
