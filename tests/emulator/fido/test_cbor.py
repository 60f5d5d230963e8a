"""Canonical encoding judged by python-fido2's own, strict decoding by what it must refuse."""

import struct
from typing import Any

import fido2.cbor
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.fido import cbor
from emulator.fido.status import CtapError, CtapStatus

INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1)
LEAVES = st.one_of(st.booleans(), INTEGERS, st.binary(max_size=40), st.text(max_size=40))
KEYS = st.one_of(INTEGERS, st.text(max_size=30), st.binary(max_size=30))


def nested(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=4) | st.dictionaries(KEYS, items, max_size=4)


MESSAGES = nested(nested(nested(nested(LEAVES) | LEAVES) | LEAVES) | LEAVES) | LEAVES


def refused_or_canonical(data: bytes) -> bool:
    try:
        return cbor.encode(cbor.decode(data)) == data
    except CtapError as error:
        return error.status is CtapStatus.INVALID_CBOR


@given(MESSAGES)
def test_encoding_is_what_python_fido2_encodes(value: Any) -> None:
    assert cbor.encode(value) == fido2.cbor.encode(value)


@given(MESSAGES)
def test_whatever_is_encoded_decodes_to_itself(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=60))
@example(bytes.fromhex("c5823b0fffffffffffffff01"))  # a bigfloat that would never end
@example(bytes.fromhex("d81c81d81d00"))  # an array that holds itself
@example(bytes.fromhex("d825506161616161616161616161616161616161"))
@example(bytes.fromhex("9b7fffffffffffffff"))
@example(b"\x81" * 5000)
@example(b"\xc2" * 5000)
def test_any_bytes_give_a_value_that_encodes_back_or_invalid_cbor(data: bytes) -> None:
    assert refused_or_canonical(data)


@given(st.binary(max_size=60) | MESSAGES.map(fido2.cbor.encode))
@example(bytes.fromhex("a1f500"))  # True for a key, which Python takes for 1
@example(bytes.fromhex("a1f9000000"))
@example(bytes.fromhex("a1810000"))
def test_what_is_refused_is_not_what_python_fido2_would_encode(data: bytes) -> None:
    """What python-fido2 reads and writes back to the same bytes, and is nested no deeper, is read alike."""
    try:
        ours = cbor.decode(data)
    except CtapError:
        ours = CtapError
    try:
        theirs = fido2.cbor.decode(data)
        canonical = fido2.cbor.encode(theirs) == data and cbor.encode(theirs) == data
    except (ValueError, TypeError, IndexError, KeyError, RecursionError, struct.error):
        canonical = False  # or a type that no message has, or too deep
    assert (ours is not CtapError) == canonical
    assert not canonical or (ours == theirs and repr(ours) == repr(theirs))


@given(MESSAGES, st.data())
def test_a_message_changed_by_a_byte_is_refused_or_another_message(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(cbor.encode(value))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused_or_canonical(bytes(encoded))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing at all"),
        ("0000", "a byte left over"),
        ("1800", "an integer in two bytes that needs one"),
        ("190001", "an integer in three bytes that needs one"),
        ("1a0000ffff", "an integer in five bytes that needs three"),
        ("1b00000000ffffffff", "an integer in nine bytes that needs five"),
        ("3800", "a negative integer in two bytes that needs one"),
        ("580141", "a length in two bytes that needs one"),
        ("780161", "a text length in two bytes that needs one"),
        ("980100", "an array length in two bytes that needs one"),
        ("b8010000", "a map length in two bytes that needs one"),
        ("5f4100ff", "a byte string of indefinite length"),
        ("7f6161ff", "a text of indefinite length"),
        ("9f00ff", "an array of indefinite length"),
        ("bf0000ff", "a map of indefinite length"),
        ("a201000100", "a key twice"),
        ("a202000100", "integer keys out of order"),
        ("a220000100", "a negative key before a positive one"),
        ("a2616100413000", "a text key before bytes"),
        ("a2626161006162f5", "a longer text key before a shorter one"),
        ("a1f500", "true for a key"),
        ("a1f600", "null for a key"),
        ("a1800000", "an array for a key"),
        ("a1a000", "a map for a key"),
        ("a2000000f500", "the keys 0 and false, equal in Python"),
        ("61ff", "text that is no UTF-8"),
        ("63eda080", "a surrogate in UTF-8"),
        ("c001", "a tag"),
        ("c074323032362d30312d30315430303a30303a30305a", "a date"),
        ("c249010000000000000000", "a bignum"),
        ("a1c24901000000000000000000", "a bignum for a key"),
        ("d9d9f700", "the tag that says CBOR"),
        ("f90000", "a half float"),
        ("fa47c35000", "a float"),
        ("fb3ff199999999999a", "a double"),
        ("f7", "undefined"),
        ("e0", "an unassigned simple value"),
        ("f818", "a simple value in two bytes that needs one"),
        ("f8ff", "an unassigned simple value in two bytes"),
        ("1c", "a reserved length"),
        ("ff", "a break with nothing to end"),
        ("8201", "an array cut short"),
        ("a101", "a map cut short"),
        ("4201", "bytes cut short"),
        ("5b8000000000000000", "a length no memory holds"),
    ],
)
def test_refused(data: str, why: str) -> None:
    with pytest.raises(CtapError) as refusal:
        cbor.decode(bytes.fromhex(data))
    assert refusal.value.status is CtapStatus.INVALID_CBOR, why


def test_null_is_a_value() -> None:
    assert cbor.decode(b"\xa1\x01\xf6") == {1: None}
    assert cbor.encode({1: None}) == b"\xa1\x01\xf6"


def test_four_levels_decode_and_five_do_not() -> None:
    assert cbor.decode(bytes.fromhex("81a10181a10100")) == [{1: [{1: 0}]}]
    for five in ("81a10181a10180", "81a10181a101a0"):
        with pytest.raises(CtapError):
            cbor.decode(bytes.fromhex(five))
    assert cbor.decode(bytes.fromhex("81a10181a10180"), max_depth=5) == [{1: [{1: []}]}]


@pytest.mark.parametrize("value", [1.5, {1.5: 0}, {1}, (1,), {True: 0}, {None: 0}, object(), bytearray(b"a")])
def test_encoding_what_no_message_holds_is_our_own_mistake(value: object) -> None:
    with pytest.raises(TypeError):
        cbor.encode(value)


@pytest.mark.parametrize(
    "value", [1 << 64, -(1 << 64) - 1, {1 << 64: 0}, [[[[[]]]]], [[[[{}]]]], "\ud800", {"\ud800": 0}]
)
def test_encoding_what_does_not_fit_is_our_own_mistake(value: object) -> None:
    with pytest.raises((TypeError, UnicodeError)):
        cbor.encode(value)


def test_named_codes_encode_as_their_numbers() -> None:
    assert cbor.encode({CtapStatus.PROCESSING: CtapStatus.OTHER}) == bytes.fromhex("a11821187f")
