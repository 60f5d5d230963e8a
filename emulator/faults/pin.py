"""Faults of authenticatorClientPIN and of what a pinUvAuthToken allows (CTAP 2.3 §6.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.faults.changes import Members, changed, given
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.memory import before, instead_of_power_cycle, put_back, verifying
from emulator.faults.messages import (
    asks,
    on_answer,
    on_request,
    on_status,
    refusals_unnamed,
    refusing,
    taken_for_granted,
    unheeded,
)
from emulator.faults.wiring import ChangedCommands, together
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.ctap2.client_pin import SubCommand
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands

PLATFORM = "the client, which cannot tell its user what to do"

_PIN = CtapCommand.CLIENT_PIN
_USUAL: Members = {
    cp.PIN_UV_AUTH_PROTOCOL: 1,
    cp.KEY_AGREEMENT: {1: 2},
    cp.PIN_UV_AUTH_PARAM: bytes(16),
    cp.NEW_PIN_ENC: bytes(64),
    cp.PIN_HASH_ENC: bytes(16),
    cp.PERMISSIONS: 1,
    cp.RP_ID: "x",
}

_fault = Family(
    prefix="pin-", caught_by="the key's owner, once it is stolen: the PIN no longer keeps a thief out"
)


def _retries_back(state: AuthenticatorState) -> None:
    verifying(pin_retries=state.profile.pin_retries)(state)


def _retries_lost(state: AuthenticatorState) -> None:
    verifying(pin_retries=max(state.store.user_verification.pin_retries - 1, 1))(state)


def _mismatches_forgotten(state: AuthenticatorState) -> None:
    state.session.pin_mismatches = 0


def _everything_permitted(state: AuthenticatorState) -> None:
    token = state.session.token
    if token is not None:
        token.permissions, token.rp_id, token.user_verified = Permission(sum(Permission)), None, True


def _rp_id_forgotten(state: AuthenticatorState) -> None:
    if state.session.token is not None:
        state.session.token.rp_id = None


def _token_for_ever(state: AuthenticatorState) -> None:
    if state.session.token is not None:
        state.session.token.limited = False


def _unchecked(state: AuthenticatorState) -> None:
    """Every pinUvAuthParam verifies."""
    for protocol in state.session.protocols.values():
        protocol.verify = lambda *_: True  # type: ignore[method-assign]  # broken on purpose


def _key_kept(state: AuthenticatorState) -> None:
    """The key agreement key is never another."""
    for protocol in state.session.protocols.values():
        protocol.regenerate = lambda random_bytes: None  # type: ignore[method-assign]  # broken on purpose


def _tokens_kept(state: AuthenticatorState) -> None:
    """A token is given again until the power is cut."""
    token = state.session.token
    if token is not None:
        for protocol in state.session.protocols.values():
            protocol.new_token = lambda _, value=token.value: value  # type: ignore[method-assign,misc]


def _short_pins(commands: Commands, parts: Parts) -> Commands:
    """The minimum length is told, and not kept."""
    least = parts.profile.min_pin_length

    def request(message: bytes) -> bytes:
        if asks(message, _PIN):
            verifying(min_pin_length=0)(parts.state)
        return message

    def answer(_: bytes, answer: bytes) -> bytes:
        if parts.store.user_verification.min_pin_length == 0:
            verifying(min_pin_length=least)(parts.state)
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


def _retries_at_most(parts: Parts, left: int) -> None:
    verifying(pin_retries=min(left, parts.store.user_verification.pin_retries))(parts.state)


def _asked_of(subcommand: SubCommand) -> Callable[[Members], bool]:
    return lambda members: members.get(cp.SUB_COMMAND) == subcommand


def _permissions(change: Callable[[int], int]) -> Wrap:
    def changed(members: Members) -> Members | None:
        found = members.get(cp.PERMISSIONS)
        return {**members, cp.PERMISSIONS: change(found)} if isinstance(found, int) else None

    return on_request(_PIN, changed, SubCommand.GET_TOKEN_USING_PIN)


def _agreement(member: int, value: Any) -> Wrap:
    """A member of its key agreement key that says this."""
    change = changed(cp.KEY_AGREEMENT_RESPONSE, given(member, value))
    return on_answer(_PIN, change, SubCommand.GET_KEY_AGREEMENT)


def _retries_told(member: int, value: int | bool) -> Wrap:
    return on_answer(_PIN, given(member, value), SubCommand.GET_PIN_RETRIES)


def _old_tokens_good(commands: Commands, parts: Parts) -> Commands:
    """Every token that was ever given verifies."""
    given: list[bytes] = []

    def note(state: AuthenticatorState) -> None:
        token = state.session.token
        if token is not None and token.value not in given:
            given.append(token.value)
        for protocol in state.session.protocols.values():
            protocol.verify = _any_of(given, type(protocol).verify, protocol)  # type: ignore[method-assign]

    def answer(_: bytes, answer: bytes) -> bytes:
        note(parts.state)
        if parts.state.session.token is None and given:  # what ended it does not end it
            parts.state.session.token = _token_of(given[-1])
        return answer

    return ChangedCommands(commands, answer=answer)


def _any_of(given: list[bytes], verify: Callable[..., bool], protocol: object) -> Callable[..., bool]:
    def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
        keys = [key, *given] if key in given else [key]
        return any(verify(protocol, each, message, signature) for each in keys)

    return verifies


def _token_of(value: bytes) -> PinUvAuthToken:
    everything = Permission(sum(Permission))
    return PinUvAuthToken(protocol=2, value=value, limited=False, begun=0.0, permissions=everything)


FAULTS = (
    # §6.5.5.7 step 8
    _fault("retries-not-counted", "lets a PIN be tried without end", before(_PIN, _retries_back)),
    _fault(
        "retries-lie",
        "says that eight tries are left, whatever is so",
        _retries_told(cp.PIN_RETRIES, 8),
        caught_by=PLATFORM,
    ),
    # §6.5.5.2
    _fault(
        "retries-cost-a-try",
        "takes the question how many tries are left for a try",
        before(_PIN, _retries_lost, SubCommand.GET_PIN_RETRIES),
        caught_by="the user, whose key is blocked by being looked at",
    ),
    # §6.5.5.7 step 9
    _fault(
        "retries-not-restored",
        "does not give the tries back for the right PIN",
        put_back(
            lambda parts: parts.store.user_verification.pin_retries,
            _retries_at_most,
            _PIN,
            SubCommand.GET_PIN_TOKEN,
            SubCommand.GET_TOKEN_USING_PIN,
        ),
        caught_by="the user, who is locked out in the end",
    ),
    # §6.5.5.7 step 8
    _fault(
        "wrong-ones-in-a-row",
        "takes wrong PINs one after the other, without a power cycle",
        before(_PIN, _mismatches_forgotten),
    ),
    _fault(
        "blocked-unsaid",
        "does not say that the PIN is blocked",
        on_status(
            _PIN,
            {
                CtapStatus.PIN_BLOCKED: CtapStatus.PIN_INVALID,
                CtapStatus.PIN_AUTH_BLOCKED: CtapStatus.PIN_INVALID,
            },
        ),
        caught_by=PLATFORM,
    ),
    # §6.5.2.3
    _fault(
        "block-lifted",
        "gives all tries back at a power cycle",
        instead_of_power_cycle(_retries_back),
    ),
    # §6.5.5.5 step 3
    _fault(
        "set-again",
        "lets anyone set another PIN over the one there is",
        before(_PIN, verifying(pin_hash=None), SubCommand.SET_PIN),
    ),
    # §6.5.5.5 step 9, §6.5.1, §6.5.5.6 step 11
    _fault("short-taken", "takes PINs that are shorter than it says", _short_pins),
    # §6.5.5.5 step 5, §6.5.5.5 step 7
    _fault(
        "policy-for-everything",
        "says of a PIN that was garbled that it is too short",
        on_status(
            _PIN,
            dict.fromkeys(
                (CtapStatus.INVALID_PARAMETER, CtapStatus.PIN_AUTH_INVALID), CtapStatus.PIN_POLICY_VIOLATION
            ),
            SubCommand.SET_PIN,
        ),
        caught_by=PLATFORM,
    ),
    # §6.5.5.5 step 5, §6.5.5.6 step 5, §6.1.2 step 11
    _fault("auth-unchecked", "does not check what a PIN proves", before(None, _unchecked)),
    # §6.5.5
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_PIN), caught_by=PLATFORM),
    # §6.5.5, §6.5.5.7.2 step 1, §6.5.5.7
    _fault(
        "missing-taken-for-granted",
        "fills in what a request leaves out",
        taken_for_granted(_PIN, _USUAL),
        caught_by=PLATFORM,
    ),
    # §6.5.5.7
    _fault(
        "agreement-kept",
        "agrees on the same key after a wrong PIN",
        before(None, _key_kept),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.5.6, §6.5.2.1
    _fault(
        "agreement-survives",
        "agrees on the same key after a power cycle",
        instead_of_power_cycle(lambda _: None),
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.5.6
    _fault(
        "agreement-algorithm",
        "names another algorithm for its key agreement",
        _agreement(3, -7),
        caught_by=PLATFORM,
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-off-curve",
        "agrees with a key that is no point of the curve",
        _agreement(-3, bytes(32)),
        caught_by=PLATFORM,
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-private",
        "sends the private half of its key with the public one",
        _agreement(-4, bytes(32)),
        caught_by="nobody, until somebody looks",
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.5.5.7.2
    _fault(
        "agreement-refused",
        "speaks the first of its PIN/UV auth protocols alone",
        refusing(_PIN, CtapStatus.INVALID_PARAMETER, lambda m: m.get(cp.PIN_UV_AUTH_PROTOCOL) == 1),
        caught_by=PLATFORM,
    ),
    # §6.5.2.1
    _fault(
        "token-short",
        "gives tokens of 16 bytes",
        on_answer(_PIN, changed(cp.PIN_UV_AUTH_TOKEN, lambda token: token[:-16])),
        caught_by=PLATFORM,
    ),
    # §6.5.5.7.2 step 13
    _fault("tokens-kept", "gives the same token again", before(_PIN, _tokens_kept), layer=Layer.CRYPTOGRAPHY),
    # §6.1.2 step 11, §6.2.2 step 6, §6.8.2
    _fault(
        "permissions-ignored",
        "takes every token for good for everything",
        before(None, _everything_permitted),
    ),
    # §6.5.5.7.2 step 3
    _fault(
        "permissions-zero",
        "gives tokens without a permission",
        _permissions(lambda asked: asked or 1),
        caught_by=PLATFORM,
    ),
    # §6.5.5.7.2
    _fault(
        "permissions-unknown",
        "refuses permissions that nobody has defined yet",
        refusing(_PIN, CtapStatus.UNAUTHORIZED_PERMISSION, lambda m: m.get(cp.PERMISSIONS, 0) > 0x7F),
        caught_by=PLATFORM,
    ),
    # §6.1.2 step 11, §6.2.2 step 6
    _fault("rp-id-ignored", "takes a token for good for every relying party", before(None, _rp_id_forgotten)),
    # §6.5.2.1
    _fault("token-for-ever", "takes a token for good for ever", before(None, _token_for_ever)),
    # §6.1.2 step 11
    _fault(
        "tokens-refused-unnamed",
        "says that its user declined where a token was not good",
        on_status(None, {CtapStatus.PIN_AUTH_INVALID: CtapStatus.OPERATION_DENIED}),
        caught_by=PLATFORM,
    ),
    # §6.1.2 step 11, §6.2.2 step 6
    _fault(
        "uv-not-set",
        "sets no UV flag for the right PIN",
        together(
            unheeded(CtapCommand.MAKE_CREDENTIAL, mc.PIN_UV_AUTH_PARAM, mc.PIN_UV_AUTH_PROTOCOL),
            unheeded(CtapCommand.GET_ASSERTION, ga.PIN_UV_AUTH_PARAM, ga.PIN_UV_AUTH_PROTOCOL),
        ),
        caught_by="the relying party, which demands user verification",
    ),
    # §6.5.5.7.2
    _fault(
        "old-one-good",
        "knows no getPinUvAuthTokenUsingPinWithPermissions",
        refusing(_PIN, CtapStatus.INVALID_SUBCOMMAND, _asked_of(SubCommand.GET_TOKEN_USING_PIN)),
        caught_by=PLATFORM,
    ),
    # §6.5.5.5
    _fault(
        "first-refused",
        "takes no PIN at all",
        refusing(_PIN, CtapStatus.NOT_ALLOWED, _asked_of(SubCommand.SET_PIN)),
        caught_by="the user",
    ),
    # §6.5.5.6
    _fault(
        "change-refused",
        "never lets its PIN be changed",
        refusing(_PIN, CtapStatus.NOT_ALLOWED, _asked_of(SubCommand.CHANGE_PIN)),
        caught_by="the user",
    ),
    # §6.5.2.3
    _fault("retries-too-many", "lets a PIN be tried twenty times", _retries_told(cp.PIN_RETRIES, 20)),
    # §6.5.5.2
    _fault(
        "power-cycle-claimed",
        "asks for a power cycle that it does not need",
        _retries_told(cp.POWER_CYCLE_STATE, True),
        caught_by="the user, who replugs a key for nothing",
    ),
    # §6.11.4, §6.5.5.7.2 step 13, §6.5.5.6 step 19
    _fault("old-tokens-good", "takes the tokens of before for good still", _old_tokens_good),
    # §6.11, §6.1.2 step 7, §6.8.2
    _fault(
        "not-needed",
        "makes and manages credentials without its PIN",
        on_status(None, {CtapStatus.PUAT_REQUIRED: CtapStatus.SUCCESS}),
    ),
)
