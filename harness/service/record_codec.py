"""Records as bytes and back: CBOR maps of field names, read by the record's own type hints."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import cbor2

R = TypeVar("R")
_PLAIN = (str, int, float, bool, bytes, NoneType)


def encode(record: object) -> bytes:
    """The record as CBOR; nested records are nested maps."""
    return cbor2.dumps(_plain(record))


def decode(kind: type[R], data: bytes) -> R:
    """The record of that kind that ``data`` holds; ``ValueError`` if it holds none."""
    try:
        record: R = _reader(cast(Hashable, kind))(cbor2.loads(data))
    except (cbor2.CBORDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these bytes are not a {kind.__name__}") from error
    return record


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    assert isinstance(value, _PLAIN), f"a record cannot hold a {type(value).__name__}"
    return value


@cache
def _reader(hint: Hashable) -> Callable[[Any], Any]:
    """What turns a CBOR value into a value of type ``hint``."""
    if hint in _PLAIN or get_origin(hint) is Literal:
        return lambda value: value
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        readers = {field.name: _reader(hints[field.name]) for field in fields(hint)}
        return lambda value: hint(**{name: readers[name](item) for name, item in value.items()})
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        sole = [_reader(argument) for argument in arguments if argument is not NoneType]
        assert len(sole) == 1, f"a field may be one type or None, not {hint}"
        return lambda value: None if value is None else sole[0](value)
    if get_origin(hint) is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple(map(item, value))
    item = _reader(arguments[1])
    return lambda value: {key: item(entry) for key, entry in value.items()}
