"""What is on the key, counted and listed (CTAP 2.3 §6.8.2 to §6.8.4)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from harness.conformance.ceremony import RP_ID, Ceremony, Registration
from harness.conformance.management import (
    CRED_PROTECT,
    CREDENTIAL_ID,
    CREDENTIALS,
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
    USER,
    Management,
    ids,
    of,
)
from harness.conformance.owner import Owner
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [
    pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk"),
    pytest.mark.destructive("sets a PIN where there is none, stores credentials and deletes some"),
    pytest.mark.touches(1),
]

OTHER_RP = "other.example"


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
    listed = ids(management.credentials(RP_ID))
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
    listed = ids(management.credentials(OTHER_RP))
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
