"""What credential management tells and does, as python-fido2 sees it (CTAP 2.3 §6.8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import CredentialManagement, Ctap2
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
CM = 0x04
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
RESULT = CredentialManagement.RESULT
COMMAND = 0x0A


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_metadata_counts_what_is_there_and_what_there_is_room_for(filled, protocol, management: Any) -> None:
    metadata = management(filled, protocol=protocol).get_metadata()
    assert metadata == {RESULT.EXISTING_CRED_COUNT: 4, RESULT.MAX_REMAINING_COUNT: 21}


def test_relying_parties_are_enumerated_once_each(filled, rp_hash: Any, management: Any) -> None:
    rps = management(filled).enumerate_rps()
    assert {rp[RESULT.RP]["id"]: rp[RESULT.RP_ID_HASH] for rp in rps} == {
        "example.com": rp_hash("example.com"),
        "example.org": rp_hash("example.org"),
    }
    assert rps[0][RESULT.TOTAL_RPS] == 2
    assert RESULT.TOTAL_RPS not in rps[1]


def test_credentials_are_enumerated_with_all_that_is_known_of_them(
    key, rp_hash: Any, management: Any, descriptor: Any
) -> None:
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


def test_the_payment_bit_is_not_told_by_a_key_without_that_extension(
    make_key, rp_hash: Any, management: Any, model: Any
) -> None:
    key = make_key(replace(model, extensions=("credProtect",), max_large_blob_array=0))
    key.set_pin()
    key.made(rk=True, token=key.token())
    (only,) = management(key).enumerate_creds(rp_hash())
    assert RESULT.THIRD_PARTY_PAYMENT not in only


def test_a_deleted_credential_cannot_be_used_and_its_slot_is_free(
    filled, management: Any, descriptor: Any, ids: Any
) -> None:
    gone, *left = ids(filled)
    management(filled).delete_cred(descriptor(gone))
    assert ids(filled) == left
    assert filled.get(allow=[gone])[0] == CtapStatus.NO_CREDENTIALS
    assert Ctap2(filled).info.remaining_disc_creds == 22


def test_user_information_is_replaced_and_what_is_left_out_or_empty_removed(
    filled, rp_hash: Any, management: Any, asking: Any, descriptor: Any, ids: Any
) -> None:
    credential_id = ids(filled)[-1]
    before = ids(filled)
    management(filled).update_user_info(descriptor(credential_id), {"id": b"a", "name": "new"})
    oldest = management(filled).enumerate_creds(rp_hash())[-1]
    assert oldest[RESULT.USER] == {"id": b"a", "name": "new"}
    emptied = {2: descriptor(credential_id), 3: {"id": b"a", "name": "", "displayName": ""}}
    assert filled.command(COMMAND, asking(filled.token(CM, None), UPDATE, emptied)) == (0, None)
    assert management(filled).enumerate_creds(rp_hash())[-1][RESULT.USER] == {"id": b"a"}
    assert ids(filled) == before


def test_an_empty_key_has_nothing_to_enumerate(key, rp_hash: Any, management: Any, asking: Any) -> None:
    assert management(key).enumerate_rps() == []
    assert management(key).enumerate_creds(rp_hash()) == []
    token = key.token(CM, None)
    for asked in (asking(token, RPS), asking(token, CREDENTIALS, {1: rp_hash()})):
        assert key.command(COMMAND, asked) == (CtapStatus.NO_CREDENTIALS, None)


def test_nothing_asks_for_a_gesture(filled, rp_hash: Any, management: Any, descriptor: Any, ids: Any) -> None:
    filled.asked.clear()
    management(filled).enumerate_rps()
    management(filled).enumerate_creds(rp_hash())
    management(filled).delete_cred(descriptor(ids(filled)[0]))
    assert filled.asked == []


USERS = st.sampled_from([b"a", b"b", b"c"])
RP_IDS = st.sampled_from(["example.com", "example.org"])


def management_machine(
    make_key: Any, model: Profile, management: Any, descriptor: Any
) -> type[RuleBasedStateMachine]:
    class Managed(RuleBasedStateMachine):
        """``model`` maps relying party and user to name, the newest last."""

        def __init__(self) -> None:
            super().__init__()
            self.key = make_key(replace(model, discoverable_credentials=4))
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


def test_any_sequence_of_changes_is_seen_in_the_enumeration(
    make_key, management: Any, descriptor: Any, model: Any
) -> None:
    case = management_machine(make_key, model, management, descriptor).TestCase
    case.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
    case().runTest()
