"""Records survive the trip through bytes, and other bytes are no records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.grants import CredentialReport, Group, ManagedPolicy, Role, RoleCredentials
from harness.service.model import AccessKey, Account, Challenge, FidoSecurityKey, SignedIn, User
from harness.service.record_codec import decode, encode

KINDS = [
    *(AccessKey, Account, Challenge, CredentialReport, FidoSecurityKey, Group, ManagedPolicy, Role),
    *(RoleCredentials, SignedIn, User),
]


@given(st.sampled_from(KINDS).flatmap(st.builds))
def test_a_record_comes_back_equal(record: object) -> None:
    assert repr(decode(type(record), encode(record))) == repr(record)
    assert encode(decode(type(record), encode(record))) == encode(record)


@given(st.binary())
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="these bytes are not a User"):
        decode(User, data)


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="these bytes are not a User"):
        decode(User, encode(Challenge(value=b"x", expires_at=1.0)))


def test_a_value_that_no_record_may_hold_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="cannot hold a set"):
        encode({"a": {1, 2}})
