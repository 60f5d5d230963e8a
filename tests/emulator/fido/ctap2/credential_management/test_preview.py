"""The preview of credential management (CTAP 2.3 §6.13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fido2.ctap2 import CredentialManagement, Ctap2
from fido2.ctap2.pin import PinProtocolV2

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
PREVIEW = replace(CTAP21, credential_management=False)
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
RESULT = CredentialManagement.RESULT
COMMAND, PREVIEW_COMMAND = 0x0A, 0x41


def test_the_preview_takes_a_token_without_permissions_and_updates_nothing(
    make_key, rp_hash: Any, asking: Any
) -> None:
    key = make_key(PREVIEW)
    key.set_pin()
    key.made(rk=True, token=key.token())
    ctap = Ctap2(key)
    assert "credMgmt" not in ctap.info.options
    old = CredentialManagement(ctap, PinProtocolV2(), key.token(None))
    assert old.get_metadata()[RESULT.EXISTING_CRED_COUNT] == 1
    (only,) = old.enumerate_creds(rp_hash())
    asked = asking(key.token(None), UPDATE, {2: only[RESULT.CREDENTIAL_ID], 3: {"id": b"alice"}})
    assert key.command(PREVIEW_COMMAND, asked)[0] == CtapStatus.INVALID_SUBCOMMAND
    old = CredentialManagement(ctap, PinProtocolV2(), key.token(None))
    old.delete_cred(only[RESULT.CREDENTIAL_ID])
    assert old.enumerate_rps() == []
    assert key.command(COMMAND, {1: METADATA})[0] == CtapStatus.INVALID_COMMAND


def test_the_preview_goes_on_only_in_turn(make_key) -> None:
    key = make_key(PREVIEW)
    key.set_pin()
    for rp_id in ("example.com", "example.org"):
        key.made(rk=True, rp_id=rp_id, token=key.token(rp_id=rp_id))
    assert len(CredentialManagement(Ctap2(key), PinProtocolV2(), key.token(None)).enumerate_rps()) == 2
    assert key.command(PREVIEW_COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED
