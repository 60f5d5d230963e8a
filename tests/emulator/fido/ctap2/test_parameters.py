"""Members of a request, and what is said of those that are missing or of the wrong type."""

from __future__ import annotations

import pytest

from emulator.fido.ctap2.parameters import Options, credential_ids, optional, parameters, required, sized
from emulator.fido.status import CtapError

DATA = {1: b"bytes", 2: 7, 3: True, 4: None}


def test_a_member_that_is_there_is_given() -> None:
    assert required(DATA, 1, bytes) == optional(DATA, 1, bytes) == b"bytes"
    assert required(DATA, 3, bool) is True


def test_a_member_that_is_not_there_is_missing_or_none() -> None:
    assert optional(DATA, 9, bytes) is None
    with pytest.raises(CtapError, match="MISSING_PARAMETER"):
        required(DATA, 9, bytes)


@pytest.mark.parametrize(("key", "kind"), [(1, str), (2, bool), (3, int), (4, bytes)])
@pytest.mark.parametrize("member", [required, optional])
def test_a_member_of_another_type_is_unexpected(member, key: int, kind: type) -> None:
    with pytest.raises(CtapError, match="CBOR_UNEXPECTED_TYPE"):
        member(DATA, key, kind)


def test_a_request_is_a_map() -> None:
    assert parameters(DATA) is DATA
    with pytest.raises(CtapError, match="CBOR_UNEXPECTED_TYPE"):
        parameters([1])


@pytest.mark.parametrize("length", [0, 3])
def test_a_length_out_of_bounds_is_invalid(length: int) -> None:
    assert sized(b"ab", 1, 2) == b"ab"
    with pytest.raises(CtapError, match="INVALID_LENGTH"):
        sized(bytes(length), 1, 2)


def test_descriptors_of_a_type_unheard_of_count_but_name_no_credential() -> None:
    descriptors = [
        {"id": b"one", "type": "public-key"},
        {"id": b"two", "type": "other", "transports": ["usb"]},
    ]
    assert credential_ids({3: descriptors}, 3) == (b"one", b"")
    assert credential_ids({3: []}, 3) == ()
    assert credential_ids({}, 3) is None


def test_options_not_there_are_none_and_others_ignored() -> None:
    assert Options.parse({}, 5) == Options()
    assert Options.parse({5: {"up": False, "alwaysUv": 1}}, 5) == Options(up=False)
