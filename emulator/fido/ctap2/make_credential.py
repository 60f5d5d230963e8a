"""authenticatorMakeCredential (CTAP 2.3 §6.1)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from emulator.fido import cose
from emulator.fido.authdata import AttestedCredentialData, authenticator_data
from emulator.fido.cose import Algorithm, PrivateKey
from emulator.fido.credential import CRED_RANDOM_LENGTH, Credential, wrap
from emulator.fido.ctap2 import statement
from emulator.fido.ctap2.extensions import UV_OPTIONAL, UV_REQUIRED, CreationInput
from emulator.fido.ctap2.parameters import (
    PUBLIC_KEY,
    Options,
    credential_ids,
    optional,
    parameters,
    required,
    rp_id_hash_of,
    sized,
    typed,
)
from emulator.fido.ctap2.verification import (
    Claim,
    Evidence,
    answer_probe,
    check_protocol,
    check_uv_option,
    confirm_presence,
    require_always_uv,
    verify_user,
)
from emulator.fido.gesture import Gesture, Given
from emulator.fido.session import Permission
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus

CLIENT_DATA_HASH = 0x01
RP = 0x02
USER = 0x03
PUB_KEY_CRED_PARAMS = 0x04
EXCLUDE_LIST = 0x05
EXTENSIONS = 0x06
OPTIONS = 0x07
PIN_UV_AUTH_PARAM = 0x08
PIN_UV_AUTH_PROTOCOL = 0x09
ENTERPRISE_ATTESTATION = 0x0A
ATTESTATION_FORMATS_PREFERENCE = 0x0B

FMT = 0x01
AUTH_DATA = 0x02
ATT_STMT = 0x03
EP_ATT = 0x04
LARGE_BLOB_KEY = 0x05

CREDENTIAL_ID_LENGTH = 32
LARGE_BLOB_KEY_LENGTH = 32
MAX_USER_ID_LENGTH = 64
ZERO_AAGUID = bytes(16)


@dataclass(slots=True, kw_only=True)
class Request:
    """§6.1, the parameters; ``algorithms`` are those of pubKeyCredParams, in their order."""

    claim: Claim
    rp_id_hash: bytes
    user_id: bytes
    user_name: str | None
    user_display_name: str | None
    algorithms: tuple[int, ...]
    exclude_list: tuple[bytes, ...]
    extensions: Mapping[Any, Any]
    options: Options
    enterprise_attestation: int | None
    attestation_formats_preference: tuple[str, ...]

    @classmethod
    def parse(cls, data: Any) -> Request:
        data = parameters(data)
        client_data_hash = sized(required(data, CLIENT_DATA_HASH, bytes), 32, 32)
        rp, user = required(data, RP, dict), required(data, USER, dict)
        rp_id = required(rp, "id", str)
        optional(rp, "name", str)
        options = Options.parse(data, OPTIONS)
        pin_uv_auth_param = optional(data, PIN_UV_AUTH_PARAM, bytes)
        return cls(
            claim=Claim(
                permission=Permission.MC,
                rp_id=rp_id,
                client_data_hash=client_data_hash,
                pin_uv_auth_param=pin_uv_auth_param,
                pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
                uv=options.uv is True and pin_uv_auth_param is None,  # Step 5.2
            ),
            rp_id_hash=rp_id_hash_of(rp_id),
            user_id=sized(required(user, "id", bytes), 1, MAX_USER_ID_LENGTH),
            user_name=optional(user, "name", str),
            user_display_name=optional(user, "displayName", str),
            algorithms=_algorithms(required(data, PUB_KEY_CRED_PARAMS, list)),
            exclude_list=credential_ids(data, EXCLUDE_LIST) or (),
            extensions=optional(data, EXTENSIONS, dict) or {},
            options=options,
            enterprise_attestation=optional(data, ENTERPRISE_ATTESTATION, int),
            attestation_formats_preference=tuple(
                typed(item, str) for item in optional(data, ATTESTATION_FORMATS_PREFERENCE, list) or ()
            ),
        )


def run(state: AuthenticatorState, request: Request, now: float) -> Running:
    """§6.1.2. Step 4 makes the response."""
    claim = request.claim
    if claim.pin_uv_auth_param is not None:
        yield from answer_probe(state, claim)  # Step 1
        check_protocol(state, claim)  # Step 2
    algorithm = _choose_algorithm(state, request)  # Step 3
    check_uv_option(state, claim)  # Step 5.3
    _check_options(state, request)  # Steps 5.4 to 5.7
    claim = require_always_uv(state, claim)  # Step 6
    if claim is not request.claim:
        request = replace(request, claim=claim)
    _refuse_without_verification(state, request)  # Steps 7 and 8
    statement.check_enterprise(state, request.enterprise_attestation)  # Step 9
    discoverable = request.options.rk is True
    extensions = CreationInput.parse(request.extensions, state.profile.extensions, discoverable=discoverable)
    # Steps 10 and 11
    evidence = (yield from verify_user(state, claim, now)) if claim.verifies else Evidence(now=now)
    yield from _check_exclude_list(state, request, evidence)  # Step 12
    now = yield from confirm_presence(evidence)  # Steps 13 and 14
    _check_room(state, request)  # Step 17.4
    salts = extensions.hmac_secret_mc.open(state) if extensions.hmac_secret_mc is not None else None
    key = cose.generate(algorithm, state.random_bytes)  # Step 16
    credential = _create(state, request, extensions, key, now)  # Steps 17 and 18
    outputs = extensions.outputs(credential) | extensions.policy_outputs(state, claim.rp_id)  # Step 15
    if salts is not None:
        outputs |= salts.outputs(credential, uv=evidence.uv, random_bytes=state.random_bytes)
    response = _attest(state, request, credential, key, evidence, outputs)  # Step 19
    if credential.large_blob_key is not None:
        response[LARGE_BLOB_KEY] = credential.large_blob_key
    if credential.discoverable:
        state.store.put(credential)
    return response


def _algorithms(pub_key_cred_params: list[Any]) -> tuple[int, ...]:
    """Step 3.1: every element is looked at, also those after the one that will be chosen."""
    found = []
    for element in pub_key_cred_params:
        entry = typed(element, dict)
        if "alg" not in entry or "type" not in entry:
            raise CtapError(CtapStatus.INVALID_CBOR)
        alg = required(entry, "alg", int)
        if required(entry, "type", str) == PUBLIC_KEY:
            found.append(alg)
    return tuple(found)


def _choose_algorithm(state: AuthenticatorState, request: Request) -> Algorithm:
    """Steps 3.1.3 and 3.2: the relying party's preference decides."""
    for alg in request.algorithms:
        algorithm = cose.ALGORITHMS.get(alg)
        if alg in state.profile.algorithm_identifiers and algorithm is not None and cose.supported(algorithm):
            return algorithm
    raise CtapError(CtapStatus.UNSUPPORTED_ALGORITHM)


def _check_options(state: AuthenticatorState, request: Request) -> None:
    if request.options.rk is not None and not state.profile.discoverable_credentials:
        raise CtapError(CtapStatus.UNSUPPORTED_OPTION)
    if request.options.up is False:
        raise CtapError(CtapStatus.INVALID_OPTION)
    limit = state.profile.max_credential_count_in_list
    if state.profile.ctap21 and len(request.exclude_list) > limit:
        raise CtapError(CtapStatus.LIMIT_EXCEEDED)


def _refuse_without_verification(state: AuthenticatorState, request: Request) -> None:
    """A protected key wants its user verified; makeCredUvNotRqd excepts non-discoverable credentials."""
    if not state.protected or request.claim.verifies:
        return
    if state.make_cred_uv_not_rqd and not request.options.rk:
        return
    pin_is_set = state.store.user_verification.pin_hash is not None
    by_pin = pin_is_set and not state.profile.no_mc_ga_with_client_pin
    raise CtapError(CtapStatus.PUAT_REQUIRED if by_pin else CtapStatus.OPERATION_DENIED)


def _check_exclude_list(
    state: AuthenticatorState, request: Request, evidence: Evidence
) -> Generator[Gesture, Given, None]:
    for credential_id in request.exclude_list:
        credential = state.find(credential_id, request.rp_id_hash)
        if credential is None or (credential.cred_protect == UV_REQUIRED and not evidence.uv):
            continue
        if not evidence.present:
            with suppress(CtapError):  # Step 12.1.4.2: given, declined or timed out
                yield Gesture.PRESENCE
        raise CtapError(CtapStatus.CREDENTIAL_EXCLUDED)


def _check_room(state: AuthenticatorState, request: Request) -> None:
    if not request.options.rk or state.store.credential_count < state.profile.discoverable_credentials:
        return
    kept = state.store.credentials(request.rp_id_hash)
    if all(credential.user_id != request.user_id for credential in kept):
        raise CtapError(CtapStatus.KEY_STORE_FULL)


def _create(
    state: AuthenticatorState, request: Request, extensions: CreationInput, key: PrivateKey, now: float
) -> Credential:
    """The credential with its ID: discoverable ones are for the store, the others carry themselves."""
    randoms: tuple[bytes | None, bytes | None] = (None, None)
    discoverable, blob = request.options.rk is True, extensions.cred_blob
    keeps_blob = discoverable and blob is not None and len(blob) <= state.profile.max_cred_blob_length
    if extensions.hmac_secret:
        randoms = state.random_bytes(CRED_RANDOM_LENGTH), state.random_bytes(CRED_RANDOM_LENGTH)
    credential = Credential(
        private_key=key.to_bytes(),
        algorithm=key.algorithm,
        rp_id_hash=request.rp_id_hash,
        rp_id=request.claim.rp_id,
        user_id=request.user_id,
        user_name=request.user_name,
        user_display_name=request.user_display_name,
        discoverable=discoverable,
        cred_protect=extensions.cred_protect or UV_OPTIONAL,
        cred_random_with_uv=randoms[0],
        cred_random_without_uv=randoms[1],
        created=int(now),
        cred_blob=blob if keeps_blob else None,
        large_blob_key=state.random_bytes(LARGE_BLOB_KEY_LENGTH) if extensions.large_blob_key else None,
        third_party_payment=extensions.third_party_payment,
    )
    if discoverable:
        credential.credential_id = state.random_bytes(CREDENTIAL_ID_LENGTH)
    else:
        credential.credential_id = wrap(credential, state.master_secret, state.random_bytes)
    return credential


def _attest(
    state: AuthenticatorState,
    request: Request,
    credential: Credential,
    key: PrivateKey,
    evidence: Evidence,
    outputs: dict[str, Any],
) -> dict[int, Any]:
    profile, client_data_hash = state.profile, request.claim.client_data_hash
    choice = statement.choose(
        profile,
        rp_id=request.claim.rp_id,
        asked=request.enterprise_attestation,
        preference=request.attestation_formats_preference,
        algorithm=key.algorithm,
    )
    auth_data = authenticator_data(
        request.rp_id_hash,
        state.flags(up=True, uv=evidence.uv),
        state.store.sign_count,
        AttestedCredentialData(
            aaguid=ZERO_AAGUID if choice.fmt == "fido-u2f" else profile.aaguid,  # WebAuthn Level 3 §8.6
            credential_id=credential.credential_id,
            cose_key=key.cose_key(),
        ),
        outputs,
    )
    att_stmt = statement.make(
        state, choice, credential=credential, key=key, auth_data=auth_data, client_data_hash=client_data_hash
    )
    response: dict[int, Any] = {FMT: choice.fmt, AUTH_DATA: auth_data, ATT_STMT: att_stmt}
    if choice.identifies_key:
        response[EP_ATT] = True
    return response
