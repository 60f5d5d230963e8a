"""Built-in user verification: a finger or the like, known to the key itself (CTAP 2.3 §6.5.5.7.3)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.bio import Bio
from harness.conformance.ceremony import (
    CLIENT_DATA_HASH,
    GA_OPTIONS,
    MC_OPTIONS,
    MC_PARAM,
    MC_PROTOCOL,
    RP_ID,
    Ceremony,
    assertion,
)
from harness.conformance.pin import (
    ACFG,
    BE,
    GA,
    GET_TOKEN_UV,
    GET_UV_RETRIES,
    KEY_AGREEMENT,
    MC,
    PERMISSIONS,
    PinAuth,
)
from harness.conformance.pin import RP_ID as RP_ID_PARAM
from harness.conformance.probe import ERR, Answer, Probe

pytestmark = [pytest.mark.needs("uv"), pytest.mark.touches(1)]

UV_RETRIES = 5
MOST_RETRIES = 25

SPENDS_RETRIES = pytest.mark.destructive("uses up uvRetries")
gives_tokens = pytest.mark.needs("uv", "pinUvAuthToken")


@pytest.fixture(autouse=True)
def set_up(probe: Probe, request: pytest.FixtureRequest) -> None:
    """A key that knows nobody yet is made to know a finger, which is destructive."""
    if probe.option("uv") or "not_set_up" in request.fixturenames:
        return
    if probe.option("bioEnroll") is None:
        pytest.skip("needs a key whose built-in user verification is set up")
    if probe.option("clientPin"):
        pytest.skip("needs a key with a finger enrolled, or without a PIN")
    auth: PinAuth = request.getfixturevalue("pin_auth")
    ceremony: Ceremony = request.getfixturevalue("ceremony")
    ceremony.pin = request.getfixturevalue("pin")
    Bio(auth, ceremony.pin).enrol()


@pytest.fixture
def not_set_up(probe: Probe) -> Probe:
    """A key that knows nobody yet."""
    if probe.option("uv"):
        pytest.skip("needs a key whose built-in user verification is not set up")
    return probe


def _ask_token(auth: PinAuth, permissions: int | None = MC, rp_id: str | None = RP_ID) -> Answer:
    members: dict[int, Any] = {KEY_AGREEMENT: auth.agree()[0]}
    if permissions is not None:
        members[PERMISSIONS] = permissions
    if rp_id is not None:
        members[RP_ID_PARAM] = rp_id
    return auth.command(GET_TOKEN_UV, members)


def _retries(auth: PinAuth) -> int:
    retries: int = auth.command(GET_UV_RETRIES).succeeded()[UV_RETRIES]
    return retries


def _make(ceremony: Ceremony, *, uv: bool) -> Answer:
    """makeCredential by the key's own means alone."""
    members = ceremony.creation()
    return ceremony.make(members | ({MC_OPTIONS: {"uv": True}} if uv else {}), bare=True)


# Tokens.


@pytest.mark.spec("UV-TOKEN-01", "CTAP 2.3 §6.5.5.7.3")
@gives_tokens
@pytest.mark.catches("uv-token-short", "uv-flag-not-set")
def test_token(ceremony: Ceremony, pin_auth: PinAuth) -> None:
    """A finger gets a token of 32 bytes, by which a credential is made that has the UV flag."""
    token = pin_auth.uv_token(MC, RP_ID)
    assert len(token) == 32
    param = {MC_PARAM: pin_auth.authenticate(token, CLIENT_DATA_HASH), MC_PROTOCOL: pin_auth.version}
    answer = ceremony.make(ceremony.creation() | param, bare=True)
    assert ceremony.registration(answer).auth_data.is_user_verified()


@pytest.mark.spec("UV-TOKEN-02", "CTAP 2.3 §6.1.2 step 11")
@gives_tokens
@pytest.mark.catches("uv-permissions-unlimited")
def test_token_permits_what_was_asked_for(ceremony: Ceremony, pin_auth: PinAuth) -> None:
    """A token that a finger got to sign in does not register: PIN_AUTH_INVALID."""
    token = pin_auth.uv_token(GA, RP_ID)
    param = {MC_PARAM: pin_auth.authenticate(token, CLIENT_DATA_HASH), MC_PROTOCOL: pin_auth.version}
    ceremony.make(ceremony.creation() | param, bare=True).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("UV-TOKEN-03", "CTAP 2.3 §6.5.5.7.3 step 3")
@gives_tokens
@pytest.mark.catches("uv-permissions-assumed")
def test_no_permission(pin_auth: PinAuth) -> None:
    """A token without a permission is refused with INVALID_PARAMETER."""
    _ask_token(pin_auth, 0).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("UV-TOKEN-04", "CTAP 2.3 §6.5.5.7.3 step 1")
@gives_tokens
@pytest.mark.catches("uv-permissions-assumed")
def test_permissions_are_not_named(pin_auth: PinAuth) -> None:
    """A token is not given without permissions, nor to register without rpId: MISSING_PARAMETER."""
    _ask_token(pin_auth, None).refused(ERR.MISSING_PARAMETER)
    _ask_token(pin_auth, MC, None).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("UV-TOKEN-05", "CTAP 2.3 §6.4, §6.5.5.7.3 step 4")
@gives_tokens
@pytest.mark.catches("uv-permits-everything")
@pytest.mark.parametrize(
    ("permission", "option", "needed"), [(BE, "uvBioEnroll", "bioEnroll"), (ACFG, "uvAcfg", "authnrCfg")]
)
def test_finger_is_not_the_pin(
    probe: Probe, pin_auth: PinAuth, permission: int, option: str, needed: str
) -> None:
    """Without uvBioEnroll or uvAcfg a finger neither enrols others nor configures: UNAUTHORIZED_PERMISSION.

    Whoever is let in by a finger could let in others for good.
    """
    if probe.option(option) or probe.option(needed) is None:
        pytest.skip(f"needs {needed} and no {option}")
    _ask_token(pin_auth, permission, None).refused(ERR.UNAUTHORIZED_PERMISSION)


@pytest.mark.spec("UV-TOKEN-06", "CTAP 2.3 §6.5.5.7.3 step 5")
@gives_tokens
@pytest.mark.touches(0)
@pytest.mark.catches("uv-unset-unnamed")
def test_token_of_a_key_that_knows_nobody(not_set_up: Probe, pin_auth: PinAuth) -> None:
    """A key whose built-in user verification is not set up gives no token for it: NOT_ALLOWED."""
    _ask_token(pin_auth).refused(ERR.NOT_ALLOWED)


# Fingers that it does not know.


@pytest.mark.spec("UV-RETRIES-01", "CTAP 2.3 §6.5.2.3")
@gives_tokens
@pytest.mark.touches(0)
@pytest.mark.catches("uv-retries-too-many")
def test_number_of_retries(pin_auth: PinAuth) -> None:
    """A finger may be tried from once to twenty-five times."""
    assert 1 <= _retries(pin_auth) <= MOST_RETRIES


@pytest.mark.spec("UV-RETRIES-02", "CTAP 2.3 §6.5.5.7.3 step 10")
@gives_tokens
@SPENDS_RETRIES
@pytest.mark.catches("uv-any-finger", "uv-refusal-as-pin", "uv-retries-not-counted")
def test_stranger(probe: Probe, pin_auth: PinAuth) -> None:
    """A finger that the key does not know gets no token, UV_INVALID, and costs a try."""
    before = _retries(pin_auth)
    probe.leave_to_strangers()
    answer = _ask_token(pin_auth)
    probe.leave_to_strangers(False)
    after = _retries(pin_auth)
    pin_auth.uv_token(MC, RP_ID)
    answer.refused(ERR.UV_INVALID)
    assert after < before


@pytest.mark.spec("UV-RETRIES-03", "CTAP 2.3 §6.5.3.1")
@gives_tokens
@SPENDS_RETRIES
@pytest.mark.touches(2)
@pytest.mark.catches("uv-retries-not-restored")
def test_owner_gives_the_tries_back(probe: Probe, pin_auth: PinAuth) -> None:
    """A finger that the key knows gives all tries back."""
    before = _retries(pin_auth)
    probe.leave_to_strangers()
    _ask_token(pin_auth).refused(ERR.UV_INVALID)
    probe.leave_to_strangers(False)
    pin_auth.uv_token(MC, RP_ID)
    assert _retries(pin_auth) == before


@pytest.mark.spec("UV-RETRIES-04", "CTAP 2.3 §6.5.5.7.3 step 7")
@pytest.mark.needs("uv", "pinUvAuthToken", "several-keys")
@SPENDS_RETRIES
@pytest.mark.touches(25)
@pytest.mark.catches("uv-retries-not-counted", "uv-blocked-unsaid")
def test_sensor_is_blocked_in_the_end(probe: Probe, pin_auth: PinAuth) -> None:
    """When all tries are used up the sensor is blocked, also for its owner: UV_BLOCKED."""
    _block(probe, pin_auth)
    _ask_token(pin_auth).refused(ERR.UV_BLOCKED)


@pytest.mark.spec("UV-RETRIES-05", "CTAP 2.3 §6.5.2.3")
@pytest.mark.needs("uv", "pinUvAuthToken", "several-keys", "power-cycle")
@SPENDS_RETRIES
@pytest.mark.touches(25)
@pytest.mark.catches("uv-block-lifted")
def test_block_survives_a_power_cycle(probe: Probe, pin_auth: PinAuth) -> None:
    """A power cycle gives no try back: else a program with a hand at the plug could guess on."""
    _block(probe, pin_auth)
    probe.power_cycle()
    _ask_token(pin_auth).refused(ERR.UV_BLOCKED)


@pytest.mark.spec("UV-RETRIES-06", "CTAP 2.3 §6.5.5.7.2")
@pytest.mark.needs("uv", "pinUvAuthToken", "clientPin", "several-keys")
@SPENDS_RETRIES
@pytest.mark.touches(25)
@pytest.mark.catches("uv-retries-not-restored")
def test_pin_lifts_the_block(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """The right PIN gives all tries of the sensor back."""
    before = _retries(pin_auth)
    _block(probe, pin_auth)
    pin_auth.token(pin, MC, RP_ID)
    assert _retries(pin_auth) == before


def _block(probe: Probe, auth: PinAuth) -> None:
    probe.leave_to_strangers()
    for _ in range(MOST_RETRIES):
        if _retries(auth) == 0:
            break
        _ask_token(auth).refused(ERR.UV_INVALID, ERR.UV_BLOCKED)
    probe.leave_to_strangers(False)


# The option uv.


@pytest.mark.spec("UV-OPTION-01", "CTAP 2.3 §6.1.2 step 11")
@pytest.mark.catches("uv-option-ignored-registering", "uv-flag-not-set")
def test_register_with_uv(ceremony: Ceremony) -> None:
    """A credential made with the option uv has the UV flag."""
    assert ceremony.registration(_make(ceremony, uv=True)).auth_data.is_user_verified()


@pytest.mark.spec("UV-OPTION-02", "CTAP 2.3 §6.2.2 step 6")
@pytest.mark.touches(2)
@pytest.mark.catches("uv-option-ignored-signing-in", "uv-flag-not-set")
def test_sign_in_with_uv(ceremony: Ceremony) -> None:
    """An assertion given with the option uv has the UV flag."""
    registration = ceremony.registration(_make(ceremony, uv=True))
    members = ceremony.request(allow=[registration]) | {GA_OPTIONS: {"uv": True}}
    assert assertion(ceremony.get(members, bare=True)).auth_data.is_user_verified()


@pytest.mark.spec("UV-OPTION-03", "CTAP 2.3 §6.1.2 step 11")
@SPENDS_RETRIES
@pytest.mark.needs("uv", "several-keys")
@pytest.mark.touches(5)
@pytest.mark.catches("uv-any-finger", "uv-not-needed")
def test_stranger_registers(probe: Probe, ceremony: Ceremony) -> None:
    """A finger that the key does not know makes no credential, not even one without the UV flag."""
    probe.leave_to_strangers()
    answer = _make(ceremony, uv=True)
    probe.leave_to_strangers(False)
    answer.refused(ERR.OPERATION_DENIED, ERR.PUAT_REQUIRED, ERR.PIN_BLOCKED)


@pytest.mark.spec("UV-OPTION-04", "CTAP 2.3 §6.1.2 step 5.3")
@pytest.mark.touches(0)
@pytest.mark.needs("uv", "FIDO_2_1")
@pytest.mark.catches("uv-option-ignored-registering")
def test_uv_of_a_key_that_knows_nobody(not_set_up: Probe, ceremony: Ceremony) -> None:
    """The option uv is refused with INVALID_OPTION by a key that knows nobody yet."""
    _make(ceremony, uv=True).refused(ERR.INVALID_OPTION)


@pytest.mark.spec("UV-OPTION-05", "CTAP 2.3 §6.1.2 step 8")
@pytest.mark.catches("uv-not-needed")
def test_register_without_uv(probe: Probe, ceremony: Ceremony) -> None:
    """A key that knows its user makes no credential by a touch alone, unless makeCredUvNotRqd says so."""
    if probe.option("makeCredUvNotRqd"):
        pytest.skip("needs a key without makeCredUvNotRqd")
    _make(ceremony, uv=False).refused(ERR.OPERATION_DENIED, ERR.PUAT_REQUIRED)


@pytest.mark.spec("UV-OPTION-06", "CTAP 2.3 §6.1.2 step 10")
@pytest.mark.needs("uv", "makeCredUvNotRqd")
@pytest.mark.catches("uv-needed-after-all", "mc-uv-claimed")
def test_register_where_uv_is_not_required(probe: Probe, ceremony: Ceremony) -> None:
    """With makeCredUvNotRqd a touch makes a credential that is not discoverable, without the UV flag."""
    registration = ceremony.registration(_make(ceremony, uv=False))
    assert not registration.auth_data.is_user_verified()
