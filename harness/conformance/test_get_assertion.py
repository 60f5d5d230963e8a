"""Requests and responses of authenticatorGetAssertion (CTAP 2.3 §6.2)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from fido2 import cbor

from harness.conformance.ceremony import RP_ID, Assertion, Ceremony, Registration, assertion
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("ctap2"), pytest.mark.touches(2)]

RESERVED, UV, AT, ED = 0x22, 0x04, 0x40, 0x80
OTHER_HASH = sha256(b"another sign-in").digest()


@pytest.mark.spec("GA-RESPONSE-01", "CTAP 2.3 §6.2.2")
@pytest.mark.catches("ga-rp-id-hash-wrong")
def test_rp_id_hash(signed_in: Assertion) -> None:
    """authData begins with the SHA-256 of the relying party's ID."""
    assert signed_in.auth_data.rp_id_hash == sha256(RP_ID.encode()).digest()


@pytest.mark.spec("GA-RESPONSE-02", "CTAP 2.3 §6.2.2 step 13")
@pytest.mark.catches("ga-signature-bad", "ga-hash-not-signed")
def test_signature(signed_in: Assertion, registration: Registration) -> None:
    """The credential's key signs authData and clientDataHash.

    An answer whose clientDataHash is not signed could be shown to the relying party again.
    """
    signed_in.verify(registration)


@pytest.mark.spec("GA-RESPONSE-03", "CTAP 2.3 §6.2.2")
@pytest.mark.catches("ga-credential-missing", "ga-signature-missing")
def test_members_of_the_response(ceremony: Ceremony, registration: Registration) -> None:
    """The response has the credential, authData and the signature."""
    members = ceremony.get(allow=[registration]).succeeded()
    assert {1, 2, 3} <= {*members}


@pytest.mark.spec("GA-RESPONSE-04", "CTAP 2.3 §6.2.2")
@pytest.mark.catches("ga-trailing-bytes")
def test_response_is_canonical(ceremony: Ceremony, registration: Registration) -> None:
    """The response is one map in canonical CBOR."""
    answer = ceremony.get(allow=[registration])
    assert cbor.encode(answer.succeeded()) == answer.data


@pytest.mark.spec("GA-RESPONSE-05", "CTAP 2.3 §6.2.2")
@pytest.mark.catches("ga-credential-missing")
def test_credential_of_the_response(ceremony: Ceremony, registration: Registration) -> None:
    """The response names the credential that was used."""
    assert ceremony.get(allow=[registration]).succeeded().get(1) == registration.descriptor


@pytest.mark.spec("GA-RESPONSE-06", "CTAP 2.3 §6.2.2 step 12")
@pytest.mark.catches("ga-number-always")
def test_no_number_with_a_list(ceremony: Ceremony, registration: Registration) -> None:
    """With an allow list the response does not say how many credentials were found."""
    assert 5 not in ceremony.get(allow=[registration]).succeeded()


@pytest.mark.spec("GA-AUTHDATA-01", "CTAP 2.3 §6.2.2 step 9")
@pytest.mark.catches("ga-up-not-set")
def test_up_flag(signed_in: Assertion) -> None:
    """The UP flag is set after a touch."""
    assert signed_in.auth_data.is_user_present()


@pytest.mark.spec("GA-AUTHDATA-02", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("ga-reserved-flags")
def test_reserved_flags(signed_in: Assertion) -> None:
    """Flags that are reserved are zero."""
    assert not signed_in.flags & RESERVED


@pytest.mark.spec("GA-AUTHDATA-03", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("ga-at-set", "ga-ed-claimed")
def test_no_flags_of_what_is_not_there(ceremony: Ceremony, registration: Registration) -> None:
    """Neither AT nor ED is set where no new key and no extension follows."""
    assert not ceremony.get(allow=[registration]).succeeded()[2][32] & (AT | ED)


@pytest.mark.spec("GA-AUTHDATA-04", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("ga-auth-data-longer")
def test_length_of_the_authenticator_data(ceremony: Ceremony, registration: Registration) -> None:
    """authData has 37 bytes where neither a new key nor extensions follow."""
    assert len(ceremony.get(allow=[registration]).succeeded()[2]) == 37


@pytest.mark.spec("GA-AUTHDATA-05", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("ga-uv-claimed")
def test_uv_flag_without_verification(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """The UV flag is not set where nobody was verified."""
    if probe.option("alwaysUv"):
        pytest.skip("needs a key that signs without verifying its user")
    answer = ceremony.get(allow=[registration], bare=True)
    assert not assertion(answer).flags & UV


@pytest.mark.spec("GA-COUNT-01", "WebAuthn Level 3 §6.1.1")
@pytest.mark.touches(3)
@pytest.mark.catches("ga-count-stuck", "ga-count-back")
def test_sign_count_grows(ceremony: Ceremony, registration: Registration) -> None:
    """The signature counter grows with each signature, or is always zero.

    By it a relying party sees that a key was copied.
    """
    counts = [ceremony.sign_in(registration).auth_data.counter for _ in range(2)]
    assert counts == [0, 0] or registration.auth_data.counter < counts[0] < counts[1]


@pytest.mark.spec("GA-SIGNATURE-01", "FIPS 186-5 §6.3")
@pytest.mark.touches(3)
@pytest.mark.catches("ga-nonce-repeated")
def test_nonces_differ(ceremony: Ceremony, registration: Registration) -> None:
    """Two ES256 signatures have two nonces.

    From two signatures with one nonce anyone can compute the private key; both verify all the same.
    """
    rs = [decode_dss_signature(ceremony.sign_in(registration).signature)[0] for _ in range(2)]
    if rs[0] == rs[1]:  # a nonce that follows from the message may come back with the message
        members = ceremony.request(allow=[registration]) | {2: OTHER_HASH}
        rs[1] = decode_dss_signature(assertion(ceremony.get(members, bare=True)).signature)[0]
    assert rs[0] != rs[1]


@pytest.mark.catches("ga-missing-taken-for-granted")
@pytest.mark.touches(0)
@pytest.mark.parametrize(
    "member",
    [
        pytest.param(1, marks=pytest.mark.spec("GA-MISSING-01", "CTAP 2.3 §6.2, rpId"), id="rpId"),
        pytest.param(
            2, marks=pytest.mark.spec("GA-MISSING-02", "CTAP 2.3 §6.2, clientDataHash"), id="clientDataHash"
        ),
    ],
)
def test_missing_parameter(ceremony: Ceremony, member: int) -> None:
    """A request without a parameter that is required is answered with MISSING_PARAMETER."""
    members = ceremony.request()
    del members[member]
    ceremony.probe.cbor(CMD.GET_ASSERTION, members).refused(ERR.MISSING_PARAMETER)


_WRONG_TYPES: list[tuple[str, dict[int, Any]]] = [
    ("rpId", {1: 7}),
    ("clientDataHash", {2: "text"}),
    ("allowList", {3: {"id": b""}}),
    ("allowList entry", {3: [b"id"]}),
    ("allowList id", {3: [{"id": "text", "type": "public-key"}]}),
    ("extensions", {4: "hmac-secret"}),
    ("options", {5: ["up"]}),
    ("option up", {5: {"up": 0}}),
    ("pinUvAuthParam", {6: 1, 7: 1}),
]


@pytest.mark.catches("ga-refusals-unnamed")
@pytest.mark.touches(0)
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            changed, id=name, marks=pytest.mark.spec(f"GA-TYPE-{number:02}", f"CTAP 2.3 §6.2, {name}")
        )
        for number, (name, changed) in enumerate(_WRONG_TYPES, start=1)
    ],
)
def test_parameter_of_another_type(ceremony: Ceremony, changed: dict[int, Any]) -> None:
    """A parameter of another type than the specification gives it is answered with CBOR_UNEXPECTED_TYPE."""
    members = ceremony.request() | changed
    ceremony.probe.cbor(CMD.GET_ASSERTION, members).refused(ERR.CBOR_UNEXPECTED_TYPE)


@pytest.mark.spec("GA-OPTION-01", "CTAP 2.3 §6.2.2 step 4")
@pytest.mark.needs("FIDO_2_1")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-refusals-unnamed")
def test_rk_is_no_option_here(ceremony: Ceremony, registration: Registration) -> None:
    """The option ``rk`` is answered with UNSUPPORTED_OPTION."""
    members = ceremony.request(allow=[registration]) | {5: {"rk": True}}
    ceremony.get(members).refused(ERR.UNSUPPORTED_OPTION)


@pytest.mark.spec("GA-OPTION-02", "CTAP 2.3 §6.2.2 step 4")
@pytest.mark.catches("ga-unknown-option-refused")
def test_unknown_option(ceremony: Ceremony, registration: Registration) -> None:
    """An option that the key does not know is passed over."""
    assertion(ceremony.get(ceremony.request(allow=[registration]) | {5: {"fly": True}})).verify(registration)


@pytest.mark.spec("GA-OPTION-03", "CTAP 2.3 §6.2.2 step 4")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-refusals-unnamed")
def test_uv_from_a_key_that_cannot(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """The option ``uv`` is refused by a key without built-in verification, or none set up."""
    if probe.option("uv"):
        pytest.skip("needs a key without built-in verification")
    members = ceremony.request(allow=[registration]) | {5: {"uv": True}}
    ceremony.get(members, bare=True).refused(ERR.INVALID_OPTION, ERR.UNSUPPORTED_OPTION)


@pytest.mark.spec("GA-OPTION-04", "CTAP 2.3 §6.2.2 step 9")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-up-false-ignored")
def test_without_user_presence(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """With ``up`` false the key signs at once, and without the UP flag.

    So a platform finds out whether a key holds a credential, and bothers nobody.
    """
    if probe.option("uv") or probe.option("alwaysUv") or probe.option("clientPin"):
        pytest.skip("needs a key that is not set up to verify its user")
    probe.leave_alone()
    found = assertion(ceremony.get(allow=[registration], up=False))
    found.verify(registration)
    assert not found.auth_data.is_user_present()


@pytest.mark.spec("GA-PROTOCOL-01", "CTAP 2.3 §6.2.2 step 2")
@pytest.mark.needs("clientPin")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-refusals-unnamed")
def test_pin_uv_auth_param_without_its_protocol(ceremony: Ceremony, registration: Registration) -> None:
    """A pinUvAuthParam without pinUvAuthProtocol is answered with MISSING_PARAMETER."""
    members = ceremony.request(allow=[registration]) | {6: bytes(32)}
    ceremony.get(members, bare=True).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("GA-PROTOCOL-02", "CTAP 2.3 §6.2.2 step 2")
@pytest.mark.needs("FIDO_2_1", "clientPin")
@pytest.mark.touches(1)
@pytest.mark.catches("ga-refusals-unnamed")
def test_unknown_pin_protocol(ceremony: Ceremony, registration: Registration) -> None:
    """A pinUvAuthProtocol that the key does not speak is answered with INVALID_PARAMETER."""
    members = ceremony.request(allow=[registration]) | {6: bytes(32), 7: 99}
    ceremony.get(members, bare=True).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("GA-PROTOCOL-03", "CTAP 2.3 §6.2.2 step 1")
@pytest.mark.needs("clientPin")
@pytest.mark.catches("ga-refusals-unnamed")
def test_empty_pin_uv_auth_param(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """An empty pinUvAuthParam asks for a touch, and is told whether there is a PIN."""
    members = ceremony.request(allow=[registration]) | {6: b"", 7: 1}
    expected = ERR.PIN_INVALID if probe.option("clientPin") else ERR.PIN_NOT_SET
    ceremony.get(members, bare=True).refused(expected)


@pytest.mark.spec("GA-EXTENSIONS-01", "CTAP 2.3 §12")
@pytest.mark.catches("ga-unknown-extension-refused")
def test_unknown_extension(ceremony: Ceremony, registration: Registration) -> None:
    """An extension that the key does not know is passed over."""
    ceremony.sign_in(registration, extensions={"keyrig-unknown": True}).verify(registration)


@pytest.mark.spec("GA-PRESENCE-01", "CTAP 2.3 §6.2.2 step 9")
@pytest.mark.slow(30)
@pytest.mark.touches(1)
@pytest.mark.catches("ga-touch-not-needed")
def test_nobody_touches(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """Without a touch nothing is signed."""
    probe.leave_alone()
    answer = ceremony.get(allow=[registration])
    answer.refused(ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED, ERR.ACTION_TIMEOUT)
