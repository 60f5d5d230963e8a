"""What is sealed opens only with the same key and under the same names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.service.seal import Seal

KEY = bytes(range(32))
NAMES = st.lists(st.none() | st.text(max_size=5), max_size=3)


@given(st.binary(), NAMES)
def test_what_is_sealed_opens_again(data: bytes, names: list[str | None]) -> None:
    assert Seal(KEY).open(Seal(KEY).close(data, *names), *names) == data


@given(NAMES, NAMES)
def test_it_does_not_open_under_other_names(names: list[str | None], others: list[str | None]) -> None:
    opened = Seal(KEY).open(Seal(KEY).close(b"secret", *names), *others)
    assert (opened == b"secret") is (names == others)


def test_it_does_not_open_with_another_key() -> None:
    assert Seal(bytes(32)).open(Seal(KEY).close(b"secret", "row"), "row") is None


@given(st.data())
def test_it_does_not_open_once_a_bit_has_changed(data: st.DataObject) -> None:
    sealed = bytearray(Seal(KEY).close(b"secret", "row"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert Seal(KEY).open(bytes(sealed), "row") is None


@given(st.binary(max_size=40))
def test_bytes_that_were_never_sealed_do_not_open(data: bytes) -> None:
    assert Seal(KEY).open(data, "row") is None


def test_the_same_data_is_never_sealed_the_same_way_twice() -> None:
    assert len({Seal(KEY).close(b"secret") for _ in range(50)}) == 50


def test_a_digest_is_of_the_key_and_of_every_name() -> None:
    digests = {
        Seal(key).digest(*names)
        for key in (KEY, bytes(32))
        for names in (("a", "b"), ("ab",), ("a", "b", ""))
    }
    assert len(digests) == 6
    assert Seal(KEY).digest("a", "b") == Seal(KEY).digest("a", "b")
