"""Records say whose they are and keep their secrets to themselves."""

from __future__ import annotations

from harness.service.model import (
    AccessKey,
    AwaitingMfa,
    Challenge,
    HardwareTotpDevice,
    SessionCredentials,
    SignedIn,
    User,
    session_key,
    user_key,
)
from harness.service.totp_rules import TotpState

ALICE = User(account_id="123456789012", name="alice", user_id="AIDA1", path="/staff/", created_at=0.0)
ROOT = User(account_id="123456789012", name="root", user_id="123456789012", created_at=0.0, root=True)


def test_arns_are_those_of_iam() -> None:
    assert ALICE.arn == "arn:aws:iam::123456789012:user/staff/alice"
    assert ROOT.arn == "arn:aws:iam::123456789012:root"


def test_user_names_that_differ_by_case_alone_are_one_users() -> None:
    assert user_key("1", "Alice") == user_key("1", "alice") != user_key("2", "alice")


def test_no_secret_is_in_a_repr() -> None:
    whose = {"account_id": "1", "user_name": "alice"}
    for record in (
        User(account_id="1", name="alice", user_id="AIDA", created_at=0.0, password_hash="SECRET"),
        HardwareTotpDevice(serial_number="GAHT1", totp=TotpState(secret=b"SECRET" * 4)),
        AccessKey(id="AKIA", secret="SECRET", created_at=0.0, **whose),
        SessionCredentials(id="ASIA", secret="SECRET", token="SECRET", expires_at=0.0, **whose),
        AwaitingMfa(
            id="SECRET", expires_at=0.0, challenge=Challenge(value=b"SECRET", expires_at=0.0), **whose
        ),
        SignedIn(id="SECRET", signed_in_at=0.0, expires_at=0.0, **whose),
    ):
        assert "SECRET" not in repr(record), type(record)


def test_a_session_is_not_stored_under_the_id_that_opens_it() -> None:
    session = SignedIn(id="bearer", account_id="1", user_name="alice", signed_in_at=0.0, expires_at=0.0)
    assert "bearer" not in session.key
    assert session.key == session_key("bearer")
    assert session_key("\udcff\x00") != session_key("")
