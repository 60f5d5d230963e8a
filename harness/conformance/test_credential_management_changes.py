"""Credentials deleted and users renamed (CTAP 2.3 §6.8.5, §6.8.6)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import RP_ID, Ceremony, Registration
from harness.conformance.management import (
    DELETE,
    UPDATE,
    USER,
    Management,
    ids,
)
from harness.conformance.owner import Owner
from harness.conformance.probe import ERR

pytestmark = [
    pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk"),
    pytest.mark.destructive("sets a PIN where there is none, stores credentials and deletes some"),
    pytest.mark.touches(1),
]


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
    listed = ids(management.credentials(RP_ID))
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
