"""The user's presence and verification, as makeCredential, getAssertion and clientPIN ask for them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from emulator.fido.gesture import Gesture, Given
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus
from emulator.store import UserVerificationState


@dataclass(slots=True, kw_only=True)
class Claim:
    """What a request says of its user: for whom, over which hash, by which proof.

    ``permission`` is the one its command needs; the hash is the clientDataHash. Nobody changes one, nor a
    request or :class:`Evidence`: they are not frozen because each ceremony makes them anew, and freezing
    takes as long as all checks of their values.
    """

    permission: Permission
    rp_id: str
    client_data_hash: bytes
    pin_uv_auth_param: bytes | None
    pin_uv_auth_protocol: int | None
    uv: bool = False
    """The option; treated as false where a pinUvAuthParam is present."""

    @property
    def verifies(self) -> bool:
        """Whether it offers or asks for user verification."""
        return self.uv or self.pin_uv_auth_param is not None


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is known of the user at ``now``: verified, by which token, present as a side effect of it."""

    now: float
    uv: bool = False
    up: bool = False
    token: PinUvAuthToken | None = None

    @property
    def present(self) -> bool:
        """Whether no further touch is called for."""
        return self.up or (self.token is not None and self.token.user_present_flag(self.now))


def wait_for_presence(gesture: Gesture = Gesture.PRESENCE) -> Generator[Gesture, Given, float]:
    """Wait for a touch; the time it came at. A user who declines is ``OPERATION_DENIED``."""
    given = yield gesture
    if not given.accepted:
        raise CtapError(CtapStatus.OPERATION_DENIED)
    return given.now


def answer_probe(state: AuthenticatorState, claim: Claim) -> Generator[Gesture, Given, None]:
    """An empty pinUvAuthParam asks for a touch and whether there is a PIN (§6.1.2, §6.2.2 step 1)."""
    if claim.pin_uv_auth_param == b"" and (state.profile.client_pin or state.profile.pin_uv_auth_token):
        yield from confirm_presence(Evidence(now=0.0))
        pin_is_set = state.store.user_verification.pin_hash is not None
        raise CtapError(CtapStatus.PIN_INVALID if pin_is_set else CtapStatus.PIN_NOT_SET)


def check_protocol(state: AuthenticatorState, claim: Claim) -> None:
    """A pinUvAuthParam must come with a protocol we speak (§6.1.2, §6.2.2 step 2)."""
    if claim.pin_uv_auth_param is None:
        return
    if claim.pin_uv_auth_protocol is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    if claim.pin_uv_auth_protocol not in state.session.protocols:
        # CTAP 2.0 §5.1 step 7 has another code.
        refusal = CtapStatus.INVALID_PARAMETER if state.profile.ctap21 else CtapStatus.PIN_AUTH_INVALID
        raise CtapError(refusal)


def check_uv_option(state: AuthenticatorState, claim: Claim) -> None:
    """The option ``uv`` is for keys with built-in user verification (§6.1.2 step 5.3, §6.2.2 step 4.3)."""
    if claim.uv and not state.built_in_uv:
        # CTAP 2.0 §5.1 step 3: known, but not supported.
        refusal = CtapStatus.INVALID_OPTION if state.profile.ctap21 else CtapStatus.UNSUPPORTED_OPTION
        raise CtapError(refusal)


def require_always_uv(state: AuthenticatorState, claim: Claim) -> Claim:
    """What a request comes to on a key with alwaysUv (§6.1.2 step 6, §6.2.2 step 5).

    A sensor that is set up is asked where the platform does not ask; else it is to bring a token.
    """
    if not state.always_uv or (state.protected and claim.verifies):
        return claim
    if state.built_in_uv:
        return replace(claim, uv=True)
    by_pin = state.profile.client_pin and not state.profile.no_mc_ga_with_client_pin
    raise CtapError(CtapStatus.PUAT_REQUIRED if by_pin else CtapStatus.OPERATION_DENIED)


def authorize(
    state: AuthenticatorState,
    permission: Permission,
    message: bytes,
    pin_uv_auth_param: bytes | None,
    pin_uv_auth_protocol: int | None,
    now: float,
) -> PinUvAuthToken:
    """The token that made ``pin_uv_auth_param`` over ``message`` and has the ``permission`` (§6.7, §6.11).

    ``PUAT_REQUIRED`` without a param, ``PIN_AUTH_INVALID`` for one that no such token made.
    """
    if pin_uv_auth_param is None:
        raise CtapError(CtapStatus.PUAT_REQUIRED)
    number = known_protocol(state, pin_uv_auth_protocol)
    return check_token(state, permission, message, pin_uv_auth_param, number, now)


def verify_user(state: AuthenticatorState, claim: Claim, now: float) -> Generator[Gesture, Given, Evidence]:
    """By token or by the built-in method, as the request says (§6.1.2 step 11, §6.2.2 step 6)."""
    if not state.protected:
        return Evidence(now=now)
    if claim.pin_uv_auth_param is not None:
        return Evidence(now=now, uv=True, token=_verify_token(state, claim, now))
    verified = yield from perform_built_in_uv(state, internal_retry=True)
    if verified is None:
        raise _built_in_uv_failure(state)
    return Evidence(now=verified, uv=True, up=True)


def confirm_presence(evidence: Evidence) -> Generator[Gesture, Given, float]:
    """A touch unless there was one, which uses the token up (§6.1.2 steps 13, 14, §6.2.2 steps 8, 9).

    No touch is a user who declines.
    """
    now = evidence.now
    if not evidence.present:
        try:
            given = yield Gesture.PRESENCE
        except CtapError as error:
            raise CtapError(CtapStatus.OPERATION_DENIED) from error
        if not given.accepted:
            raise CtapError(CtapStatus.OPERATION_DENIED)
        now = given.now
    if evidence.token is not None:
        evidence.token.spend()
    return now


def perform_built_in_uv(
    state: AuthenticatorState, *, internal_retry: bool
) -> Generator[Gesture, Given, float | None]:
    """performBuiltInUv(internalRetry), §6.5.3.1: the time of success, ``None`` for an error.

    Each attempt that fails costs one of the uvRetries, which only success or a PIN restores; a PIN that is
    blocked blocks the built-in method too.
    """
    found = state.store.user_verification
    if found.pin_hash is not None and found.pin_retries == 0 and found.uv_retries:  # Step 3
        state.store.set_user_verification(replace(found, uv_retries=0))
    for _ in range(state.profile.uv_attempts if internal_retry else 1):
        before = state.store.user_verification
        if before.uv_retries == 0:
            return None
        given = yield Gesture.VERIFICATION
        after = _after_verification(state, before, accepted=given.accepted)
        if after != before:
            state.store.set_user_verification(after)
        if given.accepted:
            return given.now
    return None


def _after_verification(
    state: AuthenticatorState, before: UserVerificationState, *, accepted: bool
) -> UserVerificationState:
    """The retries and the count, which only a key with a PIN keeps."""
    if not accepted:
        return replace(before, uv_retries=before.uv_retries - 1)
    count = before.uv_count + 1 if state.profile.counts_uv else before.uv_count
    return replace(before, uv_retries=state.profile.uv_retries, uv_count=count)


def _built_in_uv_failure(state: AuthenticatorState) -> CtapError:
    """§6.1.2 step 11.2.3, §6.2.2 step 6.2.3: the platform is to try the PIN, if there is one."""
    user_verification = state.store.user_verification
    if user_verification.pin_hash is not None and not state.profile.no_mc_ga_with_client_pin:
        return CtapError(CtapStatus.PUAT_REQUIRED)
    if user_verification.uv_retries == 0:
        return CtapError(CtapStatus.PIN_BLOCKED)
    return CtapError(CtapStatus.OPERATION_DENIED)


def _verify_token(state: AuthenticatorState, claim: Claim, now: float) -> PinUvAuthToken:
    """The token that made the pinUvAuthParam, now bound to the relying party (§6.1.2 step 11.1).

    ``PIN_AUTH_INVALID`` for any other, and for a token that is spent, bound elsewhere or not for this.
    """
    param, number = claim.pin_uv_auth_param, claim.pin_uv_auth_protocol
    assert param is not None
    assert number is not None
    token = check_token(state, claim.permission, claim.client_data_hash, param, number, now)
    if not token.user_verified or token.rp_id not in (None, claim.rp_id):
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    if token.limited:
        token.rp_id = claim.rp_id
    return token


def check_token(
    state: AuthenticatorState, permission: Permission, message: bytes, param: bytes, number: int, now: float
) -> PinUvAuthToken:
    """The token in use, if it authenticates ``message`` by ``param`` and has the ``permission``.

    ``number`` is a protocol that the key speaks. ``PIN_AUTH_INVALID`` otherwise (§6.5.5.7); which relying
    party the token is bound to is for the caller to look at.
    """
    token = state.session.token
    if (
        token is None
        or token.protocol != number
        or not token.in_use(now)
        or not state.session.protocols[number].verify(token.value, message, param)
        or permission not in token.permissions
    ):
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    token.used = True
    return token


def known_protocol(state: AuthenticatorState, number: int | None) -> int:
    """The protocol of a pinUvAuthParam that is there (``MISSING_PARAMETER``, ``INVALID_PARAMETER``)."""
    if number is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    if number not in state.session.protocols:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    return number
