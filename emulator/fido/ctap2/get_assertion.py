"""authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.3 §6.2, §6.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from emulator.fido.authdata import authenticator_data
from emulator.fido.credential import Credential
from emulator.fido.ctap2.extensions import AssertionInput, HmacSecretInput, Salts, usable
from emulator.fido.ctap2.parameters import (
    PUBLIC_KEY,
    Options,
    credential_ids,
    optional,
    parameters,
    required,
    rp_id_hash_of,
    sized,
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
from emulator.fido.session import Permission, RememberedAssertions
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus

RP_ID = 0x01
CLIENT_DATA_HASH = 0x02
ALLOW_LIST = 0x03
EXTENSIONS = 0x04
OPTIONS = 0x05
PIN_UV_AUTH_PARAM = 0x06
PIN_UV_AUTH_PROTOCOL = 0x07

CREDENTIAL = 0x01
AUTH_DATA = 0x02
SIGNATURE = 0x03
USER = 0x04
NUMBER_OF_CREDENTIALS = 0x05
LARGE_BLOB_KEY = 0x07

NEXT_ASSERTION_TIME_LIMIT = 30.0
"""Seconds from one assertion to the request for the next (§6.3)."""


@dataclass(slots=True, kw_only=True)
class Request:
    """§6.2, the parameters; an ``allow_list`` that is empty counts as none."""

    claim: Claim
    rp_id_hash: bytes
    allow_list: tuple[bytes, ...] | None
    extensions: Mapping[Any, Any]
    options: Options

    @classmethod
    def parse(cls, data: Any) -> Request:
        data = parameters(data)
        rp_id = required(data, RP_ID, str)
        client_data_hash = sized(required(data, CLIENT_DATA_HASH, bytes), 32, 32)
        options = Options.parse(data, OPTIONS)
        pin_uv_auth_param = optional(data, PIN_UV_AUTH_PARAM, bytes)
        return cls(
            claim=Claim(
                permission=Permission.GA,
                rp_id=rp_id,
                client_data_hash=client_data_hash,
                pin_uv_auth_param=pin_uv_auth_param,
                pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
                uv=options.uv is True and pin_uv_auth_param is None,  # Step 4.2
            ),
            rp_id_hash=rp_id_hash_of(rp_id),
            allow_list=credential_ids(data, ALLOW_LIST),
            extensions=optional(data, EXTENSIONS, dict) or {},
            options=options,
        )


def run(state: AuthenticatorState, request: Request, now: float) -> Running:
    """§6.2.2. Step 3 makes the response."""
    claim, up = request.claim, request.options.up is not False
    if claim.pin_uv_auth_param is not None:
        yield from answer_probe(state, claim)  # Step 1
        check_protocol(state, claim)  # Step 2
    check_uv_option(state, claim)  # Step 4.3
    _check_options(state, request)  # Steps 4.4 and 4.5
    if up:
        claim = require_always_uv(state, claim)  # Step 5
    supported = state.profile.extensions
    extension = HmacSecretInput.parse(request.extensions, supported)
    wanted = AssertionInput.parse(request.extensions, supported)
    if extension is not None and not up:
        raise CtapError(CtapStatus.UNSUPPORTED_OPTION)  # §12.7
    evidence = (yield from verify_user(state, claim, now)) if claim.verifies else Evidence(now=now)  # Step 6
    applicable = _locate(state, request, uv=evidence.uv)  # Step 7
    now = (yield from confirm_presence(evidence)) if up else evidence.now  # Steps 8 and 9
    salts = extension.open(state) if extension is not None else None  # Step 10
    up = up or evidence.up
    answer = partial(_answer, state, request, up=up, uv=evidence.uv, salts=salts, wanted=wanted)
    response = answer(applicable[0])  # Steps 11 to 13
    if len(applicable) > 1:  # Step 12.2: the others are for authenticatorGetNextAssertion
        response[NUMBER_OF_CREDENTIALS] = len(applicable)
        state.session.remembered = RememberedAssertions(
            answer=answer,
            credentials=list(reversed(applicable[1:])),
            token=evidence.token,
            deadline=now + NEXT_ASSERTION_TIME_LIMIT,
        )
    return response


def run_next(state: AuthenticatorState, now: float) -> dict[int, Any]:
    """authenticatorGetNextAssertion, §6.3: the next older credential, signed for as the first was."""
    remembered = state.session.remembered
    if (
        not isinstance(remembered, RememberedAssertions)
        or now > remembered.deadline
        or (remembered.token is not None and not remembered.token.in_use(now))  # §6, stateful commands
    ):
        state.session.remembered = None
        raise CtapError(CtapStatus.NOT_ALLOWED)
    response = remembered.answer(remembered.credentials.pop())
    remembered.deadline = now + NEXT_ASSERTION_TIME_LIMIT
    if not remembered.credentials:
        state.session.remembered = None
    return response


def _check_options(state: AuthenticatorState, request: Request) -> None:
    if request.options.rk is not None:
        # CTAP 2.0 §5.2 step 5: known, but not valid for this command.
        refusal = CtapStatus.UNSUPPORTED_OPTION if state.profile.ctap21 else CtapStatus.INVALID_OPTION
        raise CtapError(refusal)
    limit = state.profile.max_credential_count_in_list
    if state.profile.ctap21 and len(request.allow_list or ()) > limit:
        raise CtapError(CtapStatus.LIMIT_EXCEEDED)


def _locate(state: AuthenticatorState, request: Request, *, uv: bool) -> Sequence[Credential]:
    """The applicable credentials, newest first; of an allow list the first that can be used, alone."""
    if request.allow_list:
        for credential_id in request.allow_list:
            credential = state.find(credential_id, request.rp_id_hash)
            if credential is not None and usable(credential, uv=uv, by_id=True):
                return (credential,)
        raise CtapError(CtapStatus.NO_CREDENTIALS)
    kept = state.store.credentials(request.rp_id_hash)
    applicable = [credential for credential in kept if usable(credential, uv=uv, by_id=False)]
    if not applicable:
        raise CtapError(CtapStatus.NO_CREDENTIALS)
    return applicable


def _answer(
    state: AuthenticatorState,
    request: Request,
    credential: Credential,
    *,
    up: bool,
    uv: bool,
    salts: Salts | None,
    wanted: AssertionInput,
) -> dict[int, Any]:
    """Steps 12.3 and 13: one credential's assertion."""
    outputs = wanted.outputs(credential)
    if salts is not None:
        outputs |= salts.outputs(credential, uv=uv, random_bytes=state.random_bytes)
    key = state.session.load_key(credential.algorithm, credential.private_key)
    auth_data = authenticator_data(
        request.rp_id_hash, state.flags(up=up, uv=uv), state.next_sign_count(), extensions=outputs
    )
    response: dict[int, Any] = {
        CREDENTIAL: {"id": credential.credential_id, "type": PUBLIC_KEY},
        AUTH_DATA: auth_data,
        SIGNATURE: key.sign(auth_data + request.claim.client_data_hash),
    }
    if credential.discoverable:
        # Names only where the user is verified and may have to choose.
        response[USER] = credential.user(names=uv and not request.allow_list)
    if wanted.large_blob_key and credential.large_blob_key is not None:
        response[LARGE_BLOB_KEY] = credential.large_blob_key
    return response
