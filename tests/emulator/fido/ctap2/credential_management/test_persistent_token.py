"""The persistent token, and what only it can read (CTAP 2.3 §6.4, §6.5.5.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
CM, PCMR = 0x04, 0x40
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
COMMAND = 0x0A


def test_a_persistent_token_reads_across_power_cycles_and_changes_nothing(
    filled, rp_hash: Any, asking: Any, descriptor: Any, ids: Any
) -> None:
    token = filled.token(PCMR, None)
    assert filled.token(PCMR, None) == token
    filled.power_cycle()
    filled.now += 100_000
    for protocol in (1, 2):
        assert filled.command(COMMAND, asking(token, METADATA, protocol=protocol))[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, asking(token, RPS))[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, asking(token, CREDENTIALS, {1: rp_hash()}))[0] == CtapStatus.SUCCESS
    before = filled.snapshot()
    for asked in (
        asking(token, DELETE, {2: descriptor(ids(filled)[0])}),
        asking(token, UPDATE, {2: descriptor(ids(filled)[0]), 3: {"id": b"d"}}),
    ):
        assert filled.command(COMMAND, asked)[0] == CtapStatus.PIN_AUTH_INVALID
    assert filled.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    assert filled.snapshot() == before


def test_a_persistent_token_leaves_the_token_in_use_alone(filled, asking: Any) -> None:
    token = filled.token(CM, None)
    filled.token(PCMR, None)
    assert filled.command(COMMAND, asking(token, METADATA))[0] == CtapStatus.SUCCESS


def test_a_persistent_token_ends_with_the_pin_and_with_a_reset_by_6_5_5_6(filled, asking: Any) -> None:
    token = filled.token(PCMR, None)
    ClientPin(Ctap2(filled)).change_pin("1234", "5678")
    assert filled.command(COMMAND, asking(token, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    changed = filled.token(PCMR, None, "5678")
    filled.power_cycle()
    Ctap2(filled).reset()
    assert filled.command(COMMAND, asking(changed, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID


def test_pcmr_goes_with_no_other_permission_by_6_5_5_7(key) -> None:
    with pytest.raises(CtapError) as refused:
        key.token(PCMR | CM, None)
    assert refused.value.code == CtapError.ERR.UNAUTHORIZED_PERMISSION


@pytest.mark.parametrize("permission", [CM, PCMR])
def test_a_key_without_management_grants_no_token_for_it_by_6_5_5_7(make_key, permission: int) -> None:
    key = make_key(replace(CTAP21, credential_management=False, credential_management_preview=False))
    key.set_pin()
    with pytest.raises(CtapError) as refused:
        key.token(permission, None)
    assert refused.value.code == CtapError.ERR.UNAUTHORIZED_PERMISSION
    assert key.command(COMMAND, {1: METADATA})[0] == CtapStatus.INVALID_COMMAND


def test_a_finger_gets_a_persistent_token_too(make_key, asking: Any) -> None:
    key = make_key(
        replace(Profile.load("passkey"), credential_management=True, persistent_credential_management=True)
    )
    key.made(rk=True, uv=True)
    token = ClientPin(Ctap2(key)).get_uv_token(ClientPin.PERMISSION(PCMR))
    assert key.command(COMMAND, asking(token, METADATA))[1] == {1: 1, 2: 99}


def test_a_key_without_persistent_tokens_takes_none_from_its_store(make_key, asking: Any) -> None:
    key = make_key("ctap21")
    key.store.set_persistent_token(bytes(32))
    assert key.command(COMMAND, asking(bytes(32), METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    assert {0x19, 0x1E}.isdisjoint(key.command(0x04)[1])


def test_a_store_from_before_gets_a_persistent_token_when_asked(key, asking: Any) -> None:
    key.store.set_persistent_token(None)
    assert {0x19, 0x1E}.isdisjoint(key.command(0x04)[1])
    assert key.command(COMMAND, asking(key.token(PCMR, None), METADATA))[0] == CtapStatus.SUCCESS


def test_the_identifier_stays_until_a_reset_and_looks_new_each_time(key) -> None:
    token = key.token(PCMR, None)
    first, second = Ctap2(key).info, Ctap2(key).info
    assert first.enc_identifier != second.enc_identifier
    assert len(first.enc_identifier) == len(first.enc_cred_store_state) == 32
    assert first.get_identifier(token) == second.get_identifier(token)
    identifier = first.get_identifier(token)
    key.power_cycle()
    Ctap2(key).reset()
    key.set_pin()
    assert Ctap2(key).info.get_identifier(key.token(PCMR, None)) != identifier


def test_the_store_state_changes_with_every_change_of_a_credential_and_no_other(
    key, management: Any, descriptor: Any, ids: Any
) -> None:
    token = key.token(PCMR, None)

    def state() -> bytes:
        return Ctap2(key).info.get_cred_store_state(token)

    states = [state()]
    key.made(token=key.token())
    key.made(rk=True, token=key.token())
    states.append(state())
    key.got(token=key.token())
    assert state() == states[-1]
    (credential_id,) = ids(key)
    management(key).update_user_info(descriptor(credential_id), {"id": b"alice"})
    states.append(state())
    management(key).delete_cred(descriptor(credential_id))
    states.append(state())
    assert len(set(states)) == 4
