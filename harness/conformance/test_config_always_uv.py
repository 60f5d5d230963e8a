"""toggleAlwaysUv, and what alwaysUv demands (CTAP 2.3 §6.11.2, §7.2)."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Ceremony, assertion
from harness.conformance.config import (
    TOGGLE_ALWAYS_UV,
    Config,
)
from harness.conformance.probe import ERR, Probe

pytestmark = [
    pytest.mark.needs("authnrCfg", "clientPin"),
    pytest.mark.destructive("changes its settings"),
    pytest.mark.touches(0),
]


@pytest.mark.spec("CONFIG-ALWAYSUV-01", "CTAP 2.3 §6.11.2")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv")
@pytest.mark.catches("config-toggle-unheard")
def test_toggle_always_uv(config: Config, probe: Probe) -> None:
    """toggleAlwaysUv turns alwaysUv over, or is refused with OPERATION_DENIED where it is on for good."""
    before = probe.option("alwaysUv")
    answer = config.send(TOGGLE_ALWAYS_UV)
    probe.info_now()
    if before and answer.status == ERR.OPERATION_DENIED:
        assert probe.option("alwaysUv"), "it was refused, and is off all the same"
        return
    answer.succeeded()
    assert probe.option("alwaysUv") is not before
    config.send(TOGGLE_ALWAYS_UV).succeeded()
    probe.info_now()
    assert probe.option("alwaysUv") is before


@pytest.mark.spec("CONFIG-ALWAYSUV-02", "CTAP 2.3 §7.2")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv", "makeCredUvNotRqd")
@pytest.mark.catches("config-uv-not-required-still")
def test_always_uv_requires_uv_to_register(always_uv: Probe) -> None:
    """With alwaysUv on, makeCredUvNotRqd is false."""
    assert always_uv.option("makeCredUvNotRqd") is False


@pytest.mark.spec("CONFIG-ALWAYSUV-03", "CTAP 2.3 §6.1.2 step 6")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv", "makeCredUvNotRqd")
@pytest.mark.catches("config-always-uv-for-show")
def test_always_uv_when_registering(always_uv: Probe, ceremony: Ceremony) -> None:
    """With alwaysUv on, no credential is made without the PIN: PUAT_REQUIRED."""
    if always_uv.option("uv"):
        pytest.skip("needs a key that verifies its user by the PIN alone")
    ceremony.make(bare=True).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("CONFIG-ALWAYSUV-04", "CTAP 2.3 §6.2.2 step 5")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv")
@pytest.mark.touches(1)
@pytest.mark.catches("config-always-uv-for-show")
def test_always_uv_when_signing_in(always_uv: Probe, ceremony: Ceremony) -> None:
    """With alwaysUv on, no assertion is given without the PIN: PUAT_REQUIRED.

    Whoever finds the key cannot sign in with it where a touch would do for the relying party.
    """
    if always_uv.option("uv"):
        pytest.skip("needs a key that verifies its user by the PIN alone")
    ceremony.get(allow=[ceremony.register()], bare=True).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("CONFIG-ALWAYSUV-05", "CTAP 2.3 §6.2.2 step 5")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv")
@pytest.mark.touches(1)
@pytest.mark.catches("config-silence-refused")
def test_always_uv_and_silence(always_uv: Probe, ceremony: Ceremony) -> None:
    """With alwaysUv on, a client may still ask without a touch whose credential one is: no UP, no UV."""
    answer = ceremony.get(allow=[ceremony.register()], up=False, bare=True)
    flags = assertion(answer).auth_data
    assert (flags.is_user_present(), flags.is_user_verified()) == (False, False)


@pytest.mark.spec("CONFIG-ALWAYSUV-06", "CTAP 2.3 §7.2.4")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv", "u2f")
@pytest.mark.catches("config-u2f-way-round")
def test_always_uv_ends_u2f(always_uv: Probe) -> None:
    """With alwaysUv on, U2F_V2 is no version of the key's, and a U2F registration is refused.

    U2F knows no user verification, and would be a way round it.
    """
    assert "U2F_V2" not in always_uv.info[1]
    data, status_word = always_uv.msg(bytes.fromhex("00010000000040") + bytes(64) + b"\x00\x00")
    assert (data, status_word) == (b"", 0x6986)


@pytest.mark.spec("CONFIG-ALWAYSUV-07", "CTAP 2.3 §6.11.2")
@pytest.mark.needs("authnrCfg", "clientPin", "alwaysUv", "power-cycle")
@pytest.mark.catches("config-always-uv-forgotten")
def test_always_uv_after_a_power_cycle(always_uv: Probe) -> None:
    """alwaysUv stays on over a power cycle."""
    always_uv.power_cycle()
    assert always_uv.option("alwaysUv") is True
