"""WebAuthn ceremonies: the options that begin one and the checks that end it, around py_webauthn.

Pure rules: ``(what is stored, response, expectations) -> outcome``. Whoever calls stores the outcome and sees
to it that a challenge is spent by its first response, whatever comes of it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn.helpers import (
    aaguid_to_string,
    options_to_json_dict,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from harness.service.key_metadata import KeyMetadata, KeyModel
from harness.service.model import Challenge, FidoSecurityKey
from harness.service.profile import ServiceProfile

_MAX_CREDENTIAL_ID = 1023  # WebAuthn §7.1 step 25

# What py_webauthn, and the parsers under it, raise for a response that is not one.
_NOT_A_RESPONSE = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    cbor2.CBORDecodeError,
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What a response must answer to. ``challenge`` is ``None`` when none is in play."""

    challenge: Challenge | None
    now: float
    rp_id: str
    origins: tuple[str, ...]
    user_handle: bytes
    profile: ServiceProfile = field(repr=False)
    metadata: KeyMetadata = field(repr=False, default_factory=KeyMetadata)

    @property
    def _challenge_fault(self) -> str | None:
        if self.challenge is None:
            return "no challenge is in play: none was given, or it has been answered"
        if self.now >= self.challenge.expires_at:
            return "the challenge has expired"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A new credential, found good; ``certifications`` are its model's, where the attestation proves it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    attestation_format: str
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool
    certifications: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """A good assertion; ``key`` is as it is now to be stored, ``note`` what the log should say of it."""

    key: FidoSecurityKey
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A response refused; ``diagnosis`` says why, for the log."""

    diagnosis: str


def creation_options(
    expectations: Expectations, user_name: str, keys: Sequence[FidoSecurityKey]
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptions in their JSON form; ``keys`` are the user's own, to be excluded."""
    profile = expectations.profile
    assert expectations.challenge is not None
    options = webauthn.generate_registration_options(
        rp_id=expectations.rp_id,
        rp_name=profile.rp_name,
        user_id=expectations.user_handle,
        user_name=user_name,
        challenge=expectations.challenge.value,
        timeout=profile.webauthn_timeout_ms,
        attestation=AttestationConveyancePreference(profile.attestation),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement(profile.resident_key),
            user_verification=UserVerificationRequirement(profile.user_verification),
        ),
        exclude_credentials=[_descriptor(key) for key in keys],
        supported_pub_key_algs=_algorithms(profile),
    )
    return options_to_json_dict(options)


def request_options(expectations: Expectations, keys: Sequence[FidoSecurityKey]) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptions in their JSON form; any of ``keys`` may answer."""
    profile = expectations.profile
    assert expectations.challenge is not None
    options = webauthn.generate_authentication_options(
        rp_id=expectations.rp_id,
        challenge=expectations.challenge.value,
        timeout=profile.webauthn_timeout_ms,
        allow_credentials=[_descriptor(key) for key in keys],
        user_verification=UserVerificationRequirement(profile.user_verification),
    )
    return options_to_json_dict(options)


def check_registration(response_json: str, expectations: Expectations) -> Registered | Refused:
    """Judge the response to :func:`creation_options` (WebAuthn §7.1).

    User presence is required; user verification and the attestation formats are the profile's. Of a model
    whose metadata is known, an attestation by certificate must lead to one of the model's roots.
    """
    if fault := expectations._challenge_fault:
        return Refused(diagnosis=fault)
    assert expectations.challenge is not None
    profile = expectations.profile
    try:
        response = parse_registration_credential_json(response_json)
        model, roots = _attested_model(response.response.attestation_object, expectations.metadata)
        verified = webauthn.verify_registration_response(
            credential=response,
            expected_challenge=expectations.challenge.value,
            expected_rp_id=expectations.rp_id,
            expected_origin=list(expectations.origins),
            require_user_verification=profile.user_verification == "required",
            supported_pub_key_algs=_algorithms(profile),
            pem_root_certs_bytes_by_fmt=roots,
        )
        attestation_format = AttestationFormat(verified.fmt).value
        cross_origin = _is_cross_origin(response.response.client_data_json)
    except _NOT_A_RESPONSE as error:
        return Refused(diagnosis=_diagnosis(error))
    if cross_origin:
        return Refused(diagnosis="the ceremony ran in a frame of another origin")
    if attestation_format not in profile.attestation_formats:
        return Refused(diagnosis=f"attestation format {attestation_format} is not accepted")
    if profile.unknown_keys == "refuse" and (model is None or not roots):
        return Refused(diagnosis="its attestation leads to no model in the metadata")
    if model is not None and model.broken is not None:
        return Refused(diagnosis=f"the metadata says {model.broken} of the model {model.description}")
    if len(verified.credential_id) > _MAX_CREDENTIAL_ID:
        return Refused(diagnosis=f"a credential ID of {len(verified.credential_id)} bytes is too long")
    return Registered(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=verified.aaguid,
        attestation_format=attestation_format,
        transports=tuple(transport.value for transport in response.response.transports or ()),
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        certifications={} if model is None or not roots else model.certifications,
    )


def _attested_model(
    attestation_object: bytes, metadata: KeyMetadata
) -> tuple[KeyModel | None, Mapping[AttestationFormat, list[bytes]]]:
    """The model that the attestation claims, and the roots (PEM) that its certificates must lead to."""
    attestation = parse_attestation_object(attestation_object)
    credential = attestation.auth_data.attested_credential_data
    certificates = attestation.att_stmt.x5c or []
    if credential is None:
        return None, {}
    model = metadata.model_of(aaguid_to_string(credential.aaguid), certificates)
    if model is None or not certificates or not model.roots:
        return model, {}
    return model, {AttestationFormat(attestation.fmt): list(model.roots)}


def check_assertion(
    keys: Sequence[FidoSecurityKey], response_json: str, expectations: Expectations
) -> Asserted | Refused:
    """Judge the response to :func:`request_options` by the user's ``keys`` (WebAuthn §7.2)."""
    if fault := expectations._challenge_fault:
        return Refused(diagnosis=fault)
    assert expectations.challenge is not None
    try:
        response = parse_authentication_credential_json(response_json)
        # Steps 5, 6: the credential is one of this user's, and says so if it says whose it is.
        key = next((key for key in keys if key.credential_id == response.raw_id), None)
        if key is None:
            return Refused(diagnosis="the credential is not one of this user's")
        if response.response.user_handle not in (None, b"", expectations.user_handle):
            return Refused(diagnosis="the credential says it is another user's")
        verified = webauthn.verify_authentication_response(
            credential=response,
            expected_challenge=expectations.challenge.value,
            expected_rp_id=expectations.rp_id,
            expected_origin=list(expectations.origins),
            credential_public_key=key.public_key,
            credential_current_sign_count=0,  # judged below, once the signature is known to be good
            require_user_verification=expectations.profile.user_verification == "required",
        )
        cross_origin = _is_cross_origin(response.response.client_data_json)
    except _NOT_A_RESPONSE as error:
        return Refused(diagnosis=_diagnosis(error))
    if cross_origin:
        return Refused(diagnosis="the ceremony ran in a frame of another origin")
    return _judge_state(
        key,
        verified.new_sign_count,
        verified.credential_device_type,
        verified.credential_backed_up,
        expectations.profile,
    )


def _judge_state(
    key: FidoSecurityKey,
    sign_count: int,
    device_type: CredentialDeviceType,
    backed_up: bool,
    profile: ServiceProfile,
) -> Asserted | Refused:
    """Whether what the authenticator says of its own past fits what is stored."""
    # Step 19: BE never changes.
    if (device_type is CredentialDeviceType.MULTI_DEVICE) is not key.backup_eligible:
        return Refused(diagnosis="the credential's backup eligibility has changed")
    # Step 22: a count that does not rise, where either is not zero, means a clone (or a replay).
    note = ""
    if (sign_count or key.sign_count) and sign_count <= key.sign_count:
        note = f"sign count {sign_count} is not above {key.sign_count}: the key may have been cloned"
        if profile.sign_count_fault == "refuse":
            return Refused(diagnosis=note)
    seen = max(sign_count, key.sign_count)
    return Asserted(key=replace(key, sign_count=seen, backed_up=backed_up), note=note)


def _descriptor(key: FidoSecurityKey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(transport) for transport in key.transports]
    return PublicKeyCredentialDescriptor(id=key.credential_id, transports=transports or None)


def _algorithms(profile: ServiceProfile) -> list[COSEAlgorithmIdentifier]:
    return [COSEAlgorithmIdentifier(algorithm) for algorithm in profile.public_key_algorithms]


def _is_cross_origin(client_data_json: bytes) -> bool:
    """Whether the client says that the ceremony ran in another origin's page (§7.1 step 10, §7.2 step 13)."""
    return json.loads(client_data_json).get("crossOrigin") is True


def _diagnosis(error: Exception) -> str:
    return str(error) or type(error).__name__
