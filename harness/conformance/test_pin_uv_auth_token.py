"""What a pinUvAuthToken allows, to whom, and for how long (CTAP 2.3 §6.5.2.1, §6.5.5.7)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.ceremony import CLIENT_DATA_HASH, RP_ID, Ceremony, Registration, assertion
from harness.conformance.pin import (
    CM,
    GA,
    GET_TOKEN_PIN,
    MC,
    PERMISSIONS,
    PinAuth,
)
from harness.conformance.probe import CMD, ERR, Answer, Probe

pytestmark = [
    pytest.mark.needs("clientPin", "pinUvAuthToken"),
    pytest.mark.destructive("sets a PIN where there is none"),
]

UV = 0x04
INITIAL_USAGE_TIME_LIMIT = 30
"""Seconds from a token's making to its first use, over USB (§6.5.2.1)."""


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    """Made before there is a PIN, where there is none."""
    return ceremony.register()


def _make(ceremony: Ceremony, auth: PinAuth, token: bytes, **changed: Any) -> Answer:
    members = ceremony.creation(**changed)
    members |= {8: auth.authenticate(token, CLIENT_DATA_HASH), 9: auth.version}
    return ceremony.make(members, bare=True)


def _get(ceremony: Ceremony, auth: PinAuth, token: bytes, *allow: Registration, **changed: Any) -> Answer:
    members = ceremony.request(allow=allow, **changed)
    members |= {6: auth.authenticate(token, CLIENT_DATA_HASH), 7: auth.version}
    return ceremony.get(members, bare=True)


# The token.


@pytest.mark.spec("TOKEN-01", "CTAP 2.3 §6.5.2.1")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-token-short")
def test_length(pin_auth: PinAuth, pin: str) -> None:
    """A pinUvAuthToken has 32 bytes."""
    assert len(pin_auth.token(pin, MC, RP_ID)) == 32


@pytest.mark.spec("TOKEN-02", "CTAP 2.3 §6.5.5.7.2 step 13")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-tokens-kept")
def test_each_is_new(pin_auth: PinAuth, pin: str) -> None:
    """Each time another token is given."""
    assert pin_auth.token(pin, MC, RP_ID) != pin_auth.token(pin, MC, RP_ID)


@pytest.mark.spec("TOKEN-03", "CTAP 2.3 §6.5.5.7.2 step 13")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-old-tokens-good")
def test_new_token_ends_the_old(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A new token is the end of the one before."""
    old = pin_auth.token(pin, MC, RP_ID)
    pin_auth.token(pin, MC, RP_ID)
    _make(ceremony, pin_auth, old).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-04", "CTAP 2.3 §6.5.5.7.2")
@pytest.mark.catches("pin-agreement-refused", "pin-old-one-good")
def test_every_protocol_gives_tokens(probe: Probe, ceremony: Ceremony, pin: str) -> None:
    """Each PIN/UV auth protocol that getInfo names gives tokens that are good."""
    for version in probe.info[6]:
        auth = PinAuth(probe, version)
        _make(ceremony, auth, auth.token(pin, MC, RP_ID)).succeeded()


@pytest.mark.spec("TOKEN-05", "CTAP 2.3 §6.1.2 step 11")
@pytest.mark.catches("pin-auth-unchecked", "pin-tokens-refused-unnamed")
def test_param_by_another_token(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A pinUvAuthParam by another token than the one that was given is refused with PIN_AUTH_INVALID."""
    pin_auth.token(pin, MC, RP_ID)
    _make(ceremony, pin_auth, bytes(32)).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-06", "CTAP 2.3 §6.1.2 step 11")
@pytest.mark.catches("pin-uv-not-set")
def test_uv_flag_of_a_registration(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A credential made with the PIN has the UV flag."""
    answer = _make(ceremony, pin_auth, pin_auth.token(pin, MC, RP_ID))
    assert ceremony.registration(answer).auth_data.is_user_verified()


@pytest.mark.spec("TOKEN-07", "CTAP 2.3 §6.2.2 step 6")
@pytest.mark.touches(2)
@pytest.mark.catches("pin-uv-not-set")
def test_uv_flag_of_an_assertion(
    ceremony: Ceremony, registration: Registration, pin_auth: PinAuth, pin: str
) -> None:
    """An assertion given with the PIN has the UV flag."""
    answer = _get(ceremony, pin_auth, pin_auth.token(pin, GA, RP_ID), registration)
    assert assertion(answer).auth_data.is_user_verified()


# Permissions.


@pytest.mark.spec("TOKEN-PERMISSION-01", "CTAP 2.3 §6.1.2 step 11")
@pytest.mark.catches("pin-permissions-ignored")
def test_permission_to_sign_in_is_none_to_register(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A token that may sign in may not register."""
    _make(ceremony, pin_auth, pin_auth.token(pin, GA, RP_ID)).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-PERMISSION-02", "CTAP 2.3 §6.2.2 step 6")
@pytest.mark.touches(1)
@pytest.mark.catches("pin-permissions-ignored")
def test_permission_to_register_is_none_to_sign_in(
    ceremony: Ceremony, registration: Registration, pin_auth: PinAuth, pin: str
) -> None:
    """A token that may register may not sign in."""
    answer = _get(ceremony, pin_auth, pin_auth.token(pin, MC, RP_ID), registration)
    answer.refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-PERMISSION-03", "CTAP 2.3 §6.8.2")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "credMgmt")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-permissions-ignored")
def test_permission_to_register_is_none_to_manage(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """A token that may register may not manage credentials."""
    token = pin_auth.token(pin, MC, RP_ID)
    members = {1: 1, 3: pin_auth.version, 4: pin_auth.authenticate(token, b"\x01")}
    probe.cbor(CMD.CREDENTIAL_MGMT, members).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-PERMISSION-04", "CTAP 2.3 §6.5.5.7.2 step 3")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-permissions-zero")
def test_no_permission(pin_auth: PinAuth, pin: str) -> None:
    """A token without a permission is refused with INVALID_PARAMETER."""
    pin_auth.ask_token(pin, 0, RP_ID)[0].refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("TOKEN-PERMISSION-05", "CTAP 2.3 §6.5.5.7.2 step 1")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-missing-taken-for-granted")
def test_permissions_are_not_named(pin_auth: PinAuth, pin: str) -> None:
    """getPinUvAuthTokenUsingPinWithPermissions without permissions is answered with MISSING_PARAMETER."""
    ours, secret = pin_auth.agree()
    members = {3: ours, 6: pin_auth.protocol.encrypt(secret, bytes(16)), 10: RP_ID}
    assert PERMISSIONS not in members
    pin_auth.command(GET_TOKEN_PIN, members).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("TOKEN-PERMISSION-06", "CTAP 2.3 §6.5.5.7")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-missing-taken-for-granted")
def test_permission_for_no_relying_party(pin_auth: PinAuth, pin: str) -> None:
    """A token to register or sign in is given for one relying party: without rpId, MISSING_PARAMETER."""
    pin_auth.ask_token(pin, MC)[0].refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("TOKEN-PERMISSION-07", "CTAP 2.3 §6.5.5.7.2 step 4")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-refusals-unnamed")
def test_permission_for_what_the_key_cannot(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """A permission for what the key does not have is refused with UNAUTHORIZED_PERMISSION."""
    options = probe.info[4]
    lacking = [
        bit
        for bit, name in ((0x08, "bioEnroll"), (0x20, "authnrCfg"), (0x10, "largeBlobs"))
        if name not in options
    ]
    if not lacking:
        pytest.skip("needs a key that lacks something that there is a permission for")
    pin_auth.ask_token(pin, lacking[0])[0].refused(ERR.UNAUTHORIZED_PERMISSION)


@pytest.mark.spec("TOKEN-PERMISSION-08", "CTAP 2.3 §6.5.5.7.2")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-permissions-unknown")
def test_permission_of_the_future(pin_auth: PinAuth, pin: str) -> None:
    """Permissions that nobody has defined yet are passed over."""
    pin_auth.ask_token(pin, MC | 0x80, RP_ID)[0].succeeded()


# The relying party.


@pytest.mark.spec("TOKEN-RP-01", "CTAP 2.3 §6.1.2 step 11")
@pytest.mark.catches("pin-rp-id-ignored")
def test_registration_with_another_relying_party(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A token for one relying party registers with no other."""
    token = pin_auth.token(pin, MC, RP_ID)
    _make(ceremony, pin_auth, token, rp_id="other.example").refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-RP-02", "CTAP 2.3 §6.2.2 step 6")
@pytest.mark.touches(1)
@pytest.mark.catches("pin-rp-id-ignored")
def test_sign_in_with_another_relying_party(
    ceremony: Ceremony, registration: Registration, pin_auth: PinAuth, pin: str
) -> None:
    """A token for one relying party signs in to no other."""
    token = pin_auth.token(pin, GA, "other.example")
    _get(ceremony, pin_auth, token, registration).refused(ERR.PIN_AUTH_INVALID)


# How long.


@pytest.mark.spec("TOKEN-TIME-01", "CTAP 2.3 §6.5.2.1")
@pytest.mark.slow(31)
@pytest.mark.touches(0)
@pytest.mark.catches("pin-token-for-ever")
def test_token_that_is_not_used(probe: Probe, ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A token that is not used for thirty seconds is good no more."""
    token = pin_auth.token(pin, MC, RP_ID)
    probe.wait(INITIAL_USAGE_TIME_LIMIT + 1)
    _make(ceremony, pin_auth, token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-TIME-02", "CTAP 2.3 §6.1.2 step 14")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "FIDO_2_1")
@pytest.mark.catches("pin-permissions-ignored")
def test_token_that_was_used(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A token that made a credential makes no second: its permissions went with the touch."""
    token = pin_auth.token(pin, MC, RP_ID)
    _make(ceremony, pin_auth, token).succeeded()
    _make(ceremony, pin_auth, token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-TIME-03", "CTAP 2.3 §6.5.2.1")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "power-cycle")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-agreement-survives")
def test_token_after_a_power_cycle(probe: Probe, ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """A power cycle ends every token."""
    token = pin_auth.token(pin, MC, RP_ID)
    probe.power_cycle()
    _make(ceremony, pin_auth, token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("TOKEN-TIME-04", "CTAP 2.3 §6.5.5.6 step 19")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-old-tokens-good")
def test_token_after_another_pin(ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> None:
    """Changing the PIN ends every token."""
    token = pin_auth.token(pin, MC, RP_ID)
    pin_auth.change_pin(pin, "conform 9").succeeded()
    answer = _make(ceremony, pin_auth, token)
    pin_auth.change_pin("conform 9", pin).succeeded()
    answer.refused(ERR.PIN_AUTH_INVALID)


# What needs one.


@pytest.mark.spec("TOKEN-NEEDED-01", "CTAP 2.3 §6.1.2 step 7")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "rk")
@pytest.mark.catches("pin-not-needed")
def test_discoverable_credential_without_the_pin(ceremony: Ceremony, pin: str) -> None:
    """A key with a PIN makes no discoverable credential without it: PUAT_REQUIRED."""
    ceremony.make(rk=True, bare=True).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("TOKEN-NEEDED-02", "CTAP 2.3 §6.8.2")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "credMgmt")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-not-needed")
def test_credential_management_without_the_pin(probe: Probe, pin: str) -> None:
    """Credential management without a pinUvAuthParam is refused with PUAT_REQUIRED."""
    probe.cbor(CMD.CREDENTIAL_MGMT, {1: 1}).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("TOKEN-NEEDED-03", "CTAP 2.3 §6.8.2")
@pytest.mark.needs("clientPin", "pinUvAuthToken", "credMgmt")
@pytest.mark.touches(0)
@pytest.mark.catches("pin-auth-unchecked")
def test_credential_management_for_another_subcommand(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """A pinUvAuthParam for one subcommand is refused for another with PIN_AUTH_INVALID."""
    token = pin_auth.token(pin, CM)
    members = {1: 2, 3: pin_auth.version, 4: pin_auth.authenticate(token, b"\x01")}
    probe.cbor(CMD.CREDENTIAL_MGMT, members).refused(ERR.PIN_AUTH_INVALID)
