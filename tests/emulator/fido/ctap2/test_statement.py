"""Attestation by request: enterprise (§6.1.2 step 9, §7.1) and attestationFormatsPreference (step 19)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fido2.attestation import FidoU2FAttestation, PackedAttestation, verify_x509_chain
from fido2.ctap2 import Config, Ctap2
from fido2.ctap2.pin import PinProtocolV2
from fido2.webauthn import AuthenticatorData

from emulator.fido import cbor
from emulator.fido.attestation import ID_FIDO_GEN_CE_SERNUM, root_certificate_pem
from emulator.fido.authenticator import Authenticator
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.profile_values import (
    ALGORITHMS,
    CHAIN_MESSAGES,
    LONGER_CREDENTIAL_IDS,
    LONGER_MESSAGES,
    LONGEST_CREDENTIAL_ID,
)

VENDOR, PLATFORM = 1, 2
BOTH = ("vendor-facilitated", "platform-managed")
LISTED, OTHER = "example.com", "elsewhere.example"

MakeKey = Callable[..., Any]


def profile(*kinds: str, **changes: Any) -> Profile:
    """A CTAP 2.3 key with a PIN, chained attestation, and enterprise attestation of these kinds."""
    given: dict[str, Any] = {
        "versions": ("FIDO_2_0", "FIDO_2_1", "FIDO_2_3"),
        "attestation": "packed-chain",
        "enterprise_attestation": kinds,
        "enterprise_rp_ids": (LISTED,) if "vendor-facilitated" in kinds else (),
        "config_commands": ("enableEnterpriseAttestation",) if kinds else (),
        "max_message_size": 2048,
    }
    return replace(Profile.load("ctap21"), **given | changes)


@pytest.fixture
def enterprise_key(make_key: MakeKey) -> Callable[..., Any]:
    """A key of these kinds of enterprise attestation, switched on the way a platform does it."""

    def enterprise_key(*kinds: str, **changes: Any) -> Any:
        key = make_key(profile(*kinds, **changes))
        key.set_pin()
        ctap2 = Ctap2(key)
        assert ctap2.info.options["ep"] is False
        Config(ctap2, *_protocol_and_token(key)).enable_enterprise_attestation()
        assert Ctap2(key).info.options["ep"] is True
        return key

    return enterprise_key


def _protocol_and_token(key: Any) -> tuple[Any, bytes]:
    return PinProtocolV2(), key.token(permissions=0x20, rp_id=None)


def make(key: Any, asked: int | None, rp_id: str = LISTED, **members: Any) -> tuple[CtapStatus, Any]:
    parameters = {0x0A: asked} if asked is not None else {}
    token = key.token(rp_id=rp_id)
    status, response = key.make(parameters | members.pop("more", {}), rp_id=rp_id, token=token, **members)
    return status, response


def serial_number(response: dict[int, Any]) -> bytes | None:
    certificate = x509.load_der_x509_certificate(response[3]["x5c"][0])
    try:
        found = certificate.extensions.get_extension_for_oid(ID_FIDO_GEN_CE_SERNUM).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(found, x509.UnrecognizedExtension)
    return found.value[2:]


def verify(key: Any, response: dict[int, Any]) -> None:
    """As python-fido2 does: the signature, and the chain to the test root."""
    judge = PackedAttestation() if response[1] == "packed" else FidoU2FAttestation()
    client_data_hash = key.creation()[0x01]
    result = judge.verify(response[3], AuthenticatorData(response[2]), client_data_hash)
    root = x509.load_pem_x509_certificate(root_certificate_pem())
    verify_x509_chain([*result.trust_path, root.public_bytes(Encoding.DER)])


# By the kinds a key has, what is asked for and by whom: whether the attestation tells which key it is.
@pytest.mark.parametrize(
    ("kinds", "asked", "rp_id", "told"),
    [
        (BOTH, VENDOR, LISTED, True),
        (BOTH, VENDOR, OTHER, False),
        (BOTH, PLATFORM, LISTED, True),
        (BOTH, PLATFORM, OTHER, True),
        (BOTH, None, LISTED, False),
        (BOTH[:1], VENDOR, LISTED, True),
        (BOTH[:1], PLATFORM, LISTED, True),
        (BOTH[:1], PLATFORM, OTHER, False),
        (BOTH[1:], VENDOR, LISTED, False),
        (BOTH[1:], PLATFORM, OTHER, True),
    ],
)
def test_step_9_2_2_decides_who_is_told_which_key_this_is(
    enterprise_key: Callable[..., Any], kinds: tuple[str, ...], asked: int | None, rp_id: str, told: bool
) -> None:
    key = enterprise_key(*kinds)
    status, response = make(key, asked, rp_id)
    assert status == CtapStatus.SUCCESS
    assert response.get(0x04) == (True if told else None)
    assert serial_number(response) == (b"1" if told else None)
    verify(key, response)


def test_enterprise_attestation_is_refused_until_it_is_enabled_and_after_a_reset(make_key: MakeKey) -> None:
    key = make_key(profile(*BOTH))
    assert key.make({0x0A: VENDOR})[0] == CtapStatus.INVALID_PARAMETER
    key.set_pin()
    Config(Ctap2(key), *_protocol_and_token(key)).enable_enterprise_attestation()
    assert make(key, VENDOR)[0] == CtapStatus.SUCCESS
    key.power_cycle()
    Ctap2(key).reset()
    assert Ctap2(key).info.options["ep"] is False
    assert key.make({0x0A: VENDOR})[0] == CtapStatus.INVALID_PARAMETER


def test_a_key_without_it_refuses_it_and_has_no_option_ep(make_key: MakeKey) -> None:
    key = make_key(profile())
    assert "ep" not in Ctap2(key).info.options
    assert key.make({0x0A: VENDOR})[0] == CtapStatus.INVALID_PARAMETER


@pytest.mark.parametrize("asked", [0, 3, -1])
def test_a_value_that_is_neither_is_an_invalid_option(enterprise_key: Callable[..., Any], asked: int) -> None:
    assert make(enterprise_key(*BOTH), asked)[0] == CtapStatus.INVALID_OPTION


def test_a_key_of_ctap_2_0_does_not_know_the_parameters(make_key: MakeKey) -> None:
    status, response = make_key("ctap20").make({0x0A: VENDOR, 0x0B: ["none"]})
    assert status == CtapStatus.SUCCESS
    assert response[1] == "packed"
    assert 0x04 not in response


def test_a_key_tells_its_own_serial_number(enterprise_key: Callable[..., Any]) -> None:
    key = enterprise_key(*BOTH)
    for number in ("4711", "4712"):
        key.authenticator = Authenticator(
            key.profile,
            store=key.store,
            random_bytes=lambda length: bytes(length),
            now=key.now,
            serial_number=number,
        )
        status, response = make(key, PLATFORM)
        assert status == CtapStatus.SUCCESS
        assert serial_number(response) == number.encode()
        verify(key, response)


@pytest.mark.parametrize("attestation", ["packed", "packed-chain", "packed-self", "none"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_registration_with_everything_fits_into_the_smallest_message_a_profile_may_have(
    make_key: MakeKey, name: str, attestation: str
) -> None:
    room = max(LONGER_MESSAGES.get(name, 1200), CHAIN_MESSAGES if attestation == "packed-chain" else 0)
    shape = profile(algorithms=(name,), attestation=attestation, max_message_size=room)
    key = make_key(replace(shape, extensions=("credProtect", "hmac-secret")))
    answer = key.send(
        b"\x01"
        + cbor.encode(
            key.creation(algorithms=(ALGORITHMS[name],), extensions={"credProtect": 1, "hmac-secret": True})
        )
    )
    assert answer[0] == CtapStatus.SUCCESS
    assert len(answer) <= room
    assert len(AuthenticatorData(cbor.decode(answer[1:])[2]).credential_data.credential_id) <= (
        LONGER_CREDENTIAL_IDS.get(name, LONGEST_CREDENTIAL_ID)
    )


PREFERENCES = [
    (None, "packed"),
    ([], "packed"),
    (["none"], "none"),
    (["fido-u2f"], "fido-u2f"),
    (["tpm", "fido-u2f", "packed"], "fido-u2f"),
    (["packed", "fido-u2f"], "packed"),
    (["none", "fido-u2f"], "fido-u2f"),
    (["tpm", "apple"], "packed"),
]


@pytest.mark.parametrize(("preference", "fmt"), PREFERENCES)
def test_the_first_supported_format_of_the_preference_is_taken(
    make_key: MakeKey, preference: list[str] | None, fmt: str
) -> None:
    key = make_key(profile(further_attestations=("fido-u2f",)))
    status, response = key.make({} if preference is None else {0x0B: preference})
    assert status == CtapStatus.SUCCESS
    assert response[1] == fmt
    if fmt == "none":
        assert response[3] == {}
    else:
        verify(key, response)
        credential_data = AuthenticatorData(response[2]).credential_data
        assert credential_data is not None
        assert bytes(credential_data.aaguid) == (bytes(16) if fmt == "fido-u2f" else key.profile.aaguid)


def test_get_info_tells_the_formats_the_usual_one_first(make_key: MakeKey) -> None:
    key = make_key(profile(further_attestations=("fido-u2f",)))
    assert Ctap2(key).info.attestation_formats == ["packed", "fido-u2f"]
    assert 0x16 not in make_key(profile(attestation="none")).command(0x04)[1]
    assert 0x16 not in make_key("ctap21").command(0x04)[1]


def test_fido_u2f_is_for_es256_credentials_alone(make_key: MakeKey) -> None:
    key = make_key(profile(further_attestations=("fido-u2f",)))
    response = key.make({0x0B: ["fido-u2f"]}, algorithms=(-8,))[1]
    assert response[1] == "packed"
    verify(key, response)


def test_who_prefers_no_attestation_is_not_told_which_key_this_is(
    enterprise_key: Callable[..., Any],
) -> None:
    status, response = make(enterprise_key(*BOTH), PLATFORM, more={0x0B: ["none"]})
    assert status == CtapStatus.SUCCESS
    assert (response[1], response[3], response.get(0x04)) == ("none", {}, None)


@pytest.mark.parametrize("preference", ["packed", {"packed": True}, ["packed", 1], [b"packed"]])
def test_a_preference_that_is_no_array_of_text_is_of_unexpected_type(
    make_key: MakeKey, preference: Any
) -> None:
    assert make_key(profile()).make({0x0B: preference})[0] == CtapStatus.CBOR_UNEXPECTED_TYPE
