"""Which credential authenticatorGetAssertion finds (CTAP 2.3 §6.2.2 steps 7 and 12)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Ceremony, Registration, assertion
from harness.conformance.probe import ERR, Probe

pytestmark = [pytest.mark.needs("ctap2"), pytest.mark.touches(2)]


@pytest.mark.spec("GA-LOCATE-01", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-refusals-unnamed")
def test_nothing_for_a_stranger(ceremony: Ceremony) -> None:
    """A relying party that has no credential on the key is told NO_CREDENTIALS."""
    stranger = {"id": bytes(64), "type": "public-key"}
    members = ceremony.request(rp_id="stranger.example") | {3: [stranger]}
    ceremony.get(members).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("GA-LOCATE-02", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.catches("ga-for-another-relying-party")
def test_credential_of_another_relying_party(ceremony: Ceremony, registration: Registration) -> None:
    """A credential is of no use to another relying party than its own, though it names it.

    It is what makes phishing fail.
    """
    ceremony.get(allow=[registration], rp_id="phishing.example").refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("GA-LOCATE-03", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.catches("ga-refuses-lists")
def test_credential_among_strangers(ceremony: Ceremony, registration: Registration) -> None:
    """A credential is found wherever it stands in the allow list."""
    stranger = {"id": bytes(len(registration.credential_id)), "type": "public-key"}
    members = ceremony.request() | {3: [stranger, registration.descriptor]}
    assertion(ceremony.get(members)).verify(registration)


@pytest.mark.spec("GA-LOCATE-04", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.catches("ga-id-half-read")
def test_credential_id_that_was_changed(ceremony: Ceremony, registration: Registration) -> None:
    """A credential ID with one bit changed is nobody's."""
    for place in (0, len(registration.credential_id) // 2, len(registration.credential_id) - 1):
        changed = bytearray(registration.credential_id)
        changed[place] ^= 1
        members = ceremony.request() | {3: [{"id": bytes(changed), "type": "public-key"}]}
        ceremony.get(members).refused(ERR.NO_CREDENTIALS, ERR.INVALID_CREDENTIAL)


@pytest.mark.spec("GA-LOCATE-05", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.catches("ga-allow-list-ignored")
def test_list_of_strangers(ceremony: Ceremony, three: list[Registration]) -> None:
    """A key with credentials for a relying party uses none that the allow list does not name."""
    members = ceremony.request() | {3: [{"id": bytes(32), "type": "public-key"}]}
    ceremony.get(members).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("GA-DISCOVER-01", "CTAP 2.3 §6.2.2 step 7")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores a credential")
@pytest.mark.catches("ga-user-missing")
def test_discoverable_credential_is_found(ceremony: Ceremony) -> None:
    """Without an allow list the key finds a discoverable credential, and says whose it is."""
    registration = ceremony.register(rk=True, user_id=b"discover me")
    found = ceremony.sign_in()
    found.verify(registration)
    assert found.members[4]["id"] == b"discover me"


@pytest.mark.spec("GA-DISCOVER-02", "CTAP 2.3 §6.2.2 step 12")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-number-missing")
def test_number_of_credentials(ceremony: Ceremony, three: list[Registration]) -> None:
    """Where several credentials are found the response says how many."""
    assert ceremony.sign_in().members.get(5) == 3


@pytest.mark.spec("GA-DISCOVER-03", "CTAP 2.3 §6.2.2 step 12")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-oldest-first")
def test_newest_comes_first(ceremony: Ceremony, three: list[Registration]) -> None:
    """Of several credentials the newest answers first."""
    assert ceremony.sign_in().members[1]["id"] == three[-1].credential_id


@pytest.mark.spec("GA-DISCOVER-04", "CTAP 2.3 §6.2.2 step 12")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores a credential")
@pytest.mark.catches("ga-user-named")
def test_names_are_for_those_who_are_known(probe: Probe, ceremony: Ceremony) -> None:
    """The user's name is not told where the user was not verified.

    Otherwise whoever finds a key learns whose it is.
    """
    if probe.option("clientPin") or probe.option("uv"):
        pytest.skip("needs a key that is not set up to verify its user")
    ceremony.register(rk=True)
    assert {*ceremony.sign_in().members.get(4, {})} <= {"id"}


@pytest.mark.spec("GA-DISCOVER-05", "CTAP 2.3 §6.1.2 step 17")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(3)
@pytest.mark.catches("mc-same-user-twice")
def test_new_credential_replaces_the_users_old_one(ceremony: Ceremony) -> None:
    """A discoverable credential takes the place of the one for the same relying party and user."""
    ceremony.register(rk=True)
    second = ceremony.register(rk=True)
    found = ceremony.sign_in()
    assert found.members[1]["id"] == second.credential_id
    assert 5 not in found.members
