"""Requests of authenticatorConfig: who may make settings, and how (CTAP 2.3 §6.11)."""

from __future__ import annotations

import pytest

from harness.conformance.config import (
    FORCE_CHANGE,
    LONG_TOUCH,
    LONG_TOUCH_SET,
    NEW_LENGTH,
    PARAM,
    PARAMS,
    PROTOCOL,
    SET_MIN_PIN_LENGTH,
    SUBCOMMAND,
    VENDOR,
    Config,
)
from harness.conformance.owner import CONFIG_PREFIX
from harness.conformance.pin import ACFG, MC
from harness.conformance.probe import ERR, Probe

pytestmark = [
    pytest.mark.needs("authnrCfg", "clientPin"),
    pytest.mark.destructive("changes its settings"),
    pytest.mark.touches(0),
]


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
    answer = config.send(SET_MIN_PIN_LENGTH, {NEW_LENGTH: 4}, message=CONFIG_PREFIX + b"\x03")
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("CONFIG-AUTH-06", "CTAP 2.3 §6.11")
@pytest.mark.catches("config-subcommand-unauthenticated")
def test_param_for_another_subcommand(config: Config) -> None:
    """A pinUvAuthParam for one subcommand is refused for another: PIN_AUTH_INVALID."""
    config.send(SET_MIN_PIN_LENGTH, message=CONFIG_PREFIX + b"\x02").refused(ERR.PIN_AUTH_INVALID)


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


@pytest.mark.spec("CONFIG-LONGTOUCH-01", "CTAP 2.3 §6.11.5")
@pytest.mark.needs("authnrCfg", "clientPin", "info-0x18")
@pytest.mark.catches("config-long-touch-unheard")
def test_long_touch_for_reset(probe: Probe, config: Config) -> None:
    """enableLongTouchForReset has getInfo say longTouchForReset."""
    config.send(LONG_TOUCH).succeeded()
    assert probe.info_now()[LONG_TOUCH_SET] is True
