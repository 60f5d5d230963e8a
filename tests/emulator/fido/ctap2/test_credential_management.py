"""authenticatorCredentialManagement (CTAP 2.3 §6.8), its preview, and the persistent token (§6.5.5.7)."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, CredentialManagement, Ctap2
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emulator.fido import cbor
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
MANAGED = replace(
    CTAP21,
    credential_management=True,
    persistent_credential_management=True,
    make_cred_uv_not_rqd=True,
    extensions=("credProtect", "hmac-secret", "credBlob", "largeBlobKey", "thirdPartyPayment"),
    max_large_blob_array=1024,
)
PREVIEW = replace(CTAP21, credential_management=False)
PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
MC, CM, PCMR = 0x01, 0x04, 0x40
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
RESULT = CredentialManagement.RESULT
COMMAND, PREVIEW_COMMAND = 0x0A, 0x41


@pytest.fixture
def key(make_key):
    key = make_key(MANAGED)
    key.set_pin()
    return key


@pytest.fixture
def filled(key):
    """Three credentials of example.com, one of example.org, by age."""
    for rp_id, user_id in (
        ("example.com", b"a"), ("example.org", b"b"), ("example.com", b"c"), ("example.com", b"d"),
    ):  # fmt: skip
        key.made(rk=True, rp_id=rp_id, user_id=user_id, token=key.token(rp_id=rp_id))
    return key


def rp_hash(rp_id: str = "example.com") -> bytes:
    return sha256(rp_id.encode()).digest()


def management(key, permission: int = CM, protocol: Any = None) -> CredentialManagement:
    """python-fido2's, with a fresh token."""
    ctap = Ctap2(key)
    pin = ClientPin(ctap, protocol)
    return CredentialManagement(
        ctap, pin.protocol, pin.get_pin_token("1234", ClientPin.PERMISSION(permission))
    )


def request(
    token: bytes | None, sub_command: int, params: dict | None = None, *, protocol: int = 2, **other: Any
) -> dict:
    """A request, authenticated with the token if there is one; ``_4=…`` puts another member 4 in."""
    message = bytes((sub_command,)) + (b"" if params is None else cbor.encode(params))
    given = {1: sub_command, 2: params}
    if token is not None:
        given |= {3: protocol, 4: PROTOCOLS[protocol].authenticate(token, message)}
    given |= {int(number[1:]): value for number, value in other.items()}
    return {number: value for number, value in given.items() if value is not None}


def descriptor(credential_id: bytes, kind: str = "public-key") -> dict:
    return {"id": credential_id, "type": kind}


def ids(key, rp_id: str = "example.com") -> list[bytes]:
    return [credential.credential_id for credential in key.store.credentials(rp_hash(rp_id))]


# What python-fido2 sees


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_metadata_counts_what_is_there_and_what_there_is_room_for(filled, protocol) -> None:
    metadata = management(filled, protocol=protocol).get_metadata()
    assert metadata == {RESULT.EXISTING_CRED_COUNT: 4, RESULT.MAX_REMAINING_COUNT: 21}


def test_relying_parties_are_enumerated_once_each(filled) -> None:
    rps = management(filled).enumerate_rps()
    assert {rp[RESULT.RP]["id"]: rp[RESULT.RP_ID_HASH] for rp in rps} == {
        "example.com": rp_hash("example.com"),
        "example.org": rp_hash("example.org"),
    }
    assert rps[0][RESULT.TOTAL_RPS] == 2
    assert RESULT.TOTAL_RPS not in rps[1]


def test_credentials_are_enumerated_with_all_that_is_known_of_them(key) -> None:
    first = key.made(rk=True, token=key.token(), extensions={"credProtect": 3, "largeBlobKey": True})
    second = key.made(rk=True, user_id=b"bob", token=key.token(), extensions={"thirdPartyPayment": True})
    newest, oldest = management(key).enumerate_creds(rp_hash())
    assert newest == {
        RESULT.USER: {"id": b"bob", "name": "a name", "displayName": "A Name"},
        RESULT.CREDENTIAL_ID: descriptor(second.credential_data.credential_id),
        RESULT.PUBLIC_KEY: dict(second.credential_data.public_key),
        RESULT.TOTAL_CREDENTIALS: 2,
        RESULT.CRED_PROTECT: 1,
        RESULT.THIRD_PARTY_PAYMENT: True,
    }
    (kept,) = (c for c in key.snapshot().credentials if c.user_id == b"alice")
    assert oldest == {
        RESULT.USER: {"id": b"alice", "name": "a name", "displayName": "A Name"},
        RESULT.CREDENTIAL_ID: descriptor(first.credential_data.credential_id),
        RESULT.PUBLIC_KEY: dict(first.credential_data.public_key),
        RESULT.CRED_PROTECT: 3,
        RESULT.LARGE_BLOB_KEY: kept.large_blob_key,
        RESULT.THIRD_PARTY_PAYMENT: False,
    }


def test_the_payment_bit_is_not_told_by_a_key_without_that_extension(make_key) -> None:
    key = make_key(replace(MANAGED, extensions=("credProtect",), max_large_blob_array=0))
    key.set_pin()
    key.made(rk=True, token=key.token())
    (only,) = management(key).enumerate_creds(rp_hash())
    assert RESULT.THIRD_PARTY_PAYMENT not in only


def test_a_deleted_credential_cannot_be_used_and_its_slot_is_free(filled) -> None:
    gone, *left = ids(filled)
    management(filled).delete_cred(descriptor(gone))
    assert ids(filled) == left
    assert filled.get(allow=[gone])[0] == CtapStatus.NO_CREDENTIALS
    assert Ctap2(filled).info.remaining_disc_creds == 22


def test_user_information_is_replaced_and_what_is_left_out_or_empty_removed(filled) -> None:
    credential_id = ids(filled)[-1]
    before = ids(filled)
    management(filled).update_user_info(descriptor(credential_id), {"id": b"a", "name": "new"})
    oldest = management(filled).enumerate_creds(rp_hash())[-1]
    assert oldest[RESULT.USER] == {"id": b"a", "name": "new"}
    emptied = {2: descriptor(credential_id), 3: {"id": b"a", "name": "", "displayName": ""}}
    assert filled.command(COMMAND, request(filled.token(CM, None), UPDATE, emptied)) == (0, None)
    assert management(filled).enumerate_creds(rp_hash())[-1][RESULT.USER] == {"id": b"a"}
    assert ids(filled) == before


def test_an_empty_key_has_nothing_to_enumerate(key) -> None:
    assert management(key).enumerate_rps() == []
    assert management(key).enumerate_creds(rp_hash()) == []
    token = key.token(CM, None)
    for asked in (request(token, RPS), request(token, CREDENTIALS, {1: rp_hash()})):
        assert key.command(COMMAND, asked) == (CtapStatus.NO_CREDENTIALS, None)


def test_nothing_asks_for_a_gesture(filled) -> None:
    filled.asked.clear()
    management(filled).enumerate_rps()
    management(filled).enumerate_creds(rp_hash())
    management(filled).delete_cred(descriptor(ids(filled)[0]))
    assert filled.asked == []


# Refusals


@pytest.mark.parametrize("sub_command", [METADATA, RPS, CREDENTIALS, DELETE, UPDATE])
def test_what_is_not_authenticated_needs_a_token_by_6_8(filled, sub_command: int) -> None:
    before = filled.snapshot()
    params = {1: rp_hash(), 2: descriptor(ids(filled)[0]), 3: {"id": b"d"}}
    assert filled.command(COMMAND, {1: sub_command, 2: params})[0] == CtapStatus.PUAT_REQUIRED
    assert filled.command(COMMAND, {1: sub_command})[0] == CtapStatus.PUAT_REQUIRED
    assert filled.snapshot() == before


@pytest.mark.parametrize(
    ("sub_command", "params", "other", "status"),
    [
        (METADATA, None, {"_3": None}, CtapStatus.MISSING_PARAMETER),
        (METADATA, None, {"_3": 3}, CtapStatus.INVALID_PARAMETER),
        (METADATA, None, {"_4": bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        (METADATA, {1: b""}, {"_2": None}, CtapStatus.PIN_AUTH_INVALID),
        (METADATA, None, {"_1": None}, CtapStatus.MISSING_PARAMETER),
        (METADATA, None, {"_1": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_2": b"1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_3": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (METADATA, None, {"_4": "1"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (0, None, {}, CtapStatus.INVALID_SUBCOMMAND),
        (8, None, {}, CtapStatus.INVALID_SUBCOMMAND),
        (CREDENTIALS, None, {}, CtapStatus.MISSING_PARAMETER),
        (CREDENTIALS, {}, {}, CtapStatus.MISSING_PARAMETER),
        (CREDENTIALS, {1: "hash"}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (CREDENTIALS, {1: bytes(32)}, {}, CtapStatus.NO_CREDENTIALS),
        (DELETE, None, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: {"type": "public-key"}}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: {"id": bytes(32)}}, {}, CtapStatus.MISSING_PARAMETER),
        (DELETE, {2: descriptor(bytes(32))}, {}, CtapStatus.NO_CREDENTIALS),
        (DELETE, {2: b"id"}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (UPDATE, {2: descriptor(bytes(32))}, {}, CtapStatus.MISSING_PARAMETER),
        (UPDATE, {2: descriptor(bytes(32)), 3: {"name": "x"}}, {}, CtapStatus.MISSING_PARAMETER),
        (UPDATE, {2: descriptor(bytes(32)), 3: {"id": b"d", "name": 7}}, {}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (UPDATE, {2: descriptor(bytes(32)), 3: {"id": b"d"}}, {}, CtapStatus.NO_CREDENTIALS),
        (UPDATE, {3: {"id": b"d"}}, {}, CtapStatus.MISSING_PARAMETER),
    ],
)
def test_a_bad_request_is_refused_by_6_8_and_changes_nothing(
    filled, sub_command, params, other, status
) -> None:
    token = filled.token(CM, None)
    before = filled.snapshot()
    asked = request(token, sub_command, params, **other)
    for member, value in other.items():
        if value is None:
            asked.pop(int(member[1:]), None)
    assert filled.command(COMMAND, asked) == (status, None)
    assert filled.snapshot() == before


def test_another_users_information_is_refused_by_6_8_6(filled) -> None:
    asked = request(
        filled.token(CM, None), UPDATE, {2: descriptor(ids(filled)[0]), 3: {"id": b"eve", "name": "Eve"}}
    )
    before = filled.snapshot()
    assert filled.command(COMMAND, asked)[0] == CtapStatus.INVALID_PARAMETER
    assert filled.snapshot() == before


def test_a_credential_of_a_type_we_do_not_know_is_not_found_by_6_8_5(filled) -> None:
    asked = request(filled.token(CM, None), DELETE, {2: descriptor(ids(filled)[0], "private-key")})
    assert filled.command(COMMAND, asked)[0] == CtapStatus.NO_CREDENTIALS


def test_a_token_without_the_permission_is_refused_by_6_8(filled) -> None:
    asked = request(filled.token(MC), CREDENTIALS, {1: rp_hash()})  # bound to the right relying party
    assert filled.command(COMMAND, asked)[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_that_has_run_out_is_refused_by_6_5_2_1(filled) -> None:
    token = filled.token(CM, None)
    filled.now += 29
    assert filled.command(COMMAND, request(token, METADATA))[0] == CtapStatus.SUCCESS
    filled.now += 580
    assert filled.command(COMMAND, request(token, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    unused = filled.token(CM, None)
    filled.now += 30
    assert filled.command(COMMAND, request(unused, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID


def test_a_token_for_one_relying_party_sees_and_changes_only_its_credentials_by_6_8(filled) -> None:
    token = filled.token(CM, "example.com")
    own, others = ids(filled)[0], ids(filled, "example.org")[0]
    refused = [
        request(token, METADATA),
        request(token, RPS),
        request(token, CREDENTIALS, {1: rp_hash("example.org")}),
        request(token, DELETE, {2: descriptor(others)}),
        request(token, UPDATE, {2: descriptor(others), 3: {"id": b"b"}}),
        request(token, DELETE, {2: descriptor(bytes(32))}),
    ]
    before = filled.snapshot()
    assert {filled.command(COMMAND, asked)[0] for asked in refused} == {CtapStatus.PIN_AUTH_INVALID}
    assert filled.snapshot() == before
    for asked in (
        request(token, CREDENTIALS, {1: rp_hash()}),
        request(token, UPDATE, {2: descriptor(own), 3: {"id": b"d"}}),
        request(token, DELETE, {2: descriptor(own)}),
    ):
        assert filled.command(COMMAND, asked)[0] == CtapStatus.SUCCESS


# Enumerations go on only in turn


def test_what_goes_on_must_have_begun_by_6_8_3_and_6_8_4(filled) -> None:
    for sub_command in (NEXT_RP, NEXT_CREDENTIAL):
        assert filled.command(COMMAND, {1: sub_command})[0] == CtapStatus.NOT_ALLOWED


def begin(key) -> None:
    assert key.command(COMMAND, request(key.token(CM, None), RPS))[0] == CtapStatus.SUCCESS


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        (0x04, None),
        (0x08, None),
        (COMMAND, {1: NEXT_CREDENTIAL}),
        (COMMAND, {1: METADATA}),
        (COMMAND, {1: 99}),
        (COMMAND, {}),
        (0x55, None),
    ],
)
def test_any_other_command_ends_an_enumeration_by_6(filled, code: int, parameters) -> None:
    begin(filled)
    filled.command(code, parameters)
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_relying_parties_do_not_go_on_as_credentials_nor_the_other_way_by_6_8(filled) -> None:
    begin(filled)
    assert filled.command(COMMAND, {1: NEXT_CREDENTIAL})[0] == CtapStatus.NOT_ALLOWED
    asked = request(filled.token(CM, None), CREDENTIALS, {1: rp_hash()})
    assert filled.command(COMMAND, asked)[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_an_enumeration_ends_with_its_last_answer_its_time_and_its_token_by_6(filled) -> None:
    begin(filled)
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED
    begin(filled)
    filled.now += 30.001
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED
    token = filled.token(CM, None)
    for _ in range(23):
        filled.now += 26
        assert filled.command(COMMAND, request(token, RPS))[0] == CtapStatus.SUCCESS
    filled.now += 2
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_a_power_cycle_ends_an_enumeration_by_6(filled) -> None:
    begin(filled)
    filled.power_cycle()
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.NOT_ALLOWED


def test_an_enumeration_is_not_a_next_assertion(filled) -> None:
    begin(filled)
    assert filled.command(0x08)[0] == CtapStatus.NOT_ALLOWED
    filled.get()
    assert filled.command(COMMAND, {1: NEXT_CREDENTIAL})[0] == CtapStatus.NOT_ALLOWED


# The persistent token


def test_a_persistent_token_reads_across_power_cycles_and_changes_nothing(filled) -> None:
    token = filled.token(PCMR, None)
    assert filled.token(PCMR, None) == token
    filled.power_cycle()
    filled.now += 100_000
    for protocol in (1, 2):
        assert filled.command(COMMAND, request(token, METADATA, protocol=protocol))[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, request(token, RPS))[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, {1: NEXT_RP})[0] == CtapStatus.SUCCESS
    assert filled.command(COMMAND, request(token, CREDENTIALS, {1: rp_hash()}))[0] == CtapStatus.SUCCESS
    before = filled.snapshot()
    for asked in (
        request(token, DELETE, {2: descriptor(ids(filled)[0])}),
        request(token, UPDATE, {2: descriptor(ids(filled)[0]), 3: {"id": b"d"}}),
    ):
        assert filled.command(COMMAND, asked)[0] == CtapStatus.PIN_AUTH_INVALID
    assert filled.make(token=token)[0] == CtapStatus.PIN_AUTH_INVALID
    assert filled.snapshot() == before


def test_a_persistent_token_leaves_the_token_in_use_alone(filled) -> None:
    token = filled.token(CM, None)
    filled.token(PCMR, None)
    assert filled.command(COMMAND, request(token, METADATA))[0] == CtapStatus.SUCCESS


def test_a_persistent_token_ends_with_the_pin_and_with_a_reset_by_6_5_5_6(filled) -> None:
    token = filled.token(PCMR, None)
    ClientPin(Ctap2(filled)).change_pin("1234", "5678")
    assert filled.command(COMMAND, request(token, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    changed = filled.token(PCMR, None, "5678")
    filled.power_cycle()
    Ctap2(filled).reset()
    assert filled.command(COMMAND, request(changed, METADATA))[0] == CtapStatus.PIN_AUTH_INVALID


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


def test_a_finger_gets_a_persistent_token_too(make_key) -> None:
    key = make_key(
        replace(Profile.load("passkey"), credential_management=True, persistent_credential_management=True)
    )
    key.made(rk=True, uv=True)
    token = ClientPin(Ctap2(key)).get_uv_token(ClientPin.PERMISSION(PCMR))
    assert key.command(COMMAND, request(token, METADATA))[1] == {1: 1, 2: 99}


def test_a_key_without_persistent_tokens_takes_none_from_its_store(make_key) -> None:
    key = make_key("ctap21")
    key.store.set_persistent_token(bytes(32))
    assert key.command(COMMAND, request(bytes(32), METADATA))[0] == CtapStatus.PIN_AUTH_INVALID
    assert {0x19, 0x1E}.isdisjoint(key.command(0x04)[1])


def test_a_store_from_before_gets_a_persistent_token_when_asked(key) -> None:
    key.store.set_persistent_token(None)
    assert {0x19, 0x1E}.isdisjoint(key.command(0x04)[1])
    assert key.command(COMMAND, request(key.token(PCMR, None), METADATA))[0] == CtapStatus.SUCCESS


# encIdentifier and encCredStoreState (§6.4)


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


def test_the_store_state_changes_with_every_change_of_a_credential_and_no_other(key) -> None:
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


# The preview


def test_the_preview_takes_a_token_without_permissions_and_updates_nothing(make_key) -> None:
    key = make_key(PREVIEW)
    key.set_pin()
    key.made(rk=True, token=key.token())
    ctap = Ctap2(key)
    assert "credMgmt" not in ctap.info.options
    old = CredentialManagement(ctap, PinProtocolV2(), key.token(None))
    assert old.get_metadata()[RESULT.EXISTING_CRED_COUNT] == 1
    (only,) = old.enumerate_creds(rp_hash())
    asked = request(key.token(None), UPDATE, {2: only[RESULT.CREDENTIAL_ID], 3: {"id": b"alice"}})
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


# Any sequence of changes, against a dictionary

USERS = st.sampled_from([b"a", b"b", b"c"])
RP_IDS = st.sampled_from(["example.com", "example.org"])


def management_machine(make_key: Any) -> type[RuleBasedStateMachine]:
    class Managed(RuleBasedStateMachine):
        """``model`` maps relying party and user to name, the newest last."""

        def __init__(self) -> None:
            super().__init__()
            self.key = make_key(replace(MANAGED, discoverable_credentials=4))
            self.key.set_pin()
            self.model: dict[tuple[str, bytes], str | None] = {}
            self.ids: dict[tuple[str, bytes], bytes] = {}

        @rule(rp_id=RP_IDS, user_id=USERS)
        def make(self, rp_id: str, user_id: bytes) -> None:
            owner = (rp_id, user_id)
            asked = {"rk": True, "rp_id": rp_id, "user_id": user_id, "token": self.key.token(rp_id=rp_id)}
            status, response = self.key.make(**asked)
            if len(self.model) == 4 and owner not in self.model:
                assert status == CtapStatus.KEY_STORE_FULL
                return
            assert status == CtapStatus.SUCCESS
            self.model.pop(owner, None)
            self.model[owner] = "a name"
            length = int.from_bytes(response[2][53:55], "big")
            self.ids[owner] = response[2][55 : 55 + length]

        @rule(rp_id=RP_IDS, user_id=USERS)
        def delete(self, rp_id: str, user_id: bytes) -> None:
            owner = (rp_id, user_id)
            if owner in self.model:
                management(self.key).delete_cred(descriptor(self.ids[owner]))
                del self.model[owner]
            elif owner in self.ids:
                with pytest.raises(CtapError):
                    management(self.key).delete_cred(descriptor(self.ids[owner]))

        @rule(rp_id=RP_IDS, user_id=USERS, name=st.sampled_from(["x", "y"]))
        def rename(self, rp_id: str, user_id: bytes, name: str) -> None:
            owner = (rp_id, user_id)
            if owner in self.model:
                user = {"id": user_id, "name": name}
                management(self.key).update_user_info(descriptor(self.ids[owner]), user)
                self.model[owner] = name

        @invariant()
        def all_of_it_is_enumerated(self) -> None:
            managed = management(self.key)
            found = {rp[RESULT.RP]["id"]: rp[RESULT.RP_ID_HASH] for rp in managed.enumerate_rps()}
            assert set(found) == {rp_id for rp_id, _ in self.model}
            for rp_id, rp_id_hash in found.items():
                users = [c[RESULT.USER] for c in managed.enumerate_creds(rp_id_hash)]
                expected = [(user, name) for (rp, user), name in self.model.items() if rp == rp_id]
                assert [(user["id"], user.get("name")) for user in users] == expected[::-1]
            assert managed.get_metadata() == {1: len(self.model), 2: 4 - len(self.model)}

    return Managed


def test_any_sequence_of_changes_is_seen_in_the_enumeration(make_key) -> None:
    case = management_machine(make_key).TestCase
    case.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
    case().runTest()
