"""authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.3 §6.2, §6.3)."""

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


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register()


@pytest.fixture
def three(probe: Probe, ceremony: Ceremony) -> list[Registration]:
    """Discoverable credentials of three users, the newest last."""
    if probe.info.get(0x14, 3) < 3:
        pytest.skip("needs room for three credentials")
    return [ceremony.register(rk=True, user_id=bytes([number])) for number in (1, 2, 3)]


@pytest.fixture
def signed_in(ceremony: Ceremony, registration: Registration) -> Assertion:
    return ceremony.sign_in(registration)


def _flags(found: Assertion) -> int:
    return bytes(found.auth_data)[32]


# The response.


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
    assert not _flags(signed_in) & RESERVED


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
    assert not _flags(assertion(answer)) & UV


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


# The parameters.


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


# Which credential.


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


# getNextAssertion.


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
    assert _flags(assertion(probe.cbor(CMD.GET_NEXT_ASSERTION))) == _flags(first)


# User presence.


@pytest.mark.spec("GA-PRESENCE-01", "CTAP 2.3 §6.2.2 step 9")
@pytest.mark.slow(30)
@pytest.mark.touches(1)
@pytest.mark.catches("ga-touch-not-needed")
def test_nobody_touches(probe: Probe, ceremony: Ceremony, registration: Registration) -> None:
    """Without a touch nothing is signed."""
    probe.leave_alone()
    answer = ceremony.get(allow=[registration])
    answer.refused(ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED, ERR.ACTION_TIMEOUT)
