"""The user's presence and verification as makeCredential, getAssertion and clientPIN ask for them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from emulator.fido.gesture import Gesture, Given
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus


def wait_for_presence() -> Generator[Gesture, Given, float]:
    """Wait for a touch; the time it came at. A user who declines is ``OPERATION_DENIED``."""
    given = yield Gesture.PRESENCE
    if not given.accepted:
        raise CtapError(CtapStatus.OPERATION_DENIED)
    return given.now


def perform_built_in_uv(
    state: AuthenticatorState, *, internal_retry: bool
) -> Generator[Gesture, Given, float | None]:
    """performBuiltInUv(internalRetry), CTAP 2.3 §6.5.3.1: the time of success, ``None`` for an error.

    Each attempt that fails costs one of the uvRetries, which only success or a PIN restores.
    """
    for _ in range(state.profile.uv_attempts if internal_retry else 1):
        before = state.store.user_verification
        if before.uv_retries == 0:
            return None
        given = yield Gesture.VERIFICATION
        left = state.profile.uv_retries if given.accepted else before.uv_retries - 1
        if left != before.uv_retries:
            state.store.set_user_verification(replace(before, uv_retries=left))
        if given.accepted:
            return given.now
    return None


def verify_token(
    state: AuthenticatorState,
    protocol: int,
    message: bytes,
    pin_uv_auth_param: bytes,
    permission: Permission,
    rp_id: str,
    now: float,
) -> PinUvAuthToken:
    """The token that made ``pin_uv_auth_param`` from ``message``, now bound to ``rp_id`` (§6.1.2 step 11.1).

    ``PIN_AUTH_INVALID`` for any other signature, and for a token that is spent, bound elsewhere or not
    for this ``permission``.
    """
    token = state.session.token
    if (
        token is None
        or token.protocol != protocol
        or not token.in_use(now)
        or not state.session.protocols[protocol].verify(token.value, message, pin_uv_auth_param)
        or not token.user_verified
        or permission not in token.permissions
        or token.rp_id not in (None, rp_id)
    ):
        raise CtapError(CtapStatus.PIN_AUTH_INVALID)
    token.used = True
    if token.limited:
        token.rp_id = rp_id
    return token
