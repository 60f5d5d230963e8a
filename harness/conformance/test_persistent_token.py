"""The persistentPinUvAuthToken, which may read for ever and write never (CTAP 2.3 §6.5.2.2, §6.8)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import CLIENT_DATA_HASH, RP_ID, Ceremony, Registration
from harness.conformance.management import CREDENTIALS, METADATA, RPS, Management, of
from harness.conformance.owner import Owner
from harness.conformance.pin import CM, PCMR
from harness.conformance.probe import ERR, Probe

pytestmark = [
    pytest.mark.needs("perCredMgmtRO", "clientPin", "rk"),
    pytest.mark.destructive("sets a PIN where there is none, and stores a credential"),
    pytest.mark.touches(1),
]


@pytest.fixture
def kept(owner: Owner, ceremony: Ceremony) -> Registration:
    """A discoverable credential of one user."""
    return ceremony.register(rk=True)


@pytest.fixture
def token(kept: Registration, owner: Owner) -> bytes:
    return owner.token(PCMR)


@pytest.mark.spec("CM-PERSISTENT-01", "CTAP 2.3 §6.8.2 to §6.8.4")
@pytest.mark.catches("cm-persistent-refused")
def test_it_reads(management: Management, token: bytes) -> None:
    """The persistent token counts credentials, and lists relying parties and credentials."""
    management.ask(METADATA, token=token).succeeded()
    management.ask(RPS, token=token).succeeded()
    management.ask(CREDENTIALS, of(RP_ID), token=token).succeeded()


@pytest.mark.spec("CM-PERSISTENT-02", "CTAP 2.3 §6.8.5")
@pytest.mark.catches("cm-persistent-writes")
def test_it_does_not_delete(kept: Registration, management: Management, token: bytes) -> None:
    """The persistent token deletes nothing: PIN_AUTH_INVALID.

    It lies about on a computer for months; whoever steals it may look, and no more.
    """
    management.delete(kept, token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-PERSISTENT-03", "CTAP 2.3 §6.8.6")
@pytest.mark.catches("cm-persistent-writes")
def test_it_does_not_rename(kept: Registration, management: Management, token: bytes) -> None:
    """The persistent token renames nobody: PIN_AUTH_INVALID."""
    management.update(kept, {"id": b"user", "name": "bob"}, token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-PERSISTENT-04", "CTAP 2.3 §6.5.5.7")
@pytest.mark.catches("cm-persistent-writes")
def test_it_does_not_register(ceremony: Ceremony, owner: Owner, token: bytes) -> None:
    """The persistent token registers nothing: PIN_AUTH_INVALID."""
    members = ceremony.creation() | {
        8: owner.auth.authenticate(token, CLIENT_DATA_HASH),
        9: owner.auth.version,
    }
    ceremony.make(members, bare=True).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-PERSISTENT-05", "CTAP 2.3 §6.5.2.2")
@pytest.mark.needs("perCredMgmtRO", "clientPin", "rk", "power-cycle")
@pytest.mark.catches("cm-persistent-forgotten")
def test_it_survives_a_power_cycle(probe: Probe, management: Management, token: bytes) -> None:
    """The persistent token is good after a power cycle, without the PIN."""
    probe.power_cycle()
    management.ask(METADATA, token=token).succeeded()


@pytest.mark.spec("CM-PERSISTENT-06", "CTAP 2.3 §6.5.5.6 step 20")
@pytest.mark.catches("cm-persistent-outlives-the-pin")
def test_it_ends_with_the_pin(owner: Owner, management: Management, token: bytes) -> None:
    """A change of the PIN ends the persistent token.

    It is how an owner takes back what some computer was once allowed.
    """
    assert owner.pin is not None
    owner.auth.change_pin(owner.pin, "conform 9").succeeded()
    answer = management.ask(METADATA, token=token)
    owner.auth.change_pin("conform 9", owner.pin).succeeded()
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CM-PERSISTENT-07", "CTAP 2.3 §6.5.5.7, pcmr")
@pytest.mark.touches(0)
@pytest.mark.catches("cm-persistent-among-others")
def test_it_is_asked_for_alone(owner: Owner) -> None:
    """pcmr with another permission is refused with UNAUTHORIZED_PERMISSION."""
    assert owner.pin is not None
    owner.auth.ask_token(owner.pin, PCMR | CM)[0].refused(ERR.UNAUTHORIZED_PERMISSION)
