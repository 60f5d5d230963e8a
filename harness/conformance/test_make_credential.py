"""authenticatorMakeCredential (CTAP 2.3 §6.1)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from fido2 import cbor
from fido2.cose import CoseKey

from harness.conformance.ceremony import ES256, RP_ID, Ceremony, Registration
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = pytest.mark.needs("ctap2")

UP, RESERVED, UV, AT, ED = 0x01, 0x22, 0x04, 0x40, 0x80


# The response.


@pytest.mark.spec("MC-RESPONSE-01", "CTAP 2.3 §6.1.2")
@pytest.mark.catches("mc-rp-id-hash-wrong")
def test_rp_id_hash(ceremony: Ceremony) -> None:
    """authData begins with the SHA-256 of the relying party's ID.

    By it a relying party sees that the key was asked on its own behalf.
    """
    assert ceremony.register().auth_data.rp_id_hash == sha256(RP_ID.encode()).digest()


@pytest.mark.spec("MC-RESPONSE-02", "CTAP 2.3 §6.1.2 step 14")
@pytest.mark.catches("mc-up-not-set")
def test_up_flag(ceremony: Ceremony) -> None:
    """A credential is made with the UP flag set: somebody has touched the key."""
    assert ceremony.register().auth_data.is_user_present()


@pytest.mark.spec("MC-RESPONSE-03", "CTAP 2.3 §6.1.2")
@pytest.mark.catches("mc-auth-data-missing", "mc-fmt-missing", "mc-statement-text")
def test_members_of_the_response(ceremony: Ceremony) -> None:
    """The response has fmt, a text; authData, bytes; and attStmt, a map."""
    members = ceremony.make().succeeded()
    kinds = {number: type(members.get(number)) for number in (1, 2, 3)}
    assert kinds == {1: str, 2: bytes, 3: dict}


@pytest.mark.spec("MC-RESPONSE-04", "CTAP 2.3 §6.1.2")
@pytest.mark.catches("mc-trailing-bytes")
def test_response_is_canonical(ceremony: Ceremony) -> None:
    """The response is one map in canonical CBOR, with members 1 to 6 alone."""
    answer = ceremony.make()
    members = answer.succeeded()
    assert cbor.encode(members) == answer.data
    assert {*members} <= {1, 2, 3, 4, 5, 6}


@pytest.mark.spec("MC-AUTHDATA-01", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("mc-at-not-set")
def test_at_flag(ceremony: Ceremony) -> None:
    """authData of a new credential has the AT flag, which says that its key follows."""
    assert _auth_data(ceremony)[32] & AT


@pytest.mark.spec("MC-AUTHDATA-02", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("mc-ed-claimed")
def test_ed_flag_without_extensions(ceremony: Ceremony) -> None:
    """authData has no ED flag where no extension was asked for."""
    assert not _auth_data(ceremony)[32] & ED


@pytest.mark.spec("MC-AUTHDATA-03", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("mc-reserved-flags")
def test_reserved_flags(ceremony: Ceremony) -> None:
    """Flags that are reserved are zero."""
    assert not _auth_data(ceremony)[32] & RESERVED


@pytest.mark.spec("MC-AUTHDATA-04", "WebAuthn Level 3 §6.1")
@pytest.mark.catches("mc-uv-claimed")
def test_uv_flag_without_verification(probe: Probe, ceremony: Ceremony) -> None:
    """authData has no UV flag where nobody was verified."""
    if probe.option("clientPin") or probe.option("uv"):
        pytest.skip("needs a key that is not set up to verify its user")
    assert not _auth_data(ceremony)[32] & UV


@pytest.mark.spec("MC-AUTHDATA-05", "WebAuthn Level 3 §6.5.1")
@pytest.mark.catches("mc-auth-data-longer")
def test_authenticator_data_ends_with_the_key(ceremony: Ceremony) -> None:
    """Nothing follows the public key in authData without extensions."""
    data = _auth_data(ceremony)
    end = 55 + int.from_bytes(data[53:55], "big")
    _, rest = cbor.decode_from(data[end:])
    assert rest == b""


@pytest.mark.spec("MC-CREDENTIAL-01", "WebAuthn Level 3 §4, credential ID")
@pytest.mark.catches("mc-id-short")
def test_credential_id_is_not_to_be_guessed(ceremony: Ceremony) -> None:
    """A credential ID has at least 16 bytes."""
    data = _auth_data(ceremony)
    assert int.from_bytes(data[53:55], "big") >= 16


@pytest.mark.spec("MC-CREDENTIAL-02", "CTAP 2.3 §6.1.2 step 16")
@pytest.mark.touches(2)
@pytest.mark.catches("mc-repeats-itself")
def test_every_credential_is_new(ceremony: Ceremony) -> None:
    """Two credentials have two IDs and two keys.

    Otherwise a user with two accounts could be recognised as one.
    """
    first, second = ceremony.register(), ceremony.register(user_id=b"another")
    assert first.credential_id != second.credential_id
    assert first.public_key != second.public_key


@pytest.mark.spec("MC-CREDENTIAL-03", "CTAP 2.3 §6.1.2 step 16")
@pytest.mark.catches("mc-algorithm-other")
def test_key_is_of_the_algorithm_asked_for(ceremony: Ceremony) -> None:
    """The key in authData names the algorithm that was asked for."""
    assert _public_key(ceremony)[3] == ES256["alg"]


@pytest.mark.spec("MC-CREDENTIAL-04", "RFC 9053 §7.1")
@pytest.mark.catches("mc-point-off-curve")
def test_key_is_a_point_of_the_curve(ceremony: Ceremony) -> None:
    """An ES256 key has two coordinates of 32 bytes, of a point on P-256."""
    key = _public_key(ceremony)
    assert {1: key.get(1), -1: key.get(-1)} == {1: 2, -1: 1}
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    x, y = (int.from_bytes(key[member], "big") for member in (-2, -3))
    assert (len(key[-2]), len(key[-3])) == (32, 32)
    assert (y * y - (x * x * x - 3 * x + b)) % p == 0


@pytest.mark.spec("MC-CREDENTIAL-05", "WebAuthn Level 3 §6.5.1.1")
@pytest.mark.catches("mc-point-off-curve")
def test_key_signs(ceremony: Ceremony) -> None:
    """What the new key signs verifies by the public key that was given."""
    registration = ceremony.register()
    ceremony.sign_in(registration).verify(registration)


def _auth_data(ceremony: Ceremony) -> bytes:
    data: bytes = ceremony.make().succeeded()[2]
    return data


def _public_key(ceremony: Ceremony) -> dict[int, Any]:
    data = _auth_data(ceremony)
    key, _ = cbor.decode_from(data[55 + int.from_bytes(data[53:55], "big") :])
    assert isinstance(key, dict)
    return dict(key)


# The parameters.


@pytest.mark.catches("mc-missing-taken-for-granted")
@pytest.mark.parametrize(
    "member",
    [
        pytest.param(
            1, marks=pytest.mark.spec("MC-MISSING-01", "CTAP 2.3 §6.1, clientDataHash"), id="clientDataHash"
        ),
        pytest.param(2, marks=pytest.mark.spec("MC-MISSING-02", "CTAP 2.3 §6.1, rp"), id="rp"),
        pytest.param(3, marks=pytest.mark.spec("MC-MISSING-03", "CTAP 2.3 §6.1, user"), id="user"),
        pytest.param(
            4,
            marks=pytest.mark.spec("MC-MISSING-04", "CTAP 2.3 §6.1, pubKeyCredParams"),
            id="pubKeyCredParams",
        ),
    ],
)
def test_missing_parameter(ceremony: Ceremony, member: int) -> None:
    """A request without a parameter that is required is answered with MISSING_PARAMETER."""
    members = ceremony.creation()
    del members[member]
    ceremony.make(members, bare=True).refused(ERR.MISSING_PARAMETER)


_WRONG_TYPES: list[tuple[str, dict[int, Any]]] = [
    ("clientDataHash", {1: "text"}),
    ("rp", {2: []}),
    ("rp.id", {2: {"id": 7}}),
    ("user", {3: "alice"}),
    ("user.id", {3: {"id": "alice"}}),
    ("pubKeyCredParams", {4: {"alg": -7, "type": "public-key"}}),
    ("pubKeyCredParams entry", {4: [-7]}),
    ("pubKeyCredParams alg", {4: [{"alg": "ES256", "type": "public-key"}]}),
    ("excludeList", {5: {"id": b""}}),
    ("extensions", {6: []}),
    ("options", {7: ["rk"]}),
    ("option rk", {7: {"rk": 1}}),
    ("pinUvAuthParam", {8: "auth", 9: 1}),
]


@pytest.mark.catches("mc-refusals-unnamed")
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            changed, id=name, marks=pytest.mark.spec(f"MC-TYPE-{number:02}", f"CTAP 2.3 §6.1, {name}")
        )
        for number, (name, changed) in enumerate(_WRONG_TYPES, start=1)
    ],
)
def test_parameter_of_another_type(ceremony: Ceremony, changed: dict[int, Any]) -> None:
    """A parameter of another type than the specification gives it is answered with CBOR_UNEXPECTED_TYPE."""
    ceremony.make(ceremony.creation() | changed, bare=True).refused(ERR.CBOR_UNEXPECTED_TYPE)


@pytest.mark.spec("MC-ALGORITHM-01", "CTAP 2.3 §6.1.2 step 3")
@pytest.mark.catches("mc-refusals-unnamed")
def test_no_algorithm_that_the_key_has(ceremony: Ceremony) -> None:
    """Where the key knows none of the algorithms it answers UNSUPPORTED_ALGORITHM."""
    unknown = [{"alg": -65530, "type": "public-key"}]
    ceremony.make(algorithms=unknown, bare=True).refused(ERR.UNSUPPORTED_ALGORITHM)


@pytest.mark.spec("MC-ALGORITHM-02", "CTAP 2.3 §6.1.2 step 3")
@pytest.mark.catches("mc-algorithm-order")
def test_first_algorithm_that_the_key_has(probe: Probe, ceremony: Ceremony) -> None:
    """Of the algorithms asked for the key takes the first that it knows: the relying party's order counts."""
    known = [entry for entry in probe.info.get(0x0A, [ES256]) if CoseKey.for_alg(entry["alg"]) is not CoseKey]
    if len(known) < 2:
        pytest.skip("needs two algorithms")
    preferred = [{"alg": -65530, "type": "public-key"}, known[1], known[0]]
    assert ceremony.register(algorithms=preferred).public_key[3] == known[1]["alg"]


@pytest.mark.spec("MC-ALGORITHM-03", "CTAP 2.3 §6.1.2 step 3")
@pytest.mark.catches("mc-algorithm-type-ignored")
def test_algorithm_of_another_type(ceremony: Ceremony) -> None:
    """An algorithm whose type is not "public-key" is passed over."""
    other = [{"alg": -7, "type": "secret-key"}]
    ceremony.make(algorithms=other, bare=True).refused(ERR.UNSUPPORTED_ALGORITHM)


@pytest.mark.spec("MC-OPTION-01", "CTAP 2.3 §6.1.2 step 5")
@pytest.mark.catches("mc-up-false-taken")
def test_up_false(ceremony: Ceremony) -> None:
    """A request that does without user presence is answered with INVALID_OPTION."""
    ceremony.make(ceremony.creation() | {7: {"up": False}}, bare=True).refused(ERR.INVALID_OPTION)


@pytest.mark.spec("MC-OPTION-02", "CTAP 2.3 §6.1.2 step 5")
@pytest.mark.catches("mc-unknown-option-refused")
def test_unknown_option(ceremony: Ceremony) -> None:
    """An option that the key does not know is passed over."""
    ceremony.registration(ceremony.make(ceremony.creation() | {7: {"fly": True}}))


@pytest.mark.spec("MC-OPTION-03", "CTAP 2.3 §6.1.2 step 5")
@pytest.mark.catches("mc-refusals-unnamed")
def test_uv_from_a_key_that_cannot(probe: Probe, ceremony: Ceremony) -> None:
    """The option ``uv`` is refused by a key without built-in verification, or none set up."""
    if probe.option("uv"):
        pytest.skip("needs a key without built-in verification")
    expected = (ERR.INVALID_OPTION, ERR.UNSUPPORTED_OPTION)  # CTAP 2.0 has the second
    ceremony.make(ceremony.creation() | {7: {"uv": True}}, bare=True).refused(*expected)


@pytest.mark.spec("MC-OPTION-04", "CTAP 2.3 §6.1.2 step 5")
@pytest.mark.catches("mc-refusals-unnamed")
def test_rk_from_a_key_that_keeps_nothing(probe: Probe, ceremony: Ceremony) -> None:
    """The option ``rk`` is answered with UNSUPPORTED_OPTION by a key that keeps no credentials."""
    if probe.option("rk"):
        pytest.skip("needs a key that keeps no credentials")
    ceremony.make(rk=True, bare=True).refused(ERR.UNSUPPORTED_OPTION)


@pytest.mark.spec("MC-PROTOCOL-01", "CTAP 2.3 §6.1.2 step 2")
@pytest.mark.needs("ctap2", "clientPin")
@pytest.mark.catches("mc-refusals-unnamed")
def test_pin_uv_auth_param_without_its_protocol(ceremony: Ceremony) -> None:
    """A pinUvAuthParam without pinUvAuthProtocol is answered with MISSING_PARAMETER."""
    ceremony.make(ceremony.creation() | {8: bytes(32)}, bare=True).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("MC-PROTOCOL-02", "CTAP 2.3 §6.1.2 step 2")
@pytest.mark.needs("FIDO_2_1", "clientPin")
@pytest.mark.catches("mc-refusals-unnamed")
def test_unknown_pin_protocol(ceremony: Ceremony) -> None:
    """A pinUvAuthProtocol that the key does not speak is answered with INVALID_PARAMETER."""
    ceremony.make(ceremony.creation() | {8: bytes(32), 9: 99}, bare=True).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("MC-PROTOCOL-03", "CTAP 2.3 §6.1.2 step 1")
@pytest.mark.needs("clientPin")
@pytest.mark.catches("mc-refusals-unnamed")
def test_empty_pin_uv_auth_param(probe: Probe, ceremony: Ceremony) -> None:
    """An empty pinUvAuthParam asks for a touch, and is told whether there is a PIN.

    So a client finds out which of several keys its user means.
    """
    expected = ERR.PIN_INVALID if probe.option("clientPin") else ERR.PIN_NOT_SET
    ceremony.make(ceremony.creation() | {8: b"", 9: 1}, bare=True).refused(expected)


@pytest.mark.spec("MC-EXTENSIONS-01", "CTAP 2.3 §12")
@pytest.mark.catches("mc-unknown-extension-refused")
def test_unknown_extension(ceremony: Ceremony) -> None:
    """An extension that the key does not know is passed over."""
    assert not ceremony.register(extensions={"keyrig-unknown": True}).auth_data.extensions


@pytest.mark.spec("MC-ENTERPRISE-01", "CTAP 2.3 §6.1.2 step 9")
@pytest.mark.needs("FIDO_2_1")
@pytest.mark.catches("mc-refusals-unnamed")
def test_enterprise_attestation_that_is_off(probe: Probe, ceremony: Ceremony) -> None:
    """enterpriseAttestation is answered with INVALID_PARAMETER by a key that has it not, or not enabled."""
    if probe.option("ep"):
        pytest.skip("needs a key whose enterprise attestation is off")
    ceremony.make(ceremony.creation() | {10: 1}).refused(ERR.INVALID_PARAMETER)


# User presence.


@pytest.mark.spec("MC-PRESENCE-01", "CTAP 2.3 §6.1.2 step 14")
@pytest.mark.slow(30)
@pytest.mark.touches(0)
@pytest.mark.catches("mc-touch-not-needed")
def test_nobody_touches(probe: Probe, ceremony: Ceremony) -> None:
    """Without a touch no credential is made.

    It is what keeps a program from registering and signing in behind its user's back.
    """
    probe.leave_alone()
    ceremony.make().refused(ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED, ERR.ACTION_TIMEOUT)


# excludeList.


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register()


@pytest.mark.spec("MC-EXCLUDE-01", "CTAP 2.3 §6.1.2 step 12")
@pytest.mark.touches(2)
@pytest.mark.catches("mc-exclude-list-ignored")
def test_excluded_credential(ceremony: Ceremony, registration: Registration) -> None:
    """A key that holds an excluded credential answers CREDENTIAL_EXCLUDED.

    Otherwise one key could be registered twice for a user, who believes to have a spare.
    """
    ceremony.make(exclude=[registration]).refused(ERR.CREDENTIAL_EXCLUDED)


@pytest.mark.spec("MC-EXCLUDE-02", "CTAP 2.3 §6.1.2 step 12")
@pytest.mark.catches("mc-excludes-anything")
def test_unknown_credential_in_the_exclude_list(ceremony: Ceremony) -> None:
    """A credential of another key in the exclude list is passed over."""
    stranger = {"id": bytes(64), "type": "public-key"}
    ceremony.registration(ceremony.make(ceremony.creation() | {5: [stranger]}))


@pytest.mark.spec("MC-EXCLUDE-03", "CTAP 2.3 §6.1.2 step 12")
@pytest.mark.touches(2)
@pytest.mark.catches("mc-excludes-anything")
def test_credential_of_another_relying_party_in_the_exclude_list(
    ceremony: Ceremony, registration: Registration
) -> None:
    """A credential for another relying party is not excluded here: nobody learns where else a key is used."""
    ceremony.register(rp_id="other.example", exclude=[registration])


@pytest.mark.spec("MC-EXCLUDE-04", "CTAP 2.3 §6.1.2 step 12")
@pytest.mark.touches(2)
@pytest.mark.catches("mc-exclude-list-ignored")
def test_excluded_credential_among_others(ceremony: Ceremony, registration: Registration) -> None:
    """An excluded credential is found wherever it stands in the list."""
    stranger = {"id": bytes(32), "type": "public-key"}
    members = ceremony.creation() | {5: [stranger, registration.descriptor]}
    ceremony.make(members).refused(ERR.CREDENTIAL_EXCLUDED)


# What is no CTAP2 canonical CBOR.


_NOT_CANONICAL: list[tuple[str, str, bytes]] = [
    ("trailing-byte", "bytes after its end", b"\xa0\x00"),
    ("indefinite", "an indefinite length", b"\xbf\xff"),
    ("long-integer", "an integer in more bytes than it needs", b"\xa1\x18\x01\x00"),
    ("long-length", "a length in more bytes than it needs", b"\xa1\x01\x58\x01\x00"),
    ("unsorted", "keys out of order", b"\xa2\x02\x00\x01\x00"),
    ("twice", "a key twice", b"\xa2\x01\x00\x01\x00"),
    ("tag", "a tag", b"\xd9\xd9\xf7\xa0"),
]


@pytest.mark.catches("cbor-anything-taken")
@pytest.mark.touches(0)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            body, id=name, marks=pytest.mark.spec(f"CBOR-REQUEST-{number:02}", f"CTAP 2.3 §8, {what}")
        )
        for number, (name, what, body) in enumerate(_NOT_CANONICAL, start=1)
    ],
)
def test_request_that_is_not_canonical(probe: Probe, body: bytes) -> None:
    """A request that is not canonical CBOR is answered with INVALID_CBOR.

    Two readers of a message that can be written in two ways may read two things in it.
    """
    probe.cbor(CMD.MAKE_CREDENTIAL, body).refused(ERR.INVALID_CBOR)


@pytest.mark.catches("mc-refusals-unnamed")
@pytest.mark.touches(0)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xa1\x01", id="cut-short", marks=pytest.mark.spec("CBOR-REQUEST-11", "CTAP 2.3 §8")),
        pytest.param(
            b"\xa1\x01\x42\x00", id="cut-in-bytes", marks=pytest.mark.spec("CBOR-REQUEST-12", "CTAP 2.3 §8")
        ),
        pytest.param(b"\x1c", id="reserved", marks=pytest.mark.spec("CBOR-REQUEST-13", "CTAP 2.3 §8")),
        pytest.param(
            b"\xa1\x01\x81\x81\x81\x81\x81\x00",
            id="too-deep",
            marks=pytest.mark.spec("CBOR-REQUEST-14", "CTAP 2.3 §8"),
        ),
    ],
)
def test_request_that_is_no_cbor(probe: Probe, body: bytes) -> None:
    """A request that is not well formed, or nested more than four deep, is answered with INVALID_CBOR."""
    probe.cbor(CMD.MAKE_CREDENTIAL, body).refused(ERR.INVALID_CBOR)


@pytest.mark.spec("CBOR-REQUEST-15", "CTAP 2.3 §8")
@pytest.mark.catches("mc-refusals-unnamed")
@pytest.mark.touches(0)
@pytest.mark.parametrize("body", [b"\x80", b"\x01", b"\x60"], ids=["array", "integer", "text"])
def test_request_that_is_no_map(probe: Probe, body: bytes) -> None:
    """Parameters that are no map are answered with CBOR_UNEXPECTED_TYPE or INVALID_CBOR."""
    probe.cbor(CMD.MAKE_CREDENTIAL, body).refused(ERR.CBOR_UNEXPECTED_TYPE, ERR.INVALID_CBOR)
