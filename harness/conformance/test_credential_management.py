"""authenticatorCredentialManagement: what is on the key, listed, renamed, deleted (CTAP 2.3 §6.8)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from harness.conformance.ceremony import RP_ID, Ceremony, Registration
from harness.conformance.management import (
    CRED_PROTECT,
    CREDENTIAL_ID,
    CREDENTIALS,
    DELETE,
    LARGE_BLOB_KEY,
    METADATA,
    NEXT_CREDENTIAL,
    NEXT_RP,
    PUBLIC_KEY,
    REMAINING,
    RP,
    RP_ID_HASH,
    RPS,
    THIRD_PARTY_PAYMENT,
    TOTAL_CREDENTIALS,
    TOTAL_RPS,
    UPDATE,
    USER,
    Management,
    of,
)
from harness.conformance.owner import Owner
from harness.conformance.pin import CM, MC
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [
    pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk"),
    pytest.mark.destructive("sets a PIN where there is none, stores credentials and deletes some"),
    pytest.mark.touches(1),
]

OTHER_RP = "other.example"
PREVIEW = 0x41


@pytest.fixture
def kept(owner: Owner, ceremony: Ceremony) -> Registration:
    """A discoverable credential of one user."""
    return ceremony.register(rk=True)


@pytest.fixture
def two(owner: Owner, ceremony: Ceremony) -> list[Registration]:
    """Discoverable credentials of two users of one relying party, the newest last."""
    return [ceremony.register(rk=True, user_id=bytes((number,))) for number in (1, 2)]


def _ids(listed: list[dict[int, Any]]) -> list[bytes]:
    return [one[CREDENTIAL_ID]["id"] for one in listed]


# How many.


@pytest.mark.spec("CM-METADATA-01", "CTAP 2.3 §6.8.2")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-count-wrong", "cm-room-unchanged")
def test_counts(ceremony: Ceremony, management: Management) -> None:
    """Each discoverable credential is one more that is kept, and one less that there is room for."""
    ceremony.register(rk=True, user_id=b"first")
    existing, remaining = management.counts()
    ceremony.register(rk=True, user_id=b"second")
    assert management.counts() == (existing + 1, remaining - 1)


@pytest.mark.spec("CM-METADATA-02", "CTAP 2.3 §6.8.2, §6.4")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "info-0x14")
@pytest.mark.catches("cm-room-unchanged")
def test_room_as_get_info_has_it(probe: Probe, kept: Registration, management: Management) -> None:
    """getInfo's remainingDiscoverableCredentials is what credential management says, or less."""
    remaining = management.ask(METADATA).succeeded()[REMAINING]
    assert probe.info_now()[0x14] == remaining


@pytest.mark.spec("CM-METADATA-03", "CTAP 2.3 §6.8.2")
@pytest.mark.catches("cm-counts-everything")
def test_what_is_not_kept_does_not_count(ceremony: Ceremony, management: Management) -> None:
    """A credential that is not discoverable takes no room."""
    before = management.counts()
    ceremony.register()
    assert management.counts() == before


# Relying parties.


@pytest.mark.spec("CM-RPS-01", "CTAP 2.3 §6.8.3")
@pytest.mark.catches("cm-rp-hash-wrong", "cm-rp-unnamed")
def test_relying_party_is_listed(kept: Registration, management: Management) -> None:
    """A relying party with a credential is listed by its ID and the ID's SHA-256."""
    listed = {one[RP_ID_HASH]: one[RP]["id"] for one in management.relying_parties()}
    assert listed.get(sha256(RP_ID.encode()).digest()) == RP_ID


@pytest.mark.spec("CM-RPS-02", "CTAP 2.3 §6.8.3")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-rps-repeat")
def test_each_relying_party_once(ceremony: Ceremony, kept: Registration, management: Management) -> None:
    """Each relying party is listed once, and the first answer says how many there are."""
    ceremony.register(rk=True, rp_id=OTHER_RP)
    listed = [one[RP]["id"] for one in management.relying_parties()]
    assert len(listed) == len({*listed})
    assert {RP_ID, OTHER_RP} <= {*listed}


@pytest.mark.spec("CM-RPS-03", "CTAP 2.3 §6.8.3")
@pytest.mark.touches(0)
@pytest.mark.catches("cm-none-is-success", "cm-refusals-unnamed")
def test_no_relying_party(management: Management) -> None:
    """A key without a credential answers NO_CREDENTIALS."""
    if management.counts()[0]:
        pytest.skip("needs a key without credentials")
    management.ask(RPS).refused(ERR.NO_CREDENTIALS)


@pytest.mark.catches("cm-next-out-of-turn", "cm-refusals-unnamed")
@pytest.mark.touches(0)
@pytest.mark.parametrize(
    "next_one",
    [
        pytest.param(NEXT_RP, id="relying-party", marks=pytest.mark.spec("CM-NEXT-01", "CTAP 2.3 §6.8.3")),
        pytest.param(
            NEXT_CREDENTIAL, id="credential", marks=pytest.mark.spec("CM-NEXT-02", "CTAP 2.3 §6.8.4")
        ),
    ],
)
def test_next_of_nothing(management: Management, next_one: int) -> None:
    """The next one of an enumeration that was not begun is refused with NOT_ALLOWED."""
    management.bare(next_one).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("CM-NEXT-03", "CTAP 2.3 §6.8.4")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-next-out-of-turn")
def test_next_of_the_last(two: list[Registration], management: Management) -> None:
    """After the last credential there is no next one: NOT_ALLOWED."""
    management.credentials(RP_ID)
    management.bare(NEXT_CREDENTIAL).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("CM-NEXT-04", "CTAP 2.3 §6, stateful commands")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-next-out-of-turn")
def test_another_command_between(probe: Probe, two: list[Registration], management: Management) -> None:
    """Another command ends an enumeration.

    Else one application would be told what another was given a token for.
    """
    management.ask(CREDENTIALS, of(RP_ID)).succeeded()
    probe.cbor(CMD.GET_INFO).succeeded()
    management.bare(NEXT_CREDENTIAL).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("CM-NEXT-05", "CTAP 2.3 §6, stateful commands")
@pytest.mark.touches(2)
@pytest.mark.slow(31)
@pytest.mark.catches("cm-next-for-ever")
def test_next_too_late(probe: Probe, two: list[Registration], management: Management) -> None:
    """Thirty seconds after the last answer an enumeration does not go on."""
    management.ask(CREDENTIALS, of(RP_ID)).succeeded()
    probe.wait(31)
    management.bare(NEXT_CREDENTIAL).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("CM-NEXT-06", "CTAP 2.3 §6, stateful commands")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-next-out-of-turn")
def test_next_of_another_kind(two: list[Registration], management: Management) -> None:
    """An enumeration of relying parties does not go on with credentials."""
    management.ask(RPS).succeeded()
    management.bare(NEXT_CREDENTIAL).refused(ERR.NOT_ALLOWED)


# Credentials.


@pytest.mark.spec("CM-CREDENTIALS-01", "CTAP 2.3 §6.8.4")
@pytest.mark.catches("cm-user-unnamed", "cm-public-key-wrong")
def test_credential_is_listed(owner: Owner, ceremony: Ceremony, management: Management) -> None:
    """A credential is listed with its ID, its user by name, and its public key."""
    kept = ceremony.register(rk=True, user_id=b"listed")
    (listed,) = (one for one in management.credentials(RP_ID) if one[USER]["id"] == b"listed")
    assert listed[CREDENTIAL_ID] == kept.descriptor
    assert listed[USER] == {"id": b"listed", "name": "user", "displayName": "A user"}
    assert listed[PUBLIC_KEY] == dict(kept.public_key)


@pytest.mark.spec("CM-CREDENTIALS-02", "CTAP 2.3 §6.8.4")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-credentials-repeat")
def test_each_credential_once(two: list[Registration], management: Management) -> None:
    """Each credential of a relying party is listed once."""
    listed = _ids(management.credentials(RP_ID))
    assert len(listed) == len({*listed})
    assert {one.credential_id for one in two} <= {*listed}


@pytest.mark.spec("CM-CREDENTIALS-03", "CTAP 2.3 §6.8.4")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-of-another-relying-party")
def test_credentials_of_one_relying_party_alone(
    ceremony: Ceremony, kept: Registration, management: Management
) -> None:
    """The credentials of a relying party are listed, and no other's."""
    other = ceremony.register(rk=True, rp_id=OTHER_RP)
    listed = _ids(management.credentials(OTHER_RP))
    assert other.credential_id in listed
    assert kept.credential_id not in listed


@pytest.mark.spec("CM-CREDENTIALS-04", "CTAP 2.3 §6.8.4")
@pytest.mark.catches("cm-none-is-success", "cm-of-another-relying-party")
def test_relying_party_without_credentials(kept: Registration, management: Management) -> None:
    """A relying party that has none is answered NO_CREDENTIALS."""
    management.ask(CREDENTIALS, of("nobody.example")).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("CM-CREDENTIALS-05", "CTAP 2.3 §6.8.4")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "credProtect")
@pytest.mark.catches("cm-protection-untold")
@pytest.mark.parametrize("level", [2, 3])
def test_protection_is_listed(owner: Owner, ceremony: Ceremony, management: Management, level: int) -> None:
    """A credential is listed with its credProtect level."""
    kept = ceremony.register(rk=True, extensions={"credProtect": level})
    levels = {one[CREDENTIAL_ID]["id"]: one[CRED_PROTECT] for one in management.credentials(RP_ID)}
    assert levels[kept.credential_id] == level


@pytest.mark.spec("CM-CREDENTIALS-06", "CTAP 2.3 §6.8.4")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "largeBlobKey")
@pytest.mark.catches("cm-blob-key-untold")
def test_large_blob_key_is_listed(owner: Owner, ceremony: Ceremony, management: Management) -> None:
    """A credential is listed with the key to its large blob.

    By it a platform knows which large blobs are nobody's any more.
    """
    kept = ceremony.register(rk=True, extensions={"largeBlobKey": True})
    keys = {one[CREDENTIAL_ID]["id"]: one.get(LARGE_BLOB_KEY) for one in management.credentials(RP_ID)}
    assert keys[kept.credential_id] == kept.members[5]


@pytest.mark.spec("CM-CREDENTIALS-07", "CTAP 2.3 §6.8.4")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "thirdPartyPayment")
@pytest.mark.catches("cm-payment-untold")
def test_payment_is_listed(owner: Owner, ceremony: Ceremony, management: Management) -> None:
    """A credential that others may start payments with is listed as one."""
    kept = ceremony.register(rk=True, extensions={"thirdPartyPayment": True})
    listed = {one[CREDENTIAL_ID]["id"]: one for one in management.credentials(RP_ID)}
    assert listed[kept.credential_id].get(THIRD_PARTY_PAYMENT) is True


# Deleting.


@pytest.mark.spec("CM-DELETE-01", "CTAP 2.3 §6.8.5")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-delete-does-nothing", "cm-delete-hides")
def test_deleted_credential_signs_no_more(
    ceremony: Ceremony, kept: Registration, management: Management
) -> None:
    """A credential that was deleted signs in no more."""
    management.delete(kept).succeeded()
    ceremony.get(allow=[kept]).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("CM-DELETE-02", "CTAP 2.3 §6.8.5")
@pytest.mark.touches(2)
@pytest.mark.catches("cm-delete-does-nothing", "cm-delete-others")
def test_deleted_credential_is_not_listed(two: list[Registration], management: Management) -> None:
    """A credential that was deleted is not listed any more, and the others are."""
    management.delete(two[0]).succeeded()
    listed = _ids(management.credentials(RP_ID))
    assert two[0].credential_id not in listed
    assert two[1].credential_id in listed


@pytest.mark.spec("CM-DELETE-03", "CTAP 2.3 §6.8.5")
@pytest.mark.catches("cm-delete-does-nothing", "cm-delete-keeps-room")
def test_deleted_credential_leaves_room(kept: Registration, management: Management) -> None:
    """A credential that was deleted leaves its room to another."""
    existing, remaining = management.counts()
    management.delete(kept).succeeded()
    assert management.counts() == (existing - 1, remaining + 1)


@pytest.mark.spec("CM-DELETE-04", "CTAP 2.3 §6.8.5")
@pytest.mark.catches("cm-delete-anything", "cm-refusals-unnamed")
def test_delete_what_is_not_there(kept: Registration, management: Management) -> None:
    """A credential ID that the key does not know is answered with NO_CREDENTIALS."""
    management.ask(DELETE, {2: {**kept.descriptor, "id": bytes(32)}}).refused(ERR.NO_CREDENTIALS)


# Renaming.


@pytest.mark.spec("CM-UPDATE-01", "CTAP 2.3 §6.8.6")
@pytest.mark.catches("cm-update-does-nothing")
def test_renamed_user(owner: Owner, ceremony: Ceremony, management: Management) -> None:
    """A user who was renamed is listed by the new names."""
    kept = ceremony.register(rk=True, user_id=b"renamed")
    renamed = {"id": b"renamed", "name": "bob", "displayName": "Bob"}
    management.update(kept, renamed).succeeded()
    assert renamed in [one[USER] for one in management.credentials(RP_ID)]


@pytest.mark.spec("CM-UPDATE-02", "CTAP 2.3 §6.8.6")
@pytest.mark.catches("cm-update-merges")
@pytest.mark.parametrize("names", [{}, {"name": "", "displayName": ""}], ids=["absent", "empty"])
def test_names_are_removed(
    owner: Owner, ceremony: Ceremony, management: Management, names: dict[str, str]
) -> None:
    """A name that an update leaves away, or leaves empty, is removed."""
    kept = ceremony.register(rk=True, user_id=b"unnamed")
    management.update(kept, {"id": b"unnamed", **names}).succeeded()
    assert {"id": b"unnamed"} in [one[USER] for one in management.credentials(RP_ID)]


@pytest.mark.spec("CM-UPDATE-03", "CTAP 2.3 §6.8.6")
@pytest.mark.catches("cm-update-any-user", "cm-refusals-unnamed")
def test_another_user_is_not_renamed(kept: Registration, management: Management) -> None:
    """An update with another user ID than the credential's is refused with INVALID_PARAMETER."""
    management.update(kept, {"id": b"mallory", "name": "user"}).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("CM-UPDATE-04", "CTAP 2.3 §6.8.6")
@pytest.mark.catches("cm-update-anything", "cm-refusals-unnamed")
def test_rename_what_is_not_there(kept: Registration, management: Management) -> None:
    """An update of a credential that the key does not know is answered with NO_CREDENTIALS."""
    params = {2: {**kept.descriptor, "id": bytes(32)}, 3: {"id": b"user", "name": "bob"}}
    management.ask(UPDATE, params).refused(ERR.NO_CREDENTIALS)


# Requests that are none.


_MISSING = [
    ("enumerateCredentials rpIDHash", CREDENTIALS, {}),
    ("deleteCredential credentialID", DELETE, {}),
    ("updateUserInformation user", UPDATE, {2: {"id": bytes(32), "type": "public-key"}}),
]


@pytest.mark.touches(0)
@pytest.mark.catches("cm-refusals-unnamed")
@pytest.mark.parametrize(
    ("subcommand", "params"),
    [
        pytest.param(
            subcommand, params, id=name, marks=pytest.mark.spec(f"CM-MISSING-{number:02}", "CTAP 2.3 §6.8")
        )
        for number, (name, subcommand, params) in enumerate(_MISSING, start=1)
    ],
)
def test_missing_parameter(management: Management, subcommand: int, params: dict[int, Any]) -> None:
    """A subcommand without a parameter that it needs is answered with MISSING_PARAMETER."""
    management.ask(subcommand, params).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("CM-REQUEST-01", "CTAP 2.3 §6.8")
@pytest.mark.touches(0)
@pytest.mark.catches("cm-refusals-unnamed")
def test_unknown_subcommand(management: Management) -> None:
    """A subcommand that nobody has defined is refused."""
    management.ask(0x42).refused(ERR.INVALID_SUBCOMMAND, ERR.INVALID_PARAMETER)


@pytest.mark.spec("CM-REQUEST-02", "CTAP 2.3 §6.8.2")
@pytest.mark.touches(0)
@pytest.mark.catches("cm-refusals-unnamed")
def test_unknown_pin_protocol(management: Management) -> None:
    """A pinUvAuthParam by a protocol that the key does not speak is answered with INVALID_PARAMETER."""
    management.bare(METADATA, more={3: 99, 4: bytes(32)}).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("CM-REQUEST-03", "CTAP 2.3 §6.8.2")
@pytest.mark.touches(0)
@pytest.mark.catches("cm-refusals-unnamed")
def test_no_pin_protocol(management: Management) -> None:
    """A pinUvAuthParam without its protocol is answered with MISSING_PARAMETER."""
    management.bare(METADATA, more={4: bytes(32)}).refused(ERR.MISSING_PARAMETER)


# Who may.


_SUBCOMMANDS = [
    ("metadata", METADATA),
    ("relying parties", RPS),
    ("credentials", CREDENTIALS),
    ("delete", DELETE),
    ("update", UPDATE),
]


@pytest.mark.catches("cm-token-not-needed")
@pytest.mark.parametrize(
    "subcommand",
    [
        pytest.param(
            subcommand, id=name, marks=pytest.mark.spec(f"CM-TOKEN-{number:02}", f"CTAP 2.3 §6.8, {name}")
        )
        for number, (name, subcommand) in enumerate(_SUBCOMMANDS, start=1)
    ],
)
def test_without_a_token(kept: Registration, management: Management, subcommand: int) -> None:
    """Without a pinUvAuthParam nothing is listed or changed: PUAT_REQUIRED.

    A list of credentials says where its owner has accounts, also those that credProtect hides.
    """
    params: dict[int, dict[int, Any]] = {
        CREDENTIALS: of(RP_ID),
        DELETE: {2: kept.descriptor},
        UPDATE: {2: kept.descriptor, 3: {"id": b"user", "name": "bob"}},
    }
    management.bare(subcommand, params.get(subcommand)).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("CM-TOKEN-06", "CTAP 2.3 §6.8.5")
@pytest.mark.catches("pin-permissions-ignored")
def test_token_for_something_else(owner: Owner, kept: Registration, management: Management) -> None:
    """A token that may register deletes nothing: PIN_AUTH_INVALID."""
    management.delete(kept, token=owner.token(MC, RP_ID)).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-TOKEN-07", "CTAP 2.3 §6.8.5")
@pytest.mark.catches("cm-params-unsigned", "pin-auth-unchecked")
def test_parameters_are_authenticated(owner: Owner, kept: Registration, management: Management) -> None:
    """A pinUvAuthParam over the subcommand alone is refused with PIN_AUTH_INVALID.

    Otherwise who is on the way to the key chooses what is deleted.
    """
    param = owner.auth.authenticate(owner.token(CM), bytes((DELETE,)))
    more = {3: owner.auth.version, 4: param}
    management.bare(DELETE, {2: kept.descriptor}, more).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-TOKEN-08", "CTAP 2.3 §6.8.2, §6.8.3")
@pytest.mark.catches("pin-rp-id-ignored")
@pytest.mark.parametrize("subcommand", [METADATA, RPS], ids=["metadata", "relying-parties"])
def test_token_for_one_does_not_list_all(
    owner: Owner, kept: Registration, management: Management, subcommand: int
) -> None:
    """A token for one relying party says nothing of all: PIN_AUTH_INVALID."""
    management.ask(subcommand, token=owner.token(CM, RP_ID)).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-TOKEN-09", "CTAP 2.3 §6.8.4")
@pytest.mark.catches("cm-bound-refused")
def test_token_for_one_lists_its_own(owner: Owner, kept: Registration, management: Management) -> None:
    """A token for one relying party lists its credentials."""
    answer = management.ask(CREDENTIALS, of(RP_ID), token=owner.token(CM, RP_ID))
    assert answer.succeeded()[TOTAL_CREDENTIALS] >= 1


@pytest.mark.catches("pin-rp-id-ignored")
@pytest.mark.parametrize(
    "subcommand",
    [
        pytest.param(CREDENTIALS, id="list", marks=pytest.mark.spec("CM-TOKEN-10", "CTAP 2.3 §6.8.4")),
        pytest.param(DELETE, id="delete", marks=pytest.mark.spec("CM-TOKEN-11", "CTAP 2.3 §6.8.5")),
        pytest.param(UPDATE, id="update", marks=pytest.mark.spec("CM-TOKEN-12", "CTAP 2.3 §6.8.6")),
    ],
)
def test_token_for_another_relying_party(
    owner: Owner, kept: Registration, management: Management, subcommand: int
) -> None:
    """A token for one relying party neither lists nor changes what another has: PIN_AUTH_INVALID."""
    params: dict[int, dict[int, Any]] = {
        CREDENTIALS: of(RP_ID),
        DELETE: {2: kept.descriptor},
        UPDATE: {2: kept.descriptor, 3: {"id": b"user", "name": "bob"}},
    }
    token = owner.token(CM, OTHER_RP)
    management.ask(subcommand, params[subcommand], token=token).refused(ERR.PIN_AUTH_INVALID)


# The preview.


@pytest.mark.spec("CM-PREVIEW-01", "CTAP 2.3 §6.13")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "credentialMgmtPreview")
@pytest.mark.catches("cm-preview-refused")
def test_preview_lists_the_same(owner: Owner, kept: Registration, management: Management) -> None:
    """The preview's command, where getInfo names it, lists the same as its successor."""
    preview = Management(owner, PREVIEW)
    assert preview.counts() == management.counts()
    assert _ids(preview.credentials(RP_ID)) == _ids(management.credentials(RP_ID))
    assert preview.ask(RPS).succeeded()[TOTAL_RPS] == len(management.relying_parties())
