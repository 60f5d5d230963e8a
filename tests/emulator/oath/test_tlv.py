from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "yubikit", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from yubikit.core import Tlv

from emulator.fido.status import ApduError, StatusWord
from emulator.oath.tlv import Tag, encode, only, take


@given(st.sampled_from(Tag), st.binary(max_size=700))
def test_values_are_encoded_as_yubikit_does(tag: Tag, value: bytes) -> None:
    assert encode(tag, value) == bytes(Tlv(tag, value))


@given(st.sampled_from(Tag), st.binary(max_size=700), st.binary(max_size=5))
def test_what_is_encoded_is_taken_and_the_rest_left(tag: Tag, value: bytes, rest: bytes) -> None:
    assert take(encode(tag, value) + rest, tag) == (value, rest)


@given(st.sampled_from(Tag), st.binary(max_size=300), st.data())
def test_truncated_values_are_refused(tag: Tag, value: bytes, data: st.DataObject) -> None:
    whole = encode(tag, value)
    with pytest.raises(ApduError, match=StatusWord.WRONG_DATA.name):
        take(whole[: data.draw(st.integers(0, len(whole) - 1))], tag)


@pytest.mark.parametrize("data", [b"", b"\x72\x00", b"\x71\x80", b"\x71\x83\x00\x00\x01a", b"\x71\x01ab"])
def test_other_tags_lengths_and_what_follows_are_refused(data: bytes) -> None:
    with pytest.raises(ApduError, match=StatusWord.WRONG_DATA.name):
        only(data, Tag.NAME)


def test_value_too_long_for_a_length_is_our_own_misuse() -> None:
    with pytest.raises(ValueError, match="65536"):
        encode(Tag.NAME, bytes(65_536))
