"""Requests of authenticatorCredentialManagement: who may, how, and by the preview (CTAP 2.3 §6.8, §6.13)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.ceremony import RP_ID, Registration
from harness.conformance.management import (
    CREDENTIALS,
    DELETE,
    METADATA,
    RPS,
    TOTAL_CREDENTIALS,
    TOTAL_RPS,
    UPDATE,
    Management,
    ids,
    of,
)
from harness.conformance.owner import Owner
from harness.conformance.pin import CM, MC
from harness.conformance.probe import ERR

pytestmark = [
    pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk"),
    pytest.mark.destructive("sets a PIN where there is none, stores credentials and deletes some"),
    pytest.mark.touches(1),
]

OTHER_RP = "other.example"
PREVIEW = 0x41
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


@pytest.mark.spec("CM-PREVIEW-01", "CTAP 2.3 §6.13")
@pytest.mark.needs("credMgmt", "pinUvAuthToken", "rk", "credentialMgmtPreview")
@pytest.mark.catches("cm-preview-refused")
def test_preview_lists_the_same(owner: Owner, kept: Registration, management: Management) -> None:
    """The preview's command, where getInfo names it, lists the same as its successor."""
    preview = Management(owner, PREVIEW)
    assert preview.counts() == management.counts()
    assert ids(preview.credentials(RP_ID)) == ids(management.credentials(RP_ID))
    assert preview.ask(RPS).succeeded()[TOTAL_RPS] == len(management.relying_parties())
