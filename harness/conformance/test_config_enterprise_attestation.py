"""enableEnterpriseAttestation, and what it attests (CTAP 2.3 §6.11.1, §7.1)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Ceremony, Registration
from harness.conformance.config import (
    ENABLE_EP,
    Config,
)
from harness.conformance.probe import ERR, Probe

pytestmark = [
    pytest.mark.needs("authnrCfg", "clientPin"),
    pytest.mark.destructive("changes its settings"),
    pytest.mark.touches(0),
]

EP_ATT = 4


@pytest.mark.spec("CONFIG-EP-01", "CTAP 2.3 §6.11.1")
@pytest.mark.needs("authnrCfg", "clientPin", "ep")
@pytest.mark.catches("config-ep-unheard")
def test_enable_enterprise_attestation(probe: Probe, config: Config) -> None:
    """enableEnterpriseAttestation turns ep on, and once more leaves it on."""
    for _ in range(2):
        config.send(ENABLE_EP).succeeded()
        probe.info_now()
        assert probe.option("ep") is True


@pytest.mark.spec("CONFIG-EP-02", "CTAP 2.3 §6.1.2 step 9")
@pytest.mark.needs("authnrCfg", "clientPin", "ep")
@pytest.mark.catches("config-ep-never-disabled")
def test_enterprise_attestation_before_it_is_enabled(probe: Probe, ceremony: Ceremony) -> None:
    """enterpriseAttestation is refused with INVALID_PARAMETER as long as ep is off."""
    if probe.option("ep"):
        pytest.skip("needs a key whose enterprise attestation is not enabled")
    ceremony.make(ceremony.creation() | {0x0A: 1}).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("CONFIG-EP-03", "CTAP 2.3 §7.1")
@pytest.mark.needs("authnrCfg", "clientPin", "ep")
@pytest.mark.touches(2)
@pytest.mark.catches("config-ep-for-anyone")
def test_enterprise_attestation_for_a_stranger(config: Config, ceremony: Ceremony) -> None:
    """Vendor-facilitated enterprise attestation is for relying parties that the maker put into the key.

    To any other it attests as it does without: no epAtt, and the certificate of its model.
    """
    config.send(ENABLE_EP).succeeded()
    usual = ceremony.register()
    answer = ceremony.make(ceremony.creation(user_id=b"another") | {0x0A: 1})
    attested: Registration = ceremony.registration(answer)
    assert not attested.members.get(EP_ATT), "epAtt is true"
    assert attested.members[3].get("x5c") == usual.members[3].get("x5c")


@pytest.mark.spec("CONFIG-EP-04", "CTAP 2.3 §6.1.2 step 9")
@pytest.mark.needs("authnrCfg", "clientPin", "ep")
@pytest.mark.catches("config-ep-for-anyone")
def test_enterprise_attestation_of_no_kind(config: Config, ceremony: Ceremony) -> None:
    """A value of enterpriseAttestation that nobody has defined is refused with INVALID_OPTION."""
    config.send(ENABLE_EP).succeeded()
    ceremony.make(ceremony.creation() | {0x0A: 3}).refused(ERR.INVALID_OPTION)
