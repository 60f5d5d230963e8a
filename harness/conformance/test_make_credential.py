"""authenticatorMakeCredential (CTAP 2.3 §6.1)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from harness.conformance.ceremony import RP_ID, Ceremony
from harness.conformance.probe import ERR

pytestmark = pytest.mark.needs("ctap2")


@pytest.mark.spec("MC-RESPONSE-01", "CTAP 2.3 §6.1.2")
@pytest.mark.catches("mc-rp-id-hash-wrong")
def test_rp_id_hash(ceremony: Ceremony) -> None:
    """authData begins with the SHA-256 of the relying party's ID.

    By it a relying party sees that the key was asked on its own behalf.
    """
    assert ceremony.register().auth_data.rp_id_hash == sha256(RP_ID.encode()).digest()


@pytest.mark.spec("MC-RESPONSE-02", "CTAP 2.3 §6.1.2 step 14")
@pytest.mark.catches("mc-up-not-set")
def test_up_flag(ceremony: Ceremony) -> None:
    """A credential is made with the UP flag set: somebody has touched the key."""
    assert ceremony.register().auth_data.is_user_present()


@pytest.mark.spec("MC-EXCLUDE-01", "CTAP 2.3 §6.1.2 step 12")
@pytest.mark.catches("mc-exclude-list-ignored")
@pytest.mark.touches(2)
def test_excluded_credential(ceremony: Ceremony) -> None:
    """A key that holds an excluded credential answers CREDENTIAL_EXCLUDED.

    Otherwise one key could be registered twice for a user, who believes to have a spare.
    """
    registration = ceremony.register()
    ceremony.make(exclude=[registration]).refused(ERR.CREDENTIAL_EXCLUDED)
