"""authenticatorGetNextAssertion (CTAP 2.3 §6.3)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Ceremony, Registration, assertion
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("ctap2"), pytest.mark.touches(2)]


@pytest.mark.spec("GNA-01", "CTAP 2.3 §6.3")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-next-repeats")
def test_each_credential_once(probe: Probe, ceremony: Ceremony, three: list[Registration]) -> None:
    """getNextAssertion gives the other credentials, the newest first, each once and signed by its own key."""
    found = [ceremony.sign_in()]
    found += [assertion(probe.cbor(CMD.GET_NEXT_ASSERTION)) for _ in range(2)]
    assert [one.members[1]["id"] for one in found] == [one.credential_id for one in reversed(three)]
    for one, registration in zip(found, reversed(three), strict=True):
        one.verify(registration)


@pytest.mark.spec("GNA-02", "CTAP 2.3 §6.3")
@pytest.mark.touches(0)
@pytest.mark.catches("ga-next-refusals-unnamed")
def test_next_of_nothing(probe: Probe) -> None:
    """getNextAssertion without a getAssertion before it is answered with NOT_ALLOWED."""
    probe.cbor(CMD.GET_NEXT_ASSERTION).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("GNA-03", "CTAP 2.3 §6.3")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-next-refusals-unnamed")
def test_next_of_the_last(probe: Probe, ceremony: Ceremony, three: list[Registration]) -> None:
    """After the last credential getNextAssertion is answered with NOT_ALLOWED."""
    ceremony.sign_in()
    for _ in range(2):
        probe.cbor(CMD.GET_NEXT_ASSERTION).succeeded()
    probe.cbor(CMD.GET_NEXT_ASSERTION).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("GNA-04", "CTAP 2.3 §6.3")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.slow(31)
@pytest.mark.catches("ga-next-refusals-unnamed", "ga-next-for-ever")
def test_next_too_late(probe: Probe, ceremony: Ceremony, three: list[Registration]) -> None:
    """Thirty seconds after the last assertion there is no next one."""
    ceremony.sign_in()
    probe.wait(31)
    probe.cbor(CMD.GET_NEXT_ASSERTION).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("GNA-05", "CTAP 2.3 §6")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-next-refusals-unnamed")
def test_another_command_between(probe: Probe, ceremony: Ceremony, three: list[Registration]) -> None:
    """Another command ends what getNextAssertion would go on with."""
    ceremony.sign_in()
    probe.cbor(CMD.GET_INFO).succeeded()
    probe.cbor(CMD.GET_NEXT_ASSERTION).refused(ERR.NOT_ALLOWED)


@pytest.mark.spec("GNA-06", "CTAP 2.3 §6.3")
@pytest.mark.needs("rk")
@pytest.mark.destructive("stores credentials")
@pytest.mark.touches(4)
@pytest.mark.catches("ga-next-up-not-set")
def test_flags_of_the_next(probe: Probe, ceremony: Ceremony, three: list[Registration]) -> None:
    """The next assertion has the flags of the first: one touch was for all."""
    first = ceremony.sign_in()
    assert assertion(probe.cbor(CMD.GET_NEXT_ASSERTION)).flags == first.flags
