from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.status import ApduError
from emulator.oath.accounts import BLOCK_SIZE, AccessKey, Account, Kind, OathState
from emulator.oath.tlv import Tag, encode

ACCOUNTS = st.builds(
    Account,
    name=st.binary(min_size=1, max_size=64),
    kind=st.sampled_from(Kind),
    algorithm=st.integers(1, 3),
    digits=st.integers(6, 8),
    secret=st.binary(min_size=1, max_size=64),
    touch=st.booleans(),
    counter=st.integers(0, 2**64 - 1),
)
ACCESS_KEYS = st.builds(AccessKey, algorithm=st.integers(1, 3), key=st.binary(min_size=1, max_size=64))


def put(*, name: bytes = b"a", key: bytes = b"\x21\x06secret", more: bytes = b"") -> bytes:
    return encode(Tag.NAME, name) + encode(Tag.KEY, key) + more


@given(
    st.builds(
        OathState,
        salt=st.binary(min_size=8, max_size=8),
        access_key=st.none() | ACCESS_KEYS,
        accounts=st.lists(ACCOUNTS, max_size=4).map(tuple),
    )
)
def test_what_is_kept_is_read_again(state: OathState) -> None:
    assert OathState.decode(state.encode()) == state


def test_put_is_read_with_property_and_counter() -> None:
    account = Account.parse(
        put(name=b"60/a:b", key=b"\x13\x08secret", more=b"\x78\x02" + encode(Tag.IMF, b"\0\0\1\0"))
    )
    assert (account.name, account.kind, account.algorithm) == (b"60/a:b", Kind.HOTP, 3)
    assert (account.digits, account.secret) == (8, b"secret")
    assert (account.touch, account.counter) == (True, 256)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        put(name=b""),
        put(name=b"n" * 65),
        put(key=b""),
        put(key=b"\x21\x06"),
        put(key=b"\x21\x05secret"),
        put(key=b"\x21\x09secret"),
        put(key=b"\x24\x06secret"),
        put(key=b"\x31\x06secret"),
        put(key=b"\x21\x06" + bytes(BLOCK_SIZE["SHA1"] + 1)),
        put(more=b"\x78"),
        put(more=b"\x78\x04"),
        put(more=encode(Tag.IMF, b"\0\0\1")),
        put(more=encode(Tag.IMF, bytes(4)) + b"\0"),
        put(more=b"\0"),
    ],
)
def test_put_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(ApduError, match="WRONG_DATA"):
        Account.parse(data)


def test_no_representation_shows_a_secret() -> None:
    state = OathState(
        salt=bytes(8), access_key=AccessKey.parse(b"\x21access"), accounts=(Account.parse(put()),)
    )
    assert "secret" not in repr(state)
    assert "access'" not in repr(state)
