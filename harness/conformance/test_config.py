"""authenticatorConfig and the settings that it makes (CTAP 2.3 §6.11, §7.1, §7.2)."""

from __future__ import annotations

from typing import Any

import pytest
from fido2 import cbor

from harness.conformance.ceremony import Ceremony, Registration, assertion
from harness.conformance.pin import ACFG, MC, PinAuth
from harness.conformance.probe import CMD, ERR, Answer, Probe

pytestmark = [
    pytest.mark.needs("authnrCfg", "clientPin"),
    pytest.mark.destructive("changes its settings"),
    pytest.mark.touches(0),
]

SUBCOMMAND, PARAMS, PROTOCOL, PARAM = 1, 2, 3, 4
ENABLE_EP, TOGGLE_ALWAYS_UV, SET_MIN_PIN_LENGTH, LONG_TOUCH, VENDOR = 1, 2, 3, 4, 0xFF
NEW_LENGTH, RP_IDS, FORCE_CHANGE, COMPLEXITY = 1, 2, 3, 4
PREFIX = b"\xff" * 32 + b"\x0d"

FORCED, MIN_LENGTH, MAX_RP_IDS, LONG_TOUCH_SET, COMPLEX, MAX_LENGTH = 0x0C, 0x0D, 0x10, 0x18, 0x1B, 0x1D
EP_ATT = 4

LISTED, UNLISTED = "listed.example", "unlisted.example"
NEW_PIN = "conform 20"

not_to_be_undone = pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "several-keys")


class Config:
    """authenticatorConfig with a token for it."""

    def __init__(self, probe: Probe, auth: PinAuth, pin: str) -> None:
        self.probe, self.auth, self.pin = probe, auth, pin

    def send(self, subcommand: int, params: dict[int, Any] | None = None, **changed: Any) -> Answer:
        """The setting; ``message`` is what the pinUvAuthParam is made over, ``token`` what with."""
        encoded = b"" if params is None else cbor.encode(params)
        message = changed.get("message", PREFIX + bytes((subcommand,)) + encoded)
        token = changed.get("token") or self.auth.token(self.pin, ACFG)
        members: dict[int, Any] = {
            SUBCOMMAND: subcommand,
            PROTOCOL: changed.get("protocol", self.auth.version),
        }
        if params is not None:
            members[PARAMS] = params
        members[PARAM] = self.auth.authenticate(token, message)
        return self.bare({number: value for number, value in members.items() if value is not None})

    def set_min_pin_length(self, **params: Any) -> None:
        """The keywords are ``length``, ``rp_ids``, ``force``, ``complexity``."""
        names = {"length": NEW_LENGTH, "rp_ids": RP_IDS, "force": FORCE_CHANGE, "complexity": COMPLEXITY}
        self.send(SET_MIN_PIN_LENGTH, {names[name]: params[name] for name in params}).succeeded()
        self.probe.info_now()

    def bare(self, members: dict[int, Any]) -> Answer:
        """These members and no others."""
        return self.probe.cbor(CMD.CONFIG, members)


@pytest.fixture
def config(probe: Probe, ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> Config:
    ceremony.pin = pin
    return Config(probe, pin_auth, pin)


@pytest.fixture
def always_uv(probe: Probe, config: Config) -> Probe:
    """The key with alwaysUv on."""
    if not probe.option("alwaysUv"):
        config.send(TOGGLE_ALWAYS_UV).succeeded()
        probe.info_now()
    return probe


# Who may.


@pytest.mark.spec("CONFIG-AUTH-01", "CTAP 2.3 §6.11")
@pytest.mark.catches("pin-not-needed")
def test_setting_without_the_pin(config: Config) -> None:
    """A key with a PIN makes no setting without a pinUvAuthParam: PUAT_REQUIRED.

    Any page or program could change the key of whoever plugs it in.
    """
    config.bare({SUBCOMMAND: SET_MIN_PIN_LENGTH, PARAMS: {FORCE_CHANGE: True}}).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("CONFIG-AUTH-02", "CTAP 2.3 §6.11")
@pytest.mark.catches("pin-auth-unchecked", "config-refusals-unnamed")
def test_param_by_another_token(config: Config) -> None:
    """A setting whose pinUvAuthParam another token made is refused with PIN_AUTH_INVALID."""
    config.auth.token(config.pin, ACFG)
    config.send(SET_MIN_PIN_LENGTH, {}, token=bytes(32)).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-03", "CTAP 2.3 §6.11")
@pytest.mark.catches("pin-permissions-ignored")
def test_token_for_something_else(config: Config) -> None:
    """A token without the permission acfg makes no setting: PIN_AUTH_INVALID.

    Who was let in to register a credential has not been let in to change the key.
    """
    if config.probe.option("noMcGaPermissionsWithClientPin"):
        pytest.skip("needs a PIN that permits makeCredential")
    token = config.auth.token(config.pin, MC, "conform.example")
    config.send(SET_MIN_PIN_LENGTH, {}, token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-04", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-prefix-forgotten")
def test_param_over_no_prefix(config: Config) -> None:
    """A pinUvAuthParam is over 32 bytes FF and the command's code first; without them, PIN_AUTH_INVALID.

    They keep what was signed for one command from being used for this one.
    """
    config.send(SET_MIN_PIN_LENGTH, {}, message=b"\x03\xa0").refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-05", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-params-unauthenticated")
def test_param_over_no_parameters(config: Config) -> None:
    """A pinUvAuthParam that does not cover the subcommand's parameters is refused: PIN_AUTH_INVALID."""
    answer = config.send(SET_MIN_PIN_LENGTH, {NEW_LENGTH: 4}, message=PREFIX + b"\x03")
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-06", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-subcommand-unauthenticated")
def test_param_for_another_subcommand(config: Config) -> None:
    """A pinUvAuthParam for one subcommand is refused for another: PIN_AUTH_INVALID."""
    config.send(SET_MIN_PIN_LENGTH, message=PREFIX + b"\x02").refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-07", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-protocol-assumed")
def test_param_without_a_protocol(config: Config) -> None:
    """A pinUvAuthParam without its protocol is answered with MISSING_PARAMETER."""
    config.send(SET_MIN_PIN_LENGTH, {}, protocol=None).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("CONFIG-AUTH-08", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-protocol-assumed")
def test_param_by_an_unknown_protocol(config: Config) -> None:
    """A protocol that the key does not speak is answered with INVALID_PARAMETER."""
    config.send(SET_MIN_PIN_LENGTH, {}, protocol=99).refused(ERR.INVALID_PARAMETER)


# What is no request.


@pytest.mark.spec("CONFIG-REQUEST-01", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-subcommand-assumed")
def test_no_subcommand(config: Config) -> None:
    """A request without a subcommand is answered with MISSING_PARAMETER."""
    config.bare({}).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("CONFIG-REQUEST-02", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-unknown-taken")
def test_unknown_subcommand(config: Config) -> None:
    """A subcommand that nobody has defined is refused as such.

    By INVALID_PARAMETER, as its own steps say, or by INVALID_SUBCOMMAND, as of all commands (§8.1).
    """
    config.send(0x42).refused(ERR.INVALID_PARAMETER, ERR.INVALID_SUBCOMMAND)


@pytest.mark.spec("CONFIG-REQUEST-03", "CTAP 2.3 §6.11.3")
@pytest.mark.catches("config-vendor-open")
def test_maker_s_own_settings(config: Config) -> None:
    """vendorPrototype is refused, as one that is unknown, by a key that names no such command in getInfo.

    What its maker left open is open to everybody.
    """
    if 0x15 in config.probe.info:
        pytest.skip("needs a key that names no vendorPrototypeConfigCommands")
    config.send(VENDOR, {1: 1}).refused(ERR.INVALID_PARAMETER, ERR.INVALID_SUBCOMMAND)


@pytest.mark.spec("CONFIG-REQUEST-04", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-refusals-unnamed")
@pytest.mark.parametrize("member", [SUBCOMMAND, PARAMS, PROTOCOL, PARAM])
def test_parameter_of_another_type(config: Config, member: int) -> None:
    """A parameter of another type than the specification gives it is answered with CBOR_UNEXPECTED_TYPE."""
    config.bare({SUBCOMMAND: SET_MIN_PIN_LENGTH, member: "text"}).refused(ERR.CBOR_UNEXPECTED_TYPE)


# toggleAlwaysUv.


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


# setMinPINLength.


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


# forceChangePin.


@pytest.mark.spec("CONFIG-FORCE-01", "CTAP 2.3 §6.5.5.7.2 step 11")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("config-force-for-show")
def test_pin_that_must_be_changed(probe: Probe, config: Config) -> None:
    """A PIN that must be changed gets no token: PIN_POLICY_VIOLATION, from getPinToken PIN_INVALID."""
    config.set_min_pin_length(force=True)
    assert probe.info[FORCED] is True
    by_permission, _ = config.auth.ask_token(config.pin, ACFG)
    superseded, _ = config.auth.ask_token(config.pin)
    _change_there_and_back(config)
    by_permission.refused(ERR.PIN_POLICY_VIOLATION)
    superseded.refused(ERR.PIN_INVALID)


@pytest.mark.spec("CONFIG-FORCE-02", "CTAP 2.3 §6.5.5.6")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength")
@pytest.mark.catches("config-force-for-ever")
def test_pin_that_was_changed(probe: Probe, config: Config) -> None:
    """Changing the PIN is the end of forcePINChange, and the new one gets tokens."""
    config.set_min_pin_length(force=True)
    _change_there_and_back(config)
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
        _change_there_and_back(config)
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
    _change_there_and_back(config)
    answer.refused(ERR.PIN_AUTH_INVALID)


# Relying parties that are told.


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


# Others.


@pytest.mark.spec("CONFIG-COMPLEXITY-01", "CTAP 2.3 §6.11.4, §7.5")
@pytest.mark.needs("authnrCfg", "clientPin", "setMinPINLength", "info-0x1B", "several-keys")
@pytest.mark.catches("config-complexity-for-show", "config-min-pin-unheard")
def test_pin_complexity_policy(probe: Probe, config: Config) -> None:
    """With pinComplexityPolicy on, getInfo says so, and PINs such as 111… are refused."""
    config.set_min_pin_length(complexity=True)
    assert probe.info[COMPLEX] is True
    config.auth.change_pin(config.pin, "1" * 10).refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("CONFIG-LONGTOUCH-01", "CTAP 2.3 §6.11.5")
@pytest.mark.needs("authnrCfg", "clientPin", "info-0x18")
@pytest.mark.catches("config-long-touch-unheard")
def test_long_touch_for_reset(probe: Probe, config: Config) -> None:
    """enableLongTouchForReset has getInfo say longTouchForReset."""
    config.send(LONG_TOUCH).succeeded()
    assert probe.info_now()[LONG_TOUCH_SET] is True


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


def _change_there_and_back(config: Config) -> None:
    """Another PIN, and then the one there was."""
    config.auth.change_pin(config.pin, NEW_PIN).succeeded()
    config.auth.change_pin(NEW_PIN, config.pin).succeeded()


def _told(ceremony: Ceremony, rp_id: str) -> Any:
    registration = ceremony.register(rp_id=rp_id, extensions={"minPinLength": True})
    return registration.auth_data.extensions
