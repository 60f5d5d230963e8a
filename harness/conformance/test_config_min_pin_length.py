"""setMinPINLength: the minimum, forceChangePin, and who is told (CTAP 2.3 §6.11.4)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.ceremony import Ceremony
from harness.conformance.config import (
    COMPLEX,
    FORCE_CHANGE,
    FORCED,
    MAX_LENGTH,
    MAX_RP_IDS,
    MIN_LENGTH,
    NEW_LENGTH,
    PARAMS,
    RP_IDS,
    SET_MIN_PIN_LENGTH,
    SUBCOMMAND,
    Config,
)
from harness.conformance.pin import ACFG
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [
    pytest.mark.needs("authnrCfg", "clientPin"),
    pytest.mark.destructive("changes its settings"),
    pytest.mark.touches(0),
]

LISTED, UNLISTED = "listed.example", "unlisted.example"
not_to_be_undone = pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "several-keys")


@pytest.mark.spec("CONFIG-MINPIN-01", "CTAP 2.3 §6.11.4")
@not_to_be_undone
@pytest.mark.catches("config-min-pin-unheard")
def test_minimum_grows(probe: Probe, config: Config) -> None:
    """setMinPINLength sets minPINLength, and shorter PINs are refused with PIN_POLICY_VIOLATION."""
    length = probe.info[MIN_LENGTH] + 1
    config.set_min_pin_length(length=length)
    assert probe.info[MIN_LENGTH] == length
    too_short = "conform 9876"[: length - 1]
    config.auth.change_pin(config.pin, too_short).refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("CONFIG-MINPIN-02", "CTAP 2.3 §6.11.4")
@not_to_be_undone
@pytest.mark.catches("config-min-pin-lowered")
def test_minimum_does_not_shrink(probe: Probe, config: Config) -> None:
    """A minimum below the one there is, is refused with PIN_POLICY_VIOLATION: only a reset lowers it."""
    length = probe.info[MIN_LENGTH]
    config.set_min_pin_length(length=length + 1)
    config.send(SET_MIN_PIN_LENGTH, {NEW_LENGTH: length}).refused(ERR.PIN_POLICY_VIOLATION)
    assert probe.info_now()[MIN_LENGTH] == length + 1


@pytest.mark.spec("CONFIG-MINPIN-03", "CTAP 2.3 §6.11.4")
@not_to_be_undone
@pytest.mark.catches("config-min-pin-endless")
def test_minimum_that_no_pin_can_have(probe: Probe, config: Config) -> None:
    """A minimum beyond the longest PIN is refused with PIN_POLICY_VIOLATION: nobody could set a PIN again."""
    length = probe.info.get(MAX_LENGTH, 63) + 1
    config.send(SET_MIN_PIN_LENGTH, {NEW_LENGTH: length}).refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("CONFIG-MINPIN-04", "CTAP 2.3 §6.11.4")
@not_to_be_undone
@pytest.mark.catches("config-short-pin-kept")
def test_pin_that_has_become_too_short(probe: Probe, config: Config) -> None:
    """A minimum beyond the length of the PIN there is has it changed: forcePINChange is true."""
    config.set_min_pin_length(length=len(config.pin) + 1)
    assert probe.info[FORCED] is True


@pytest.mark.spec("CONFIG-MINPIN-05", "CTAP 2.3 §6.11.4")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "several-keys", "power-cycle")
@pytest.mark.catches("config-min-pin-forgotten")
def test_minimum_after_a_power_cycle(probe: Probe, config: Config) -> None:
    """minPINLength stays what it was set to over a power cycle."""
    length = probe.info[MIN_LENGTH] + 1
    config.set_min_pin_length(length=length)
    probe.power_cycle()
    assert probe.info[MIN_LENGTH] == length


@pytest.mark.spec("CONFIG-FORCE-01", "CTAP 2.3 §6.5.5.7.2 step 11")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("config-force-for-show")
def test_pin_that_must_be_changed(probe: Probe, config: Config) -> None:
    """A PIN that must be changed gets no token: PIN_POLICY_VIOLATION, from getPinToken PIN_INVALID."""
    config.set_min_pin_length(force=True)
    assert probe.info[FORCED] is True
    by_permission, _ = config.auth.ask_token(config.pin, ACFG)
    superseded, _ = config.auth.ask_token(config.pin)
    config.change_pin_and_back()
    by_permission.refused(ERR.PIN_POLICY_VIOLATION)
    superseded.refused(ERR.PIN_INVALID)


@pytest.mark.spec("CONFIG-FORCE-02", "CTAP 2.3 §6.5.5.6")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("config-force-for-ever")
def test_pin_that_was_changed(probe: Probe, config: Config) -> None:
    """Changing the PIN is the end of forcePINChange, and the new one gets tokens."""
    config.set_min_pin_length(force=True)
    config.change_pin_and_back()
    assert probe.info_now()[FORCED] is False
    config.auth.token(config.pin, ACFG)


@pytest.mark.spec("CONFIG-FORCE-03", "CTAP 2.3 §6.5.5.6 step 13")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("config-same-pin-taken")
def test_same_pin_again(config: Config) -> None:
    """A PIN that must be changed is not changed to itself: PIN_POLICY_VIOLATION."""
    config.set_min_pin_length(force=True)
    answer = config.auth.change_pin(config.pin, config.pin)
    if answer.status:
        config.change_pin_and_back()
    answer.refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("CONFIG-FORCE-04", "CTAP 2.3 §6.11.4")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "several-keys")
@pytest.mark.catches("config-force-without-pin")
def test_no_pin_to_be_changed(probe: Probe) -> None:
    """forceChangePin where there is no PIN is refused with PIN_NOT_SET."""
    if probe.option("clientPin") or probe.option("uv") or probe.option("alwaysUv"):
        pytest.skip("needs a key that nothing protects yet")
    members = {SUBCOMMAND: SET_MIN_PIN_LENGTH, PARAMS: {FORCE_CHANGE: True}}
    probe.cbor(CMD.CONFIG, members).refused(ERR.PIN_NOT_SET)


@pytest.mark.spec("CONFIG-FORCE-05", "CTAP 2.3 §6.11.4")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("pin-old-tokens-good")
def test_token_of_a_pin_that_must_be_changed(config: Config) -> None:
    """forceChangePin ends the token that made it: PIN_AUTH_INVALID."""
    token = config.auth.token(config.pin, ACFG)
    config.send(SET_MIN_PIN_LENGTH, {FORCE_CHANGE: True}, token=token).succeeded()
    answer = config.send(SET_MIN_PIN_LENGTH, {FORCE_CHANGE: True}, token=token)
    config.change_pin_and_back()
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-RPIDS-01", "CTAP 2.3 §6.11.4 step 8")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "info-0x10")
@pytest.mark.catches("config-rp-ids-endless")
def test_too_many_relying_parties(probe: Probe, config: Config) -> None:
    """More relying parties than maxRPIDsForSetMinPINLength are refused with KEY_STORE_FULL."""
    rp_ids = [f"{number}.example" for number in range(probe.info[MAX_RP_IDS] + 1)]
    config.send(SET_MIN_PIN_LENGTH, {RP_IDS: rp_ids}).refused(ERR.KEY_STORE_FULL)


@pytest.mark.spec("CONFIG-RPIDS-02", "CTAP 2.3 §12.5")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "info-0x10", "minPinLength")
@pytest.mark.touches(1)
@pytest.mark.catches("config-rp-ids-forgotten")
def test_relying_party_that_is_told(probe: Probe, config: Config, ceremony: Ceremony) -> None:
    """A relying party that setMinPINLength named is told the minimum by the extension minPinLength."""
    config.set_min_pin_length(rp_ids=[LISTED])
    assert _told(ceremony, LISTED) == {"minPinLength": probe.info[MIN_LENGTH]}


@pytest.mark.spec("CONFIG-RPIDS-03", "CTAP 2.3 §12.5")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "info-0x10", "minPinLength")
@pytest.mark.touches(1)
@pytest.mark.catches("config-min-pin-told-to-all")
def test_relying_party_that_is_not_told(config: Config, ceremony: Ceremony) -> None:
    """A relying party that nobody named is told nothing.

    An organization's rules would give its people away wherever they register.
    """
    config.set_min_pin_length(rp_ids=[LISTED])
    assert not _told(ceremony, UNLISTED)


@pytest.mark.spec("CONFIG-COMPLEXITY-01", "CTAP 2.3 §6.11.4, §7.5")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "info-0x1B", "several-keys")
@pytest.mark.catches("config-complexity-for-show", "config-min-pin-unheard")
def test_pin_complexity_policy(probe: Probe, config: Config) -> None:
    """With pinComplexityPolicy on, getInfo says so, and PINs such as 111… are refused."""
    config.set_min_pin_length(complexity=True)
    assert probe.info[COMPLEX] is True
    config.auth.change_pin(config.pin, "1" * 10).refused(ERR.PIN_POLICY_VIOLATION)


def _told(ceremony: Ceremony, rp_id: str) -> Any:
    registration = ceremony.register(rp_id=rp_id, extensions={"minPinLength": True})
    return registration.auth_data.extensions
