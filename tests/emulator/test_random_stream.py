from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.random_stream import RandomStream


def test_stream_never_changes_between_releases() -> None:
    # openssl dgst -sha256 -hmac keyrig, over 8 zero bytes and then over 7 zero bytes and a one
    assert RandomStream("keyrig")(40).hex() == (
        "393894802e0f56c9c3dfd561bd8ae4b261cecf340ef4492d3c64019329159472a255d77a6e1befed"
    )


@given(seed=st.binary() | st.integers() | st.text(), lengths=st.lists(st.integers(0, 100)))
def test_stream_is_one_however_it_is_divided(seed: bytes | int | str, lengths: list[int]) -> None:
    stream = RandomStream(seed)
    parts = [stream(length) for length in lengths]
    assert [len(part) for part in parts] == lengths
    assert b"".join(parts) == RandomStream(seed)(sum(lengths))


def test_different_seeds_give_different_streams() -> None:
    assert len({RandomStream(seed)(16) for seed in (0, 1, "", "a", b"b")}) == 5


def test_seed_is_not_shown() -> None:
    assert "s3cret" not in repr(RandomStream("s3cret"))
