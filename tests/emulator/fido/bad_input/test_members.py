"""Members that are missing or of the wrong type, and parameters that are no map (CTAP 2.3 §6, §8)."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

S = CtapStatus


def test_a_good_request_succeeds(platform: Any, good: Any) -> None:
    assert platform.try_out(good, lambda request: None) == S.SUCCESS


def test_a_member_that_is_missing_is_refused(platform: Any, missing: tuple[Any, ...]) -> None:
    good, path, status = missing

    def leave_out(request: dict[int, Any]) -> tuple[Any, ...] | None:
        inner: Any = request
        for step in path[:-1]:
            inner = inner[step]
        if path[-1] not in inner:  # what only authentication puts in
            return path
        del inner[path[-1]]
        return None

    assert platform.try_out(good, leave_out) == status


def test_a_member_of_the_wrong_type_is_refused(platform: Any, mistyped: tuple[Any, ...]) -> None:
    """§8, besides the section of each."""
    good, path, status = mistyped

    def put_another(request: dict[int, Any]) -> None:
        inner: Any = request
        for step in path[:-1]:
            inner = inner[step]
        found = inner[path[-1]] if isinstance(inner, list) or path[-1] in inner else b""
        inner[path[-1]] = 7 if isinstance(found, bool) else b"bytes" if isinstance(found, str) else "text"

    assert platform.try_out(good, put_another) == status


@pytest.mark.parametrize("code", [0x01, 0x02, 0x06, 0x09, 0x0A, 0x0C, 0x0D, 0x40, 0x41])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", S.INVALID_CBOR),
        (b"\xa1", S.INVALID_CBOR),
        (b"\xa0\x00", S.INVALID_CBOR),
        (b"\xbf\xff", S.INVALID_CBOR),
        (b"\xa2\x02\x00\x01\x00", S.INVALID_CBOR),
        (b"\xa1\x01\x18\x01", S.INVALID_CBOR),
        (b"\xa1\x01\x81\x81\x81\x81\x80", S.INVALID_CBOR),
        (b"\xa1\x01\x61\xff", S.INVALID_CBOR),
        (b"\x80", S.CBOR_UNEXPECTED_TYPE),
        (b"\x01", S.CBOR_UNEXPECTED_TYPE),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else value.name,
)
def test_parameters_that_are_no_canonical_map_are_refused_by_8(
    make_key, full: Profile, code: int, data, status
) -> None:
    assert make_key(full).send(bytes((code,)) + data) == bytes((status,))
